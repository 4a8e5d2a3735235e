"""WI-17: Merkle trees, against RFC 6962's own definition."""

from __future__ import annotations

from hashlib import sha256

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bac.proofs.merkle import compute_root, is_included, prove_inclusion
from bac.types import Hash
from bac.wire.block import InclusionProof
from tests.wire.samples import some, some_hash


def tree_hash(items: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word by word (but for no items)."""
    if len(items) == 1:
        return sha256(b"\0" + items[0]).digest()
    k = 1
    while 2 * k < len(items):
        k *= 2
    return sha256(b"\1" + tree_hash(items[:k]) + tree_hash(items[k:])).digest()


def path(index: int, items: list[bytes]) -> list[bytes]:
    """RFC 6962, 2.1.1, word by word."""
    if len(items) == 1:
        return []
    k = 1
    while 2 * k < len(items):
        k *= 2
    if index < k:
        return [*path(index, items[:k]), tree_hash(items[k:])]
    return [*path(index - k, items[k:]), tree_hash(items[:k])]


def items_of(count: int) -> list[bytes]:
    return [some(str(number), 5) for number in range(count)]


@pytest.mark.parametrize("count", [*range(1, 34), 100, 257])
def test_root_and_paths_are_those_of_the_rfc(count: int) -> None:
    """WI-17: and the root covers the number of leaves."""
    items = items_of(count)
    root = compute_root(items)
    assert root == sha256(b"\2" + count.to_bytes(8, "big") + tree_hash(items)).digest()
    for index, item in enumerate(items):
        inclusion = prove_inclusion(items, index)
        assert list(inclusion.siblings) == path(index, items)
        assert is_included(item, inclusion, root)


def test_no_items() -> None:
    """WI-17: a root of its own, under which nothing is."""
    assert compute_root(()) == sha256(b"\2" + bytes(8)).digest()
    assert not is_included(b"", InclusionProof(0, 0, ()), compute_root(()))
    assert not is_included(b"", InclusionProof(0, 1, ()), compute_root(()))
    for index in (-1, 0, 1):
        with pytest.raises(ValueError, match="no item"):
            prove_inclusion((), index)


def test_published_tree_heads() -> None:
    """WI-17: the inner tree has the heads that Certificate Transparency's test data give for these inputs."""
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    heads = {
        1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    }
    for count, head in heads.items():
        items = [bytes.fromhex(each) for each in inputs[:count]]
        assert compute_root(items) == sha256(b"\2" + count.to_bytes(8, "big") + bytes.fromhex(head)).digest()


@settings(max_examples=200)
@given(st.integers(1, 40), st.data())
def test_nothing_else_is_included(count: int, draw: st.DataObject) -> None:
    """WI-17: another item, index, number of items, sibling, or root; a node is no item."""
    items = items_of(count)
    root = compute_root(items)
    index = draw.draw(st.integers(0, count - 1))
    good = prove_inclusion(items, index)
    other_index, other_count = draw.draw(st.integers(0, count)), draw.draw(st.integers(0, 50))
    bad = [
        msgspec.structs.replace(good, siblings=(*good.siblings, some_hash("more"))),
        msgspec.structs.replace(good, siblings=good.siblings[:-1]),
        msgspec.structs.replace(good, siblings=good.siblings[::-1]),
        msgspec.structs.replace(good, index=other_index),
        msgspec.structs.replace(good, count=other_count),
        msgspec.structs.replace(good, index=other_index, count=other_count),
    ]
    assert not any(is_included(items[index], each, root) for each in bad if each != good)
    assert not is_included(items[index] + b"\0", good, root)
    assert not is_included(items[index], good, Hash(some("another root")))


def test_a_node_is_no_item() -> None:
    """WI-17: leaves and nodes hash under different prefixes."""
    items = items_of(4)
    left = sha256(b"\0" + items[0]).digest() + sha256(b"\0" + items[1]).digest()
    right = tree_hash(items[2:])
    assert not is_included(left, InclusionProof(0, 2, (Hash(right),)), compute_root(items))
    assert compute_root([left, b"x"]) != compute_root(items)
