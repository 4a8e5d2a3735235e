"""What a peer lacks: parents first, in bounded batches, until both know the same, forks included."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashgraph import Event, Hashgraph, MissingParents
from tests.hashgraph.drawn import Style, any_style, downward_closed, draw, shuffle


def view(members: dict[bytes, int], events: list[Event]) -> Hashgraph:
    graph = Hashgraph(members, 3)
    for event in events:
        graph.insert(event)
    return graph


@settings(max_examples=300)
@given(seed=st.integers(0, 2**40), limit=st.integers(1, 9))
def test_two_views_become_one_in_bounded_batches(seed: int, limit: int) -> None:
    """HG-12: each batch holds at most `limit` events, none of which lacks a parent where it goes."""
    choice = random.Random(seed)
    members, events = draw(any_style(choice), choice)
    one = view(members, shuffle(downward_closed(events, choice), choice))
    two = view(members, shuffle(downward_closed(events, choice), choice))
    union = {event.id for event in events if event.id in one or event.id in two}
    for giver, taker in ((one, two), (two, one)):
        while batch := giver.missing_for(taker.summary(), limit):
            assert len(batch) <= limit
            for event in batch:
                taker.insert(event)
        assert all(event.id in taker for event in events if event.id in giver)
    assert {event.id for event in events if event.id in one} == union
    assert {proof.creator for proof in one.forks} == {proof.creator for proof in two.forks}


def test_a_view_that_is_behind_is_sent_nothing_that_it_has() -> None:
    choice = random.Random(7)
    members, events = draw(any_style(choice), choice)
    ahead, behind = view(members, events), view(members, events[: len(events) // 2])
    sent = ahead.missing_for(behind.summary(), len(events))
    assert [event.id for event in sent] == [event.id for event in events[len(events) // 2 :]]


def test_what_is_sent_twice_stays_small_between_views_that_are_both_ahead() -> None:
    """The price of the exact bound: a few events again. Honest members, each half a round from the other."""
    twice = lacking = 0
    for seed in range(60):
        choice = random.Random(seed)
        members, events = draw(any_style(choice), choice)
        one, two = (view(members, downward_closed(events, choice)) for _ in range(2))
        sent = one.missing_for(two.summary(), len(events))
        twice += sum(event.id in two for event in sent)
        lacking += sum(event.id not in two for event in sent)
    assert lacking > 0
    assert twice < lacking


def test_the_summary_names_one_event_a_branch() -> None:
    graph = Hashgraph({b"a": 1, b"b": 1, b"c": 1, b"d": 1})
    assert graph.summary() == ()
    for event in (
        Event(b"a1", b"a", None, (), 1, (), b"s"),
        Event(b"b1", b"b", None, (b"a1",), 1, (), b"s"),
        Event(b"a2", b"a", b"a1", (b"b1",), 2, (), b"s"),
    ):
        graph.insert(event)
    assert graph.summary() == (b"a2", b"b1")
    graph.insert(Event(b"a2'", b"a", b"a1", (), 2, (), b"s"))
    assert graph.summary() == (b"a2", b"a2'", b"b1")


def test_the_summary_names_where_events_came_again() -> None:
    """HG-12: the last event of each run, a bounded number of runs; a run that goes on takes no more room."""
    line = long_line(40)
    graph = view({b"a": 1}, line)
    for again in (1, 2, 3):
        graph.insert(line[again])
    assert graph.summary() == (bytes([3]), bytes([39]))
    graph.insert(line[20])
    graph.insert(line[4])
    assert graph.summary() == (bytes([4]), bytes([20]), bytes([39]))
    for start in range(5, 39, 3):
        graph.insert(line[start])
    assert len(graph.summary()) == 5


@pytest.mark.parametrize("limit", [1, 5])
def test_two_givers_that_are_behind_both_bring_their_news(limit: int) -> None:
    """One taker, two givers that know less of a line than it does, in turn: each one's own news arrives."""
    members = {b"a": 1, b"b": 1, b"c": 1}
    line = long_line(41)
    taker, far, near = view(members, line), view(members, line[:40]), view(members, line[:12])
    far.insert(Event(b"news of b", b"b", None, (), 1, (), b"s"))
    near.insert(Event(b"news of c", b"c", None, (), 1, (), b"s"))
    for _ in range(200):
        for giver in (far, near):
            for event in giver.missing_for(taker.summary(), limit):
                taker.insert(event)
    assert b"news of b" in taker
    assert b"news of c" in taker


def test_after_a_cut_only_what_can_be_taken_is_offered() -> None:
    """HG-12, HG-13: to a newcomer nothing, to a peer that knows what was dropped all that it lacks."""
    choice = random.Random(1)
    members, events = draw(Style(4, 60, 0, 0.0, 1, 3, 0.0, 0.0), choice)
    cut, whole = view(members, events), view(members, events[: len(events) * 3 // 4])
    cut.cut(cut.closed_round - 4)
    assert 0 < len(cut) < len(events)
    assert cut.missing_for((), 99) == []
    lacking = cut.missing_for(whole.summary(), 999)
    for event in lacking:
        whole.insert(event)
    assert len(whole) == len(events)


@pytest.mark.parametrize("unknown", [(), (b"never heard of",)])
def test_who_names_nothing_known_is_sent_all_from_the_start(unknown: tuple[bytes, ...]) -> None:
    choice = random.Random(3)
    members, events = draw(any_style(choice), choice)
    graph = view(members, events)
    assert graph.missing_for(unknown, 5) == events[:5]
    assert graph.missing_for(unknown, 0) == []
    with pytest.raises(ValueError, match="limit"):
        graph.missing_for(unknown, -1)


def long_line(count: int) -> list[Event]:
    return [
        Event(bytes([n]), b"a", bytes([n - 1]) if n else None, (), n, (b"payload", bytes([n])), bytes([n]))
        for n in range(count)
    ]


def test_payloads_are_dropped_once_ordered_and_not_before() -> None:
    """HG-13: a dropped payload cannot be passed on, nor can what hangs on it; the order goes on."""
    graph = Hashgraph({b"a": 1})
    events = long_line(12)
    ordered = [each.event for event in events[:11] for each in graph.insert(event)]
    with pytest.raises(ValueError, match="not ordered"):
        graph.drop_payloads([ordered[0].id, events[10].id])
    assert graph.missing_for((), 1) == [events[0]], "a refused call dropped nothing"
    graph.drop_payloads([event.id for event in ordered] + [b"unknown"])
    assert graph.missing_for((), 99) == []
    known = ordered[-1].id
    assert [e.id for e in graph.missing_for((known,), 99)] == [e.id for e in events[len(ordered) : 11]]
    assert graph.insert(events[11])


def test_events_beside_a_dropped_payload_are_still_passed_on() -> None:
    members = {b"a": 8, b"b": 1}
    graph = Hashgraph(members)
    ordered = [each.event for event in long_line(6) for each in graph.insert(event)]
    alone = Event(b"b1", b"b", None, (), 1, (), b"s")
    child = Event(b"b2", b"b", b"b1", (ordered[0].id,), 2, (), b"s")
    graph.insert(alone)
    graph.insert(child)
    graph.drop_payloads([ordered[0].id])
    sent = graph.missing_for((), 99)
    assert sent == [alone]
    other = Hashgraph(members)
    for event in sent:
        other.insert(event)
    with pytest.raises(MissingParents):
        other.insert(child)
