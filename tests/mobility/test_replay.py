"""The packaged Hamburg trace through the assignment, tick by tick."""

from __future__ import annotations

import itertools

from bac.mobility.packaged import hamburg_staying, hamburg_ticks
from bac.mobility.replay import replay, replay_hamburg, to_reports
from shards import Params, screen


def test_each_tick_assigns_exactly_the_cars_present() -> None:
    params = Params(max_size=32, min_size=4)
    before = None
    for time_us, reports, assignment in itertools.islice(replay_hamburg(params), 12):
        assert before is None or time_us == before + 5_000_000
        assert [r.time_us for r in reports] == [time_us] * len(reports)
        assert list(assignment.shard_of) == sorted(r.id for r in reports)
        assert max(map(len, assignment.members().values())) <= params.max_size
        before = time_us
    assert before == 355_000_000


def test_reports_carry_what_the_trace_says_and_two_neighbours_as_witnesses() -> None:
    params = Params()
    time_us, fixes = next(hamburg_ticks())
    reports = to_reports(fixes, params)
    assert [(r.id.decode(), r.x_cm, r.y_cm, (r.vx_cm_s, r.vy_cm_s)) for r in reports] == [
        (f.vehicle, f.x_cm, f.y_cm, f.velocity_cm_s) for f in fixes
    ]
    screened = screen(reports, {}, [], time_us, params)
    assert {refusal.report.witnesses[2:] for refusal in screened.refused} <= {()}
    assert len(screened.accepted) == sum(len(r.witnesses) == 2 for r in reports)
    assert len(screened.accepted) > 0.9 * len(reports)


def test_sixteen_cars_second_by_second_for_five_minutes() -> None:
    """What a small network replays: the same sixteen cars, one report a second."""
    start_us, end_us = 900_000_000, 1_200_000_000
    chosen = hamburg_staying(start_us, end_us)[:16]
    assert len(chosen) == 16
    ticks = (
        (time_us, [fix for fix in fixes if fix.vehicle in chosen])
        for time_us, fixes in hamburg_ticks()
        if start_us <= time_us <= end_us
    )
    seconds = list(replay(ticks, Params(max_size=16, min_size=4)))
    assert [time_us for time_us, _, _ in seconds] == list(range(start_us, end_us + 1, 1_000_000))
    for _, reports, assignment in seconds:
        assert [r.id.decode() for r in reports] == chosen
        assert set(assignment.shard_of.values()) == {0}
