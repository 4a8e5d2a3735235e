"""The swarm: every seed another world: traitors, captured committees, crashes, partitions, changing electorates."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bac.sim.basic import BasicTrial
from bac.sim.report import Report
from bac.sim.run import simulate
from bac.sim.world import SECOND, World, draw
from tests.sim.worlds import CRASHES, world

PATIENCE_US = 400 * SECOND
"""A recovery view lasts up to 32 s here, and several in a row may have dishonest proposers."""

KEPT = {
    12: "a block was confirmed before it was executed, and its proof replaced that of the last block reported",
    138: "three dishonest proposers in a row need more patience than a minute",
    40621: "an attacker forked a block whose parent it had not executed",
    891164829: "the electorate less a culprit was clipped anew: a dishonest one of three became a veto",
    214: "a body with evidence was executed again at the restart, before electorates were known",
}
"""Seeds that failed once, and why."""

FIXED = range(1000, 1050)

ALWAYS = frozenset({"agreement", "prefix", "same state", "conservation", "liveness", "durability"})
"""Checks that have something to look at in every world. Evidence is not found in each, nor is each run twice."""


def world_of(seed: int) -> World:
    return replace(draw(seed), patience_us=PATIENCE_US)


def run(seed: int, *, twice: bool = False) -> Report:
    return simulate(world_of(seed), BasicTrial, twice=twice)


def describe(report: Report) -> list[str]:
    """What is wrong: violations, and checks that looked at nothing although there was something."""
    assert {verdict.check for verdict in report.verdicts} >= ALWAYS
    idle = [verdict.check for verdict in report.verdicts if verdict.check in ALWAYS and not verdict.examined]
    violations = [f"{verdict.check}: {line}" for verdict in report.verdicts for line in verdict.violations]
    return violations + [f"{check}: looked at nothing" for check in idle]


def examined(report: Report, check: str) -> int:
    return next(verdict.examined for verdict in report.verdicts if verdict.check == check)


def from_commit(count: int) -> list[int]:
    """Seeds from the hash of the commit: other worlds for each commit, the same for all who test it."""
    found = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    start = int(found.stdout.strip() or "0", 16) % 10**9
    return [10_000 + start + place for place in range(count)]


@pytest.mark.parametrize("seed", sorted(KEPT))
def test_seeds_that_failed_once(seed: int) -> None:
    assert describe(run(seed)) == [], KEPT[seed]


@pytest.mark.parametrize("seed", FIXED)
def test_fixed_seeds(seed: int) -> None:
    assert describe(run(seed)) == []


@pytest.mark.parametrize("place", range(50))
def test_seeds_of_this_commit(place: int) -> None:
    seed = from_commit(50)[place]
    assert describe(run(seed)) == [], f"seed {seed}"


@pytest.mark.parametrize("seed", [1000, 1001, 1002])
def test_the_same_seed_makes_the_same_run(seed: int) -> None:
    report = run(seed, twice=True)
    assert describe(report) == []
    assert examined(report, "determinism") > 0


def test_evidence_is_found_and_judged() -> None:
    """V9: in some of these worlds a traitor is accused, and whoever is accused did it."""
    reports = [run(seed) for seed in FIXED[:16]]
    assert [describe(report) for report in reports] == [[]] * len(reports)
    assert sum(examined(report, "accountability") > 0 for report in reports) >= 2


@pytest.mark.parametrize("seed", range(4))
def test_crashes_right_after_a_record(seed: int) -> None:
    """V1: each of three of seven nodes dies eight times, after its first to fourth record."""
    report = simulate(world(7, seed=seed, faults=CRASHES, persist_us=100), BasicTrial)
    assert describe(report) == []


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2000, 3000))
def test_a_thousand_seeds(seed: int) -> None:
    assert describe(run(seed)) == []
