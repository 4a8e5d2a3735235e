"""Snapshots: a state in bounded chunks, each of which stands on its own against the state root.

A chunk shows every entry whose path lies in ``start <= path < end`` and proves that there are no others. A receiver
asks for the chunk that starts where the last one ended, from whoever has the state, checks it at once, and blames the
sender of a bad one; when the ranges cover all paths, the entries are the state. A chunk ends at an entry, which the
next one holds: so there are no more chunks than entries, whatever the sender likes.

Source: docs/spec/ledger.md LE-7.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Annotated, ClassVar

from msgspec import Meta

from bac.errors import Code, Rejected
from bac.ledger.disclosure import Entry, Fork, Pruned, Sealed, StateProof, Stub, disclose
from bac.ledger.trie import DEPTH_MAX, FIRST_PATH, Leaf, Node, Trie, digits_of
from bac.types import Hash
from bac.wire.codec import Bytes32, Message

CHUNK_BYTES = 2**16
"""Entries of a chunk, in bytes: as many as fit, and at least one."""

_ENTRY_OVERHEAD = 16


class Chunk(Message, frozen=True, tag=81):
    """All entries with ``start <= path < end`` (`end` empty: to the last), in `proof`."""

    CAP: ClassVar[int] = 2**18

    start: Bytes32
    end: Annotated[bytes, Meta(max_length=32)]
    proof: StateProof


def cut_chunk(trie: Trie, start: bytes = FIRST_PATH, size: int = CHUNK_BYTES) -> Chunk:
    """The chunk of `trie` that begins at path `start`, with at most `size` bytes of entries or one entry.

    Raises:
        ValueError: `start` is not a path.
    """
    if len(start) != 32:
        raise ValueError("a path has 32 bytes")
    end = _end_of_chunk(trie, start, size)
    nodes = () if trie.top is None else tuple(_cut(trie.top, b"", _Range(start, end)))
    return Chunk(start, end, StateProof(nodes))


def cut_all(trie: Trie) -> list[Chunk]:
    """All chunks of `trie`, in order."""
    chunks = [cut_chunk(trie)]
    while chunks[-1].end:
        chunks.append(cut_chunk(trie, chunks[-1].end))
    return chunks


def _end_of_chunk(trie: Trie, start: bytes, size: int) -> bytes:
    taken = 0
    for leaf in trie.leaves(start):
        if taken and taken + _bytes_of(leaf) > size:
            return leaf.path
        taken += _bytes_of(leaf)
    return b""


def _bytes_of(leaf: Leaf) -> int:
    return len(leaf.key) + len(leaf.value) + _ENTRY_OVERHEAD


class _Range:
    """Paths from `start` up to, not including, `end` (empty: no end)."""

    def __init__(self, start: bytes, end: bytes) -> None:
        self.start = start
        self.end = end
        self._first = digits_of(start)
        self._beyond = digits_of(end)

    def holds(self, path: bytes) -> bool:
        return self.start <= path and (not self.end or path < self.end)

    def misses(self, place: bytes) -> bool:
        """Whether no path below `place` (digits) is in the range."""
        last, first = place.ljust(DEPTH_MAX, b"\x0f"), place.ljust(DEPTH_MAX, b"\0")
        return last < self._first or bool(self.end and first >= self._beyond)


def _cut(node: Node, place: bytes, shown: _Range) -> Iterator[Pruned]:
    if shown.misses(place):
        yield Stub(node.digest)
    elif isinstance(node, Leaf):
        if shown.holds(node.path):
            yield Entry(node.key, node.value)
        else:
            yield Sealed(node.path, sha256(node.value).digest())
    else:
        yield Fork(node.bitmap)
        for digit, child in node.items():
            yield from _cut(child, place + bytes((digit,)), shown)


def check_chunk(chunk: Chunk, root: Hash) -> list[tuple[bytes, bytes]]:
    """The entries (key, value) of the state with root `root` in the chunk's range, ascending by path: all of them.

    Raises:
        Rejected: `BAD_PROOF`.
    """
    if chunk.end and not chunk.start < chunk.end:
        raise Rejected(Code.BAD_PROOF, "the range of the chunk is empty")
    disclosed = disclose(chunk.proof, root)
    if chunk.end and chunk.end not in disclosed.sealed and chunk.end not in disclosed.entries:
        raise Rejected(Code.BAD_PROOF, "no entry stands where the chunk ends")
    shown = _Range(chunk.start, chunk.end)
    if not all(map(shown.misses, disclosed.hidden)) or any(map(shown.holds, disclosed.sealed)):
        raise Rejected(Code.BAD_PROOF, "the chunk does not show its whole range")
    return [entry for path, entry in disclosed.entries.items() if shown.holds(path)]


class Restoration:
    """Rebuilds the state with root `root` from chunks, in order.

    Attributes:
        wanted: the path where the next chunk must begin; None when nothing is missing.
    """

    def __init__(self, root: Hash) -> None:
        self.root = root
        self.wanted: bytes | None = FIRST_PATH
        self._entries: dict[bytes, bytes | None] = {}
        self._taken: set[bytes] = set()

    def add(self, chunk: Chunk) -> None:
        """Takes the chunk wanted next; one that begins where another did (the slower of two answers) changes nothing.

        Raises:
            Rejected: `BAD_PROOF`, another chunk or a false one; nothing changed.
        """
        if chunk.start in self._taken:
            return
        if chunk.start != self.wanted:
            raise Rejected(Code.BAD_PROOF, "not the chunk wanted")
        self._entries.update(check_chunk(chunk, self.root))
        self._taken.add(chunk.start)
        self.wanted = chunk.end or None

    def trie(self) -> Trie:
        """The state.

        Raises:
            ValueError: chunks are missing.
        """
        if self.wanted is not None:
            raise ValueError("chunks are missing")
        trie = Trie().updated(self._entries)
        assert trie.root == self.root, "verified chunks that cover all paths are the state"
        return trie
