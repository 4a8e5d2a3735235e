"""Finality under basic BAC: cost per block by number of vehicles, delay, throughput, the price of a capture."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median, quantiles
from typing import Any

from bac.finality.epochs import next_seed
from bac.finality.machine import Draw
from bac.ledger.state import State
from bac.params import SECOND, Params
from bac.sim import seeds
from bac.sim.basic import CAPTURED_WEIGHT, PARAMS, UNIT, BasicTrial
from bac.sim.facts import Committed, Fact
from bac.sim.latency import Latency
from bac.sim.links import LinkClass, Links
from bac.sim.memo import Memo
from bac.sim.network import Network
from bac.sim.simulation import Simulation
from bac.sim.trial import Attacked
from bac.sim.world import World
from bac.types import Hash, NodeId, Units
from bac.wire.block import Elector, Leader
from bench.record import Result, Setting, at_least, at_most, cpu_seconds

SEED = 20
LEADERS = 16
DELAY_US = 20_000
SIZES = (20, 50, 100, 200, 500, 2000)
LARGE = 500
PER_BLOCK = 10
CAPTURES = 40
DESERTED = (50, 100, 200, 500)


class LongEpoch(BasicTrial):
    """Long epochs, the first nodes lead, everybody has the same units."""

    def make_params(self, world: World) -> Params:  # noqa: ARG002 (the base's)
        """As the base's."""
        slow = 60 * SECOND
        return replace(
            PARAMS, max_leaders=LEADERS, epoch_rounds=190, epoch_us=10_000 * SECOND,
            view_timeout_us=slow, view_timeout_max_us=slow, max_event_items=PER_BLOCK,
        )  # fmt: skip

    def make_draw(self, world: World, keys: Mapping[NodeId, Sequence[bytes]]) -> Any:  # noqa: ARG002 (the base's)
        """As the base's."""
        electors = tuple(Elector(each, keys[each][0], Units(UNIT)) for each in sorted(self.ids))
        committee = tuple(Leader(each, 1) for each in self.ids[:LEADERS])
        always = Draw(electors, committee, next_seed(Hash(bytes(32))))
        return lambda _state, _epoch, _seed, _culprits: always


@dataclass(slots=True)
class Watched:
    """A simulation, and when which block was reported by whom."""

    simulation: Simulation
    commits: list[Committed]
    trial: BasicTrial

    def heights(self) -> int:
        """The lowest height that all nodes have reached."""
        tops: dict[int, int] = {}
        for commit in self.commits:
            tops[commit.node] = max(tops.get(commit.node, 0), commit.block.header.height)
        return min(tops.values()) if len(tops) == len(self.simulation.hosts) else 0


def world_of(nodes: int, seed: int = SEED, **changes: Any) -> World:
    """A good network with one delay, no faults."""
    links = Links(LinkClass(latency=Latency.uniform(DELAY_US, DELAY_US + 1)))
    return World(seed=seed, units=(1,) * nodes, links=links, **changes)


def watch(world: World, factory: Callable[..., BasicTrial], memo: Memo | None, *, is_kept: bool = True) -> Watched:
    """Starts a run of `world`; the reports are kept, or nobody listens."""
    trial = factory(world, memo)
    commits: list[Committed] = []

    def observe(fact: Fact) -> None:
        if isinstance(fact, Committed):
            commits.append(fact)

    network = Network(len(world.units), world.links, seeds.generator(world.seed, "network"), None)
    simulation = Simulation(Attacked(trial, world), network, seed=world.seed, observer=observe if is_kept else None)
    simulation.start()
    return Watched(simulation, commits, trial)


def load(watched: Watched, count: int, period_us: int) -> None:
    """Clients of the leaders pay once per period."""
    random = seeds.generator(SEED, "load")
    for ordinal in range(count):
        node = ordinal % LEADERS
        transaction = watched.trial.transaction(ordinal, node, random)
        watched.simulation.submit(node, transaction, watched.simulation.time + ordinal * period_us)


def per_block(nodes: int) -> tuple[float, float]:
    """Messages and bytes per block, once things are under way."""
    watched = watch(world_of(nodes), LongEpoch, Memo() if nodes > 50 else None)
    load(watched, 40, 50_000)
    watched.simulation.advance(SECOND)
    before, height = dict(watched.simulation.tally()), watched.heights()
    watched.simulation.advance(2 * SECOND)
    after, blocks = watched.simulation.tally(), watched.heights() - height
    return (after["copies"] - before["copies"]) / blocks, (after["bytes"] - before["bytes"]) / blocks


def exponent(points: Sequence[tuple[int, float]]) -> float:
    """Slope of the least-squares line through the logarithms."""
    logs = [(math.log(size), math.log(value)) for size, value in points]
    x = sum(each for each, _ in logs) / len(logs)
    y = sum(each for _, each in logs) / len(logs)
    return sum((a - x) * (b - y) for a, b in logs) / sum((a - x) ** 2 for a, _ in logs)


def delays() -> list[float]:
    """From a client's word to each node's report, in network delays; one payment at a time."""
    watched = watch(world_of(20), LongEpoch, None)
    random = seeds.generator(SEED, "delays")
    found: list[float] = []
    for ordinal in range(30):
        watched.simulation.advance(watched.simulation.time + SECOND + random.randrange(SECOND // 4))
        transaction = watched.trial.transaction(ordinal, 0, random)
        start = watched.simulation.time
        watched.simulation.submit(0, transaction, start)
        watched.commits.clear()
        watched.simulation.advance(start + SECOND)
        block = watched.trial.oracle.block
        found.extend(
            (commit.time - start) / DELAY_US
            for commit in watched.commits
            if transaction.id in block(commit.block).transactions
        )
    return found


def throughput() -> float:
    """Delivered messages per CPU second, with blocks of ten transactions: the best of four simulated seconds."""
    simulation = watch_loaded()
    rates: list[float] = []
    gc.collect()
    gc.freeze()  # the collector looks at what the measured run makes, not at what stood before
    for _ in range(4):
        before = simulation.delivered
        spent = cpu_seconds(lambda: simulation.advance(simulation.time + SECOND))
        rates.append((simulation.delivered - before) / spent)
    gc.unfreeze()
    return max(rates)


def watch_loaded() -> Simulation:
    """The large world, under load for a second."""
    watched = watch(world_of(LARGE), LongEpoch, Memo(), is_kept=False)
    load(watched, 600, 8_000)
    watched.simulation.advance(SECOND)
    return watched.simulation


class Deserted(LongEpoch):
    """As the base; a view that makes no progress ends soon."""

    def make_params(self, world: World) -> Params:
        """As the base's."""
        return replace(super().make_params(world), view_timeout_us=PARAMS.view_timeout_us)


def recovery(nodes: int) -> tuple[float, float]:
    """Messages and bytes of one recovery: from the end of all leaders to the end of the epoch at all others."""
    watched = watch(world_of(nodes), Deserted, Memo() if nodes > 50 else None)
    simulation = watched.simulation
    simulation.advance(SECOND)
    for host in simulation.hosts[:LEADERS]:
        host.crash(simulation.time)
    before, ended = dict(simulation.tally()), set[int]()
    while len(ended) < nodes - LEADERS:
        simulation.advance(simulation.time + SECOND // 10)
        ended |= {commit.node for commit in watched.commits if commit.block.header.view > 0}
        if simulation.time > 60 * SECOND:
            raise RuntimeError(f"{len(ended)} of {nodes - LEADERS} nodes have recovered in a minute")
    after = simulation.tally()
    return after["copies"] - before["copies"], after["bytes"] - before["bytes"]


class Captured(BasicTrial):
    """Every third epoch one traitor has the committee's weight; what it does follows from the seed."""

    def make_draw(self, world: World, keys: Mapping[NodeId, Sequence[bytes]]) -> Any:
        """As the base's."""
        traitors = [self.ids[node] for node, _ in world.attacks]

        def draw(_state: State, epoch: int, seed: Hash, _culprits: tuple[NodeId, ...]) -> Draw:
            place = min(epoch + 1, len(keys[self.ids[0]]) - 1)
            electors = tuple(Elector(each, keys[each][place], Units(UNIT)) for each in self.ids)
            first = [traitors[0]] if (epoch + 1) % 3 == 0 else []
            rest = [each for each in self.ids if each not in traitors][: PARAMS.max_leaders - len(first)]
            committee = tuple(Leader(each, CAPTURED_WEIGHT if each in first else 1) for each in (*first, *rest))
            return Draw(electors, committee, next_seed(seed))

        return draw

    def make_deeds(self, world: World) -> Mapping[int, frozenset[str]]:
        """As the base's; the leader never merely works."""
        choices = ("equivocate", "withhold", "false-root", "starve")
        return {node: frozenset({choices[(world.seed + node) % 4], "hide"}) for node, _ in world.attacks}


def captures() -> list[float]:
    """Lengths of the epochs that ended in recovery, in T0 of the epoch: from one last block to the next."""
    found: list[float] = []
    for seed in range(CAPTURES):
        world = world_of(7, seed=seed, attacks=((0, ()), (1, ())))
        watched = watch(world, Captured, None)
        watched.simulation.advance(60 * SECOND)
        found.extend(lengths(watched.commits))
    return found


def lengths(commits: Sequence[Committed]) -> list[float]:
    """Of the epochs that ended in a later view, in T0."""
    last_us, timeout_us = 0, PARAMS.view_timeout_us
    found: list[float] = []
    seen: set[int] = set()
    for commit in commits:
        header = commit.block.header
        if header.boundary is None or header.epoch in seen or commit.node < 2:
            continue
        seen.add(header.epoch)
        if header.view >= 1:
            found.append((commit.time - last_us) / timeout_us)
            timeout_us = min(2 * timeout_us, PARAMS.view_timeout_max_us)
        else:
            timeout_us = max(timeout_us // 2, PARAMS.view_timeout_us)
        last_us = commit.time
    return found


def run() -> tuple[dict[str, Setting], list[Result]]:
    """The suite."""
    rate = throughput()  # first: what other measurements leave in memory slows it
    costs = [(size, *per_block(size)) for size in SIZES]
    waits = delays()
    lost = captures()
    flights = [(size, *recovery(size)) for size in DESERTED]
    tenths = quantiles(lost, n=20)
    results = [
        at_most("messages per block, exponent of n", exponent([(n, m) for n, m, _ in costs]), "1", 1.1),
        at_most("bytes per block, exponent of n", exponent([(n, b) for n, _, b in costs]), "1", 1.1),
        *(Result(f"messages per block, n = {n}", m, "messages") for n, m, _ in costs),
        *(Result(f"bytes per block, n = {n}", b, "bytes") for n, _, b in costs),
        Result("confirmation, median", median(waits), "network delays"),
        Result("confirmation, longest", max(waits), "network delays"),
        at_least("delivered messages, 500 EVs", rate, "1/s", 50_000),
        at_most(
            "messages per recovery, exponent of who is left",
            exponent([(n - LEADERS, m) for n, m, _ in flights]),
            "1",
            1.1,
        ),
        *(Result(f"messages per recovery, n = {n}", m, "messages") for n, m, _ in flights),
        *(Result(f"bytes per recovery, n = {n}", b, "bytes") for n, _, b in flights),
        Result("epochs ended by recovery", len(lost), "epochs"),
        Result("price of a captured committee, median", median(lost), "T0"),
        Result("price of a captured committee, 95 %", tenths[-1], "T0"),
        Result("price of a captured committee, longest", max(lost), "T0"),
    ]
    config: dict[str, Setting] = {
        "seed": SEED, "leaders": LEADERS, "delay_us": DELAY_US, "transactions per block": PER_BLOCK,
        "protocol": "basic-bac", "cryptography": "stand-in, answers shared above 50 nodes", "captured worlds": CAPTURES,
        "delivered messages": "CPU time, best of 4 simulated seconds; collector frozen before; first of the suite",
        "T0_us": PARAMS.view_timeout_us,
    }  # fmt: skip
    return config, results
