"""This leader's own events: when the next is due, which events it names, and that none is ever made twice (H5, H7).

Theory of operation. While somebody waits, a leader emits as soon as that gets it further (`EpochGraph.level`): when a
round has begun, when a supermajority is in it, when a supermajority knows that. So a round takes two events of each
leader, however fast they travel, and more would only cost. After an event with transactions it pauses longer than after
one that only moves the round on: the next ones go together. The first time that somebody waits it does not hold back,
as the others may have been idle too. Otherwise it emits every T_event, so that time goes on. An event names the last
event of each leader that it has not named yet, and at least one (H5).

Each event is durable before it is sent. A node whose store is younger than the chain cannot know whether it has made
events in an epoch: it asks the other leaders for its own last event, and leads once leaders of a supermajority know of
none; if one is shown, it is silent until the next epoch.

Source: docs/spec/replica.md RP-68 to RP-71.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bac.finality.site import Site
from bac.protocol import Persist, Store
from bac.replica.graph import EpochGraph, identify
from bac.types import Hash, Micros, NodeId
from bac.wire.codec import decode, encode
from bac.wire.event import Event, EventHeader, payload_hash
from bac.wire.registry import is_transaction
from bac.wire.signed import UNSIGNED
from bac.wire.sync import TipAnswer, TipPull

_EVENT: Final = b"g"
_SURE: Final = b"h"


def save_event(event: Event, number: int) -> Persist:
    """H7: own event number `number` of its epoch."""
    return Persist(_EVENT + event.header.epoch.to_bytes(8, "big") + number.to_bytes(8, "big"), encode(event))


def load_events(store: Store, epoch: int) -> list[Event]:
    """This node's own events of an epoch, in order."""
    return [decode(Event, data) for _, data in store.scan(_EVENT + epoch.to_bytes(8, "big"))]


def forget_events(store: Store, epoch: int) -> Iterator[Persist]:
    """Forgets own events of the epochs before `epoch`."""
    kept = epoch.to_bytes(8, "big")
    return (Persist(key, None) for key, _ in store.scan(_EVENT) if key[1:9] < kept)


class Memory:
    """Whether this node's store knows of everything that it ever made (H7)."""

    def __init__(self, store: Store) -> None:
        self.is_sure = store.get(_SURE) is not None

    def prove(self, epoch: int) -> Persist:
        """From `epoch` on it does."""
        self.is_sure = True
        return Persist(_SURE, epoch.to_bytes(8, "big"))


class Author:
    """One leader's line of events in one epoch."""

    def __init__(self, site: Site, graph: EpochGraph, memory: Memory) -> None:
        self._site = site
        self._graph = graph
        self._memory = memory
        self._total = sum(graph.weights.values())
        self.restored = load_events(site.store, graph.epoch)
        self._number = len(self.restored)
        self._lacking = {identify(event): None for event in self.restored}
        self._last: Hash | None = None
        self._last_time = Micros(0)
        self._emitted: Micros | None = None
        self._heard: dict[NodeId, None] = {}
        self._unaware: dict[NodeId, None] = {site.me: None}
        self._is_silent = False
        self._was_idle = True
        self._is_laden = False
        self._levels: dict[NodeId, int] = {}
        self._reached = (0, 0)
        self._round = 0
        self._began = Micros(0)
        self._is_early = False

    # ------------------------------------------------------------ an own past

    @property
    def is_ready(self) -> bool:
        """Whether this node may lead: it knows its own events, and they are all here."""
        return self._memory.is_sure and not self._is_silent and self.is_complete

    @property
    def is_complete(self) -> bool:
        """Whether all own events from before a restart are in the graph."""
        return not self._lacking

    def ask(self) -> None:
        """H7: asks the leaders for its own last event, if its store may be younger than that."""
        if not self._memory.is_sure and not self._is_silent:
            self._site.out.send(self._graph.weights, TipPull(self._graph.epoch, self._site.me))
            self._consider()

    def on_tip(self, sender: NodeId, answer: TipAnswer) -> None:
        """What a leader knows of this node's events. Raises Rejected for an event that this node did not sign."""
        if self._memory.is_sure or answer.creator != self._site.me or sender not in self._graph.weights:
            return
        if answer.tip is None:
            self._unaware[sender] = None
            self._consider()
        elif self._is_own(answer.tip):
            self._site.intake.signed(answer.tip)
            self._is_silent = True

    def _is_own(self, tip: EventHeader) -> bool:
        """Whether it would be an event of this node's in this graph: what it made in another one says nothing."""
        graph = self._graph
        return (tip.creator, tip.epoch, tip.boundary) == (self._site.me, graph.epoch, graph.boundary)

    def _consider(self) -> None:
        if 3 * sum(self._graph.weights[each] for each in self._unaware) > 2 * self._total:
            self._site.out.add(self._memory.prove(self._graph.epoch))

    # ------------------------------------------------------------ the line

    def note(self, identifier: Hash, event: Event) -> None:
        """An event is in the graph now."""
        creator = event.header.creator
        self._levels[creator] = max(self._graph.level(identifier), self._levels.get(creator, 0))
        if creator != self._site.me:
            self._heard[creator] = None
        elif identifier in self._lacking:
            del self._lacking[identifier]
            self._last, self._last_time = identifier, event.header.time_us
        elif self._emitted is not None and self._graph.level(identifier) // 2 > self._round:
            self._round, self._began = self._graph.level(identifier) // 2, self._emitted

    def due(self, now: Micros, *, is_urgent: bool) -> Micros | None:
        """When the next event is due, as far as it can be told now; None as long as there is nothing to name."""
        if not self.is_ready:
            return None
        if self._emitted is None and (self._last is None or self._heard):
            return Micros(0)
        if self._emitted is None or not self._heard:
            return None
        params = self._site.params
        if not is_urgent:
            return self._due_when_idle(self._emitted, now)
        if not (self._was_idle or self._reach() > self._reached):
            return Micros(self._emitted + params.event_max_us)
        return Micros(self._emitted + (params.event_batch_us if self._is_laden else params.event_min_us))

    def _due_when_idle(self, emitted: Micros, now: Micros) -> Micros:
        """T_event after the last event, or 2 T_event after the one that began the round if it ends the round."""
        usual = Micros(emitted + self._site.params.event_max_us)
        held = Micros(self._began + 2 * self._site.params.event_max_us)
        return held if usual <= now < held and self._would_begin_a_round() else usual

    def _would_begin_a_round(self) -> bool:
        """Asked until it is so: with more to name it stays so."""
        if not self._is_early and self._last is not None:
            self._is_early = self._graph.round_after(self._last, self._news()) > self._round
        return self._is_early

    @property
    def has_room(self) -> bool:
        """Whether the payload of the next event counts, whatever its round: the payload of too many in one is void."""
        return self._last is None or self._graph.count_in_round(self._last) < self._site.params.max_events_per_round

    @property
    def is_late(self) -> bool:
        """Whether the next event will be received after the last round, as a rule: what it carries would be void."""
        return self._reach()[0] // 2 >= self._site.params.epoch_rounds

    def _reach(self) -> tuple[int, int]:
        """The level that the next event gets to, and the weight of the leaders that take it there."""
        levels, weights = self._levels, self._graph.weights
        own = levels.get(self._site.me, 0)
        top = max(levels.values(), default=0) // 2
        if own // 2 < top:
            return 2 * top, 0
        weight = sum(weights[each] for each, level in levels.items() if level >= own)
        return (own + 1, weight) if 3 * weight > 2 * self._total else (own, 0)

    def emit(self, payload: tuple[bytes, ...], now: Micros, *, is_urgent: bool) -> tuple[Hash, Event] | None:
        """Makes the next event, durable; None if there is nothing new to name."""
        self._was_idle = not is_urgent
        self._is_laden = any(map(is_transaction, payload)) or self.is_late
        self._reached = self._reach()
        others = self._others()
        if self._last is not None and not others:
            self._heard.clear()
            return None
        time_us = Micros(max(now, self._last_time + 1))
        header = EventHeader(
            epoch=self._graph.epoch, boundary=self._graph.boundary, creator=self._site.me, self_parent=self._last,
            other_parents=others, time_us=time_us, payload_hash=payload_hash(payload), signature=UNSIGNED,
        )  # fmt: skip
        event = Event(self._site.sign(header), payload)
        identifier = identify(event)
        self._site.out.add(save_event(event, self._number))
        self._number += 1
        self._last, self._last_time, self._emitted, self._is_early = identifier, time_us, now, False
        self._heard.clear()
        return identifier, event

    def _others(self) -> tuple[Hash, ...]:
        """The last events of other leaders that this node has not named yet, as many as an event may name."""
        tips = self._news()
        limit = self._site.params.max_other_parents
        return tuple(tips if len(tips) <= limit else self._site.random.sample(tips, limit))

    def _news(self) -> list[Hash]:
        """The last event of each other leader that this one's line has not named yet."""
        tips = [tip for creator, tip in self._graph.tips.items() if creator != self._site.me]
        return [tip for tip in tips if self._last is None or self._graph.is_news_to(self._last, tip)]
