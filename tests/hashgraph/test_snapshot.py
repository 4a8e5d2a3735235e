"""Snapshots and cuts: a view that was written and read back, or cut, goes on as if nothing had happened."""

from __future__ import annotations

import gc
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.histories import gossip, member_ids
from hashgraph import Event, Hashgraph, InvalidEvent, MissingParents
from tests.hashgraph.drawn import any_style, draw, shuffle
from tests.hashgraph.test_twin import insert_all


@settings(max_examples=200)
@given(seed=st.integers(0, 2**40), where=st.floats(0, 1))
def test_a_restored_view_goes_on_like_the_one_it_was_taken_from(seed: int, where: float) -> None:
    """HG-14: same order, rounds, fame and forks afterwards; same bytes at once and at the end."""
    choice = random.Random(seed)
    members, events = draw(any_style(choice), choice)
    events = shuffle(events, choice)
    graph = Hashgraph(members, 3)
    insert_all(graph, events[: int(where * len(events))])
    restored = Hashgraph.restore(graph.snapshot())
    assert restored.snapshot() == graph.snapshot()
    rest = events[int(where * len(events)) :]
    assert insert_all(restored, rest) == insert_all(graph, rest)
    assert restored.snapshot() == graph.snapshot()
    assert (restored.forks, restored.captured) == (graph.forks, graph.captured)
    assert restored.summary() == graph.summary()
    for event in events:
        assert restored.is_famous(event.id) == graph.is_famous(event.id)


@pytest.mark.parametrize("members", [1, 4, 7])
@pytest.mark.parametrize("is_restored", [False, True])
def test_a_cut_view_orders_what_the_whole_one_orders(members: int, is_restored: bool) -> None:
    """HG-13: cut again and again behind the order, the memory is bounded and nothing else changes."""
    weights = dict.fromkeys(member_ids(members), 1)
    whole, part = Hashgraph(weights, 3), Hashgraph(weights, 3)
    most = 0
    for event in gossip(members, 3000, seed=5, payload=b"x", forkers=int(members > 3)):
        assert part.insert(event) == whole.insert(event)
        if part.closed_round % 5 == 0 and part.closed_round:
            part.cut(part.closed_round - 3)
            if is_restored:
                part = Hashgraph.restore(part.snapshot())
        most = max(most, len(part))
    assert whole.closed_round > 30
    assert len(whole) == 3000
    assert most < 1500
    assert part.closed_round == whole.closed_round


def test_a_cut_frees_what_it_drops() -> None:
    """Every event on all of the layer before, so that every witness strongly sees all of the round before."""
    ids = member_ids(4)
    graph = Hashgraph(dict.fromkeys(ids, 1))
    lasts: dict[bytes, bytes] = {}
    for layer in range(400):
        fresh: dict[bytes, bytes] = {}
        for creator in ids:
            others = tuple(lasts[other] for other in ids if other != creator and lasts)
            event = Event(layer.to_bytes(2) + creator, creator, lasts.get(creator), others, layer, (), b"signature")
            graph.insert(event)
            fresh[creator] = event.id
        lasts = fresh
        graph.cut(graph.closed_round)
    gc.collect()
    kept = sum(isinstance(each, Event) and each.signature == b"signature" for each in gc.get_objects())
    assert len(graph) <= kept < 100


def test_a_member_that_was_silent_for_many_cuts_comes_back() -> None:
    ids = member_ids(4)
    weights = dict.fromkeys(ids, 1)
    whole, part = Hashgraph(weights), Hashgraph(weights)
    # The fourth member makes its first events, sleeps, and comes back at the end.
    awake = list(gossip(3, 2000, seed=9, payload=b"x"))
    first = next(iter(gossip(1, 1, seed=1)))
    sleeper = Event(b"s1", ids[3], None, (awake[5].id,), 1, (), first.signature)
    for event in [*awake[:6], sleeper, *awake[6:]]:
        assert part.insert(event) == whole.insert(event)
        if part.closed_round > 4:
            part.cut(part.closed_round - 2)
    assert len(part) < 200
    back = Event(b"s2", ids[3], b"s1", (awake[-1].id,), 10**9, (), first.signature)
    assert part.insert(back) == whole.insert(back)
    assert part.round(b"s2") == whole.round(b"s2")


def test_after_a_cut_the_first_event_of_a_creator_still_proves_its_fork() -> None:
    ids = member_ids(4)
    graph = Hashgraph(dict.fromkeys(ids, 1))
    events = list(gossip(4, 400, seed=2, payload=b"x"))
    insert_all(graph, events)
    graph.cut(graph.closed_round)
    first = next(event for event in events if event.creator == ids[0])
    assert first.id not in graph
    rival = Event(b"rival", ids[0], None, (graph.summary()[-1],), 1, (), first.signature)
    if rival.other_parents[0] == next(e.id for e in reversed(events) if e.creator == ids[0]):
        rival = Event(b"rival", ids[0], None, (graph.summary()[0],), 1, (), first.signature)
    graph.insert(rival)
    assert [(proof.first.id, proof.second.id) for proof in graph.forks] == [(first.id, b"rival")]


def test_a_cut_needs_a_closed_round_and_never_goes_back() -> None:
    graph = Hashgraph(dict.fromkeys(member_ids(4), 1))
    insert_all(graph, list(gossip(4, 300, seed=2)))
    before = graph.snapshot()
    with pytest.raises(ValueError, match="not closed"):
        graph.cut(graph.closed_round + 1)
    assert graph.snapshot() == before
    graph.cut(5)
    with pytest.raises(ValueError, match="earlier cut"):
        graph.cut(4)


def test_an_event_on_dropped_parents_changes_nothing() -> None:
    graph = Hashgraph(dict.fromkeys(member_ids(4), 1))
    events = list(gossip(4, 300, seed=2))
    insert_all(graph, events)
    graph.cut(graph.closed_round)
    before = graph.snapshot()
    for event in events[:100]:
        with pytest.raises((MissingParents, InvalidEvent)) as caught:
            graph.insert(event)
        assert isinstance(caught.value, MissingParents)
    assert graph.snapshot() == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda state: b"",
        lambda state: b"\xff\xfe",
        lambda state: b"[]",
        lambda state: b"[" * 100_000,
        lambda state: json.dumps({**state, "version": 99}).encode(),
        lambda state: json.dumps({k: v for k, v in state.items() if k != "nodes"}).encode(),
        lambda state: json.dumps({**state, "members": {"00": 0}}).encode(),
        lambda state: json.dumps({**state, "nodes": [[1]]}).encode(),
        lambda state: json.dumps({**state, "closed": "x"}).encode(),
    ],
)
def test_what_is_not_a_snapshot_is_a_value_error(spoil) -> None:  # type: ignore[no-untyped-def]  # lambdas above
    graph = Hashgraph({b"a": 1})
    state = json.loads(graph.snapshot())
    with pytest.raises(ValueError):  # noqa: PT011  # the message differs; the kind is the contract
        Hashgraph.restore(spoil(state))
