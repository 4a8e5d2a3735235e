"""One simulated machine: it hands inputs to the protocol object that runs on it, and performs the effects.

It works on one input at a time. Where work costs time, the effects are performed when the work is done, and what
arrives meanwhile waits in the inbox. The order of effects is kept: a crash after a `Persist` leaves that record on the
disk and drops all that follows. What the node is given and what it does stands in the trace in the order in which it
takes place.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeAlias

from bac.errors import Rejected
from bac.protocol import Accuse, Commit, Effect, Persist, Protocol, Send, SetTimer, Timer
from bac.sim import seeds
from bac.sim.agenda import Agenda
from bac.sim.clock import Clock
from bac.sim.disk import Disk
from bac.sim.dispatch import Dispatch
from bac.sim.facts import Accused, Committed, Fact, Refused, Restarted, Sent, Submitted
from bac.sim.subject import Costs, Subject
from bac.sim.trace import Kind, Trace, effect_payload, refusal_payload
from bac.types import Micros

INBOX_MAX: Final = 100_000
"""Inputs that may wait at a busy node; further ones are dropped, as from a full socket buffer."""

Input: TypeAlias = tuple[Kind, Any, int]
"""Kind of the input; transaction, `Flight` or timer; the number that tells it from its like."""

Short: TypeAlias = Callable[..., Sequence[Effect]] | None


@dataclass(slots=True)
class Machinery:
    """What all machines of a run share.

    Attributes:
        subject: makes and encodes.
        seed: of the run.
        costs: of work.
        observer: is told every fact.
        agenda: what will happen.
        trace: what happened.
        dispatch: performs `Send`.
        short: for each node its `on_message` while nothing stands between an arrival and it, else None.
        tally: inputs handed over, refused (by code), missed (the node was down, its inbox full).
    """

    subject: Subject
    seed: int
    costs: Costs
    observer: Callable[[Fact], None] | None
    agenda: Agenda
    trace: Trace
    dispatch: Dispatch
    short: list[Short]
    tally: Counter[str] = field(default_factory=Counter)

    def observe(self, fact: Fact) -> None:
        """Tells the observer, if there is one."""
        if self.observer is not None:
            self.observer(fact)


class Host:
    """The machine of one node; it is up while it has a protocol object."""

    def __init__(self, machinery: Machinery, index: int) -> None:
        self._all = machinery
        self._index = index
        self._clock: Clock | None = None
        self._slowness = 1
        self._incarnation = 0
        self._alarms = 0
        self.disk = Disk()
        self.protocol: Protocol | None = None
        self._forget()

    def _forget(self) -> None:
        """All that a crash takes but the disk."""
        self.protocol = None
        self._timers: dict[Timer, int] = {}
        self._inbox: deque[Input] = deque()
        self._is_busy = False
        self._spare_ns = 0
        self._crash_after: int | None = None
        self._all.short[self._index] = None

    # ------------------------------------------------------------ life and death

    def construct(self, time: int, *, wipe: bool = False) -> None:
        """Makes the object from the disk, emptied first with `wipe`, and starts it."""
        if wipe:
            self.disk.wipe()
        number = self._incarnation
        self._incarnation += 1
        self._all.trace.record(Kind.CONSTRUCT, time, self._index, number=number, payload=b"wiped" if wipe else b"")
        random = seeds.generator(self._all.seed, "node", self._index, number)
        self.protocol = self._all.subject.node(self._index, random, self.disk.log, self.disk)
        if number:
            self._all.observe(Restarted(Micros(time), self._index, not wipe, self.protocol))
        if self._all.costs.are_none and self._clock is None:
            self._all.short[self._index] = self.protocol.on_message
        self.arrive((Kind.START, None, 0), time)

    def crash(self, time: int) -> None:
        """Stops the node, between two inputs or in the middle of its effects."""
        if self.protocol is not None:
            self._all.trace.record(Kind.CRASH, time, self._index)
            self._forget()

    def arm_crash(self, time: int, persists: int) -> None:
        """The node will crash right after so many more `Persist`; at once for none."""
        if persists <= 0:
            self.crash(time)
        elif self.protocol is not None:
            self._crash_after = persists

    def disarm(self) -> None:
        """Takes back `arm_crash`."""
        self._crash_after = None

    def set_clock(self, time: int, offset_us: int, drift_ppm: int) -> None:
        """As `Clock.set`."""
        if self._clock is None:
            self._clock = Clock()
        self._clock.set(time, offset_us, drift_ppm)
        self._all.short[self._index] = None

    def slow_down(self, factor: int) -> None:
        """Work takes `factor` times as long from now on."""
        if factor < 1:
            raise ValueError("a node is slowed down by a factor of at least 1")
        self._slowness = factor

    # ------------------------------------------------------------ inputs

    def arrive(self, item: Input, time: int) -> None:
        """An input reaches the machine."""
        if self.protocol is None:
            self._all.tally["missed: down"] += 1
            return
        if item[0] is Kind.TRANSACTION:
            self._all.observe(Submitted(Micros(time), self._index, item[1]))
        if not self._is_busy:
            self._work(self.protocol, item, time)
        elif len(self._inbox) < INBOX_MAX:
            self._inbox.append(item)
        else:
            self._all.tally["missed: inbox full"] += 1

    def _work(self, protocol: Protocol, item: Input, time: int) -> None:
        kind, content, number = item
        if kind is Kind.TIMER:
            if self._timers.get(content) != number:
                return  # set again while it waited
            del self._timers[content]
        now = Micros(time if self._clock is None else self._clock.read(time))
        self._record(item, time, now)
        effects: Sequence[Effect] = ()
        try:
            effects = _call(protocol, item, now)
        except Rejected as refusal:
            self.refuse(refusal, time)
            if kind is Kind.TRANSACTION:
                self._all.observe(Refused(Micros(time), self._index, content))
        else:
            self._all.tally[kind.name] += 1
        self._charge(effects, time)

    def _record(self, item: Input, time: int, now: int) -> None:
        kind, content, number = item
        payload = b""
        if kind is Kind.TRANSACTION:
            payload = self._all.subject.codec.encode(content)
        elif kind is Kind.TIMER:
            payload, number = content.encode(), 0
        self._all.trace.record(kind, time, self._index, now, number, payload)

    def refuse(self, refusal: Rejected, time: int) -> None:
        """The node rejected its input."""
        self._all.tally[f"rejected: {refusal.code.value}"] += 1
        self._all.trace.record(Kind.REJECTED, time, self._index, payload=refusal_payload(refusal))

    def _charge(self, effects: Sequence[Effect], time: int) -> None:
        """Performs `effects` when the work is done."""
        cost_us = 0
        if not self._all.costs.are_none:
            cost_ns = self._all.costs.of(effects) * self._slowness + self._spare_ns
            cost_us, self._spare_ns = divmod(cost_ns, 1000)
        if cost_us:
            self._is_busy = True
            self._all.agenda.act(time + cost_us, partial(self._finish, self._incarnation, effects))
        else:
            self.perform(effects, time)

    def _finish(self, incarnation: int, effects: Sequence[Effect], time: int) -> None:
        if self.protocol is None or self._incarnation != incarnation:
            return  # crashed over its work
        self._is_busy = False
        self.perform(effects, time)
        while self._inbox and not self._is_busy and self.protocol is not None:
            self._work(self.protocol, self._inbox.popleft(), time)

    # ------------------------------------------------------------ effects

    def perform(self, effects: Sequence[Effect], time: int) -> None:
        """Performs `effects` in order, up to the end or a crash."""
        record, encode, observer = self._all.trace.record, self._all.subject.codec.encode, self._all.observer
        for effect in effects:
            if type(effect) is Send:
                self._all.dispatch.send(self._index, effect, time)
                if observer is not None:
                    observer(Sent(Micros(time), self._index, effect.message))
                continue
            kind, payload = effect_payload(effect, encode)
            record(kind, time, self._index, 0, 0, payload)
            if type(effect) is Persist:
                self.disk.persist(effect)
                if self._crash_after is not None and self._is_crash_due():
                    self.crash(time)
                    return
                continue
            match effect:
                case SetTimer(timer, at):
                    self._set_alarm(timer, at, time)
                case Commit(block, proof):
                    self._all.observe(Committed(Micros(time), self._index, block, proof))
                case Accuse(evidence):
                    self._all.observe(Accused(Micros(time), self._index, evidence))

    def _is_crash_due(self) -> bool:
        assert self._crash_after is not None, "asked of an armed crash"
        self._crash_after -= 1
        return self._crash_after == 0

    def _set_alarm(self, timer: Timer, due: int, time: int) -> None:
        self._alarms += 1
        self._timers[timer] = self._alarms
        self._schedule(timer, self._alarms, due, time)

    def _schedule(self, timer: Timer, alarm: int, due: int, time: int) -> None:
        wakes = max(time, due) if self._clock is None else self._clock.wait(time, due)
        self._all.agenda.act(wakes, partial(self._ring, timer, alarm, due))

    def _ring(self, timer: Timer, alarm: int, due: int, time: int) -> None:
        if self._timers.get(timer) != alarm:
            return  # set again, or forgotten in a crash
        if self._clock is not None and self._clock.read(time) < due:
            self._schedule(timer, alarm, due, time)  # the clock was set in the meantime
        else:
            self.arrive((Kind.TIMER, timer, alarm), time)


def _call(protocol: Protocol, item: Input, now: Micros) -> Sequence[Effect]:
    kind, content, _ = item
    if kind is Kind.MESSAGE:
        return protocol.on_message(content.sender, content.message, now)
    if kind is Kind.TIMER:
        return protocol.on_timer(content, now)
    if kind is Kind.TRANSACTION:
        return protocol.on_transaction(content, now)
    return protocol.start(now)
