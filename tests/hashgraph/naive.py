"""The naive twin: the definitions, written down one after the other, with sets. Slow and obvious.

It looks at a whole graph at once, knows no order of arrival and shares nothing with the library but `Event`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hashgraph import Event


@dataclass
class Naive:
    """Everything that the definitions say of a whole graph; ``events`` in any order with parents among them."""

    members: Mapping[bytes, int]
    events: list[Event]
    coin_period: int = 10
    round: dict[bytes, int] = field(default_factory=dict)
    witnesses: dict[int, list[Event]] = field(default_factory=dict)
    famous: dict[bytes, bool | None] = field(default_factory=dict)
    received: dict[bytes, int] = field(default_factory=dict)
    timestamp: dict[bytes, int] = field(default_factory=dict)
    order: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.by_id = {event.id: event for event in self.events}
        self.total = sum(self.members.values())
        self.below: dict[bytes, set[bytes]] = {}
        self.strong: dict[tuple[bytes, bytes], bool] = {}
        self.votes: dict[tuple[bytes, bytes], bool | None] = {}
        self.tosses = 0  # votes that a coin decided
        self.abstentions = 0
        for event in topological(self.events):
            self.below[event.id] = {event.id}.union(*(self.below[p] for p in parents(event)))
        self.self_ancestors = {event.id: set(self.self_line(event)) for event in self.events}
        self.seen = {event.id: self.sees(event) for event in self.events}
        for event in topological(self.events):
            self.divide(event)
        for number in sorted(self.witnesses):
            for witness in self.witnesses[number]:
                self.famous[witness.id] = self.fame(witness)
        self.find_order()

    def weight(self, creators: Iterable[bytes]) -> int:
        return sum(self.members[creator] for creator in set(creators))

    def is_supermajority(self, weight: int) -> bool:
        return 3 * weight > 2 * self.total

    def self_line(self, event: Event) -> list[bytes]:
        line = [event.id]
        while event.self_parent is not None:
            event = self.by_id[event.self_parent]
            line.append(event.id)
        return line

    def sees(self, x: Event) -> set[bytes]:
        """What x sees: its ancestors by creators none of whose events below x are a fork."""
        own: dict[bytes, list[bytes]] = {}
        for y in self.below[x.id]:
            own.setdefault(self.by_id[y].creator, []).append(y)
        lines = [ids for ids in own.values() if not any(self.is_fork(a, b) for a in ids for b in ids)]
        return {y for line in lines for y in line}

    def is_fork(self, a: bytes, b: bytes) -> bool:
        """Of two events by one creator: neither is a self-ancestor of the other."""
        return a not in self.self_ancestors[b] and b not in self.self_ancestors[a]

    def strongly_sees(self, x: Event, y: Event) -> bool:
        if (x.id, y.id) not in self.strong:
            through = {self.by_id[z].creator for z in self.seen[x.id] if y.id in self.seen[z]}
            self.strong[x.id, y.id] = y.id in self.seen[x.id] and self.is_supermajority(self.weight(through))
        return self.strong[x.id, y.id]

    def divide(self, event: Event) -> None:
        highest = max((self.round[p] for p in parents(event)), default=1)
        strong = {w.creator for w in self.witnesses.get(highest, []) if self.strongly_sees(event, w)}
        self.round[event.id] = highest + self.is_supermajority(self.weight(strong))
        if event.self_parent is None or self.round[event.id] > self.round[event.self_parent]:
            self.witnesses.setdefault(self.round[event.id], []).append(event)

    def collected(self, y: Event, x: Event) -> tuple[bool | None, int]:
        """The weighted majority among the votes on x that y collects, and its weight; None: too few to count."""
        weights: dict[bool | None, int] = {True: 0, False: 0, None: 0}
        for w in self.witnesses[self.round[y.id] - 1]:
            if self.strongly_sees(y, w):
                weights[self.vote(w, x)] += self.members[w.creator]
        if not self.is_supermajority(weights[True] + weights[False]):
            return None, 0
        majority = weights[True] >= weights[False]
        return majority, weights[majority]

    def vote(self, y: Event, x: Event) -> bool | None:
        """True, False, or None for an abstention."""
        if (y.id, x.id) not in self.votes:
            distance = self.round[y.id] - self.round[x.id]
            if distance == 1:
                vote: bool | None = x.id in self.seen[y.id]
            else:
                vote, weight = self.collected(y, x)
                if vote is None:
                    self.abstentions += 1
                elif distance % self.coin_period == 0 and not self.is_supermajority(weight):
                    vote = bool(y.signature[len(y.signature) // 2] & 1)
                    self.tosses += 1
            self.votes[y.id, x.id] = vote
        return self.votes[y.id, x.id]

    def fame(self, x: Event) -> bool | None:
        decisions = set()
        for number in range(self.round[x.id] + 2, max(self.witnesses) + 1):
            if (number - self.round[x.id]) % self.coin_period:
                for y in self.witnesses[number]:
                    majority, weight = self.collected(y, x)
                    if self.is_supermajority(weight):
                        decisions.add(majority)
        assert len(decisions) < 2, "two voters decide differently"
        return decisions.pop() if decisions else None

    def find_order(self) -> None:
        for number in sorted(self.witnesses):
            fames = [self.famous[w.id] for w in self.witnesses[number]]
            if None in fames or True not in fames:
                return
            unique: dict[bytes, Event] = {}
            for w in sorted(self.witnesses[number], key=lambda w: w.signature):
                if self.famous[w.id]:
                    unique.setdefault(w.creator, w)
            self.receive(number, list(unique.values()))

    def receive(self, number: int, unique: list[Event]) -> None:
        whitening = 0
        for u in unique:
            whitening ^= int.from_bytes(u.signature)
        place = []
        for event in self.events:
            if event.id in self.received or not all(event.id in self.below[u.id] for u in unique):
                continue
            self.received[event.id] = number
            firsts = sorted((self.first_time(event, u), self.members[u.creator]) for u in unique)
            self.timestamp[event.id] = weighted_median(firsts)
            white = int.from_bytes(event.signature) ^ whitening
            place.append((self.timestamp[event.id], white, event.id))
        self.order += [identity for _, _, identity in sorted(place)]

    def first_time(self, x: Event, u: Event) -> int:
        line = [self.by_id[z] for z in self.self_line(u) if x.id in self.below[z]]
        return line[-1].time_us


def weighted_median(pairs: list[tuple[int, int]]) -> int:
    total, weight = sum(w for _, w in pairs), 0
    for time_us, each in pairs:
        weight += each
        if 2 * weight > total:
            return time_us
    raise AssertionError


def parents(event: Event) -> tuple[bytes, ...]:
    return event.other_parents if event.self_parent is None else (event.self_parent, *event.other_parents)


def topological(events: Iterable[Event]) -> list[Event]:
    """Parents before children."""
    waiting, done, placed = list(events), set[bytes](), list[Event]()
    while waiting:
        ready = [event for event in waiting if set(parents(event)) <= done]
        assert ready, "a parent is missing or the graph has a cycle"
        placed += ready
        done |= {event.id for event in ready}
        waiting = [event for event in waiting if event.id not in done]
    return placed
