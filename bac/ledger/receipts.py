"""Receipts: what became of each transaction of a block.

Source: docs/spec/ledger.md LE-12, LE-13.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from bac.errors import Code
from bac.ledger.records import pack
from bac.proofs.merkle import compute_root
from bac.types import Hash
from bac.wire.codec import U64, HashField, Message


class Outcome(IntEnum):
    """What a client may conclude.

    APPLIED: done, whole. REJECTED: nothing of the operation was done, and never will be. DEFERRED: nothing was done,
    yet the same transaction may still be executed in a later block, until it expires.
    """

    APPLIED = 0
    REJECTED = 1
    DEFERRED = 2


class Receipt(Message, frozen=True, tag=83):
    """The outcome of one transaction, why (None: applied), and the coins (10⁻⁶) that the sender paid for it."""

    transaction: HashField
    outcome: Outcome
    code: Code | None
    fee: U64


def compute_receipts_root(receipts: Sequence[Receipt]) -> Hash:
    """Merkle root over the encoded receipts of a block, in the order of execution."""
    return compute_root([pack(receipt) for receipt in receipts])
