"""BAC 2.0 in the simulator: a large shard, parents per event, the price of a captured committee and a silent one."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import median, quantiles

from bac.params import DEFAULT, SECOND, Params
from bac.sim import seeds
from bac.sim.captures import CapturedTrial, captured_world
from bac.sim.facts import Committed, Fact
from bac.sim.journeys import Journeys
from bac.sim.latency import Latency
from bac.sim.links import LinkClass, Links
from bac.sim.memo import NODES_MIN, Memo
from bac.sim.network import Network
from bac.sim.replica import PARAMS, ReplicaTrial
from bac.sim.run import simulate
from bac.sim.silences import HALF, HALF_OF_WEIGHT, SilentTrial, plan
from bac.sim.simulation import Simulation
from bac.sim.trial import Attacked
from bac.sim.world import World
from bench.record import Result, Setting, at_most, cpu_seconds

SEED = 20
DELAY_US = 20_000
LARGE = 500
LEADERS = 16
WARM_S = 4
MEASURED_S = 60
PER_SECOND = 110
CLIENTS = 64
"""Those who pay: with fewer of them, one would have more on its way than an account may."""
WHOLE_S = 20
PARENTS = (1, 2, 4, 16)
CAPTURES = 40
SILENCES = 6
SILENT_S = 40
"""Nobody comes back before a fourth view could have opened."""


class Shard(ReplicaTrial):
    """Honest vehicles; nobody comes or goes."""

    PARAMS: Params

    def make_params(self, world: World) -> Params:  # noqa: ARG002 (the base's)
        """As the base's."""
        return self.PARAMS

    def make_deeds(self, world: World) -> Mapping[int, frozenset[str]]:  # noqa: ARG002 (the base's)
        """As the base's."""
        return {}

    def make_journeys(self, world: World) -> Journeys:  # noqa: ARG002 (the base's)
        """As the base's."""
        return Journeys()


class Large(Shard):
    """One round per second, sixteen leaders: a round takes two events of each, and some delays."""

    PARAMS = replace(
        DEFAULT, max_leaders=LEADERS, max_other_parents=LEADERS, event_min_us=440_000, event_batch_us=440_000,
        event_max_us=500_000, epoch_us=40 * SECOND, view_timeout_us=60 * SECOND, endowment_epochs=64,
    )  # fmt: skip


class Watched:
    """A simulation, and what was confirmed when."""

    def __init__(self, factory: type[Shard], nodes: int) -> None:
        links = Links(LinkClass(latency=Latency.uniform(DELAY_US, DELAY_US + 1)))
        world = World(seed=SEED, units=(4,) * nodes, links=links)
        self.trial = factory(world, Memo() if nodes >= NODES_MIN else None)
        self.times: dict[bytes, dict[int, int]] = {}
        self.heights: dict[int, int] = {}
        network = Network(nodes, links, seeds.generator(SEED, "network"), None)
        self.simulation = Simulation(Attacked(self.trial, world), network, seed=SEED, observer=self._observe)
        self.asked: dict[bytes, int] = {}
        self.simulation.start()

    def _observe(self, fact: Fact) -> None:
        if not isinstance(fact, Committed):
            return
        self.heights[fact.node] = fact.block.header.height
        for each in self.trial.oracle.block(fact.block).transactions if fact.node == 0 else ():
            self.times.setdefault(each, {})[fact.node] = fact.time

    def pay(self, count: int, period_us: int, nodes: int) -> None:
        """Clients of the first `nodes` pay, one after the other."""
        random = seeds.generator(SEED, "load", self.simulation.time)
        for ordinal in range(count):
            transaction = self.trial.transaction(ordinal, ordinal % nodes, random)
            at = self.simulation.time + ordinal * period_us
            self.asked[transaction.id] = at
            self.simulation.submit(ordinal % nodes, transaction, at)

    def pass_time(self, seconds: float) -> None:
        """Lets time pass."""
        self.simulation.advance(self.simulation.time + int(seconds * SECOND))

    def height(self) -> int:
        """The lowest that was reported."""
        return min(self.heights.values(), default=0)

    def waits(self) -> list[float]:
        """From the client's word to the report of the first node, in network delays."""
        return [(self.times[each][0] - at) / DELAY_US for each, at in self.asked.items() if each in self.times]


@dataclass(frozen=True, slots=True)
class Load:
    """What a run under load came to."""

    cpu_s: float
    rounds: float
    confirmed: int
    blocks: int
    messages: float
    volume: float


def load(factory: type[Shard], nodes: int, seconds: int, rate: int) -> Load:
    """A shard under `rate` transactions per second, for so many simulated seconds, after a few to warm up."""
    watched = Watched(factory, nodes)
    watched.pass_time(WARM_S)
    before, height, known = dict(watched.simulation.tally()), watched.height(), len(watched.times)
    watched.pay(rate * seconds, SECOND // rate, min(nodes, CLIENTS))
    gc.collect()
    gc.freeze()  # as in a node's process: the collector looks at what the measured run makes
    spent = cpu_seconds(lambda: watched.pass_time(seconds))
    gc.unfreeze()
    after, blocks = watched.simulation.tally(), watched.height() - height
    return Load(
        spent, blocks / seconds, len(watched.times) - known, blocks,
        (after["copies"] - before["copies"]) / blocks, (after["bytes"] - before["bytes"]) / blocks,
    )  # fmt: skip


def committee_of_100() -> tuple[float, int, int]:
    """Expected weight 100 at 200 vehicles, without a limit of leaders below it: rounds/s, leaders, their weight."""

    class Whole(Shard):
        PARAMS = replace(
            Large.PARAMS, max_leaders=100, max_event_bytes=1 << 13, max_event_items=32, event_min_us=150_000,
            event_batch_us=150_000,
        )  # fmt: skip

    watched = Watched(Whole, 200)
    watched.pass_time(WHOLE_S)
    oracle, node = watched.trial.oracle, watched.simulation.hosts[0].protocol
    assert oracle is not None
    assert node is not None
    committee = node.finality.term.epoch.committee  # type: ignore[attr-defined]  # a replica
    return watched.height() / WHOLE_S, len(committee), sum(leader.weight for leader in committee)


def parents(count: int, leaders: int) -> tuple[float, float, float, float]:
    """Rounds per second, messages and bytes per block, and the wait of one payment at a time, in network delays."""

    class Some(Shard):
        PARAMS = replace(
            DEFAULT, max_leaders=leaders, min_leaders=4, max_other_parents=count, candidate_weight=1000,
            view_timeout_us=30 * SECOND,
        )  # fmt: skip

    busy = load(Some, leaders, 6, 100)
    watched = Watched(Some, leaders)
    watched.pass_time(2)
    for _ in range(12):
        watched.pay(1, SECOND, leaders)
        watched.pass_time(1.3)
    return busy.rounds, busy.messages, busy.volume, median(watched.waits())


def captures() -> list[float]:
    """How long captured committees' epochs lasted, in T0."""
    found: list[float] = []
    for seed in range(CAPTURES):
        trials: list[CapturedTrial] = []

        def make(world: World, memo: Memo | None, trials: list[CapturedTrial] = trials) -> CapturedTrial:
            trials.append(CapturedTrial(world, memo))
            return trials[-1]

        simulate(captured_world(seed), make)
        lengths = trials[0].lengths_us()
        found += [lengths[each] / PARAMS.view_timeout_us for each in trials[0].captured() if each in lengths]
    return found


def silences() -> list[float]:
    """How long a shard stood still after half of the leaders, by number or weight, had fallen silent, in T0."""
    found: list[float] = []
    for loss in (HALF, HALF_OF_WEIGHT):
        for seed in range(SILENCES):
            planned = plan(seed, (loss,), SILENT_S * SECOND)
            trials: list[SilentTrial] = []

            def make(world: World, memo: Memo | None, trials: list[SilentTrial] = trials) -> SilentTrial:
                trials.append(SilentTrial(world, memo))
                return trials[-1]

            simulate(planned.world, make)
            found.append(trials[0].stood_still(planned))
    return found


def run() -> tuple[dict[str, Setting], list[Result]]:
    """The suite."""
    large = load(Large, LARGE, MEASURED_S, PER_SECOND)
    pace, leading, weight = committee_of_100()
    lost = captures()
    stood = silences()
    results = [
        at_most("60 s of 500 vehicles, 16 leaders", large.cpu_s * 60 / MEASURED_S, "CPU s", 75),
        Result("rounds", large.rounds, "1/s"),
        Result("transactions per block", large.confirmed / large.blocks, "transactions"),
        Result("messages per block, 500 vehicles", large.messages, "messages"),
        Result("bytes per block, 500 vehicles", large.volume, "bytes"),
        Result("expected weight 100 at 200 vehicles: rounds", pace, "1/s"),
        Result("expected weight 100 at 200 vehicles: leaders", leading, "vehicles"),
        Result("expected weight 100 at 200 vehicles: weight", weight, "weight"),
    ]
    for leaders in (4, LEADERS):
        for count in PARENTS:
            rounds, messages, volume, wait = parents(count, leaders)
            of = f"{leaders} leaders, {count} other-parents"
            results += [
                Result(f"{of}: rounds", rounds, "1/s"),
                Result(f"{of}: messages per block", messages, "messages"),
                Result(f"{of}: bytes per block", volume, "bytes"),
                Result(f"{of}: one payment, median", wait, "network delays"),
            ]
    results += [
        Result("epochs of captured committees", len(lost), "epochs"),
        Result("price of a captured committee, median", median(lost), "T0"),
        Result("price of a captured committee, 95 %", quantiles(lost, n=20)[-1], "T0"),
        Result("price of a captured committee, longest", max(lost), "T0"),
        Result("half of the leaders silent: stood still, median", median(stood), "T0"),
        Result("half of the leaders silent: stood still, longest", max(stood), "T0"),
    ]
    config: dict[str, Setting] = {
        "seed": SEED, "leaders": LEADERS, "delay_us": DELAY_US, "transactions per s": PER_SECOND, "protocol": "BAC 2.0",
        "cryptography": "stand-in, answers shared above 50 nodes", "captured worlds": CAPTURES,
        "worlds with silent leaders": 2 * SILENCES,
        "T0_us of captured worlds": PARAMS.view_timeout_us,
    }  # fmt: skip
    return config, results
