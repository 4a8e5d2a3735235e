"""Simulator: messages handed to nodes per second of one core, everything that the trace hash needs included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from bac.protocol import Effect, Persist, Protocol, Send, SetTimer, Store
from bac.sim import seeds
from bac.sim.broadcast.trial import EchoTrial
from bac.sim.codec import MessageCodec
from bac.sim.latency import ONE_Q16, Latency
from bac.sim.links import LinkClass, Links
from bac.sim.network import Network
from bac.sim.run import run as run_seed
from bac.sim.simulation import FREE, Simulation
from bac.sim.subject import Costs
from bac.types import Micros, NodeId
from bac.wire.codec import U32, Message
from bench.record import Result, Setting, at_least, best_of, cpu_seconds

SEED = 3
ROUNDS = 3
MESSAGES = 600_000
WORLDS = 20
STEP_US = 1_000
ROUND_US = 50_000
LINK = LinkClass(latency=Latency.tailed(1_000, 5_000, 40_000, 90_000))


class Ping(Message, frozen=True, tag=1):
    """All that a thin protocol says."""

    round: U32


class Pinger:
    """Pings everybody in every round; counts what it hears."""

    def __init__(self, peers: tuple[NodeId, ...]) -> None:
        self._peers = peers
        self._round = 0
        self._heard = 0

    def start(self, now: Micros) -> Sequence[Effect]:
        """The first round."""
        return self.on_timer("round", now)

    def on_transaction(self, transaction: Any, now: Micros) -> Sequence[Effect]:
        """There are none."""
        del transaction, now
        return ()

    def on_message(self, sender: NodeId, message: Ping, now: Micros) -> Sequence[Effect]:
        """Counts it."""
        del sender, message, now
        self._heard += 1
        return ()

    def on_timer(self, timer: str, now: Micros) -> Sequence[Effect]:
        """The next round."""
        self._round += 1
        return (Send(self._peers, Ping(self._round)), SetTimer(timer, Micros(now + ROUND_US)))


class Pinging:
    """The subject."""

    def __init__(self, nodes: int) -> None:
        self.ids = tuple(NodeId(node.to_bytes(32, "big")) for node in range(nodes))
        self.codec = MessageCodec(Ping, 100)

    def node(self, index: int, random: Random, records: tuple[Persist, ...], store: Store) -> Protocol:
        """A pinger."""
        del random, records, store
        return Pinger(self.ids[:index] + self.ids[index + 1 :])


def run() -> tuple[dict[str, Setting], list[Result]]:
    """The figures; CPU time of this process, each the best of several rounds."""
    settings: dict[str, Setting] = {
        "seed": SEED,
        "rounds": ROUNDS,
        "messages": MESSAGES,
        "protocol": "all-to-all, one ping per pair every 50 ms",
        "latency": "tailed 1/5/40/90 ms, drawn per message and link",
        "trace": "hashed, not written",
        "memo": False,
        "clock": "process CPU",
    }
    percent = ONE_Q16 // 100
    troubled = replace(LINK, loss_q16=percent, duplicate_q16=percent, reorder_q16=percent)
    results = [
        Result("20 nodes", _rate(20), "messages/s"),
        Result("100 nodes", _rate(100), "messages/s"),
        at_least("500 nodes", _rate(500), "messages/s", 150_000),
        Result("500 nodes, 1 % lost, doubled, held back", _rate(500, troubled), "messages/s"),
        Result("500 nodes, the same and cut in two", _rate(500, troubled, cut=True), "messages/s"),
        Result("500 nodes, 10 Gbit/s interfaces", _rate(500, replace(LINK, bits_per_second=10**10)), "messages/s"),
        Result("500 nodes, 1 us of work per input", _rate(500, costs=Costs(input_us=1)), "messages/s"),
        Result("500 nodes, by wire", _rate(500, by_wire=True), "messages/s"),
        Result("drawn worlds, all checks on", WORLDS / _seconds_of_worlds(), "worlds/s"),
    ]
    return settings, results


def _rate(
    nodes: int,
    link: LinkClass = LINK,
    *,
    cut: bool = False,
    costs: Costs = FREE,
    by_wire: bool = False,
) -> float:
    """Messages handed over per CPU second."""
    rates: list[float] = []
    for _ in range(ROUNDS):
        network = Network(nodes, Links(link), seeds.generator(SEED, "network"))
        if cut:
            network.cut((range(nodes // 2), range(nodes // 2, nodes)))
        simulation = Simulation(Pinging(nodes), network, seed=SEED, costs=costs, by_wire=by_wire)
        seconds = cpu_seconds(partial(_play, simulation))
        rates.append(simulation.delivered / seconds)
    return max(rates)


def _play(simulation: Simulation) -> None:
    simulation.start()
    while simulation.delivered < MESSAGES:
        simulation.advance(simulation.time + STEP_US)
    simulation.trace.digest()


def _seconds_of_worlds() -> float:
    def worlds() -> None:
        for seed in range(SEED, SEED + WORLDS):
            assert run_seed(seed, EchoTrial).holds, f"seed {seed}"

    return best_of(ROUNDS, lambda: cpu_seconds(worlds))
