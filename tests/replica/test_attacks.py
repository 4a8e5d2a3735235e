"""One deed at a time: what two of seven dishonest vehicles do changes the run, and breaks nothing."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import pytest

from bac.sim.attacks import ATTACKS
from bac.sim.attacks_replica import DEEDS
from bac.sim.journeys import Journeys
from bac.sim.memo import Memo
from bac.sim.replica import ReplicaTrial
from bac.sim.report import Report
from bac.sim.run import simulate
from bac.sim.world import SECOND, World
from tests.replica.worlds import describe, examined, world

NODES = 7
DISHONEST = (2, 5)


class Plotted(ReplicaTrial):
    """The dishonest do what the world's attacks are called, as far as these are deeds; nobody comes or goes."""

    DOING: frozenset[str] = frozenset()

    def make_deeds(self, world: World) -> Mapping[int, frozenset[str]]:
        return dict.fromkeys(DISHONEST, self.DOING)

    def make_journeys(self, world: World) -> Journeys:
        return Journeys()


def made(filters: tuple[str, ...] = (), seconds: int = 3) -> World:
    payments = tuple((150_000 * tick, tick % NODES) for tick in range(7 * seconds))
    attacks = tuple((node, filters) for node in DISHONEST)
    return world(NODES, seed=11, attacks=attacks, submissions=payments, heal_us=seconds * SECOND)


def run(*deeds: str, seconds: int = 3) -> tuple[Report, Plotted]:
    trials: list[Plotted] = []

    class Trial(Plotted):
        DOING = frozenset(deeds)

        def __init__(self, world: World, memo: Memo | None = None) -> None:
            super().__init__(world, memo)
            trials.append(self)

    return simulate(made((), seconds), Trial), trials[0]


@pytest.mark.parametrize("deed", DEEDS)
def test_a_deed_changes_the_run_and_breaks_nothing(deed: str) -> None:
    """Where there is the occasion for it: a state hides something only where a view has failed."""
    occasion = ("no-lead",) if deed == "hide" else ()
    report, _ = run(deed, *occasion)
    assert describe(report) == []
    assert report.trace_hash != without(*occasion).trace_hash, f"{deed} does nothing"


@cache
def without(*deeds: str) -> Report:
    return run(*deeds)[0]


@pytest.mark.parametrize("deed", ["equivocate", "fork", "spoil"])
def test_who_is_convicted_has_no_units(deed: str) -> None:
    """Two headers of a height, two events on one, an item invalid by itself: evidence, and out of the electorate."""
    report, trial = run(deed, seconds=6)
    assert examined(report, "accountability") > 0
    electorates = [set(epoch.electorate.places) for _, epoch in sorted(trial.oracle.epochs.items())]
    culprits = {trial.ids[node] for node in DISHONEST}
    assert culprits <= electorates[0]
    assert culprits - electorates[-1]


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_the_filters_of_all_protocols(name: str) -> None:
    """SI-22: silence, selection, delay, replay, forgery, truncation, foreign signatures, flood."""
    report = simulate(made((name,)), Plotted)
    assert describe(report) == []
