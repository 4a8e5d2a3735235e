"""The graph: events, their self-lines, their ancestors, forks.

Theory of operation. A creator's events form a line unless it forks. A line that splits becomes several *branches*: the
first child of an event continues the branch, each further child opens a new one. ``seq`` is the height of an event on
its self-line and goes on counting across a fork, so a branch is (creator, parent branch, first seq).

Every event carries ``tips``: for each branch the highest seq among its ancestors, itself included, or -1 (the vector
clock of the event). Then *y is an ancestor of x* iff ``x.tips[y.branch] >= y.seq``; merging parents is a maximum.

*sees* needs more (Baird 2016, section 5; docs/spec/hashgraph.md HG-3): no two events by y's creator among x's ancestors
may be a fork. ``forked`` is a bit mask of the creators that x has so caught. It is inherited by OR, and only creators
with several branches in this graph can add to it, so an honest graph never pays for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hashgraph.event import BelowCut, Event, ForkProof, InvalidEvent, Limits, MissingParents, Reason

NO_BRANCH = -1
TIME_MAX_US = 2**63 - 1


class Node:
    """An event in its place. What each module learns of it stands here; ``tips`` and ``forked`` are the graph's."""

    __slots__ = (
        "before",
        "branch",
        "creator",
        "event",
        "forked",
        "index",
        "is_payload_dropped",
        "ones",
        "received",
        "round",
        "seq",
        "time_us",
        "tips",
        "witness",
    )

    tips: tuple[int, ...]
    forked: int
    round: int  # witness.py
    ones: int  # witness.py: lanes of the witnesses of `round` that are ancestors, or the event itself
    before: int  # witness.py: the same for `round - 1`
    witness: Any  # witness.py: its Witness, or None

    def __init__(self, event: Event, index: int, creator: int, branch: int, seq: int) -> None:
        self.event = event
        self.index = index  # in order of arrival: parents come before children
        self.creator = creator
        self.branch = branch
        self.seq = seq
        self.received: int | None = None  # order.py
        self.time_us = 0  # order.py: consensus time once received
        self.is_payload_dropped = False


class Graph:
    """Members, events and branches. Every list ``…[branch]`` starts with one branch a member, in canonical order."""

    def __init__(self, members: Mapping[bytes, int], limits: Limits) -> None:
        if not members or any(type(weight) is not int or weight <= 0 for weight in members.values()):
            raise ValueError("members must be a mapping of identities to positive whole weights")
        self.ids = sorted(members)
        self.weights = [members[identity] for identity in self.ids]
        self.total = sum(self.weights)
        self.supermajority = 2 * self.total // 3 + 1  # least weight with 3·weight > 2·total
        self.member_of = {identity: member for member, identity in enumerate(self.ids)}
        self.limits = limits
        self.signature_bytes = limits.signature_bytes
        self.nodes: dict[bytes, Node] = {}
        self.arrivals = 0
        self.floor = 0  # rounds up to here were cut
        count = len(self.ids)
        self.firsts: list[Event | None] = [None] * count
        self.chains: list[list[Node]] = [[] for _ in range(count)]  # kept events of a branch, seq ascending
        self.starts = [0] * count  # seq of chains[branch][0]
        self.heights = [0] * count  # seq of the next event of the branch
        self.bases = [0] * count  # seq of the branch's first event
        self.parents = [NO_BRANCH] * count
        self.branches_of: dict[int, list[int]] = {}  # forked creators only
        self.proofs: list[ForkProof] = []
        self.echoes: dict[int, list[Node]] = {}  # gossip.py: by branch, where events came again

    def place(self, event: Event) -> tuple[Node, Node | None, list[Node]]:
        """Checks `event` and gives it its place: (node, self-parent, other-parents).

        Raises InvalidEvent or MissingParents; nothing changed then.
        """
        creator = self.member_of.get(event.creator)
        if creator is None:
            raise InvalidEvent(Reason.UNKNOWN_CREATOR, event.creator)
        self._check_alone(event)
        nodes = self.nodes
        self_parent = None if event.self_parent is None else nodes.get(event.self_parent)
        others = [nodes[parent] for parent in event.other_parents if parent in nodes]
        if len(others) < len(event.other_parents) or (self_parent is None and event.self_parent is not None):
            named = (event.self_parent, *event.other_parents)
            raise MissingParents(tuple(parent for parent in named if parent is not None and parent not in nodes))
        self._check_parents(event, creator, self_parent, others)
        if self.signature_bytes is None:
            self.signature_bytes = len(event.signature)
        node = self._append(event, creator, self_parent)
        self._inherit(node, self_parent, others)
        return node, self_parent, others

    def preview(self, self_parent: Node, others: list[Node]) -> Node:
        """The node that the next event on a line would be; it is not held, and stands there with its parent's event."""
        node = Node(self_parent.event, self.arrivals, self_parent.creator, self_parent.branch, self_parent.seq + 1)
        self._inherit(node, self_parent, others)
        return node

    def _check_alone(self, event: Event) -> None:
        others = event.other_parents
        count = len(others)
        if count > self.limits.other_parents:
            raise InvalidEvent(Reason.TOO_MANY_OTHER_PARENTS, event.creator)
        if count > 1 and len(frozenset(others)) < count:
            raise InvalidEvent(Reason.REPEATED_OTHER_PARENT, event.creator)
        if not -TIME_MAX_US <= event.time_us <= TIME_MAX_US:
            raise InvalidEvent(Reason.TIME_OUT_OF_RANGE, event.creator)
        if sum(map(len, event.payload)) > self.limits.payload_bytes:
            raise InvalidEvent(Reason.OVERSIZED_PAYLOAD, event.creator)
        length = len(event.signature)
        if length != self.signature_bytes and (self.signature_bytes or not length):
            raise InvalidEvent(Reason.SIGNATURE_LENGTH, event.creator)

    def _check_parents(self, event: Event, creator: int, self_parent: Node | None, others: list[Node]) -> None:
        highest = 0
        if self_parent is not None:
            if self_parent.creator != creator:
                raise InvalidEvent(Reason.FOREIGN_SELF_PARENT, event.creator)
            if event.time_us <= self_parent.event.time_us:
                raise InvalidEvent(Reason.TIME_NOT_INCREASING, event.creator)
            highest = self_parent.round
        for other in others:
            if other.creator == creator:
                raise InvalidEvent(Reason.OWN_OTHER_PARENT, event.creator)
            highest = max(highest, other.round)
        if highest <= self.floor and self.floor:
            raise BelowCut

    def _append(self, event: Event, creator: int, self_parent: Node | None) -> Node:
        seq = 0 if self_parent is None else self_parent.seq + 1
        branch = creator if self_parent is None else self_parent.branch
        first = self.firsts[creator]
        if self_parent is None and first is None:
            self.firsts[creator] = event
        elif self_parent is None or seq < self.heights[branch]:
            sibling = first if self_parent is None else self.chains[branch][seq - self.starts[branch]].event
            assert sibling is not None, "a second child has a sibling"
            self.proofs.append(ForkProof(event.creator, sibling, event))
            branch = self._open_branch(creator, NO_BRANCH if self_parent is None else branch, seq)
        node = Node(event, self.arrivals, creator, branch, seq)
        self.arrivals += 1
        self.nodes[event.id] = node
        self.chains[branch].append(node)
        self.heights[branch] = seq + 1
        return node

    def _open_branch(self, creator: int, parent: int, base: int) -> int:
        branch = len(self.chains)
        self.chains.append([])
        self.starts.append(base)
        self.heights.append(base)
        self.bases.append(base)
        self.parents.append(parent)
        self.branches_of.setdefault(creator, [creator]).append(branch)
        return branch

    def _inherit(self, node: Node, self_parent: Node | None, others: list[Node]) -> None:
        width = len(self.chains)
        tips = [-1] * width if self_parent is None else list(self_parent.tips)
        forked = 0 if self_parent is None else self_parent.forked
        for parent in others:
            forked |= parent.forked
            theirs: Sequence[int] = parent.tips
            if len(tips) != len(theirs):
                tips, theirs = list(self.widened(tips)), self.widened(theirs)
            tips = [a if a > b else b for a, b in zip(tips, theirs)]  # noqa: B905  # equal lengths, and hot
        if len(tips) != width:
            tips = list(self.widened(tips))
        tips[node.branch] = node.seq
        node.tips = tuple(tips)
        node.forked = forked | self._newly_caught(tips, forked) if self.branches_of else forked

    def widened(self, tips: Sequence[int]) -> Sequence[int]:
        """`tips` with an entry for every branch known now."""
        lacking = len(self.chains) - len(tips)
        return (*tips, *(-1,) * lacking) if lacking else tips

    def _newly_caught(self, tips: Sequence[int], known: int) -> int:
        caught = 0
        for creator, branches in self.branches_of.items():
            if not known >> creator & 1 and not self._is_line(tips, branches):
                caught |= 1 << creator
        return caught

    def _is_line(self, tips: Sequence[int], branches: list[int]) -> bool:
        """Whether the events below `tips` on the branches of one creator are all self-ancestors of one of them."""
        present = [branch for branch in branches if tips[branch] >= self.bases[branch]]
        if len(present) < 2:
            return True
        head = max(present, key=tips.__getitem__)
        limit = {head: tips[head]}
        branch = head
        while self.parents[branch] != NO_BRANCH:
            limit[self.parents[branch]] = self.bases[branch] - 1
            branch = self.parents[branch]
        return all(tips[branch] <= limit.get(branch, -1) for branch in present)

    def head(self, tips: Sequence[int], creator: int) -> int:
        """The branch that holds the last event below `tips` by `creator`, whose events there must form a line."""
        branches = self.branches_of.get(creator)
        return creator if branches is None else max(branches, key=tips.__getitem__)

    def last_seen(self, node: Node) -> Iterator[Node]:
        """For each creator that `node` has not caught forking: its last event among `node`'s ancestors, if kept."""
        tips = self.widened(node.tips)
        for creator in range(len(self.ids)):
            if not node.forked >> creator & 1:
                branch = self.head(tips, creator)
                position = tips[branch] - self.starts[branch]
                if position >= 0:
                    yield self.chains[branch][position]

    @property
    def is_captured(self) -> bool:
        """Whether members with a third of the weight or more have forked: the order is then no longer one."""
        return 3 * sum(self.weights[creator] for creator in self.branches_of) >= self.total
