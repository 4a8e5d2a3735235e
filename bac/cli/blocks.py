"""Confirmed blocks as people read them. A block of a protocol that has no such headers is shown by its digest alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

from bac.cli.output import Row
from bac.cli.times import show_time
from bac.errors import Rejected
from bac.finality.site import Block
from bac.wire.codec import decode
from bac.wire.header import header_hash
from bac.wire.registry import tag_of
from bac.wire.transactions import DecodedTransaction, SignedTransaction, decode_transaction

_TRANSACTION = tag_of(SignedTransaction)
BLOCK_BYTES_MAX = 2**28


class BlockRow(Row, frozen=True):
    """A confirmed block; what its protocol does not know is null.

    `commit` counts what this node has confirmed, from 1; `height` is that of the chain.
    """

    WIDE = frozenset({"parent", "state_root", "view", "items"})

    commit: int
    height: int | None
    epoch: int | None
    view: int | None
    time: str | None
    hash: str
    parent: str | None
    state_root: str | None
    transactions: int | None
    items: int | None
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of a node: its number, and block and proof in their encodings."""

    number: int
    block: bytes
    proof: bytes


def block_of(commit: Commit) -> Block | None:
    """The block, if it is one with a header; None for that of another protocol."""
    try:
        return decode(Block, commit.block, BLOCK_BYTES_MAX)
    except Rejected:
        return None


def transactions_in(block: Block) -> Iterator[DecodedTransaction]:
    """The transactions among the items of a block, in order. What a leader put in that is none is left out."""
    for item in block.body.items:
        if len(item) > 1 and item[1] == _TRANSACTION:
            with suppress(Rejected):
                yield decode_transaction(item)


def row_of(commit: Commit) -> BlockRow:
    """A commit as a row."""
    block = block_of(commit)
    size = len(commit.block)
    if block is None:
        return BlockRow(
            commit=commit.number, height=None, epoch=None, view=None, time=None, hash=sha256(commit.block).hexdigest(),
            parent=None, state_root=None, transactions=None, items=None, size_bytes=size,
        )  # fmt: skip
    header = block.header
    return BlockRow(
        commit=commit.number, height=header.height, epoch=header.epoch, view=header.view,
        time=show_time(header.time_us), hash=header_hash(header).hex(), parent=header.parent.hex(),
        state_root=header.state_root.hex(), transactions=sum(1 for _ in transactions_in(block)),
        items=len(block.body.items), size_bytes=size,
    )  # fmt: skip
