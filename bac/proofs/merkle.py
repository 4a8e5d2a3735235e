"""Merkle trees over the items of a body: the shape and the prefixes of RFC 6962, with the number of leaves in the root.

Leaves and nodes hash under different prefixes, so that a node cannot pass for an item. RFC 6962 signs the number of
leaves beside the root; here the root covers it, so that a path proves the index too.

Sources: RFC 6962, 2.1; docs/spec/wire.md WI-17.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from bac.types import Hash
from bac.wire.block import InclusionProof

LEAVES_MAX = 2**32 - 1
_LEAF = b"\0"
_NODE = b"\1"
_ROOT = b"\2"


def compute_root(items: Sequence[bytes]) -> Hash:
    """The root over `items`, in their order; of none, too."""
    level = [_leaf(item) for item in items]
    while len(level) > 1:
        level = _level_above(level)
    return _root(len(items), level[0] if level else b"")


def prove_inclusion(items: Sequence[bytes], index: int) -> InclusionProof:
    """The path of item `index`.

    Raises:
        ValueError: there is no such item.
    """
    if not 0 <= index < len(items):
        raise ValueError(f"no item {index} among {len(items)}")
    level = [_leaf(item) for item in items]
    siblings: list[Hash] = []
    place = index
    while len(level) > 1:
        if place ^ 1 < len(level):
            siblings.append(Hash(level[place ^ 1]))
        level = _level_above(level)
        place >>= 1
    return InclusionProof(index, len(items), tuple(siblings))


def is_included(item: bytes, inclusion: InclusionProof, root: Hash) -> bool:
    """Whether `item` is number `inclusion.index` of `inclusion.count` under `root`."""
    place, width = inclusion.index, inclusion.count
    if place >= width:
        return False
    node = _leaf(item)
    siblings = iter(inclusion.siblings)
    while width > 1:
        if place ^ 1 < width:
            sibling = next(siblings, None)
            if sibling is None:
                return False
            node = _node(sibling, node) if place & 1 else _node(node, sibling)
        place, width = place >> 1, (width + 1) >> 1
    return next(siblings, None) is None and _root(inclusion.count, node) == root


def _level_above(level: list[bytes]) -> list[bytes]:
    """Pairs hashed; an odd last one goes up as it is, which is the shape of RFC 6962."""
    above = [_node(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
    return above + level[len(level) & ~1 :]


def _leaf(item: bytes) -> bytes:
    return sha256(_LEAF + item).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(_NODE + left + right).digest()


def _root(count: int, top: bytes) -> Hash:
    return Hash(sha256(_ROOT + count.to_bytes(8, "big") + top).digest())
