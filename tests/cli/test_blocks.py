"""Blocks as rows, whatever a leader put into them."""

from __future__ import annotations

from hashlib import sha256

from bac.cli.blocks import Commit, block_of, row_of, transactions_in
from bac.cli.drafting import Place, draft
from bac.crypto.production import Production
from bac.finality.site import Block
from bac.params import DEFAULT
from bac.types import Hash, Micros, NodeId
from bac.wire.block import Body
from bac.wire.codec import encode
from bac.wire.transactions import Transfer, decode_transaction
from tests.wire.samples import HEADER

KEYS = Production("ed25519-list").key_pair(b"k" * 32)
TRANSACTION = draft(
    KEYS, Place(Hash(b"n" * 32), 0, DEFAULT), Transfer(NodeId(b"r" * 32), 1), nonce=0, expiry=Micros(9), fee=None
)


def test_what_is_no_transaction_is_not_counted_as_one() -> None:
    cut = TRANSACTION[:-1]
    block = Block(HEADER, Body((TRANSACTION, cut, b"\x91\x01", b"\x93\x02\x00")))
    assert [each.id for each in transactions_in(block)] == [decode_transaction(TRANSACTION).id]
    row = row_of(Commit(7, encode(block), b""))
    assert (row.commit, row.transactions, row.items, row.height) == (7, 1, 4, HEADER.height)


def test_a_block_of_another_protocol_is_shown_by_its_digest() -> None:
    commit = Commit(1, b"something else", b"")
    assert block_of(commit) is None
    row = row_of(commit)
    assert (row.hash, row.height, row.transactions) == (sha256(b"something else").hexdigest(), None, None)
