"""Proofs about the state: a trie with everything pruned that is not asked for.

One form serves inclusion, absence, several keys at once, and the chunks of a snapshot. A `StateProof` lists the nodes
of the pruned trie, each branch before its children:

- `Fork`: a branch; its children follow, one per bit of the bitmap, by ascending digit;
- `Entry`: an entry, shown whole;
- `Sealed`: an entry of another key that stands where the absent key would stand: its path and the hash of its value;
- `Stub`: anything else, by its digest.

The digests up to the root follow from the nodes. Equal root means that the nodes are a pruning of the one trie with
that root (or that SHA-256 has been broken), so nothing about the shape needs checking beyond the root: a path that ends
at a bit not set, or at an entry of another path, leads to no entry.

Source: docs/spec/ledger.md LE-5, LE-6.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, ClassVar, TypeAlias

from msgspec import Meta

from bac.errors import Code, Rejected
from bac.ledger.trie import (
    DEPTH_MAX,
    EMPTY_ROOT,
    Leaf,
    Node,
    Trie,
    branch_digest,
    digits_in,
    digits_of,
    leaf_digest,
    path_of,
)
from bac.types import Hash
from bac.wire.codec import U16, Bytes32, Message

VALUE_BYTES_MAX = 2**15
"""Most bytes of one value in the state: a chunk carries at least one entry, and is bounded."""

Key: TypeAlias = Annotated[bytes, Meta(min_length=1, max_length=128)]
Value: TypeAlias = Annotated[bytes, Meta(max_length=VALUE_BYTES_MAX)]


class Fork(Message, frozen=True, tag=0):
    """A branch; its children follow."""

    bitmap: U16


class Entry(Message, frozen=True, tag=1):
    """An entry, shown whole."""

    key: Key
    value: Value


class Sealed(Message, frozen=True, tag=2):
    """An entry of which only its place and the hash of its value are shown."""

    path: Bytes32
    value_hash: Bytes32


class Stub(Message, frozen=True, tag=3):
    """A subtree by its digest."""

    digest: Bytes32


Pruned: TypeAlias = Fork | Entry | Sealed | Stub


class StateProof(Message, frozen=True, tag=80):
    """A pruned trie, each branch before its children; no node at all proves the empty state."""

    CAP: ClassVar[int] = 2**17

    nodes: Annotated[tuple[Pruned, ...], Meta(max_length=2**14)]


@dataclass(frozen=True, slots=True)
class Disclosed:
    """What a proof shows about the state with root `root`.

    Attributes:
        root: 32 bytes.
        entries: by path, ascending: key and value.
        sealed: paths of entries that exist, values not shown.
        hidden: places (digits) below which nothing is shown.
    """

    root: Hash
    entries: Mapping[bytes, tuple[bytes, bytes]]
    sealed: frozenset[bytes]
    hidden: frozenset[bytes]

    def get(self, key: bytes) -> bytes | None:
        """The value under `key` in that state, or None where the proof shows that there is none.

        Raises:
            Rejected: `BAD_PROOF`, the proof shows neither.
        """
        path = path_of(key)
        entry = self.entries.get(path)
        if entry is not None:
            return entry[1]
        digits = digits_of(path)
        if path in self.sealed or any(digits[:depth] in self.hidden for depth in range(DEPTH_MAX + 1)):
            raise Rejected(Code.BAD_PROOF, "the proof does not show this key")
        return None


def prove(trie: Trie, keys: Sequence[bytes]) -> StateProof:
    """Shows for each of `keys` its value in `trie`, or that it has none."""
    paths = [(digits_of(path), path) for path in sorted({path_of(key) for key in keys})]
    return StateProof(nodes=tuple(_prune(trie.top, 0, paths)) if trie.top is not None else ())


def _prune(node: Node, depth: int, wanted: list[tuple[bytes, bytes]]) -> Iterator[Pruned]:
    if not wanted:
        yield Stub(node.digest)
    elif isinstance(node, Leaf):
        if any(path == node.path for _, path in wanted):
            yield Entry(node.key, node.value)
        else:
            yield Sealed(node.path, sha256(node.value).digest())
    else:
        yield Fork(node.bitmap)
        for digit, child in node.items():
            yield from _prune(child, depth + 1, [item for item in wanted if item[0][depth] == digit])


def disclose(proof: StateProof, root: Hash | None = None) -> Disclosed:
    """Checks `proof` against `root` (None: takes the root that it has).

    Raises:
        Rejected: `BAD_PROOF`, the nodes do not form a trie, or one of another root.
    """
    reader = _Reader(proof.nodes)
    found = reader.read(b"") if proof.nodes else EMPTY_ROOT
    if reader.position != len(proof.nodes):
        raise Rejected(Code.BAD_PROOF, "nodes are left over")
    if root is not None and found != root:
        raise Rejected(Code.BAD_PROOF, "the proof is of another state")
    return Disclosed(Hash(found), reader.entries, frozenset(reader.sealed), frozenset(reader.hidden))


class _Reader:
    """One pass over the nodes: digests, and what is shown where."""

    def __init__(self, nodes: tuple[Pruned, ...]) -> None:
        self.nodes = nodes
        self.position = 0
        self.entries: dict[bytes, tuple[bytes, bytes]] = {}
        self.sealed: list[bytes] = []
        self.hidden: list[bytes] = []

    def read(self, place: bytes) -> bytes:
        """The digest of the next subtree, which stands at `place`."""
        if self.position == len(self.nodes):
            raise Rejected(Code.BAD_PROOF, "nodes are missing")
        node = self.nodes[self.position]
        self.position += 1
        if isinstance(node, Stub):
            self.hidden.append(place)
            return node.digest
        if isinstance(node, Fork):
            if not node.bitmap or len(place) == DEPTH_MAX:
                raise Rejected(Code.BAD_PROOF, "no branch stands here")
            return branch_digest(node.bitmap, [self.read(place + bytes((digit,))) for digit in digits_in(node.bitmap)])
        if isinstance(node, Entry):
            leaf = Leaf(node.key, node.value)
            self.entries[leaf.path] = (node.key, node.value)
            return leaf.digest
        self.sealed.append(node.path)
        return leaf_digest(node.path, node.value_hash)
