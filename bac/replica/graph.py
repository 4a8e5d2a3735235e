"""The leaders' events of one epoch: the library's hashgraph, and the rules that it leaves to its caller (H1, H2, H5).

Theory of operation. Events come in any order; who inserts one whose parents are missing is told which. The library gets
each event without its payload: the order does not depend on it, and the payload is looked up here once its event is
received. Each closed round becomes one `Round`, which has all that a block of it is made of; everything in it follows
from the order alone, so all honest leaders make the same.

A creator that floods a round gains nothing: the payload of its events beyond the cap is void. That is a function of the
graph too: an event's round and its place on its creator's line are the same for everybody.

Source: docs/spec/replica.md RP-60 to RP-64; PROTOCOL H1, H2, H5 as docs/spec/replica.md has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bac.errors import Code, Rejected
from bac.finality.epochs import Epoch
from bac.params import Params
from bac.types import Hash, Micros, NodeId
from bac.wire.event import Event, event_id
from bac.wire.evidence import Fork
from bac.wire.header import header_hash
from hashgraph.event import Event as Vertex
from hashgraph.event import InvalidEvent, Limits, MissingParents, OrderedEvent
from hashgraph.hashgraph import Hashgraph

SIGNATURE_BYTES: Final = 64

__all__ = ["EpochGraph", "MissingParents", "Round"]


@dataclass(frozen=True, slots=True)
class Round:
    """A closed round: what its block is made of.

    Attributes:
        number: from 1.
        time_us: weighted median of the own times of its unique famous witnesses.
        witnesses: their creators, ascending.
        items: the payloads of the events received, in the order, each item once.
    """

    number: int
    time_us: Micros
    witnesses: tuple[NodeId, ...]
    items: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class _Place:
    """An event's level, and how many events of its creator's line it ends in its round."""

    level: int
    count: int


class EpochGraph:
    """One leader's view of the events of one epoch.

    Attributes:
        boundary: hash of the header of L_{e-1}, which every event names.
        weights: of the leaders.
        tips: the last event here of each leader that was not seen forking.
        forks: evidence, one for each branch beyond a creator's first.
    """

    def __init__(self, epoch: Epoch, shard: int, params: Params) -> None:
        self.epoch = epoch.number
        self.boundary = header_hash(epoch.base)
        self.weights = {leader.identity: leader.weight for leader in epoch.committee}
        self.tips: dict[NodeId, Hash] = {}
        self.forks: list[Fork] = []
        self._shard = shard
        self._params = params
        limits = Limits(0, params.max_other_parents, SIGNATURE_BYTES)
        self._graph = Hashgraph(
            {bytes(each): weight for each, weight in self.weights.items()}, params.coin_period, limits
        )
        self._events: dict[bytes, Event] = {}
        self._places: dict[bytes, _Place] = {}
        self._total = sum(self.weights.values())
        self._forkers: dict[NodeId, None] = {}
        self._closed = 0

    def __contains__(self, identifier: object) -> bool:
        return identifier in self._graph

    def __len__(self) -> int:
        return len(self._graph)

    def get(self, identifier: Hash) -> Event | None:
        """The event with this id, if it is here."""
        return self._events.get(identifier)

    def is_forker(self, identity: NodeId) -> bool:
        """Whether a fork by this leader was seen."""
        return identity in self._forkers

    @property
    def is_captured(self) -> bool:
        """Whether leaders with a third of the weight are proven forkers: the order may differ between leaders."""
        return self._graph.captured

    @property
    def closed_round(self) -> int:
        """The last round that is closed."""
        return self._closed

    def is_news_to(self, own: Hash, other: Hash) -> bool:
        """Whether the event `other` is not an ancestor of the event `own`; both are here."""
        return not self._graph.descends(own, other)

    def round_after(self, own: Hash, others: Sequence[Hash]) -> int:
        """The round that the next event of a leader would have, whose last one is `own`, if it names `others`."""
        return self._graph.round_after(own, others)

    def count_in_round(self, identifier: Hash) -> int:
        """How many events of its creator's line an event here ends in its round."""
        return self._places[identifier].count

    def level(self, identifier: Hash) -> int:
        """How far an event here is: twice its round, and one more if it has a supermajority of its witnesses below it.

        A round is climbed in two steps: to know its witnesses, and to know who knows them (strongly seeing).
        """
        return self._places[identifier].level

    def summary(self) -> tuple[Hash, ...]:
        """What is here, for a peer that may have more or less."""
        return tuple(Hash(each) for each in self._graph.summary())

    def missing_for(self, heads: tuple[Hash, ...], limit: int) -> list[Event]:
        """What the owner of this summary lacks, parents first."""
        return [self._events[each.id] for each in self._graph.missing_for(heads, limit)]

    def insert(self, event: Event, identifier: Hash) -> list[Round]:
        """Takes an event that its creator signed; the rounds that are closed now and were not before.

        Raises:
            MissingParents: nothing changed; these are to be fetched first.
            Rejected: `MALFORMED`, `OVERSIZED`, `NOT_A_MEMBER`; the creator's fault, nothing changed.
        """
        if identifier in self._events:
            self._graph.insert(self._vertex(event, identifier))
            return []
        self._check(event)
        try:
            ordered = self._graph.insert(self._vertex(event, identifier))
        except InvalidEvent as invalid:
            raise Rejected(Code.MALFORMED, f"an event with {invalid.reason.value}", event.header.creator) from invalid
        self._events[identifier] = event
        self._note(event, identifier)
        return self._close(ordered)

    def _check(self, event: Event) -> None:
        header = event.header
        creator = header.creator
        if creator not in self.weights:
            raise Rejected(Code.NOT_A_MEMBER, "an event by somebody who does not lead", creator)
        if header.epoch != self.epoch or header.boundary != self.boundary:
            raise Rejected(Code.MALFORMED, "an event of another graph", creator)
        sizes = sum(map(len, event.payload))
        if len(event.payload) > self._params.max_event_items or sizes > self._params.max_event_bytes:
            raise Rejected(Code.OVERSIZED, "more than an event may carry", creator)
        if header.self_parent is None:
            return
        missing = tuple(each for each in (header.self_parent, *header.other_parents) if each not in self._graph)
        if missing:
            raise MissingParents(missing)
        if not any(self.is_news_to(header.self_parent, each) for each in header.other_parents):
            raise Rejected(Code.MALFORMED, "an event that names nothing new", creator)

    def _vertex(self, event: Event, identifier: Hash) -> Vertex:
        header = event.header
        return Vertex(
            identifier, header.creator, header.self_parent, header.other_parents, header.time_us, (), header.signature
        )

    def _note(self, event: Event, identifier: Hash) -> None:
        header = event.header
        number = self._graph.round(identifier)
        before = None if header.self_parent is None else self._places[header.self_parent]
        count = 1 if before is None or before.level // 2 != number else before.count + 1
        is_high = 3 * self._graph.weight_seen(identifier) > 2 * self._total
        self._places[identifier] = _Place(2 * number + is_high, count)
        for proof in self._graph.forks[len(self.forks) :]:
            first, second = self._events[proof.first.id].header, self._events[proof.second.id].header
            self.forks.append(Fork(self._shard, self.epoch, first, second))
            self._forkers[header.creator] = None
            self.tips.pop(header.creator, None)
        if header.creator not in self._forkers:
            self.tips[header.creator] = identifier

    def _close(self, ordered: list[OrderedEvent]) -> list[Round]:
        rounds: list[Round] = []
        while self._closed < self._graph.closed_round:
            self._closed += 1
            received = [each.event.id for each in ordered if each.round_received == self._closed]
            rounds.append(self._round(self._closed, received))
        return rounds

    def _round(self, number: int, received: list[bytes]) -> Round:
        famous = self._graph.unique_famous(number)
        paid = [each for each in received if self._places[each].count <= self._params.max_events_per_round]
        items = dict.fromkeys(item for each in paid for item in self._events[each].payload)
        times = sorted((each.time_us, self.weights[NodeId(each.creator)]) for each in famous)
        witnesses = tuple(NodeId(each.creator) for each in famous)
        return Round(number, _weighted_median(times), witnesses, tuple(items))


def _weighted_median(times: list[tuple[int, int]]) -> Micros:
    """The first time, ascending, whose cumulated weight exceeds half the sum."""
    half, seen = sum(weight for _, weight in times), 0
    for time_us, weight in times:
        seen += 2 * weight
        if seen > half:
            return Micros(time_us)
    raise AssertionError("a closed round has a famous witness")


def identify(event: Event) -> Hash:
    """The id of an event: it covers the signature."""
    return event_id(event.header)
