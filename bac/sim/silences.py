"""Worlds in which leaders fall silent within seconds: a third of a committee, half of it, one after the other.

Whom it hits follows from the world: it runs without its checks up to the moment in which an epoch has just begun, and
is then made with the faults. Half of the leaders are less than a third of the voters here. So the epoch that lost them
goes on no more, and is ended by recovery; who is silent has claimed a seat in the next one already, and may win it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bac.finality.epochs import Epoch
from bac.sim import seeds
from bac.sim.faults import Crash, Injection
from bac.sim.journeys import Journeys
from bac.sim.latency import Latency
from bac.sim.links import LinkClass, Links
from bac.sim.network import Network
from bac.sim.replica import PARAMS, PATIENCE_US, ReplicaTrial
from bac.sim.simulation import Simulation
from bac.sim.subject import Costs
from bac.sim.trial import Attacked
from bac.sim.world import SECOND, World

VOTERS: Final = 16
WARM_US: Final = 3 * SECOND
LOOK_US: Final = SECOND // 10
SILENT_US: Final = 16 * SECOND
"""They come back then. Where proposers of later views are among them, it takes longer without them."""
FOREVER_US: Final = 1000 * SECOND
PAYMENTS: Final = 12


@dataclass(frozen=True, slots=True)
class Loss:
    """Leaders fall silent, until the silent ones are a part of the committee.

    Attributes:
        later_us: after the loss before; of the first, after an epoch has begun.
        share: the n-th part of the committee.
        is_by_weight: part of its weight, the last in the succession first; else of their number, the heaviest first.
    """

    later_us: int
    share: int
    is_by_weight: bool = False


THIRD: Final = Loss(0, 3)
HALF: Final = Loss(0, 2)
HALF_OF_WEIGHT: Final = Loss(0, 2, is_by_weight=True)
THEN_HALF: Final = Loss(2 * SECOND, 2)


class SilentTrial(ReplicaTrial):
    """Nobody does anything wrong, and nobody announces that it goes."""

    def make_deeds(self, world: World) -> Mapping[int, frozenset[str]]:  # noqa: ARG002 (the base's)
        """As the base's."""
        return {}

    def make_journeys(self, world: World) -> Journeys:  # noqa: ARG002 (the base's)
        """As the base's."""
        return Journeys()

    def stood_still(self, plan: Plan) -> float:
        """From the first loss to the block that ends the epoch, in T0."""
        return (self.views()[plan.epoch.number][1] - plan.lost_us) / PARAMS.view_timeout_us

    def views(self) -> dict[int, tuple[int, int]]:
        """The view in which each epoch ended, and when, by its last block."""
        bases = {number: epoch.base for number, epoch in self.oracle.epochs.items() if number}
        return {number - 1: (base.view, base.time_us) for number, base in bases.items()}


@dataclass(frozen=True, slots=True)
class Plan:
    """A world, and what is known of it beforehand.

    Attributes:
        world: with the faults.
        epoch: the one that the last loss hits, as it was before.
        silent: the nodes that are silent after it.
        lost_us: when the first of them fell silent.
    """

    world: World
    epoch: Epoch
    silent: tuple[int, ...]
    lost_us: int


def plan(seed: int, losses: Sequence[Loss], silent_us: int = SILENT_US) -> Plan:
    """The world of a seed with these losses, one after the other; all come back after so long."""
    world = _world(seed, silent_us)
    silent: tuple[int, ...] = ()
    epoch, time = _began(world)
    for loss in losses:
        time += loss.later_us
        if loss.later_us:
            prefix = _Prefix(world)
            prefix.simulation.advance(time)
            epoch = prefix.epoch()
        falling = tuple(_choose(world, epoch, silent, loss))
        world = replace(world, faults=(*world.faults, *_faults(falling, time)))
        silent += falling
    return Plan(world, epoch, silent, min(each.at_us for each in world.faults if isinstance(each, Crash)))


def _world(seed: int, silent_us: int) -> World:
    """Equal units, a good network, a payment every eight tenths of a second."""
    return World(
        seed=seed,
        units=(4,) * VOTERS,
        links=Links(LinkClass(latency=Latency.uniform(5_000, 50_000))),
        submissions=tuple((800_000 * tick, tick % VOTERS) for tick in range(PAYMENTS)),
        heal_us=WARM_US + silent_us,
        patience_us=PATIENCE_US,
    )


class _Prefix:
    """The beginning of the run, without checks: work takes its time here as there, or another epoch would be hit."""

    def __init__(self, world: World) -> None:
        self.trial = SilentTrial(world)
        network = Network(VOTERS, world.links, seeds.generator(world.seed, "network"), None)
        costs = Costs(world.input_us, world.persist_us, self.trial.charge_ns)
        self.simulation = Simulation(Attacked(self.trial, world), network, seed=world.seed, costs=costs, by_wire=True)
        Injection(self.simulation, world.faults)
        random = seeds.generator(world.seed, "clients")
        for ordinal, (time, node) in enumerate(world.submissions):
            self.simulation.submit(node, self.trial.transaction(ordinal, node, random), time)
        self.simulation.start()

    def epoch(self) -> Epoch:
        """The one that all living nodes have reached."""
        living = [host.protocol for host in self.simulation.hosts if host.protocol is not None]
        found: list[Epoch] = [each.finality.term.epoch for each in living]  # type: ignore[attr-defined]  # replicas
        return min(found, key=lambda each: each.number)


def _began(world: World) -> tuple[Epoch, int]:
    """The first epoch that all enter after a while, and when they had."""
    prefix = _Prefix(world)
    prefix.simulation.advance(WARM_US)
    number = prefix.epoch().number
    while prefix.epoch().number == number:
        prefix.simulation.advance(prefix.simulation.time + LOOK_US)
    return prefix.epoch(), prefix.simulation.time


def _choose(world: World, epoch: Epoch, silent: Iterable[int], loss: Loss) -> Iterable[int]:
    """Which leaders fall silent, too."""
    ids = SilentTrial(world).ids
    parts = {ids.index(each.identity): each.weight if loss.is_by_weight else 1 for each in epoch.committee}
    weights = [each.weight for each in epoch.committee]
    order = reversed(parts) if loss.is_by_weight else sorted(parts, key=lambda each: -weights[list(parts).index(each)])
    reached = sum(parts.get(each, 0) for each in silent)
    for each in order:
        if loss.share * reached >= sum(parts.values()):
            return
        if each not in silent:
            reached += parts[each]
            yield each


def _faults(falling: Sequence[int], time: int) -> Iterable[Crash]:
    """A tenth of a second apart."""
    for place, node in enumerate(falling):
        yield Crash(node=node, at_us=time + place * LOOK_US, persists=0, down_us=FOREVER_US)
