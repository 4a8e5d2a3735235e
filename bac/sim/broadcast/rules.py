"""What is valid, for nodes and for the oracle alike: pure functions of genesis."""

from __future__ import annotations

from dataclasses import dataclass

from bac.protocol import Verifier
from bac.sim.broadcast.messages import (
    Block,
    Certificate,
    Echo,
    Evidence,
    TwoBlocks,
    block_bytes,
    echo_bytes,
    hash_block,
    root_of,
)
from bac.types import NodeId


@dataclass(frozen=True, slots=True)
class Genesis:
    """The same for all nodes.

    Attributes:
        ids: identity, which is the signing key, of each node.
        units: weight of each.
        endowment: coins of each owner.
    """

    ids: tuple[NodeId, ...]
    units: tuple[int, ...]
    endowment: int

    def is_quorum(self, voters: frozenset[int]) -> bool:
        """More than two thirds of the units: any two quorums share more than one third."""
        return 3 * sum(self.units[voter] for voter in sorted(voters)) > 2 * sum(self.units)


def is_consistent(genesis: Genesis, spent: int, block: Block) -> bool:
    """Whether `block` may follow a chain on which `spent` was spent: affordable, and the root right."""
    after = spent + sum(payment.amount for payment in block.payments)
    return after <= genesis.endowment and block.state_root == root_of(block.owner, after)


def is_signed_block(genesis: Genesis, verifier: Verifier, block: Block) -> bool:
    """Whether the owner signed it."""
    if block.owner >= len(genesis.ids):
        return False
    return verifier.verify(genesis.ids[block.owner], block_bytes(block), block.signature)


def is_signed_echo(genesis: Genesis, verifier: Verifier, echo: Echo) -> bool:
    """Whether the voter signed it."""
    if max(echo.voter, echo.owner) >= len(genesis.ids):
        return False
    return verifier.verify(genesis.ids[echo.voter], echo_bytes(echo), echo.signature)


def is_certified(genesis: Genesis, verifier: Verifier, certificate: Certificate) -> bool:
    """Whether the owner signed the block and a quorum echoed it, each voter once."""
    block = certificate.block
    name = hash_block(block)
    voters = [echo.voter for echo in certificate.echoes]
    if voters != sorted(set(voters)) or not is_signed_block(genesis, verifier, block):
        return False
    for echo in certificate.echoes:
        if (echo.owner, echo.height, echo.block) != (block.owner, block.height, name):
            return False
        if not is_signed_echo(genesis, verifier, echo):
            return False
    return genesis.is_quorum(frozenset(voters))


def culprits(genesis: Genesis, verifier: Verifier, evidence: Evidence) -> tuple[NodeId, ...]:
    """Whom `evidence` convicts; nobody if it is not what it says."""
    first, second = evidence.first, evidence.second
    if (first.owner, first.height) != (second.owner, second.height):
        return ()
    if isinstance(evidence, TwoBlocks):
        signed = is_signed_block(genesis, verifier, evidence.first) and is_signed_block(
            genesis, verifier, evidence.second
        )
        differ = hash_block(evidence.first) != hash_block(evidence.second)
        return (genesis.ids[first.owner],) if signed and differ else ()
    one, other = evidence.first, evidence.second
    signed = is_signed_echo(genesis, verifier, one) and is_signed_echo(genesis, verifier, other)
    return (genesis.ids[one.voter],) if signed and one.voter == other.voter and one.block != other.block else ()
