"""The total order: which round receives an event, its consensus time, and the last tie-breaks ("findOrder").

An event is received in the first closed round whose unique famous witnesses all have it as an ancestor. Ancestry runs down
self-lines, so of each branch a round receives one run of events: from where the rounds before stopped to the least tip
among the unique famous witnesses. Nothing is tested event by event.

The time of an event needs, for each unique famous witness u, the earliest self-ancestor of u that has the event below it.
``pending`` keeps, for each event not yet received, the time of the first event of every branch that has it as an
ancestor; each new event writes its time into the events that are new to its line. That is one write for each pair of
event and member, ever.
"""

from __future__ import annotations

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
        """A new branch starts, where its base says."""
        self.received.append(self.graph.bases[branch])
        self.pending.append([])

    def note(self, node: Node, self_parent: Node | None) -> None:
        """Writes the time of `node` into every event that its self-line did not have below it before."""
        column, time_us = node.branch, node.event.time_us
        received, pending = self.received, self.pending
        pending[column].append([None] * len(pending))
        known = [-1] * len(pending) if self_parent is None else self.graph.widened(self_parent.tips)
        for branch, (old, new) in enumerate(zip(known, node.tips, strict=True)):
            if new > old:
                first = received[branch]
                for times in pending[branch][max(old + 1 - first, 0) : max(new + 1 - first, 0)]:
                    if column >= len(times):
                        times.extend([None] * (len(pending) - len(times)))
                    times[column] = time_us

    def close(self) -> list[OrderedEvent]:
        """Closes as many rounds as are decided. Returns the newly ordered events, in order."""
        ordered: list[OrderedEvent] = []
        while (candidates := self.rounds.by_number.get(self.fame.closed + 1)) and self.fame.is_decided(candidates):
            self.fame.closed = candidates.number
            ordered += self._receive(candidates)
        return ordered

    def unique_famous(self, candidates: Round) -> list[Witness]:
        """The famous witnesses of a round, one a creator: of two, the one with the lower signature."""
        unique: dict[int, Witness] = {}
        for witness in candidates.witnesses:
            if candidates.famous & witness.lane:
                rival = unique.get(witness.node.creator)
                if rival is None or witness.node.event.signature < rival.node.event.signature:
                    unique[witness.node.creator] = witness
        return list(unique.values())

    def _receive(self, candidates: Round) -> list[OrderedEvent]:
        famous = self.unique_famous(candidates)
        whitening = 0
        for witness in famous:
            whitening ^= int.from_bytes(witness.node.event.signature)
        place = []
        for branch, last in enumerate(self._common_tips(famous)):
            first = self.received[branch]
            if last < first:
                continue
            start = self.graph.starts[branch]
            nodes = self.graph.chains[branch][first - start : last + 1 - start]
            for node, time_us in zip(nodes, self._times(famous, branch, len(nodes)), strict=True):
                event = node.event
                node.received, node.time_us = candidates.number, time_us
                place.append((time_us, int.from_bytes(event.signature) ^ whitening, event.id, event))
            del self.pending[branch][: len(nodes)]
            self.received[branch] = last + 1
        place.sort()
        return [OrderedEvent(event, candidates.number, time_us) for time_us, _, _, event in place]

    def _common_tips(self, famous: list[Witness]) -> list[int]:
        """For each branch the last event that every one of `famous` has as an ancestor."""
        tips = [self.graph.widened(witness.node.tips) for witness in famous]
        return [min(column) for column in zip(*tips, strict=True)]

    def _times(self, famous: list[Witness], branch: int, count: int) -> list[int]:
        """The consensus times of the first `count` pending events of `branch`."""
        columns = [witness.node.branch for witness in famous]
        weights = [witness.weight for witness in famous]
        rows = self.pending[branch][:count]
        if max(columns) >= len(self.graph.ids):
            return [_weighted_median([self._first_time(row, c) for c in columns], weights) for row in rows]
        if len(columns) == 1:
            return [_known(row[columns[0]]) for row in rows]
        pick = itemgetter(*columns)
        if len(set(weights)) == 1:
            return [sorted(pick(row))[len(columns) // 2] for row in rows]
        return [_weighted_median(pick(row), weights) for row in rows]

    def _first_time(self, row: FirstTimes, branch: int) -> int:
        """The time of the earliest event with this row's event below it, on the self-line that ends in `branch`."""
        while branch >= len(row) or row[branch] is None:
            branch = self.graph.parents[branch]
            assert branch != NO_BRANCH, "a famous witness that receives an event has it as an ancestor"
        return _known(row[branch])


def _known(time_us: int | None) -> int:
    assert time_us is not None, "a famous witness that receives an event has it as an ancestor"
    return time_us


def _weighted_median(times: list[int] | tuple[int, ...], weights: list[int]) -> int:
    """The first time, ascending, whose cumulated weight exceeds half the sum."""
    half = sum(weights)
    weight = 0
    for time_us, each in sorted(zip(times, weights, strict=True)):
        weight += each
        if 2 * weight > half:
            return time_us
    raise AssertionError("the whole weight exceeds its half")
