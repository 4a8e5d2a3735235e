"""Replay: the inputs of one node, read from a trace, handed to a fresh object; its effects must be the same bytes.

A failure found in a run can so be stepped through in a debugger, one node alone, without its world.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import msgspec

from bac.errors import Rejected
from bac.protocol import Effect, Persist, Protocol, Send
from bac.sim import seeds
from bac.sim.disk import Disk
from bac.sim.subject import Subject
from bac.sim.trace import Kind, Record, effect_payload, refusal_payload, send_payload, split_send
from bac.types import Micros, NodeId


@dataclass(frozen=True, slots=True)
class Replayed:
    """How far it went: inputs handed over, effects compared, and the first difference, if there was one."""

    inputs: int
    effects: int
    divergence: str | None


class _Divergence(Exception):
    """The fresh object did something else."""


class _Replay:
    def __init__(self, subject: Subject, seed: int, node: int) -> None:
        self._subject = subject
        self._seed = seed
        self._node = node
        self._places = {identity: place for place, identity in enumerate(subject.ids)}
        self._disk = Disk()
        self._protocol: Protocol | None = None
        self._sent: dict[int, tuple[NodeId, bytes]] = {}
        self._due: deque[tuple[Kind, bytes]] = deque()
        self.inputs = 0
        self.effects = 0

    def take(self, record: Record) -> None:
        """The next record of the trace, of any node."""
        if record.kind is Kind.SEND:
            self._sent[record.number] = (self._subject.ids[record.node], split_send(record.payload)[1])
        if record.node != self._node:
            return
        if record.kind < Kind.PERSIST:
            self._take_input(record)
        elif record.kind <= Kind.REJECTED:
            self._compare(record)
        elif record.kind is Kind.CRASH:
            self._due.clear()
            self._protocol = None

    def _take_input(self, record: Record) -> None:
        if self._due:
            raise _Divergence(f"it also does {self._due[0][0].name}")
        self.inputs += 1
        if record.kind is Kind.CONSTRUCT:
            if record.payload:
                self._disk.wipe()
            random = seeds.generator(self._seed, "node", self._node, record.number)
            self._protocol = self._subject.node(self._node, random, self._disk.log, self._disk)
            return
        assert self._protocol is not None, "a trace hands inputs to nodes that are up"
        try:
            effects = self._hand_over(self._protocol, record)
        except Rejected as refusal:
            self._due.append((Kind.REJECTED, refusal_payload(refusal)))
        else:
            self._due.extend(self._describe(effect) for effect in effects)

    def _hand_over(self, protocol: Protocol, record: Record) -> Sequence[Effect]:
        now = Micros(record.now)
        decode: Callable[[bytes], object] = self._subject.codec.decode
        match record.kind:
            case Kind.START:
                return protocol.start(now)
            case Kind.TRANSACTION:
                return protocol.on_transaction(decode(record.payload), now)
            case Kind.TIMER:
                return protocol.on_timer(record.payload.decode(), now)
            case _:
                sender, data = self._sent[record.number]
                return protocol.on_message(sender, decode(data), now)

    def _describe(self, effect: Effect) -> tuple[Kind, bytes]:
        if isinstance(effect, Send):
            recipients = tuple(self._places[identity] for identity in effect.to if identity in self._places)
            return Kind.SEND, send_payload(recipients, self._subject.codec.encode(effect.message))
        return effect_payload(effect, self._subject.codec.encode)

    def _compare(self, record: Record) -> None:
        self.effects += 1
        done = self._due.popleft() if self._due else None
        if done != (record.kind, record.payload):
            instead = "does nothing" if done is None else f"does {done[0].name} {done[1].hex()[:64]}"
            raise _Divergence(f"it {instead} instead of {record.kind.name} {record.payload.hex()[:64]}")
        if record.kind is Kind.PERSIST:
            self._disk.persist(Persist(*msgspec.msgpack.decode(record.payload, type=tuple[bytes, bytes | None])))


def replay(records: Iterable[Record], subject: Subject, *, seed: int, node: int) -> Replayed:
    """Replays `node` of a run of `seed`. `subject` must be made as for that run, attackers included."""
    state = _Replay(subject, seed, node)
    for record in records:
        try:
            state.take(record)
        except _Divergence as divergence:
            return Replayed(state.inputs, state.effects, f"{record.time} us, {record.kind.name}: {divergence}")
    return Replayed(state.inputs, state.effects, None)
