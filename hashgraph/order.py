"""The total order: which round receives an event, its consensus time, and the last tie-breaks ("findOrder").

An event is received in the first closed round whose unique famous witnesses all have it as an ancestor. Ancestry runs
down self-lines, so of each branch a round receives one run of events: from where the rounds before stopped to the least
tip among the unique famous witnesses. Nothing is tested event by event.

The time of an event needs, for each unique famous witness u, the earliest self-ancestor of u that has the event below
it. ``pending`` keeps, for each event not yet received, the time of the first event of every branch that has it as an
ancestor; each new event writes its time into the events that are new to its line. That is one write for each pair of
event and member, ever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter

from hashgraph.event import OrderedEvent
from hashgraph.fame import Fame
from hashgraph.graph import NO_BRANCH, Graph, Node
from hashgraph.witness import Round, Rounds, Witness

FirstTimes = list[int | None]


class Order:
    """Closes decided rounds one after the other and orders what they receive."""

    def __init__(self, graph: Graph, rounds: Rounds, fame: Fame) -> None:
        self.graph = graph
        self.rounds = rounds
        self.fame = fame
        count = len(graph.ids)
        self.received = [0] * count  # seq of the branch's first event that is not received
        self.pending: list[list[FirstTimes]] = [[] for _ in range(count)]  # [branch][seq - received] = times by branch

    def on_branch(self, branch: int) -> None:
        """A new branch starts, where its base says: a column more in every row."""
        for rows in self.pending:
            for times in rows:
                times.append(None)
        self.received.append(self.graph.bases[branch])
        self.pending.append([])

    def note(self, node: Node, self_parent: Node | None) -> None:
        """Writes the time of `node` into every event that its self-line did not have below it before."""
        column, time_us = node.branch, node.event.time_us
        received, pending = self.received, self.pending
        tips = node.tips
        pending[column].append([None] * len(tips))
        known = self.graph.widened(self_parent.tips if self_parent else ())
        for branch, (old, new) in enumerate(zip(known, tips)):  # noqa: B905  # equal lengths, and hot
            if new > old and new >= (first := received[branch]):
                for times in pending[branch][old + 1 - first if old >= first else 0 : new + 1 - first]:
                    times[column] = time_us

    def close(self) -> list[OrderedEvent]:
        """Closes as many rounds as are decided. Returns the newly ordered events, in order."""
        ordered: list[OrderedEvent] = []
        while (candidates := self.rounds.by_number.get(self.fame.closed + 1)) and self.fame.is_decided(candidates):
            self.fame.close(candidates)
            ordered += self._receive(candidates)
        return ordered

    def unique_famous(self, candidates: Round) -> list[Witness]:
        """The famous witnesses of a round, one a creator: of two, the one with the lower signature."""
        unique: dict[int, Witness] = {}
        for witness in candidates.witnesses:
            if candidates.famous & witness.lane:
                rival = unique.get(witness.node.creator)
                if rival is None or _rank(witness) < _rank(rival):
                    unique[witness.node.creator] = witness
        return list(unique.values())

    def _receive(self, candidates: Round) -> list[OrderedEvent]:
        famous = self.unique_famous(candidates)
        number, times_of = candidates.number, self._clock(famous)
        whitening = 0
        for witness in famous:
            whitening ^= int.from_bytes(witness.node.event.signature)
        place = []
        for branch, last in enumerate(self._common_tips(famous)):
            first = self.received[branch]
            if last >= first:
                start, rows = self.graph.starts[branch], self.pending[branch]
                nodes = self.graph.chains[branch][first - start : last + 1 - start]
                for node, row in zip(nodes, rows):  # noqa: B905  # rows go on with events that are not received
                    event = node.event
                    node.received, node.time_us = number, times_of(row)
                    place.append((node.time_us, int.from_bytes(event.signature) ^ whitening, event.id, event))
                del rows[: len(nodes)]
                self.received[branch] = last + 1
        place.sort()
        return [OrderedEvent(event, number, time_us) for time_us, _, _, event in place]

    def _common_tips(self, famous: list[Witness]) -> list[int]:
        """For each branch the last event that every one of `famous` has as an ancestor."""
        tips = [self.graph.widened(witness.node.tips) for witness in famous]
        return list(map(min, *tips)) if len(tips) > 1 else list(tips[0])

    def _clock(self, famous: list[Witness]) -> Callable[[FirstTimes], int]:
        """What tells an event's consensus time from its row of first times."""
        columns = [witness.node.branch for witness in famous]
        weights = [witness.weight for witness in famous]
        if max(columns) >= len(self.graph.ids):
            return lambda row: _weighted_median([self._first_time(row, column) for column in columns], weights)
        pick: Callable[[FirstTimes], Sequence[int]] = itemgetter(*columns, columns[0])  # of one column: no tuple
        middle = len(columns) // 2
        if len(set(weights)) == 1:
            return lambda row: sorted(pick(row)[:-1])[middle]
        return lambda row: _weighted_median(pick(row)[:-1], weights)

    def _first_time(self, row: FirstTimes, branch: int) -> int:
        """The time of the earliest event with this row's event below it, on the self-line that ends in `branch`."""
        while (time_us := row[branch]) is None:
            branch = self.graph.parents[branch]
            assert branch != NO_BRANCH, "a famous witness that receives an event has it as an ancestor"
        return time_us


def _rank(witness: Witness) -> tuple[bytes, bytes]:
    return witness.node.event.signature, witness.node.event.id


def _weighted_median(times: Sequence[int], weights: list[int]) -> int:
    """The first time, ascending, whose cumulated weight exceeds half the sum."""
    twice, half = 0, sum(weights)
    for time_us, weight in sorted(zip(times, weights, strict=True)):
        twice += 2 * weight
        if twice > half:
            return time_us
    raise AssertionError("the whole weight exceeds its half")
