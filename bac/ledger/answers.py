"""What a node shows to a client that believes nothing: entries of the state, and receipts, under a confirmed header.

Source: docs/spec/ledger.md LE-27.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from msgspec import Meta

from bac.errors import Code, Rejected
from bac.ledger.disclosure import Disclosed, StateProof, disclose, prove
from bac.ledger.history import History
from bac.ledger.receipts import Receipt
from bac.ledger.records import TIP_KEY, Tip, pack, unpack
from bac.ledger.state import State
from bac.proofs.merkle import is_included, prove_inclusion
from bac.types import Hash
from bac.wire.block import ConfirmationProof, InclusionProof
from bac.wire.codec import Message, decode

RECEIPT_BYTES_MAX = 256


class StateAnswer(Message, frozen=True, tag=82):
    """Entries of the state after a block, present or absent, and the confirmation of its header."""

    CAP: ClassVar[int] = 2**20

    proof: StateProof
    confirmation: ConfirmationProof


class ReceiptAnswer(Message, frozen=True, tag=84):
    """A receipt, encoded, its path to the receipts' root in the tip, and the tip under a confirmed header."""

    CAP: ClassVar[int] = 2**20

    receipt: Annotated[bytes, Meta(max_length=RECEIPT_BYTES_MAX)]
    inclusion: InclusionProof
    tip: StateProof
    confirmation: ConfirmationProof


def answer_state(state: State, keys: Sequence[bytes], confirmation: ConfirmationProof) -> StateAnswer:
    """Shows what stands under `keys` in `state`, which is the one after the block that is confirmed."""
    return StateAnswer(prove(state.trie, keys), confirmation)


def answer_receipt(history: History, transaction: Hash, confirmation: ConfirmationProof) -> ReceiptAnswer | None:
    """Shows the receipt of a transaction, where `confirmation` is of its block; None if it is not in `history`."""
    found = history.find(transaction)
    if found is None:
        return None
    state, receipts = history.state(found.height), history.receipts(found.height)
    assert state is not None, "what is found is held"
    assert receipts is not None, "what is found is held"
    encoded = [pack(receipt) for receipt in receipts]
    inclusion = prove_inclusion(encoded, found.index)
    return ReceiptAnswer(encoded[found.index], inclusion, prove(state.trie, [TIP_KEY]), confirmation)


def check_state(answer: StateAnswer, state_root: Hash) -> Disclosed:
    """What the answer shows, where `state_root` stands in the confirmed header.

    Raises:
        Rejected: `BAD_PROOF`.
    """
    return disclose(answer.proof, state_root)


def check_receipt(answer: ReceiptAnswer, state_root: Hash) -> tuple[Receipt, Tip]:
    """The receipt, and the block that it belongs to, where `state_root` stands in the confirmed header.

    Raises:
        Rejected: `BAD_PROOF` or `MALFORMED`.
    """
    shown = disclose(answer.tip, state_root).get(TIP_KEY)
    if shown is None:
        raise Rejected(Code.BAD_PROOF, "a state without a tip")
    tip = unpack(Tip, shown)
    if not is_included(answer.receipt, answer.inclusion, tip.receipts_root):
        raise Rejected(Code.BAD_PROOF, "the receipt is not among those of the block")
    return decode(Receipt, answer.receipt), tip
