"""Two drivers for the conformance checks: one by hand, and the simulator."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import msgspec

from bac.errors import Rejected
from bac.protocol import Accuse, Commit, Construction, Effect, Persist, Protocol, Send, SetTimer, Store
from bac.sim import seeds
from bac.sim.disk import Disk
from bac.sim.latency import Latency
from bac.sim.links import LinkClass, Links
from bac.sim.network import Network
from bac.sim.simulation import FREE, Simulation
from bac.sim.subject import Costs
from bac.sim.trace import Kind, Record, Trace, read, split_send
from bac.types import Micros, NodeId
from tests.sim.contract import Observed, Watched
from tests.sim.echo import CODEC, ids


class NoSignatures:
    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        return False


class Echoing:
    """The subject: watched echo nodes."""

    def __init__(self, count: int) -> None:
        self.ids = ids(count)
        self.codec = CODEC
        self.logs: list[list[Observed]] = [[] for _ in range(count)]

    def node(self, index: int, random: Random, records: tuple[Persist, ...], store: Store) -> Protocol:
        construction = Construction(self.ids, None, self.ids[index], random, records, store, NoSignatures())
        return Watched(construction, self.logs[index])


class HandDriver:
    """As little as keeps the contract: one queue, a clock that stands still between timers, no losses."""

    def __init__(self, count: int, seed: int) -> None:
        self.subject = Echoing(count)
        self.logs = self.subject.logs
        self.seed = seed
        self.now = 0
        self.queue: deque[Callable[[], None]] = deque()
        self.disks = [Disk() for _ in range(count)]
        self.nodes: list[Protocol | None] = [None] * count
        self.timers: list[dict[str, Micros]] = [{} for _ in range(count)]
        self.armed: list[int | None] = [None] * count
        self.done: list[list[Effect]] = [[] for _ in range(count)]
        for node in range(count):
            self.restart(node)

    def restart(self, node: int) -> None:
        disk = self.disks[node]
        random = seeds.generator(self.seed, node, len(self.logs[node]))
        fresh = self.subject.node(node, random, disk.log, disk)
        self.nodes[node] = fresh
        self._hand_over(node, lambda: fresh.start(Micros(self.now)))

    def crash_after(self, node: int, persists: int) -> None:
        self.armed[node] = persists

    def submit(self, node: int, transaction: Any) -> None:
        self.queue.append(lambda: self._give(node, lambda up: up.on_transaction(transaction, Micros(self.now))))

    def settle(self) -> None:
        for _ in range(30):
            while self.queue:
                self.queue.popleft()()
            self.now += 50_000
            for node, timers in enumerate(self.timers):
                for timer in [timer for timer, at in timers.items() if self.is_due(at)]:
                    del timers[timer]
                    self._give(node, lambda up, timer=timer: up.on_timer(timer, Micros(self.now)))  # type: ignore[misc]

    def is_due(self, at: Micros) -> bool:
        return at <= self.now

    def performed(self, node: int) -> list[Effect]:
        return self.done[node]

    def _give(self, node: int, call: Callable[[Protocol], Any]) -> None:
        up = self.nodes[node]
        if up is not None:
            self._hand_over(node, lambda: call(up))

    def _hand_over(self, node: int, call: Callable[[], Any]) -> None:
        try:
            effects = call()
        except Rejected:
            return
        for effect in self.order(effects):
            self.done[node].append(effect)
            if not self._perform(node, effect):
                return

    def order(self, effects: Sequence[Effect]) -> Sequence[Effect]:
        """As the contract wants it."""
        return effects

    def _perform(self, node: int, effect: Effect) -> bool:
        match effect:
            case Persist():
                self.disks[node].persist(effect)
                left = self.armed[node]
                if left is not None:
                    self.armed[node] = left - 1 or None
                    if left == 1:
                        self.nodes[node] = None
                        self.timers[node].clear()
                        return False
            case Send(to, message):
                for receiver in map(self.subject.ids.index, to):
                    self.queue.append(self._delivery(node, receiver, message))
            case SetTimer(timer, at):
                self.timers[node][timer] = at
            case Commit() | Accuse():
                pass
        return True

    def _delivery(self, sender: int, receiver: int, message: Any) -> Callable[[], None]:
        identity = self.subject.ids[sender]
        return lambda: self._give(receiver, lambda up: up.on_message(identity, message, Micros(self.now)))


class SimDriver:
    """The simulator; what was performed is read back from its trace."""

    def __init__(self, count: int, seed: int, costs: Costs = FREE) -> None:
        self.subject = Echoing(count)
        self.logs = self.subject.logs
        self.sink = io.BytesIO()
        links = Links(LinkClass(latency=Latency.uniform(1_000, 30_000)))
        network = Network(count, links, seeds.generator(seed, "network"))
        self.simulation = Simulation(
            self.subject, network, seed=seed, trace=Trace(self.sink), by_wire=True, costs=costs
        )
        self.simulation.start()

    def submit(self, node: int, transaction: Any) -> None:
        self.simulation.submit(node, transaction, self.simulation.time)

    def settle(self) -> None:
        self.simulation.advance(self.simulation.time + 1_500_000)

    def crash_after(self, node: int, persists: int) -> None:
        self.simulation.hosts[node].arm_crash(self.simulation.time, persists)

    def restart(self, node: int) -> None:
        self.simulation.hosts[node].construct(self.simulation.time)

    def performed(self, node: int) -> list[Effect]:
        self.simulation.trace.flush()
        self.sink.seek(0)
        records = [record for record in read(self.sink) if record.node == node and 16 <= record.kind < Kind.REJECTED]
        return [effect_of(record, self.subject.ids) for record in records]


def effect_of(record: Record, identities: tuple[NodeId, ...]) -> Effect:
    """The effect that a record of a trace tells of."""
    match record.kind:
        case Kind.PERSIST:
            return Persist(*msgspec.msgpack.decode(record.payload, type=tuple[bytes, bytes | None]))
        case Kind.SET_TIMER:
            timer, at = msgspec.msgpack.decode(record.payload, type=tuple[str, int])
            return SetTimer(timer, Micros(at))
        case Kind.COMMIT:
            block, proof = msgspec.msgpack.decode(record.payload, type=tuple[bytes, bytes])
            return Commit(CODEC.decode(block), CODEC.decode(proof))
        case Kind.SEND:
            places, data = split_send(record.payload)
            return Send(tuple(identities[place] for place in places), CODEC.decode(data))
        case _:
            return Accuse(CODEC.decode(record.payload))
