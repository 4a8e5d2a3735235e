"""The door: a weighted hashgraph that takes events one by one and gives back the order as it becomes known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter

from hashgraph import gossip, snapshot
from hashgraph.event import Event, ForkProof, Limits, OrderedEvent
from hashgraph.fame import Fame
from hashgraph.gossip import Summary
from hashgraph.graph import Graph
from hashgraph.order import Order
from hashgraph.witness import Rounds


class Hashgraph:
    """One member's view of the events of one epoch (docs/spec/hashgraph.md).

    While members with less than a third of the weight fork, every view orders every event alike, whatever part of the
    graph it holds and in whatever order the events came: of two views one's order is a prefix of the other's.

    Args:
        members: identity -> weight, a positive whole number; constant.
        coin_period: every how many rounds of an election the voters may toss coins; at least 3.
        limits: what one event may hold.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, members: Mapping[bytes, int], coin_period: int = 10, limits: Limits | None = None) -> None:
        self._graph = Graph(members, limits or Limits())
        self._rounds = Rounds(self._graph)
        self._fame = Fame(self._graph, self._rounds, coin_period)
        self._order = Order(self._graph, self._rounds, self._fame)

    def insert(self, event: Event) -> list[OrderedEvent]:
        """Takes an event whose parents are here. Returns the events that are ordered now and were not before.

        An id that is known returns []. Signatures and ids are the caller's to check.

        Raises:
            InvalidEvent: the creator's fault. Nothing changed.
            MissingParents: parents to ask for (none to ask for: `BelowCut`). Nothing changed.
        """
        graph = self._graph
        known = graph.nodes.get(event.id)
        if known is not None:
            gossip.hear_again(graph, known)
            return []
        node, self_parent, others = graph.place(event)
        if node.branch >= len(self._order.received):
            self._rounds.on_branch(node.branch, node.creator)
            self._order.on_branch(node.branch)
        witness = self._rounds.divide(node, self_parent, others)
        self._order.note(node, self_parent)
        if witness is None:
            return []
        self._fame.elect(witness)
        return self._order.close()

    @property
    def forks(self) -> Sequence[ForkProof]:
        """One proof for each branch beyond a creator's first, in order of arrival."""
        return tuple(self._graph.proofs)

    @property
    def captured(self) -> bool:
        """Whether members with 1/3 of the weight or more are proven forkers: the order may differ between members.

        It is a value to act on (stop signing, accuse, leave), never an assertion. Insertion goes on.
        """
        return self._graph.is_captured

    @property
    def closed_round(self) -> int:
        """The last round whose famous witnesses are all known; 0 before the first."""
        return self._fame.closed

    def __len__(self) -> int:
        """How many events are held."""
        return len(self._graph.nodes)

    def __contains__(self, event_id: object) -> bool:
        """Whether the event with this id is held."""
        return event_id in self._graph.nodes

    def round(self, event_id: bytes) -> int:
        """The round of an event that is held. Raises KeyError."""
        return self._graph.nodes[event_id].round

    def round_after(self, self_parent: bytes, other_parents: Iterable[bytes]) -> int:
        """The round that an event with these parents would have, the last one of a line and any others; all are held.

        Raises KeyError; ValueError where the line goes on after the self-parent: an event there would be a fork.
        """
        node, others = self._graph.nodes[self_parent], [self._graph.nodes[each] for each in other_parents]
        if self._graph.heights[node.branch] != node.seq + 1:
            raise ValueError("the line of the self-parent goes on")
        return self._rounds.round_of(self._graph.preview(node, others), node, others)

    def is_witness(self, event_id: bytes) -> bool:
        """Whether an event that is held is the first of its creator's line in its round, and the round was not cut.

        Raises KeyError.
        """
        return self._graph.nodes[event_id].witness is not None

    def is_famous(self, event_id: bytes) -> bool | None:
        """Fame of a witness that is held: None while undecided; False for other events. Raises KeyError."""
        witness = self._graph.nodes[event_id].witness
        return False if witness is None else self._fame.is_famous(witness)

    def weight_seen(self, event_id: bytes) -> int:
        """The weight of the witnesses of its round among an event's ancestors, itself included. Raises KeyError."""
        node = self._graph.nodes[event_id]
        witnesses = self._rounds.by_number[node.round].witnesses
        return sum(witness.weight for witness in witnesses if witness.lane & node.ones)

    def descends(self, event_id: bytes, ancestor_id: bytes) -> bool:
        """Whether the second event is an ancestor of the first, or the first itself; both are held. Raises KeyError."""
        node, ancestor = self._graph.nodes[event_id], self._graph.nodes[ancestor_id]
        return self._graph.widened(node.tips)[ancestor.branch] >= ancestor.seq

    def unique_famous(self, number: int) -> tuple[Event, ...]:
        """The unique famous witnesses of a closed round that was not cut, ascending by creator.

        Raises:
            ValueError: the round is not closed, or was cut.
        """
        candidates = self._rounds.by_number.get(number)
        if candidates is None or not 0 < number <= self._fame.closed:
            raise ValueError(f"round {number} is not closed, or was cut")
        events = [witness.node.event for witness in self._order.unique_famous(candidates)]
        return tuple(sorted(events, key=attrgetter("creator")))

    def placed(self, event_id: bytes) -> tuple[int, int] | None:
        """(round received, consensus time in µs) of an event that is held, or None before. Raises KeyError."""
        node = self._graph.nodes[event_id]
        return None if node.received is None else (node.received, node.time_us)

    def summary(self) -> Summary:
        """What this view knows, small enough to send before every exchange: one or two ids a branch."""
        return gossip.summarize(self._graph)

    def missing_for(self, summary: Summary, limit: int) -> list[Event]:
        """What the owner of `summary` lacks and can take at once, parents first, at most `limit` events.

        A few may be known to it already. When it inserts each batch whole and asks again with its new summary, it
        has all of this view after finitely many batches, and the next one is empty.
        """
        return gossip.missing_for(self._graph, summary, limit)

    def drop_payloads(self, ids: Iterable[bytes]) -> None:
        """Forgets the payloads of ordered events; ids that are not held (any more) are passed over.

        Raises:
            ValueError: an id names an event that is not ordered yet. Nothing changed.
        """
        gossip.drop_payloads(self._graph, ids)

    def cut(self, number: int) -> None:
        """Drops every event received in rounds up to `number`, but for the last event of each branch.

        Afterwards an event that hangs only on rounds up to `number` can no longer be placed (`BelowCut`), nor one whose
        parent was dropped. So the caller orders the cut for all members alike, and only when every event of those
        rounds that may still be named has reached everybody (docs/spec/hashgraph.md HG-13).

        Raises:
            ValueError: the round is not closed.
        """
        snapshot.cut(self._graph, self._rounds, self._order, number)

    def snapshot(self) -> bytes:
        """The whole view as bytes. Equal views with equal arrivals give equal bytes."""
        return snapshot.dump(self._graph, self._rounds, self._fame, self._order)

    @classmethod
    def restore(cls, data: bytes) -> Hashgraph:
        """The view that `snapshot` wrote. Only for one's own snapshots: nothing in it is verified but its form.

        Raises:
            ValueError: the bytes are not a snapshot of this version.
        """
        members, coin_period, limits, state = snapshot.load(data)
        restored = cls(members, coin_period, limits)
        snapshot.fill(restored._graph, restored._rounds, restored._fame, restored._order, state)
        return restored
