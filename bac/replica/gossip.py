"""How events get to all leaders: pushed when made, asked for when a parent is missing, compared now and then.

Theory of operation. An event whose parents are not here waits in a bounded room, and its sender is asked for them. What
a leader lacks and nobody mentions to it comes with the answer to a summary of what it has, which it sends to one other
leader every T_repeat, and to all of them after a restart.

Events of a leader that was seen forking are not taken for their own sake: each of its branches would cost everybody.
They wait aside, and are inserted when somebody else names them.

Source: docs/spec/replica.md RP-65 to RP-67; H3.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from bac.errors import Rejected
from bac.finality.site import Site
from bac.replica.graph import EpochGraph, MissingParents, Round, identify
from bac.types import Hash, Micros, NodeId
from bac.wire.event import Event
from bac.wire.sync import EventBatch, EventPull, EventRequest

WAITING_MAX: Final = 2048
"""Most events that wait for a parent."""
ASIDE_MAX: Final = 256
"""Most events of forkers that are held until somebody names them."""
BATCH_EVENTS: Final = 64
BATCH_BYTES: Final = 1 << 19


class Gossip:
    """One leader's exchange of events in one epoch."""

    def __init__(self, site: Site, graph: EpochGraph) -> None:
        self._site = site
        self._graph = graph
        self._leaders = tuple(graph.weights)
        self._waiting: OrderedDict[Hash, tuple[Event, NodeId]] = OrderedDict()
        self._children: dict[Hash, list[Hash]] = {}
        self._aside: OrderedDict[Hash, Event] = OrderedDict()
        self._asked: dict[Hash, Micros] = {}
        self.inserted: list[tuple[Hash, Event]] = []

    def receive(self, sender: NodeId, events: Sequence[Event], now: Micros) -> list[Round]:
        """Takes events from a peer; the rounds that are closed now. What was inserted is added to `inserted`.

        Raises:
            Rejected: an event is not signed by its creator, or invalid; those before it were taken.
        """
        rounds: list[Round] = []
        for event in events:
            identifier = identify(event)
            if identifier in self._graph or identifier in self._waiting or identifier in self._aside:
                continue
            self._site.intake.event(event)
            if self._graph.is_forker(event.header.creator) and identifier not in self._children:
                self._aside[identifier] = event
                if len(self._aside) > ASIDE_MAX:
                    self._aside.popitem(last=False)
                continue
            rounds += self.take(event, identifier, sender, now)
        return rounds

    def take(self, event: Event, identifier: Hash, sender: NodeId, now: Micros) -> list[Round]:
        """Inserts an event that was judged, and whatever waited for it. Raises Rejected for the event itself."""
        rounds = self._try(event, identifier, sender, now)
        pending = self._children.pop(identifier, []) if identifier in self._graph else []
        while pending:
            child = pending.pop()
            held = self._waiting.pop(child, None)
            if held is None:
                continue
            try:
                rounds += self._try(held[0], child, held[1], now)
            except Rejected:
                continue  # its creator's fault, not that of the one who sent its parent
            if child in self._graph:
                pending += self._children.pop(child, [])
        return rounds

    def _try(self, event: Event, identifier: Hash, sender: NodeId, now: Micros) -> list[Round]:
        rounds: list[Round] = []
        while True:
            try:
                rounds += self._graph.insert(event, identifier)
            except MissingParents as missing:
                ids = tuple(Hash(each) for each in missing.ids)
                aside = [each for each in ids if each in self._aside]
                if not aside:
                    self._wait(event, identifier, sender, ids, now)
                    return rounds
                for each in aside:
                    rounds += self.take(self._aside.pop(each), each, sender, now)
                if not any(each in self._graph for each in aside):
                    self._wait(event, identifier, sender, ids, now)
                    return rounds
            else:
                self.inserted.append((identifier, event))
                return rounds

    def _wait(self, event: Event, identifier: Hash, sender: NodeId, missing: tuple[Hash, ...], now: Micros) -> None:
        self._waiting[identifier] = event, sender
        for each in missing:
            self._children.setdefault(each, []).append(identifier)
        if len(self._waiting) > WAITING_MAX:
            self._waiting.popitem(last=False)
        if len(self._children) > 2 * WAITING_MAX:
            self._children.clear()
        self._ask(sender, missing, now)

    def _ask(self, peer: NodeId, missing: tuple[Hash, ...], now: Micros) -> None:
        pause = self._site.params.repeat_us // 4
        wanted = tuple(
            each for each in missing
            if each not in self._waiting and now - self._asked.get(each, Micros(now - pause)) >= pause
        )  # fmt: skip
        if wanted:
            if len(self._asked) > 2 * WAITING_MAX:
                self._asked.clear()
            self._asked.update(dict.fromkeys(wanted, now))
            self._site.out.send((peer,), EventRequest(self._graph.epoch, wanted))

    # ------------------------------------------------------------ telling and asking

    def push(self, *events: Event) -> None:
        """Sends this node's own events to all leaders."""
        self._send(self._leaders, events)

    def compare(self, *, with_all: bool = False) -> None:
        """Sends a summary to one other leader, or to all."""
        others = tuple(each for each in self._leaders if each != self._site.me)
        if others:
            to = others if with_all else (self._site.random.choice(others),)
            self._site.out.send(to, EventPull(self._graph.epoch, self._graph.summary()))

    def answer_pull(self, peer: NodeId, pull: EventPull) -> None:
        """Sends what the peer lacks."""
        self._send((peer,), self._graph.missing_for(pull.heads, BATCH_EVENTS))

    def answer_request(self, peer: NodeId, request: EventRequest) -> None:
        """Sends the events asked for, as far as they are here."""
        found = (self._graph.get(each) for each in request.ids)
        self._send((peer,), [each for each in found if each is not None])

    def _send(self, to: Sequence[NodeId], events: Sequence[Event]) -> None:
        batch: list[Event] = []
        size = 0
        for event in events:
            size += 512 + sum(map(len, event.payload))
            batch.append(event)
            if size >= BATCH_BYTES or len(batch) >= BATCH_EVENTS:
                self._site.out.send(to, EventBatch(self._graph.epoch, tuple(batch)))
                batch, size = [], 0
        if batch:
            self._site.out.send(to, EventBatch(self._graph.epoch, tuple(batch)))
