"""The library against the naive twin, and prefix agreement: the same order from any arrival and any part of a graph."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashgraph import Event, Hashgraph, OrderedEvent
from tests.hashgraph.drawn import any_style, downward_closed, draw, shuffle
from tests.hashgraph.naive import Naive


def insert_all(graph: Hashgraph, events: Iterable[Event]) -> list[OrderedEvent]:
    return [ordered for event in events for ordered in graph.insert(event)]


def assert_equal_to_twin(graph: Hashgraph, ordered: list[OrderedEvent], twin: Naive) -> None:
    """HG-3, HG-4, HG-5, HG-6, HG-7, HG-8, HG-9: rounds, witnesses, fame, received, times, order as defined."""
    ids = [event.id for event in twin.events]
    assert {i: graph.round(i) for i in ids} == twin.round
    assert {i for i in ids if graph.is_witness(i)} == set(twin.famous)
    assert {i: graph.is_famous(i) for i in twin.famous} == twin.famous
    assert [each.event.id for each in ordered] == twin.order
    assert {each.event.id: each.round_received for each in ordered} == twin.received
    assert {each.event.id: each.time_us for each in ordered} == twin.timestamp
    assert all(graph.placed(i) == (twin.received[i], twin.timestamp[i]) for i in twin.order)


def compare(seed: int, coin_period: int) -> Naive:
    choice = random.Random(seed)
    members, events = draw(any_style(choice), choice)
    twin = Naive(members, events, coin_period)
    graph = Hashgraph(members, coin_period)
    ordered = insert_all(graph, shuffle(events, choice))
    assert not graph.captured
    assert_equal_to_twin(graph, ordered, twin)  # the twin asserts that no two voters decide differently
    part = Hashgraph(members, coin_period)
    of_part = insert_all(part, shuffle(downward_closed(events, choice), choice))
    assert ordered[: len(of_part)] == of_part, "HG-10: the order of a part is a prefix"
    return twin


@settings(max_examples=2000)
@given(seed=st.integers(0, 2**40), coin_period=st.sampled_from([3, 3, 4, 10]))
def test_drawn_graphs_are_ordered_as_the_definitions_say(seed: int, coin_period: int) -> None:
    compare(seed, coin_period)


def test_the_drawn_graphs_hold_what_they_are_drawn_for() -> None:
    """Forks, tossed coins, late witnesses and ordered events occur among the graphs above."""
    seen = {
        "forks": 0,
        "tosses": 0,
        "abstentions": 0,
        "ordered": 0,
        "infamous": 0,
        "unequal weights": 0,
        "several other-parents": 0,
    }
    for seed in range(400):
        twin = compare(seed, 3)
        lines = {(event.creator, event.self_parent) for event in twin.events}
        seen["forks"] += len(lines) < len(twin.events)
        seen["tosses"] += twin.tosses > 0
        seen["abstentions"] += twin.abstentions > 0
        seen["ordered"] += bool(twin.order)
        seen["infamous"] += False in twin.famous.values()
        seen["unequal weights"] += len(set(twin.members.values())) > 1
        seen["several other-parents"] += any(len(event.other_parents) > 1 for event in twin.events)
    assert all(seen.values()), seen


@pytest.mark.long
@pytest.mark.parametrize("batch", range(20))
def test_a_hundred_thousand_drawn_graphs(batch: int) -> None:
    tosses = sum(compare(seed, 3).tosses > 0 for seed in range(10**6 + 5000 * batch, 10**6 + 5000 * (batch + 1)))
    assert tosses > 0


def histories(members: str, length: int, *, forker: str = "") -> Iterator[list[Event]]:
    """Every history of `length` events in which an other-parent is none or the newest of another member.

    The self-parent is the newest, for the forker any of its own, or none.
    """

    def grow(events: list[Event]) -> Iterator[list[Event]]:
        if len(events) == length:
            yield events
            return
        newest = {event.creator: event for event in events}
        for name in members.encode():
            creator = bytes([name])
            own = [event for event in events if event.creator == creator]
            selves: list[Event | None] = [*own, None] if forker.encode() == creator and own else [newest.get(creator)]
            others = [(), *((event.id,) for other, event in newest.items() if other != creator)]
            for self_parent, other in product(selves, others):
                yield from grow([*events, successor(len(events), creator, self_parent, other)])

    yield from grow([])


def successor(number: int, creator: bytes, self_parent: Event | None, others: tuple[bytes, ...]) -> Event:
    # The signature is a byte of a fixed permutation, so that coins and tie-breaks fall differently.
    signature = bytes([number * 73 % 256])
    before = self_parent.time_us if self_parent else 0
    parent = self_parent.id if self_parent else None
    return Event(bytes([number]) + creator, creator, parent, others, before + 7 - number % 3, (), signature)


@pytest.mark.parametrize(
    ("members", "length", "forker", "expected"),
    [
        ({b"a": 1}, 6, "", 1),
        ({b"a": 1}, 5, "a", 120),
        ({b"a": 1, b"b": 1}, 7, "", 5462),
        ({b"a": 3, b"b": 3, b"c": 1}, 5, "c", 15474),
    ],
)
def test_every_small_graph(members: dict[bytes, int], length: int, forker: str, expected: int) -> None:
    """Exhaustive: each history agrees with the definitions, with coins from the third round of an election."""
    names = b"".join(members).decode()
    count = 0
    for events in histories(names, length, forker=forker):
        graph = Hashgraph(members, 3)
        ordered = insert_all(graph, events)
        if not graph.captured:
            assert_equal_to_twin(graph, ordered, Naive(members, events, 3))
        count += 1
    assert count == expected


@pytest.mark.long
def test_every_history_of_two_members_with_nine_events() -> None:
    members = {b"a": 1, b"b": 1}
    for events in histories("ab", 9):
        graph = Hashgraph(members, 3)
        assert_equal_to_twin(graph, insert_all(graph, events), Naive(members, events, 3))


@settings(max_examples=150)
@given(seed=st.integers(0, 2**40))
def test_with_a_third_dishonest_the_graph_is_captured_and_goes_on(seed: int) -> None:
    """HG-11: never an assertion, whatever is inserted."""
    choice = random.Random(seed)
    members = {bytes([65 + member]): 1 for member in range(4)}
    events: list[Event] = []
    for number in range(60):
        creator = choice.choice(list(members))
        own = [event for event in events if event.creator == creator]
        rivals = [event for event in events if event.creator != creator]
        forks = creator in (b"A", b"B") and choice.random() < 0.5
        self_parent = choice.choice(own) if own and forks else (own[-1] if own else None)
        others = (choice.choice(rivals[-4:]).id,) if rivals else ()
        events.append(successor(number, creator, self_parent, others))
    graph = Hashgraph(members, 3)
    ordered = insert_all(graph, events)
    forkers = {proof.creator for proof in graph.forks}
    assert graph.captured == (3 * len(forkers) >= 4)
    assert len({each.event.id for each in ordered}) == len(ordered)
    assert len(graph) == len(events)
