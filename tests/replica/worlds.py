"""What the tests in worlds have in common: reports described, and trials by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bac.sim.facts import Committed, Fact
from bac.sim.journeys import Journeys
from bac.sim.latency import Latency
from bac.sim.links import LinkClass, Links
from bac.sim.network import Network
from bac.sim.replica import ReplicaTrial
from bac.sim.report import Report
from bac.sim.seeds import generator
from bac.sim.simulation import Simulation
from bac.sim.trial import Attacked
from bac.sim.world import SECOND, World
from bac.types import NodeId

ALWAYS = frozenset({"agreement", "prefix", "same state", "conservation", "liveness", "durability"})
"""Checks that have something to look at in every world. Evidence is not found in each, nor is each run twice."""

GOOD = Links(LinkClass(latency=Latency.uniform(5_000, 50_000)))


def describe(report: Report) -> list[str]:
    """What is wrong: violations, and checks that looked at nothing although there was something."""
    assert {verdict.check for verdict in report.verdicts} >= ALWAYS
    idle = [verdict.check for verdict in report.verdicts if verdict.check in ALWAYS and not verdict.examined]
    violations = [f"{verdict.check}: {line}" for verdict in report.verdicts for line in verdict.violations]
    return violations + [f"{check}: looked at nothing" for check in idle]


def examined(report: Report, check: str) -> int:
    return next(verdict.examined for verdict in report.verdicts if verdict.check == check)


def world(nodes: int, **changes: Any) -> World:
    """Equal units, a good network, five payments per second in fifteen seconds."""
    made: dict[str, Any] = {
        "seed": 7,
        "units": (4,) * nodes,
        "links": GOOD,
        "submissions": tuple((200_000 * tick, tick % nodes) for tick in range(75)),
        "heal_us": 15 * SECOND,
        "patience_us": 400 * SECOND,
    }
    return World(**(made | changes))


class Honest(ReplicaTrial):
    """Nobody comes or goes, nobody does anything but what the world says."""

    def make_deeds(self, world: World) -> Mapping[int, frozenset[str]]:
        return {}

    def make_journeys(self, world: World) -> Journeys:
        return Journeys()


class Staged:
    """A run that the test leads: time passes when told, confirmations are noted."""

    def __init__(self, world: World, factory: type[ReplicaTrial] = Honest) -> None:
        self.trial = factory(world)
        self.commits: list[Committed] = []
        network = Network(len(world.units), world.links, generator(world.seed, "network"), None)
        self.simulation = Simulation(
            Attacked(self.trial, world), network, seed=world.seed, observer=self._observe, by_wire=True
        )
        random = generator(world.seed, "clients")
        self.payments = [
            self.trial.transaction(ordinal, node, random) for ordinal, (_, node) in enumerate(world.submissions)
        ]
        for payment, (time, node) in zip(self.payments, world.submissions, strict=True):
            self.simulation.submit(node, payment, time)
        self.simulation.start()

    def _observe(self, fact: Fact) -> None:
        if isinstance(fact, Committed):
            self.commits.append(fact)

    def pass_until(self, seconds: float) -> None:
        self.simulation.advance(int(seconds * SECOND))

    def ends(self, node: int) -> list[Committed]:
        """The last blocks of epochs, as `node` reported them."""
        return [commit for commit in self.commits if commit.node == node and commit.block.header.boundary is not None]

    def identity(self, node: int) -> NodeId:
        return self.trial.ids[node]
