"""The search for the nearest centres against sorting all of them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from shards.centres import Centres
from shards.summary import Summary

COORDINATE = st.one_of(st.integers(-10, 10), st.integers(-(10**7), 10**7))
POINT = st.tuples(COORDINATE, COORDINATE)


@settings(max_examples=300)
@given(st.lists(POINT, max_size=40), POINT)
def test_nearest_first_with_ties_by_shard(points: list[tuple[int, int]], here: tuple[int, int]) -> None:
    summaries = {k: Summary(k, 1, x, y, 0, 0, ()) for k, (x, y) in enumerate(points)}
    expected = sorted(((x - here[0]) ** 2 + (y - here[1]) ** 2, k) for k, (x, y) in enumerate(points))
    assert list(Centres(summaries).nearest(*here)) == expected
