"""Captured committees in worlds of BAC 2.0: who leads in which epoch is rigged, and what it costs is measured.

Three of ten vehicles are dishonest. In every third epoch they win all that they claim and the honest nothing, so they
have three quarters of the committee's weight. What they do with it is one of `PLANS`; until then they behave.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Final

from bac.sim.attacks_replica import PATIENT, commands
from bac.sim.journeys import Journeys
from bac.sim.latency import Latency
from bac.sim.links import LinkClass, Links
from bac.sim.replica import PATIENCE_US, ReplicaTrial, RiggedStandIn
from bac.sim.world import SECOND, World

NODES: Final = 10
DISHONEST: Final = (0, 1, 2)
PLANS: Final = (
    ("equivocate", "hide"),
    ("no-lead", "hide"),
    ("false-root",),
    ("starve", "withhold-events"),
    ("equivocate", "acknowledge-all", "hide"),
    ("omit", "no-lists", "withhold-seed"),
    ("omit", "withhold", "withhold-events", "hoard-claims"),
    ("fork", "spam"),
)
PERIOD: Final = 3


class Luck(RiggedStandIn):
    """Captured in every third epoch from the second on."""

    def mode(self, epoch: int) -> int:
        """As the base's."""
        return 2 if self.favoured and epoch % PERIOD == 1 else 0


class CapturedTrial(ReplicaTrial):
    """What the dishonest do follows from the seed; nobody comes or goes."""

    SUITE = Luck

    def make_deeds(self, world: World) -> Mapping[int, frozenset[str]]:
        """As the base's."""
        deeds = frozenset((*PLANS[world.seed % len(PLANS)], PATIENT))
        return {node: deeds for node, _ in world.attacks}

    def make_journeys(self, world: World) -> Journeys:  # noqa: ARG002 (the base's)
        """As the base's."""
        return Journeys()

    def captured(self) -> list[int]:
        """The epochs in which the dishonest commanded the committee."""
        gang = {self.ids[node] for node in self.dishonest(self.world)}
        return [number for number, epoch in sorted(self.oracle.epochs.items()) if commands(epoch, gang)]

    def lengths_us(self) -> dict[int, int]:
        """How long each epoch lasted, in block time: from the last block of the one before to its own."""
        bases = [epoch.base.time_us for _, epoch in sorted(self.oracle.epochs.items())]
        return {number: after - before for number, (before, after) in enumerate(pairwise(bases))}


def captured_world(seed: int, seconds: int = 5) -> World:
    """Ten vehicles with equal units on a good network, each paying once a second; then two payments a second.

    These go on for twice as long: so long there must be progress.
    """
    busy = tuple((100_000 * tick, tick % NODES) for tick in range(10 * seconds))
    quiet = tuple((seconds * SECOND + 500_000 * tick, tick % NODES) for tick in range(4 * seconds))
    return World(
        seed=seed,
        units=(4,) * NODES,
        links=Links(LinkClass(latency=Latency.uniform(5_000, 50_000))),
        attacks=tuple((node, ()) for node in DISHONEST),
        submissions=(*busy, *quiet),
        heal_us=seconds * SECOND,
        patience_us=PATIENCE_US,
    )
