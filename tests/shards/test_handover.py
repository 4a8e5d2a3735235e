"""Handover: residence, the limit on imported units, successors."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shards import Params
from shards.handover import Arrival, Closing, admit_units, may_vote, plan_closing, successor_of

PARAMS = Params(residence_epochs=2)
CAME = Arrival(b"a", source=7, units=50, epoch=10, is_released=True)


def test_an_arrival_votes_after_residence_and_its_release() -> None:
    """SH-11"""
    assert [may_vote(CAME, epoch, PARAMS) for epoch in (10, 11, 12, 13)] == [False, False, True, True]
    assert not may_vote(replace(CAME, is_released=False), 99, PARAMS)


def test_a_tenth_of_the_units_from_one_source_a_fifth_from_all() -> None:
    """SH-12: served by epoch of arrival, then id; what is cut off counts nothing."""
    arrivals = [
        Arrival(b"d", 3, 90, 11, True),
        Arrival(b"a", 1, 60, 10, True),
        Arrival(b"b", 1, 60, 10, True),
        Arrival(b"c", 2, 80, 10, True),
    ]
    assert admit_units(arrivals, {}, 1000) == {b"a": 60, b"b": 40, b"c": 80, b"d": 20}
    assert admit_units(arrivals, {1: 100, 2: 30}, 1000) == {b"a": 0, b"b": 0, b"c": 70, b"d": 0}
    assert admit_units(arrivals, {1: -50}, 1000) == {b"a": 60, b"b": 60, b"c": 80, b"d": 0}
    assert admit_units([CAME], {}, 0) == {b"a": 0}


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 300), st.integers(0, 5)), max_size=12),
    st.dictionaries(st.integers(0, 3), st.integers(0, 150), max_size=4),
    st.integers(0, 2000),
)
def test_the_limits_hold_whoever_comes_in_whatever_order(
    rows: list[tuple[int, int, int]], held: dict[int, int], total: int
) -> None:
    """SH-12"""
    arrivals = [Arrival(b"%d" % i, source, units, epoch, True) for i, (source, units, epoch) in enumerate(rows)]
    admitted = admit_units(arrivals, held, total)
    assert admit_units(arrivals[::-1], held, total) == admitted
    standing = dict(held)
    for arrival in arrivals:
        assert 0 <= admitted[arrival.vehicle] <= arrival.units
        standing[arrival.source] = standing.get(arrival.source, 0) + admitted[arrival.vehicle]
    for source, units in standing.items():
        assert units <= max(total // 10, held.get(source, 0))
    assert sum(standing.values()) <= max(total // 5, sum(held.values()))


def test_negative_units_are_the_callers_fault() -> None:
    for arrivals, total in (([replace(CAME, units=-1)], 10), ([CAME], -1)):
        with pytest.raises(ValueError, match="units must not be negative"):
            admit_units(arrivals, {}, total)


def test_a_closing_shard_names_its_successor() -> None:
    """SH-13: whoever closed is followed to the shard that lives."""
    closing = plan_closing(3, 5, [b"b", b"a", b"b"])
    assert closing == Closing(3, 5, (b"a", b"b"))
    later = plan_closing(5, 8, [])
    assert [successor_of(shard, {3: closing, 5: later}) for shard in (3, 5, 8, 1)] == [8, 8, 8, 1]
    with pytest.raises(ValueError, match="shard 3 cannot succeed itself"):
        plan_closing(3, 3, [])
    with pytest.raises(ValueError, match="is its own successor"):
        successor_of(3, {3: closing, 5: plan_closing(5, 3, [])})
