"""Graphs for tests: drawn by hand as text, or at random with forks, weights, laggards, several other-parents."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass

from hashgraph import Event


def identity(name: str) -> bytes:
    return name.encode()


def draw_by_hand(text: str) -> dict[str, Event]:
    """Lines like ``a2: a1 b1`` between semicolons: event, self-parent (none or ``-``), other-parents.

    The letter is the creator; a prime marks a fork by no more than convention. Times rise by 10 µs as written.
    """
    events: dict[str, Event] = {}
    for number, line in enumerate(filter(str.strip, text.split(";"))):
        name, _, named = line.partition(":")
        name = name.strip()
        words = named.split()
        self_parent, others = (words[0], words[1:]) if words else ("-", [])
        events[name] = Event(
            id=identity(name),
            creator=identity(name[0]),
            self_parent=None if self_parent == "-" else identity(self_parent),
            other_parents=tuple(map(identity, others)),
            time_us=10 * (number + 1),
            payload=(),
            signature=hashlib.sha256(name.encode()).digest(),
        )
    return events


@dataclass(frozen=True)
class Style:
    """How a graph is drawn at random: layer by layer, each member that is awake making an event on the layer before.

    Layers make rounds quickly, sparse and uneven views make elections last, so coins are tossed.
    """

    members: int
    layers: int
    forkers: int = 0
    fork_share: float = 0.3  # how often a forker makes two events instead of one
    weight_max: int = 1
    others_max: int = 1
    asleep_share: float = 0.1  # how often a member sits a layer out, and so becomes a laggard
    stale_share: float = 0.1  # how often an other-parent is not the newest
    signature_bytes: int = 4


def draw(style: Style, choice: random.Random) -> tuple[dict[bytes, int], list[Event]]:
    """Members with weights, and events in an order in which they could have been made.

    The forkers are the last members, and fewer than a third of the weight: else their number is lowered.
    """
    names = [bytes([65 + member]) for member in range(style.members)]
    members = {name: choice.randint(1, style.weight_max) for name in names}
    forkers = names[style.members - style.forkers :]
    while forkers and 3 * sum(members[name] for name in forkers) >= sum(members.values()):
        forkers = forkers[1:]
    own: dict[bytes, list[Event]] = {name: [] for name in names}
    events: list[Event] = []
    for _ in range(style.layers):
        layer: list[Event] = []
        for name in choice.sample(names, len(names)):
            if choice.random() >= style.asleep_share:
                twice = name in forkers and choice.random() < style.fork_share
                layer += [_next_event(name, own, twice, len(events) + len(layer), style, choice)]
                if twice:
                    layer += [_next_event(name, own, twice, len(events) + len(layer), style, choice)]
        for event in layer:
            own[event.creator].append(event)
        events += layer
    return members, events


def _next_event(
    creator: bytes, own: dict[bytes, list[Event]], is_fork: bool, number: int, style: Style, choice: random.Random
) -> Event:
    self_parent = own[creator][-1] if own[creator] else None
    if is_fork:
        self_parent = choice.choice([*own[creator][-3:], self_parent, None])
    rivals = [name for name in own if name != creator and own[name]]
    others = [
        choice.choice(own[name][-3:]) if choice.random() < style.stale_share else own[name][-1]
        for name in choice.sample(rivals, min(len(rivals), choice.randint(0, style.others_max)))
    ]
    signature = choice.randbytes(style.signature_bytes)
    return Event(
        id=hashlib.sha256(number.to_bytes(4) + signature).digest()[:6],
        creator=creator,
        self_parent=self_parent.id if self_parent else None,
        other_parents=tuple(other.id for other in others),
        time_us=(self_parent.time_us if self_parent else 0) + choice.randint(1, 20),
        payload=(),
        signature=signature,
    )


def any_style(choice: random.Random) -> Style:
    """A style drawn at random, small enough for the naive twin. Half are those in which elections last longest."""
    if choice.random() < 0.5:
        return Style(
            members=choice.choice([4, 4, 5]),
            layers=24,
            forkers=choice.choice([0, 1]),
            weight_max=choice.choice([3, 50, 50]),
            others_max=choice.choice([2, 3]),
            asleep_share=choice.choice([0.0, 0.0, 0.1]),
            stale_share=choice.choice([0.0, 0.1]),
        )
    members = choice.choice([1, 2, 3, 4, 4, 5, 6, 7])
    return Style(
        members=members,
        layers=choice.choice([4, 10, 14]),
        forkers=choice.choice([0, 1, (members - 1) // 3]) if members > 2 else 0,
        fork_share=choice.choice([0.1, 0.3, 0.6]),
        weight_max=choice.choice([1, 3, 50]),
        others_max=choice.choice([1, 2, 3, members]),
        asleep_share=choice.choice([0.0, 0.1, 0.4]),
        stale_share=choice.choice([0.0, 0.2, 0.6]),
        signature_bytes=choice.choice([1, 3, 4]),
    )


def shuffle(events: list[Event], choice: random.Random) -> list[Event]:
    """Another order of arrival with parents before children."""
    waiting = {event.id: event for event in events}
    placed: list[Event] = []
    while waiting:
        ready = [e for e in waiting.values() if not any(p in waiting for p in (e.self_parent, *e.other_parents))]
        event = choice.choice(ready)
        placed.append(event)
        del waiting[event.id]
    return placed


def downward_closed(events: list[Event], choice: random.Random) -> list[Event]:
    """Some of the events, with all their ancestors: what another member may hold."""
    by_id = {event.id: event for event in events}
    stack = choice.sample([event.id for event in events], choice.randint(0, len(events)))
    kept: set[bytes] = set()
    while stack:
        each = stack.pop()
        if each not in kept:
            kept.add(each)
            event = by_id[each]
            stack += [p for p in (event.self_parent, *event.other_parents) if p is not None]
    return [event for event in events if event.id in kept]
