"""How events get to all leaders: pushed when made, asked for when a parent is missing, compared now and then.

Theory of operation. An event whose parents are not here waits in a bounded room, in which each leader has its share, so
that nobody can crowd the others' events out; its sender is asked for the parents. What
a leader lacks and nobody mentions to it comes with the answer to a summary of what it has, which it sends to one other
leader every T_repeat if it has not heard from all since, and to all of them after a restart.

Events of a leader that was seen forking are not taken for their own sake: each of its branches would cost everybody.
They wait aside, and are inserted when somebody else names them.

Source: docs/spec/replica.md RP-65 to RP-67; H3.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bac.errors import Rejected
from bac.finality.site import Site
from bac.replica.graph import EpochGraph, MissingParents, Round, identify
from bac.types import Hash, Micros, NodeId
from bac.wire.event import Event
from bac.wire.sync import EventBatch, EventPull, EventRequest

WAITING_MAX: Final = 2048
"""Most events that wait for a parent, of all leaders; each has an equal share of the room."""
ASIDE_MAX: Final = 256
"""Most events of forkers that are held until somebody names them."""
BATCH_EVENTS: Final = 64
BATCH_BYTES: Final = 1 << 19
ANSWERED_MAX: Final = 4096
"""Most events that one leader is sent as answers in T_repeat: more than an epoch has."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An event, who sent it, and the parents that it lacked."""

    event: Event
    sender: NodeId
    missing: tuple[Hash, ...]


class Gossip:
    """One leader's exchange of events in one epoch.

    Attributes:
        inserted: events that were inserted and not looked at yet; their reader empties it.
        closed: rounds that were closed and not looked at yet; likewise.
    """

    def __init__(self, site: Site, graph: EpochGraph) -> None:
        self._site = site
        self._graph = graph
        self._leaders = tuple(graph.weights)
        self._waiting: dict[Hash, _Waiting] = {}
        self._lines: dict[NodeId, dict[Hash, None]] = {}
        self._children: dict[Hash, dict[Hash, None]] = {}
        self._due: list[tuple[Event, Hash, NodeId]] = []
        self._aside: OrderedDict[Hash, Event] = OrderedDict()
        self._asked: dict[Hash, Micros] = {}
        self._answered: dict[NodeId, tuple[Micros, int]] = {}
        self._heard: dict[NodeId, None] = {}
        self.inserted: list[tuple[Hash, Event]] = []
        self.closed: list[Round] = []

    def receive(self, sender: NodeId, events: Sequence[Event], now: Micros) -> None:
        """Takes events from a peer, as far as the first invalid one.

        Raises:
            Rejected: an event is not signed by its creator, or the first one is invalid; nothing changed.
        """
        news = {identify(event): event for event in events}
        news = {each: event for each, event in news.items() if not self._is_known(each)}
        for event in news.values():
            self._site.intake.event(event)
        before = len(self.inserted), len(self._waiting), len(self._aside)
        for identifier, event in news.items():
            try:
                self._admit(event, identifier, sender, now)
                self._go_on(now)
            except Rejected:
                if before == (len(self.inserted), len(self._waiting), len(self._aside)):
                    raise
                return  # what came before it was taken: it is not a message that changed nothing

    def _is_known(self, identifier: Hash) -> bool:
        return identifier in self._graph or identifier in self._waiting or identifier in self._aside

    def _admit(self, event: Event, identifier: Hash, sender: NodeId, now: Micros) -> None:
        """An event that came by itself: one of a forker stands aside, unless somebody waits for it."""
        if not self._graph.is_forker(event.header.creator) or identifier in self._children:
            self._try(event, identifier, sender, now)
            return
        self._aside[identifier] = event
        if len(self._aside) > ASIDE_MAX:
            self._aside.popitem(last=False)

    def take(self, event: Event, identifier: Hash, sender: NodeId, now: Micros) -> None:
        """Inserts an event that was judged, and whatever waited for it. Raises Rejected for the event itself."""
        self._try(event, identifier, sender, now)
        self._go_on(now)

    def _go_on(self, now: Micros) -> None:
        while self._due:
            try:
                self._admit(*self._due.pop(), now)
            except Rejected:
                continue  # its creator's fault, not that of the one who sent what it waited for

    def _try(self, event: Event, identifier: Hash, sender: NodeId, now: Micros) -> None:
        """Inserts an event, or lets it wait; what can be tried next is due then."""
        try:
            self.closed += self._graph.insert(event, identifier)
        except MissingParents as missing:
            ids = tuple(Hash(each) for each in missing.ids)
            named = [each for each in ids if each in self._aside]
            self._wait(event, identifier, sender, ids)
            self._due += [(self._aside.pop(each), each, sender) for each in named]
            self._ask(sender, tuple(each for each in ids if each not in named), now)
            return
        self.inserted.append((identifier, event))
        self._heard[event.header.creator] = None
        for child in self._children.pop(identifier, ()):
            held = self._release(child)
            self._due.append((held.event, child, held.sender))

    # ------------------------------------------------------------ the room for those that wait

    def _wait(self, event: Event, identifier: Hash, sender: NodeId, missing: tuple[Hash, ...]) -> None:
        self._waiting[identifier] = _Waiting(event, sender, missing)
        line = self._lines.setdefault(event.header.creator, {})
        line[identifier] = None
        for each in missing:
            self._children.setdefault(each, {})[identifier] = None
        is_foreign = event.header.creator != self._site.me  # own ones are from the disk
        if is_foreign and len(line) > max(1, WAITING_MAX // len(self._leaders)):
            self._release(next(iter(line)))

    def _release(self, identifier: Hash) -> _Waiting:
        """An event waits no more."""
        held = self._waiting.pop(identifier)
        del self._lines[held.event.header.creator][identifier]
        for each in held.missing:
            children = self._children.get(each, {})
            children.pop(identifier, None)
            if not children:
                self._children.pop(each, None)
        return held

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
        """Sends a summary to one other leader, if some of them was not heard since the last time; or to all."""
        others = tuple(each for each in self._leaders if each != self._site.me)
        is_current = not self._waiting and all(each in self._heard for each in others)
        self._heard.clear()
        if others and (with_all or not is_current):
            to = others if with_all else (self._site.random.choice(others),)
            self._site.out.send(to, EventPull(self._graph.epoch, self._graph.summary()))

    def answer_pull(self, peer: NodeId, pull: EventPull, now: Micros) -> None:
        """Sends what the peer lacks."""
        if self._may_answer(peer, BATCH_EVENTS, now):
            self._send((peer,), self._graph.missing_for(pull.heads, BATCH_EVENTS))

    def answer_request(self, peer: NodeId, request: EventRequest, now: Micros) -> None:
        """Sends the events asked for, as far as they are here."""
        if self._may_answer(peer, len(request.ids), now):
            found = (self._graph.get(each) for each in request.ids)
            self._send((peer,), [each for each in found if each is not None])

    def _may_answer(self, peer: NodeId, count: int, now: Micros) -> bool:
        """Whether a peer may be sent `count` events more: a question is much shorter than its answer."""
        since, sent = self._answered.get(peer, (now, 0))
        if now - since >= self._site.params.repeat_us:
            since, sent = now, 0
        if sent + count > ANSWERED_MAX:
            return False
        self._answered[peer] = since, sent + count
        return True

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
