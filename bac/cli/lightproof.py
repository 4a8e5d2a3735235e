"""Proofs that need nobody's word: from genesis along the boundaries to the epoch of a block, and down to a transaction.

What is shown is that the block is confirmed and holds the transaction. What the transaction did there is told by its
receipt, which a proof file reports on the word of the node that made it.

Source: docs/spec/wire.md WI-18; docs/spec/ledger.md LE-28.
"""

from __future__ import annotations

import msgspec

from bac.cli.blocks import BLOCK_BYTES_MAX, transactions_in
from bac.client import Client
from bac.errors import Code, Rejected
from bac.finality.site import Block
from bac.finality.validity import fits
from bac.node.engine import Member
from bac.node.ledger_engine import LedgerMember
from bac.proofs.confirmation import verify_confirmation, verify_record
from bac.wire.block import BoundaryRecord, ConfirmationProof
from bac.wire.codec import decode


class Proof(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="bac-proof/1"):
    """What a proof file holds.

    Attributes:
        network: hash of genesis.
        transaction: id of the transaction.
        code: what its receipt says; "" for applied.
        commit: the number of the block at the node that made the proof.
        block: the block, encoded.
        proof: what shows that it is confirmed to whoever knows its electorate, encoded.
        boundaries: the records that lead from genesis to that electorate, encoded, in order.
    """

    network: bytes
    transaction: bytes
    code: str
    commit: int
    block: bytes
    proof: bytes
    boundaries: tuple[bytes, ...]


def collect_boundaries(client: Client, epoch: int) -> tuple[bytes, ...]:
    """The records of the epochs before `epoch`, as the node holds them."""
    found: list[bytes] = []
    while len(found) < epoch:
        batch = client.query("boundaries", first=len(found))
        if not batch:
            break
        found += batch
    return tuple(found[:epoch])


def verify(proof: Proof, member: Member) -> None:
    """Judges a proof by what `member` knows of genesis.

    Raises:
        Rejected: the proof does not show it; the reason says where it breaks.
    """
    if proof.network != member.network:
        raise Rejected(Code.WRONG_NETWORK, "made for another network")
    if isinstance(member, LedgerMember):
        is_held = any(each.id == proof.transaction for each in transactions_in(_confirmed(proof, member)))
    elif member.is_proven(proof.block, proof.proof):
        is_held = member.decides(proof.block, proof.transaction)
    else:
        raise Rejected(Code.BAD_PROOF, "the block is not shown to be confirmed")
    if not is_held:
        raise Rejected(Code.BAD_PROOF, "the block does not hold the transaction")


def _confirmed(proof: Proof, member: LedgerMember) -> Block:
    """The block; follows the boundaries, and judges the confirmation by the electorate that they lead to."""
    scope = member.scope
    electorate = member.first_electorate()
    for epoch, data in enumerate(proof.boundaries):
        _, electorate = verify_record(decode(BoundaryRecord, data), epoch, electorate, scope)
    confirmation = decode(ConfirmationProof, proof.proof)
    header = verify_confirmation(confirmation, len(proof.boundaries), electorate, scope)
    block = decode(Block, proof.block, BLOCK_BYTES_MAX)
    if header != block.header or not fits(block.header, block.body):
        raise Rejected(Code.BAD_PROOF, "the block is not the one that is shown to be confirmed")
    return block
