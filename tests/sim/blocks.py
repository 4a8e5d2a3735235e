"""Blocks, echoes and certificates of four equal owners, signed."""

from __future__ import annotations

from typing import Any

import msgspec

from bac.crypto.standin import StandIn, StandInKeyPair
from bac.sim.broadcast.messages import (
    Block,
    Certificate,
    Echo,
    Payment,
    block_bytes,
    echo_bytes,
    genesis_hash,
    hash_block,
    root_of,
)
from bac.sim.broadcast.rules import Genesis
from bac.types import NodeId

SUITE = StandIn(b"m" * 32, "ed25519-list")
PAIRS: list[StandInKeyPair] = [SUITE.key_pair(bytes([place]) * 32) for place in range(4)]
IDS = tuple(NodeId(pair.public) for pair in PAIRS)
GENESIS = Genesis(IDS, (1, 1, 1, 1), 100)


def payment(number: int, amount: int = 10) -> Payment:
    return Payment(bytes([number]) * 32, amount)


def block(owner: int = 1, amount: int = 10, **changes: Any) -> Block:
    """The first block of an owner, signed after the changes."""
    made = Block(owner, 1, genesis_hash(owner), (payment(1, amount),), root_of(owner, amount), b"")
    made = msgspec.structs.replace(made, **changes)
    return msgspec.structs.replace(made, signature=PAIRS[owner].sign(block_bytes(made)))


def echo(voter: int, of: Block) -> Echo:
    made = Echo(voter, of.owner, of.height, hash_block(of), b"")
    return msgspec.structs.replace(made, signature=PAIRS[voter].sign(echo_bytes(made)))


def certificate(of: Block, *voters: int) -> Certificate:
    return Certificate(of, tuple(echo(voter, of) for voter in voters))
