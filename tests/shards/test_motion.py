"""Position reports: what is refused, why, and that the rest goes on."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shards import Params, Reason, Report, screen
from tests.shards.drawn import report

PARAMS = Params()
NOW_US = 100_000_000
RELAYS = [b"relay"]
GOOD = report("a", 0, time_us=NOW_US, witnesses=["relay"])
BEFORE = report("a", 0, time_us=NOW_US - 1_000_000)


def refused(bad: Report, known: Report | None = None) -> list[Reason]:
    """The reasons against one report; a good one in the same batch must be accepted."""
    other = report("z", 500, time_us=NOW_US, witnesses=["relay"])
    screened = screen([bad, other], {known.id: known} if known else {}, RELAYS, NOW_US, PARAMS)
    assert other in screened.accepted
    assert (bad in screened.accepted) is not any(refusal.report == bad for refusal in screened.refused)
    return [refusal.reason for refusal in screened.refused]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (replace(GOOD, id=b""), Reason.NAMELESS),
        (replace(GOOD, x_cm=5_000_001), Reason.OUT_OF_REGION),
        (replace(GOOD, y_cm=-5_000_001), Reason.OUT_OF_REGION),
        (replace(GOOD, vx_cm_s=7_001), Reason.IMPOSSIBLE_SPEED),
        (replace(GOOD, vx_cm_s=-5_000, vy_cm_s=5_000), Reason.IMPOSSIBLE_SPEED),
        (replace(GOOD, time_us=NOW_US - 5_000_001), Reason.STALE),
        (replace(GOOD, time_us=NOW_US + 1_000_001), Reason.AHEAD),
    ],
)
def test_what_is_impossible_by_itself_is_refused_alone(bad: Report, reason: Reason) -> None:
    """SH-1: each report is judged by itself; the rest of the batch goes on."""
    assert refused(bad) == [reason]


def test_the_limits_themselves_are_possible() -> None:
    """SH-1"""
    for good in (
        replace(GOOD, x_cm=5_000_000, y_cm=-5_000_000),
        replace(GOOD, vx_cm_s=7_000),
        replace(GOOD, time_us=NOW_US - 5_000_000),
        replace(GOOD, time_us=NOW_US + 1_000_000),
    ):
        assert refused(good) == []


def test_what_is_impossible_after_the_one_before() -> None:
    """SH-2: stale, duplicate, jump against the newest accepted report; 30 m of noise and 70 m/s are allowed."""
    assert refused(replace(GOOD, time_us=BEFORE.time_us - 1), BEFORE) == [Reason.STALE]
    assert refused(replace(GOOD, time_us=BEFORE.time_us), BEFORE) == [Reason.DUPLICATE]
    assert refused(replace(GOOD, x_cm=10_000), BEFORE) == []
    assert refused(replace(GOOD, x_cm=10_001), BEFORE) == [Reason.JUMP]
    assert refused(replace(GOOD, y_cm=-10_001), BEFORE) == [Reason.JUMP]


def test_several_reports_of_one_vehicle_are_judged_one_after_the_other() -> None:
    """SH-2: a jump does not spoil what follows from the last possible place; the newest that counts is accepted."""
    steps = [replace(GOOD, time_us=NOW_US - 2_000_000 + i * 500_000, x_cm=i * 2_000) for i in range(4)]
    jump = replace(steps[2], x_cm=900_000)
    batch = [*steps[:2], jump, steps[3], steps[3]]
    screened = screen(batch, {}, RELAYS, NOW_US, PARAMS)
    assert screened.accepted == (steps[3],)
    assert [(r.report, r.reason) for r in screened.refused] == [(jump, Reason.JUMP), (steps[3], Reason.DUPLICATE)]


def test_a_relay_or_two_neighbours_in_range_witness() -> None:
    """SH-3"""
    here = report("a", 0, time_us=NOW_US, witnesses=["b", "c"])
    near = [report(name, 200, time_us=NOW_US, witnesses=["relay"]) for name in "bc"]
    far = report("c", 400, time_us=NOW_US, witnesses=["relay"])

    def counts(*batch: Report, known: tuple[Report, ...] = ()) -> bool:
        return here in screen([here, *batch], {r.id: r for r in known}, RELAYS, NOW_US, PARAMS).accepted

    assert counts(*near)
    assert not counts(near[0])
    assert not counts(near[0], far)
    assert counts(near[0], known=(near[1],))
    assert refused(replace(here, witnesses=(b"b", b"relay"))) == []
    assert refused(replace(here, witnesses=())) == [Reason.UNWITNESSED]
    assert refused(replace(here, witnesses=(b"a", b"a", b"ghost"))) == [Reason.UNWITNESSED]


def test_one_neighbour_named_twice_is_one() -> None:
    """SH-3"""
    near = report("b", 100, time_us=NOW_US, witnesses=["relay"])
    here = report("a", 0, time_us=NOW_US, witnesses=["b", "b"])
    assert here not in screen([here, near], {}, RELAYS, NOW_US, PARAMS).accepted


def test_a_neighbour_whose_own_report_is_impossible_witnesses_nothing() -> None:
    """SH-3"""
    here = report("a", 0, time_us=NOW_US, witnesses=["b", "c"])
    good, fast = report("b", 10, time_us=NOW_US), report("c", 10, vx_m_s=99, time_us=NOW_US)
    assert here not in screen([here, good, fast], {}, RELAYS, NOW_US, PARAMS).accepted


def test_an_unwitnessed_newest_report_gives_way_to_a_witnessed_older_one() -> None:
    """SH-3"""
    older = replace(GOOD, time_us=NOW_US - 1_000_000)
    newest = replace(GOOD, witnesses=())
    screened = screen([newest, older], {}, RELAYS, NOW_US, PARAMS)
    assert screened.accepted == (older,)
    assert [refusal.reason for refusal in screened.refused] == [Reason.UNWITNESSED]


ANY = st.builds(
    Report,
    id=st.sampled_from([b"", b"a", b"b", b"c"]),
    time_us=st.sampled_from([NOW_US - 6_000_000, NOW_US - 1_000_000, NOW_US, NOW_US + 2_000_000]),
    x_cm=st.sampled_from([0, 9_000, 40_000, 6_000_000]),
    y_cm=st.just(0),
    vx_cm_s=st.sampled_from([0, 8_000]),
    vy_cm_s=st.just(0),
    witnesses=st.sampled_from([(), (b"relay",), (b"b", b"c")]),
)


@settings(max_examples=200)
@given(st.lists(ANY, max_size=4), st.lists(ANY, max_size=2))
def test_every_report_is_accepted_refused_or_overtaken_in_whatever_order(
    batch: list[Report], old: list[Report]
) -> None:
    """SH-1, SH-2, SH-3: the outcome does not depend on the order of the batch, and nothing is lost."""
    known = {r.id: r for r in old}
    first = screen(batch, known, RELAYS, NOW_US, PARAMS)
    for order in itertools.permutations(batch):
        assert screen(order, known, RELAYS, NOW_US, PARAMS) == first
    assert [r.id for r in first.accepted] == sorted({r.id for r in first.accepted})
    for one in batch:
        overtaken = any(r.id == one.id and r.time_us > one.time_us for r in first.accepted)
        assert one in first.accepted or overtaken or any(r.report == one for r in first.refused)
