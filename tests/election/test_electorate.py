"""Clipping against whales, and who votes when too few would remain."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from election.electorate import clip, clip_level, next_electorate, qualifies

weights = st.lists(st.integers(0, 60) | st.integers(0, 2**40), min_size=4, max_size=12)


def identities(units: list[int]) -> dict[bytes, int]:
    return {bytes([i]): count for i, count in enumerate(units)}


def fits(c: int, units: list[int]) -> bool:
    return 4 * c <= sum(min(count, c) for count in units)


@given(weights)
@settings(max_examples=300)
def test_the_level_is_the_largest_that_fits(units: list[int]) -> None:
    """EL-40: 4c <= Σ min(u, c) holds at c and not at c + 1."""
    if sum(count > 0 for count in units) < 4:
        return
    level = clip_level(units)
    assert fits(level, units)
    assert not fits(level + 1, units)


def test_every_small_case_against_trying_all_levels() -> None:
    """EL-40: exhaustive for four to six weights up to five."""
    for n, top in ((4, 5), (5, 4), (6, 3)):
        for code in range((top + 1) ** n):
            units = [code // (top + 1) ** i % (top + 1) for i in range(n)]
            if sum(count > 0 for count in units) >= 4:
                assert clip_level(units) == max(c for c in range(sum(units) + 1) if fits(c, units)), units


@given(weights)
@settings(max_examples=150)
def test_nobody_has_more_than_a_quarter(units: list[int]) -> None:
    """EL-40: so nobody alone is a veto; the order and the identities stay."""
    if sum(count > 0 for count in units) < 4:
        return
    clipped = clip(identities(units))
    total = sum(clipped.values())
    assert all(4 * count <= total for count in clipped.values())
    assert list(clipped) == sorted(identity for identity, count in identities(units).items() if count)
    assert clip(clipped) == clipped


def test_fewer_than_four_become_equal() -> None:
    """EL-41: where no level holds a quarter, the least weight is the level."""
    assert clip({b"a": 9, b"b": 2, b"c": 5}) == {b"a": 2, b"b": 2, b"c": 2}
    assert clip({b"a": 9, b"b": 0}) == {b"a": 9}


@pytest.mark.parametrize("units", [[], [0, 0, 0, 0], [1, 2, 3, -1]])
def test_nothing_to_clip(units: list[int]) -> None:
    """EL-40."""
    with pytest.raises(ValueError, match="weights"):
        clip_level(units)


def test_an_epoch_opens_with_four_voters_and_enough_units() -> None:
    """EL-42."""
    assert qualifies(identities([5, 5, 5, 5]), 20)
    assert not qualifies(identities([5, 5, 5, 5]), 21)
    assert not qualifies(identities([50, 50, 50, 0]), 20)


def test_a_qualifying_electorate_replaces_the_present_one() -> None:
    """EL-42: newcomers in, leavers and culprits out, clipped."""
    present = identities([10, 10, 10, 10])
    units = identities([10, 10, 10, 10, 90, 20])
    assert next_electorate(units, present, [b"\x00"], [b"\x01"], 4) == clip(
        {b"\x02": 10, b"\x03": 10, b"\x04": 90, b"\x05": 20}
    )


def test_otherwise_the_present_one_stays_less_culprits_and_leavers() -> None:
    """EL-43: newcomers wait for an electorate that qualifies."""
    present = identities([10, 10, 10, 10, 10, 10])
    units = identities([1, 1, 1, 1, 1, 1, 50])
    assert next_electorate(units, present, [b"\x00"], [b"\x01"], 1000) == {bytes([i]): 10 for i in (2, 3, 4, 5)}


def test_leaving_waits_while_fewer_than_four_would_remain() -> None:
    """EL-43: in the order of the announcements; a culprit never waits."""
    present = identities([10, 10, 10, 10, 10])
    kept = next_electorate({}, present, [b"\x03", b"\x00"], [], 1)
    assert list(kept) == [b"\x00", b"\x01", b"\x02", b"\x04"]
    kept = next_electorate({}, present, [b"\x03"], [b"\x00", b"\x01"], 1)
    assert list(kept) == [b"\x02", b"\x03", b"\x04"]
    assert next_electorate({}, present, [], list(present), 1) == {}


@given(weights, weights, st.lists(st.integers(0, 11), max_size=5), st.lists(st.integers(0, 11), max_size=3))
@settings(max_examples=150)
def test_no_culprit_votes_and_nobody_else_is_lost(
    units: list[int], present: list[int], leaving: list[int], culprits: list[int]
) -> None:
    """EL-43: whatever happens, an electorate without culprits that is empty only if all are culprits."""
    gone = [bytes([i]) for i in leaving]
    guilty = {bytes([i]) for i in culprits}
    after = next_electorate(identities(units), identities(present), gone, guilty, 10)
    assert not guilty & set(after)
    innocent = {identity for identity, count in identities(present).items() if count and identity not in guilty}
    assert len(after) >= min(4, len(innocent))
