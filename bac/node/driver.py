"""The driver of real processes: feeds the handlers, performs the effects in order.

Theory of operation. One task owns the protocol object. It takes a batch of inputs and calls the handlers one after the
other; what brings many signatures comes later, when a thread has verified them (`bac.node.ahead`). Records and commits
are staged as the handlers answer; timers are set, since nobody outside can see them. When the batch is done, one flush
makes it durable, and only then are messages sent, clients answered and subscribers told, in the order of the effects. A
crash therefore loses whole batches of which nobody has heard anything: to the outside it looks like a crash before the
first of them, and rule 1 of the contract holds for each `Persist` without an fsync for each.

Only `Rejected` is caught. Anything else is our broken invariant, and stops the process.

Source: docs/spec/node.md NO-1 to NO-5.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any, Final

import trio

from bac.errors import Rejected
from bac.node.ahead import Ahead, Aside, Prepared
from bac.node.clock import Clock
from bac.node.engine import Member
from bac.node.inbox import FromClient, FromPeer, Inbox, Input
from bac.node.places import Places
from bac.node.store import Store
from bac.protocol import Accuse, Commit, Effect, Persist, Protocol, Send, SetTimer
from bac.types import Micros, NodeId

QUICK_RECORDS_MAX: Final = 16
"""Records that a quick disk takes in less time than it takes to hand them to a thread."""
QUICK_SECONDS: Final = 0.01
"""Of the last flush, below which the disk is quick."""


async def on_thread(function: Callable[[], Any]) -> Any:
    """An `Aside`: on trio's thread pool."""
    return await trio.to_thread.run_sync(function)


async def in_place(function: Callable[[], Any]) -> Any:
    """An `Aside` for tests that own the clock: at once."""
    return function()


@dataclass(slots=True)
class World:
    """What the driver acts on.

    Attributes:
        store: the disk.
        clock: the time.
        inbox: what comes in.
        places: which of its clients' transactions the node has taken.
        post: sends the encoding of a message to peers, best effort; never blocks.
        blame: told that a peer's input was rejected.
        announce: told each effect in order, after it was performed.
        aside: runs what would hold up the loop.
    """

    store: Store
    clock: Clock
    inbox: Inbox
    places: Places
    post: Callable[[tuple[NodeId, ...], bytes], None]
    blame: Callable[[NodeId, Rejected], None]
    announce: Callable[[Effect], None]
    aside: Aside = on_thread
    tally: Counter[str] = field(default_factory=Counter)


class Driver:
    """Runs one protocol object."""

    def __init__(self, member: Member, protocol: Protocol, world: World, batch: int) -> None:
        self._member = member
        self._protocol = protocol
        self._world = world
        self._batch = batch
        self._ahead = Ahead(member.suite, world.inbox, world.aside, batch)
        self._timers: dict[str, Micros] = {}
        self._effects: list[Effect] = []
        self._answers: list[Callable[[], None]] = []
        self._flush_seconds = 0.0

    async def run(self) -> None:
        """Starts the object and serves it until cancelled."""
        self._take(self._protocol.start(self._world.clock.now()))
        await self._perform()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._ahead.run)
            while True:
                with trio.move_on_at(self._next_moment()):
                    await (self._world.inbox.wait() if self._ahead.has_room else self._ahead.room())
                inputs = self._world.inbox.take(self._batch) if self._ahead.has_room else []
                self._world.tally["batches"] += bool(inputs)
                self._world.tally["inputs"] += len(inputs)
                for each in self._ahead.sort(self._prepare(inputs)):
                    self._call(each.input, each.value)
                self._ring()  # after the inputs: what they asked for at once belongs to their batch
                await self._perform()

    # ------------------------------------------------------------ inputs

    def _next_moment(self) -> float:
        if not self._timers:
            return float("inf")
        return self._world.clock.moment_of(min(self._timers.values()))

    def _ring(self) -> None:
        now = self._world.clock.now()
        due = sorted((at, timer) for timer, at in self._timers.items() if at <= now)
        for at, timer in due:
            if self._timers.get(timer) == at:  # else an earlier one of these has set it again
                del self._timers[timer]
                self._world.tally["timers"] += 1
                self._take(self._protocol.on_timer(timer, self._world.clock.now()))

    def _prepare(self, inputs: Sequence[Input]) -> Iterator[Prepared]:
        for each in inputs:
            try:
                if isinstance(each, FromPeer):
                    value = self._member.decode(each.data)
                    claims = self._member.claims(value)
                else:
                    value = each.transaction
                    claims = self._member.transaction_claims(value)
            except Rejected as refusal:
                self._refuse(each, refusal)
            else:
                yield Prepared(each, value, tuple(claims))

    def _call(self, each: Input, value: Any) -> None:
        now = self._world.clock.now()
        try:
            if isinstance(each, FromPeer):
                self._take(self._protocol.on_message(each.sender, value, now))
            else:
                self._take(self._protocol.on_transaction(self._member.verify_transaction(value), now))
                self._settle(value)
                self._answers.append(partial(each.answer, None))
        except Rejected as refusal:
            self._refuse(each, refusal)

    def _settle(self, transaction: Any) -> None:
        """The protocol has taken a transaction: it keeps its place until a block decides it, if any ever will."""
        identity = self._member.transaction_id(transaction)
        if self._member.is_ordered(transaction):
            self._world.places.accept(identity, transaction)
        else:
            self._world.places.free(identity)

    def _refuse(self, each: Input, refusal: Rejected) -> None:
        self._world.tally[f"rejected: {refusal.code.value}"] += 1
        if isinstance(each, FromClient):
            self._world.places.free(self._member.transaction_id(each.transaction))
            self._answers.append(partial(each.answer, refusal))
        elif refusal.culprit is None or refusal.culprit == each.sender:
            self._world.blame(each.sender, refusal)

    # ------------------------------------------------------------ effects

    def _take(self, effects: Sequence[Effect]) -> None:
        """Stages what is to be durable, sets timers, and keeps everything in order."""
        for effect in effects:
            match effect:
                case Persist():
                    self._world.store.stage(effect)
                case Commit(block, proof):
                    encode = self._member.encode
                    outcomes = tuple(self._member.outcomes(block, self._protocol))
                    if not self._member.follows(block):
                        self._world.places.lose_track()
                    for identity, _ in outcomes:
                        self._world.places.free(identity)
                    self._world.store.stage_commit(encode(block), encode(proof), outcomes)
                case SetTimer(timer, at):
                    self._timers[timer] = at
                case Send() | Accuse():
                    pass
        self._effects.extend(effects)

    async def _perform(self) -> None:
        """Makes the batch durable, then lets the world hear of it."""
        if self._world.store.staged:
            await self._flush()
        effects, self._effects = self._effects, []
        for effect in effects:
            if isinstance(effect, Send):
                self._world.post(effect.to, self._member.encode(effect.message))
            self._world.announce(effect)
        answers, self._answers = self._answers, []
        for answer in answers:
            answer()

    async def _flush(self) -> None:
        """A little that a quick disk takes is no work for a thread: handing it over would cost more than all else."""
        if self._world.store.staged <= QUICK_RECORDS_MAX and self._flush_seconds <= QUICK_SECONDS:
            self._timed_flush()
        else:
            await self._world.aside(self._timed_flush)
        self._world.tally["flushes"] += 1

    def _timed_flush(self) -> None:
        began = perf_counter()
        self._world.store.flush()
        self._flush_seconds = perf_counter() - began
