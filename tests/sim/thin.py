"""Subjects of a few lines: scripted nodes, and pings to everybody."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from bac.protocol import Effect, Persist, Protocol, Send, Store
from bac.sim import seeds
from bac.sim.latency import Latency
from bac.sim.links import LinkClass, Links
from bac.sim.network import Network
from bac.sim.simulation import Simulation
from bac.types import Micros, NodeId
from tests.sim.echo import CODEC, Say, ids

Answers = Mapping[str, Callable[..., Sequence[Any]]]


class Scripted:
    """A node whose handlers are given; it notes its inputs."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.inputs: list[tuple[str, Any, int]] = []

    def _answer(self, handler: str, content: Any, now: int) -> Sequence[Effect]:
        self.inputs.append((handler, content, now))
        return self.answers[handler](content, now) if handler in self.answers else ()

    def start(self, now: Micros) -> Sequence[Effect]:
        return self._answer("start", None, now)

    def on_transaction(self, transaction: Any, now: Micros) -> Sequence[Effect]:
        return self._answer("transaction", transaction, now)

    def on_message(self, sender: NodeId, message: Any, now: Micros) -> Sequence[Effect]:
        return self._answer("message", (sender, message), now)

    def on_timer(self, timer: str, now: Micros) -> Sequence[Effect]:
        return self._answer("timer", timer, now)


class Script:
    """A subject of scripted nodes; ``nodes[i]`` is the latest incarnation of node i."""

    def __init__(self, *answers: Answers) -> None:
        self.ids = ids(len(answers))
        self.codec = CODEC
        self.answers = answers
        self.nodes: list[Scripted] = [Scripted({}) for _ in answers]
        self.built: list[tuple[int, Random, tuple[Persist, ...], Store]] = []

    def node(self, index: int, random: Random, records: tuple[Persist, ...], store: Store) -> Protocol:
        self.built.append((index, random, records, store))
        self.nodes[index] = Scripted(self.answers[index])
        return self.nodes[index]


class Pinging:
    """All-to-all: everybody says a number to everybody, and the next one when it has heard all others."""

    def __init__(self, count: int) -> None:
        self.ids = ids(count)
        self.codec = CODEC

    def node(self, index: int, random: Random, records: tuple[Persist, ...], store: Store) -> Protocol:
        peers = self.ids[:index] + self.ids[index + 1 :]
        heard = 0

        def on_message(_: Any, now: int) -> Sequence[Effect]:
            nonlocal heard
            heard += 1
            return (Send(peers, Say(heard // len(peers), "")),) if heard % len(peers) == 0 else ()

        return Scripted({"start": lambda _, now: (Send(peers, Say(0, "")),), "message": on_message})


MILLISECOND = Latency.constant(1_000)


def network(count: int, latency: Latency = MILLISECOND, seed: int = 1, **link: Any) -> Network:
    return Network(count, Links(LinkClass(latency=latency, **link)), seeds.generator(seed, "network"))


def simulation(subject: Script | Pinging, latency: Latency = MILLISECOND, **more: Any) -> Simulation:
    """Started, at time 0."""
    made = Simulation(subject, network(len(subject.ids), latency), seed=1, **more)
    made.start()
    return made
