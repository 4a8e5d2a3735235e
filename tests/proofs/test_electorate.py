"""Electorates: order, quorum, bitmaps, roots."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bac.proofs.electorate import Electorate, compute_committee_hash
from bac.types import Units
from bac.wire.block import Elector, Leader
from bac.wire.votes import VOTERS_MAX
from tests.wire.samples import some, some_id


def elector(name: object, units: int = 1, key: str = "key") -> Elector:
    return Elector(some_id(str(name)), some(key), Units(units))


def test_the_order_is_that_of_the_identities() -> None:
    """WI-12: the same electorate, root and bits whatever the order of the members given."""
    members = [elector(name) for name in "abcd"]
    electorates = [Electorate(each) for each in permutations(members)]
    assert {each.root for each in electorates} == {electorates[0].root}
    assert all(list(each.members) == sorted(members, key=lambda member: member.identity) for each in electorates)


def test_the_root_covers_identity_key_and_units() -> None:
    """WI-12: without it no one can check a certificate."""
    roots = {
        Electorate(each).root
        for each in (
            [elector("a"), elector("b")], [elector("a"), elector("c")], [elector("a"), elector("b", 2)],
            [elector("a"), elector("b", key="other")], [elector("a")],
        )
    }  # fmt: skip
    assert len(roots) == 5


@settings(max_examples=200)
@given(st.lists(st.integers(1, 2**40), min_size=1, max_size=40), st.data())
def test_quorums(units: list[int], draw: st.DataObject) -> None:
    """WI-12: more than two thirds; two quorums share more than a third."""
    electorate = Electorate(elector(number, own) for number, own in enumerate(units))
    total = electorate.total_units
    assert total == sum(units)
    least = 2 * total // 3 + 1
    assert electorate.is_quorum(least)
    assert not electorate.is_quorum(least - 1)
    assert 3 * (2 * least - total) > total
    chosen = draw.draw(st.sets(st.sampled_from([member.identity for member in electorate.members]), min_size=1))
    bitmap = electorate.bitmap(chosen)
    signers = electorate.signers(bitmap)
    assert signers is not None
    assert [signer.identity for signer in signers] == sorted(chosen)


def test_bits() -> None:
    """WI-13: member i is bit i % 8, from the lowest, of byte i // 8; no byte and no bit beyond the last."""
    electorate = Electorate(elector(number) for number in range(9))
    ids = [member.identity for member in electorate.members]
    assert electorate.bitmap([ids[0], ids[3], ids[8]]) == b"\x09\x01"
    assert electorate.bitmap([]) == b"\0\0"
    for bad in (b"", b"\x09", b"\x09\x01\x00", b"\x09\x02", b"\x00\x80"):
        assert electorate.signers(bad) is None
    with pytest.raises(ValueError, match="no member"):
        electorate.bitmap([some_id("stranger")])


def test_members() -> None:
    """WI-12: found by identity."""
    electorate = Electorate([elector("a", 5), elector("b")])
    assert electorate.find(some_id("a")) == elector("a", 5)
    assert electorate.find(some_id("stranger")) is None


@pytest.mark.parametrize(
    ("members", "line"),
    [
        ([], "1 to 8192"),
        ([elector("a"), elector("a", 2)], "twice"),
        ([elector("a"), elector("b", 0)], "without units"),
        ([elector(number) for number in range(VOTERS_MAX + 1)], "1 to 8192"),
    ],
    ids=["none", "twice", "no units", "too many"],
)
def test_what_is_no_electorate(members: list[Elector], line: str) -> None:
    """WI-12: each member once, with units."""
    with pytest.raises(ValueError, match=line):
        Electorate(members)


def test_the_committee_is_in_the_order_of_succession() -> None:
    """WI-12: the hash covers order and weights."""
    first, second = Leader(some_id("a"), 3), Leader(some_id("b"), 2)
    orders = [(first, second), (second, first), (first,), (first, Leader(some_id("b"), 3))]
    assert len({compute_committee_hash(each) for each in orders}) == 4
