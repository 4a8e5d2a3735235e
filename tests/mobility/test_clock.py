"""The common clock: straight lines, no invention across gaps, the packaged cut's stated ticks."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bac.mobility.clock import between, on_clock
from bac.mobility.traces import Fix


def fix(time_us: int, vehicle: str = "A", x_cm: int = 0, y_cm: int = 0, battery_wh: int | None = None) -> Fix:
    return Fix(time_us, vehicle, x_cm, y_cm, (1, 2), battery_wh)


def test_positions_velocity_and_battery_are_interpolated() -> None:
    ticks = dict(on_clock([fix(0, battery_wh=100), fix(4, x_cm=10, y_cm=-10, battery_wh=90)], 1, 10))
    assert [(f.x_cm, f.y_cm, f.battery_wh) for tick in range(5) for f in ticks[tick]] == [
        (0, 0, 100), (3, -2, 98), (5, -5, 95), (8, -7, 93), (10, -10, 90),
    ]  # fmt: skip
    assert ticks[0][0].velocity_cm_s == (1, 2)
    assert ticks[1][0].velocity_cm_s == (2_500_000, -2_500_000)


def test_a_longer_gap_is_an_absence_and_empty_ticks_are_given() -> None:
    ticks = list(on_clock([fix(0), fix(2), fix(8), fix(9)], 1, 3))
    assert [(tick, len(fixes)) for tick, fixes in ticks] == [
        (0, 1), (1, 1), (2, 1), (3, 0), (4, 0), (5, 0), (6, 0), (7, 0), (8, 1), (9, 1),
    ]  # fmt: skip


def test_fixes_beside_the_clock_are_not_moved_onto_it() -> None:
    assert [(t, [f.x_cm for f in fs]) for t, fs in on_clock([fix(3), fix(17, x_cm=14)], 10, 100)] == [(10, [7])]


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.sampled_from("ABC"), st.integers(-99, 99)),
        unique_by=lambda row: row[:2], max_size=30,
    ),
    st.integers(1, 7), st.integers(1, 20),
)  # fmt: skip
def test_the_stream_equals_a_search_over_the_whole_trace(rows: list[tuple[int, str, int]], step: int, gap: int) -> None:
    fixes = [fix(time, name, x) for time, name, x in sorted(rows)]
    expected: dict[int, list[tuple[str, int]]] = {}
    for tick in range(-(-fixes[0].time_us // step) * step, fixes[-1].time_us + 1, step) if fixes else ():
        expected[tick] = []
        for name in "ABC":
            own = [f for f in fixes if f.vehicle == name]
            at = [f for f in own if f.time_us == tick]
            pairs = [(p, q) for p, q in itertools.pairwise(own) if p.time_us < tick < q.time_us]
            if at:
                expected[tick].append((name, at[0].x_cm))
            elif pairs and pairs[0][1].time_us - pairs[0][0].time_us <= gap:
                expected[tick].append((name, between(*pairs[0], tick).x_cm))
    assert {t: [(f.vehicle, f.x_cm) for f in fs] for t, fs in on_clock(fixes, step, gap)} == expected


def test_bad_arguments() -> None:
    for step, gap in ((0, 1), (1, 0), (-1, 1)):
        with pytest.raises(ValueError, match="must be positive"):
            next(on_clock([fix(0)], step, gap))
    with pytest.raises(ValueError, match="time falls from 5 to 4"):
        list(on_clock([fix(5), fix(4)], 1, 1))
    with pytest.raises(ValueError, match="7 us is not between 0 and 5 us"):
        between(fix(0), fix(5), 7)
