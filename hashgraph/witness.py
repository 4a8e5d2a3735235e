"""Rounds and witnesses, by counting weight in lanes.

Theory of operation. *x strongly sees w* iff x sees w and members with a supermajority of weight each have an event z
with x sees z and z sees w (docs/spec/hashgraph.md HG-4). Two facts make that cheap:

1. If x sees w, no ancestor of x can see a fork by w's creator (its ancestors are x's). So below x, "z sees w" is
   "w is an ancestor of z", and of each creator's line it is enough to ask the last event z that x sees: it has the
   most ancestors. Creators that x caught forking give no z at all.
2. A round's witnesses get a *lane* each: `Lanes.width` bits of one big integer. An event stores ``ones``: a 1 in the
   lane of each witness of its own round that is its ancestor. The weighted sum of ``ones`` over the last events that x
   sees holds, in lane w, the weight of the members through which x reaches w. No lane overflows, since a member counts
   once and a lane holds the total. Adding a constant moves "at least a supermajority" into each lane's top bit.

So one event costs one addition per member, whatever the number of witnesses.

The sum is taken over per-round tables (branch -> seq -> weighted ones), because only events of the round in question
count: x's ancestors are of x's parent round or lower, and lower ones have none of that round's witnesses below them.
"""

from __future__ import annotations

from itertools import repeat

from hashgraph.graph import Graph, Node

_ZEROS = repeat(0)
_NOTHING: dict[int, int] = {}


class Lanes:
    """Arithmetic on integers cut into lanes, one a witness. ``ones(n)`` has a 1 in each of the first n lanes."""

    def __init__(self, total: int) -> None:
        self.width = total.bit_length() + 1
        self._top = 1 << (self.width - 1)
        self._full = (1 << self.width) - 1
        self._ones = [0]

    def lane(self, slot: int) -> int:
        """A 1 in the lane of `slot`."""
        return 1 << self.width * slot

    def ones(self, count: int) -> int:
        """A 1 in each of the first `count` lanes."""
        known = self._ones
        while len(known) <= count:
            known.append(known[-1] | self.lane(len(known) - 1))
        return known[count]

    def at_least(self, sums: int, bound: int, count: int) -> int:
        """A 1 in each of the first `count` lanes whose sum is `bound` or more; sums are at most the total weight."""
        ones = self.ones(count)
        if bound <= 0:
            return ones
        if bound >= self._top:
            return 0
        return ((sums + ones * (self._top - bound)) >> (self.width - 1)) & ones


class Witness:
    """A witness as a candidate (its lane in its round) and as a voter (whom it strongly sees, its ballots)."""

    __slots__ = ("ballots", "lane", "node", "strong", "weight")

    def __init__(self, node: Node, lane: int, weight: int) -> None:
        self.node = node
        self.lane = lane
        self.weight = weight
        self.strong: list[Witness] | None = None  # of the round before; fame.py asks when it needs them
        self.ballots: dict[int, int] = {}  # round -> lanes voted famous, times the weight; no entry: abstains


class Round:
    """The witnesses of a round in order of arrival, the weights below each event, and what is decided."""

    __slots__ = ("counted", "famous", "infamous", "number", "tables", "witnesses")

    def __init__(self, number: int, width: int, forked_branches: list[int]) -> None:
        self.number = number
        self.witnesses: list[Witness] = []
        self.tables: list[dict[int, int]] = [{} for _ in range(width)]  # [branch][seq] = weight x ones
        self.counted = self.tables.copy()  # the same, with nothing at the branches of forked creators
        for branch in forked_branches:
            self.counted[branch] = _NOTHING
        self.famous = 0  # lanes decided famous
        self.infamous = 0  # lanes decided not famous

    def lanes_of(self, creator: int) -> int:
        """The lanes of the witnesses by `creator`: several where it forked."""
        return sum(witness.lane for witness in self.witnesses if witness.node.creator == creator)


class Rounds:
    """Gives events their rounds (Baird 2016, "divideRounds"; docs/spec/hashgraph.md HG-5)."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.lanes = Lanes(graph.total)
        self.by_number: dict[int, Round] = {}
        self.last = 0
        self._is_even = len(set(graph.weights)) == 1
        self._fewest = self._fewest_members()

    def _fewest_members(self) -> int:
        """The least number of members that can make a supermajority."""
        weight = 0
        for count, heavy in enumerate(sorted(self.graph.weights, reverse=True), start=1):
            weight += heavy
            if weight >= self.graph.supermajority:
                return count
        raise AssertionError("all members together are a supermajority")

    def on_branch(self, branch: int, creator: int) -> None:
        """A creator forked: its branches are counted apart from now on, since only one of them may count."""
        for each in self.by_number.values():
            while len(each.tables) <= branch:
                each.tables.append({})
                each.counted.append(_NOTHING)
            each.counted[creator] = _NOTHING

    def divide(self, node: Node, self_parent: Node | None, others: list[Node]) -> Witness | None:
        """Sets the round of `node`. Returns its Witness if it is one."""
        level, ones, before = self._inherit(self_parent, others)
        weight = self.graph.weights[node.creator]
        current = self.by_number.get(level) or self.open(level)
        if self._advances(node, current, ones):
            level, ones, before = level + 1, 0, ones
            current = self.by_number.get(level) or self.open(level)
        witness = None
        if self_parent is None or self_parent.round < level:
            witness = Witness(node, self.lanes.lane(len(current.witnesses)), weight)
            current.witnesses.append(witness)
            ones |= witness.lane
        current.tables[node.branch][node.seq] = ones * weight
        node.round, node.ones, node.before, node.witness = level, ones, before, witness
        return witness

    def round_of(self, node: Node, self_parent: Node, others: list[Node]) -> int:
        """The round of a node that is not held; nothing changes."""
        level, ones, _ = self._inherit(self_parent, others)
        current = self.by_number.get(level)
        return level if current is None else level + self._advances(node, current, ones)

    def _inherit(self, self_parent: Node | None, others: list[Node]) -> tuple[int, int, int]:
        """The highest round of the parents, and the witnesses of it and of the one before that are ancestors."""
        level = ones = before = 0
        for parent in others if self_parent is None else (self_parent, *others):
            number = parent.round
            if number == level:
                ones |= parent.ones
                before |= parent.before
            elif number > level:
                before = parent.before | ones if number == level + 1 else parent.before
                level, ones = number, parent.ones
            elif number == level - 1:
                before |= parent.ones
        return level or 1, ones, before

    def open(self, number: int) -> Round:
        """Begins a round that has no event yet."""
        forked = [branch for branches in self.graph.branches_of.values() for branch in branches]
        opened = self.by_number[number] = Round(number, len(self.graph.chains), forked)
        self.last = max(self.last, number)
        return opened

    def _advances(self, node: Node, current: Round, ones: int) -> bool:
        """Whether `node` strongly sees witnesses of the round by distinct members with a supermajority of weight.

        They are distinct by themselves: what a forker's line below `node` holds is one witness a round. `ones` are the
        lanes of those below `node`.
        """
        if ones.bit_count() < self._fewest:
            return False
        table = current.tables[node.branch]
        table[node.seq] = ones * self.graph.weights[node.creator]
        sums = sum(map(dict.get, current.counted, node.tips, _ZEROS))
        if self.graph.branches_of:
            sums += self._sum_of_forkers(node, current)
        del table[node.seq]
        strong = self.lanes.at_least(sums, self.graph.supermajority, len(current.witnesses))
        if node.forked:
            strong &= ~self.lanes_caught(node, current)
        if strong.bit_count() < self._fewest:
            return False
        if self._is_even:
            return True
        return sum(w.weight for w in current.witnesses if w.lane & strong) >= self.graph.supermajority

    def _sum_of_forkers(self, node: Node, current: Round) -> int:
        sums = 0
        for creator in self.graph.branches_of:
            if not node.forked >> creator & 1:
                head = self.graph.head(node.tips, creator)
                sums += current.tables[head].get(node.tips[head], 0)
        return sums

    def lanes_caught(self, node: Node, of: Round) -> int:
        """The lanes of the witnesses in round `of` whose creators `node` has caught forking."""
        lanes, creators = 0, node.forked
        while creators:
            creator = (creators & -creators).bit_length() - 1
            lanes |= of.lanes_of(creator)
            creators &= creators - 1
        return lanes

    def strongly_seen(self, node: Node) -> list[Witness]:
        """The witnesses of the round before `node`'s own that it strongly sees."""
        current = self.by_number.get(node.round - 1)
        if current is None:
            return []
        sums = 0
        for seen in self.graph.last_seen(node):
            ones = seen.ones if seen.round == current.number else seen.before if seen.round == node.round else 0
            sums += ones * self.graph.weights[seen.creator]
        strong = self.lanes.at_least(sums, self.graph.supermajority, len(current.witnesses))
        strong &= ~self.lanes_caught(node, current)
        return [witness for witness in current.witnesses if witness.lane & strong]
