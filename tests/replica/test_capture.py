"""A committee that is dishonest as a whole: it costs time, never agreement, and the next one goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bac.sim.captures import DISHONEST, PLANS, CapturedTrial, captured_world
from bac.sim.memo import Memo
from bac.sim.replica import PARAMS
from bac.sim.report import Report
from bac.sim.run import simulate
from bac.sim.world import SECOND, World
from tests.replica.worlds import describe, examined

LONGEST_T0 = 12
"""A captured epoch lasts at most this long here: three dishonest proposers in a row are not drawn in these worlds."""


def run(seed: int) -> tuple[Report, CapturedTrial]:
    trials: list[CapturedTrial] = []

    class Kept(CapturedTrial):
        def __init__(self, world: World, memo: Memo | None = None) -> None:
            super().__init__(world, memo)
            trials.append(self)

    return simulate(captured_world(seed), Kept), trials[0]


def holds(report: Report, check: str) -> bool:
    return next(verdict.holds for verdict in report.verdicts if verdict.check == check)


def judge(seed: int) -> None:
    """No conflict, nobody honest framed, all confirmed; and there was a captured committee, and a next one."""
    report, trial = run(seed)
    assert describe(report) == [], f"seed {seed}, {PLANS[seed % len(PLANS)]}"
    captured = trial.captured()
    assert captured, f"seed {seed}: no committee was captured"
    lengths = trial.lengths_us()
    assert captured[0] in lengths, "it ended, and the payments made since then were confirmed"
    assert max(lengths[number] for number in captured if number in lengths) <= LONGEST_T0 * PARAMS.view_timeout_us
    assert report.tally["outvoted"] == 0


@pytest.mark.parametrize("seed", range(20))
def test_captured_committees(seed: int) -> None:
    judge(seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20, 240))
def test_more_captured_committees(seed: int) -> None:
    judge(seed)


def test_equivocating_leaders_are_convicted_and_lead_no_more() -> None:
    """Two headers of one height: evidence, and no units in the next epoch."""
    report, trial = run(0)
    assert "equivocate" in PLANS[0]
    assert examined(report, "accountability") > 0
    last = trial.oracle.epochs[max(trial.oracle.epochs)]
    assert not {trial.ids[node] for node in DISHONEST} & {member.identity for member in last.electorate.members}


def test_seven_of_ten_do_break_agreement_and_are_named() -> None:
    """Invariants 1 and 5, far beyond what is promised: the checks see the conflict, and evidence against a third."""
    conflicts = 0
    for seed in (4, 20, 36, 44):
        made = captured_world(seed)
        attacks = tuple((node, ()) for node in range(7))
        made = replace(made, attacks=attacks, patience_us=5 * SECOND, submissions=made.submissions[:40])
        report = simulate(made, CapturedTrial)
        assert report.tally["outvoted"]
        assert holds(report, "accountability")
        conflicts += not holds(report, "agreement")
    assert conflicts >= 1
