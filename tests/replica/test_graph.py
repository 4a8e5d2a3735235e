"""The leaders' graph of an epoch: what it takes, what it makes of closed rounds, what it proves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest
from msgspec.structs import replace as change

from bac.errors import Code, Rejected
from bac.params import MINIMAL
from bac.replica.graph import EpochGraph, MissingParents, Round, identify
from bac.types import Hash, Micros, NodeId
from bac.wire.event import Event
from hashgraph.event import Event as Vertex
from tests.hashgraph.naive import Naive
from tests.replica.leaders import SHARD, Leaders, shuffle, write


def weighted(stage: Leaders, *weights: int) -> EpochGraph:
    """An empty graph of leaders with these weights."""
    committee = tuple(
        change(leader, weight=weight) for leader, weight in zip(stage.epoch.committee, weights, strict=True)
    )
    return EpochGraph(replace(stage.epoch, committee=committee), SHARD, stage.params)


def insert(graph: EpochGraph, *events: Event) -> list[Round]:
    return [each for event in events for each in graph.insert(event, identify(event))]


def test_members_are_the_committee_with_its_weights() -> None:
    """RP-60: a round closes with the weight of the committee, not with the number of its members."""
    stage = Leaders()
    assert stage.graph().weights == {leader.identity: leader.weight for leader in stage.epoch.committee}
    heavy = weighted(stage, 10, 1, 1, 1)
    alone = [stage.event(stage.seats[1])]
    for turn in range(1, 30):
        first, second = stage.seats[turn % 2 + 1], stage.seats[2 - turn % 2]
        own = next((identify(each) for each in reversed(alone) if each.header.creator == stage.ids[first]), None)
        alone.append(stage.event(first, own, identify(alone[-1]), time_us=turn))
        assert second != first
    insert(heavy, *alone)
    assert {heavy.level(identify(each)) for each in alone} == {2}, "nobody gets on without the heavy one"


@pytest.mark.parametrize("where", [{"epoch": 1}, {"boundary": Hash(b"x" * 32)}])
def test_an_event_of_another_graph_is_none_of_this_one(where: dict[str, object]) -> None:
    """RP-60: an event names epoch and boundary; one of another graph is refused, and makes no fork."""
    stage = Leaders()
    graph = stage.graph()
    insert(graph, stage.event(0))
    foreign = stage.event(0, time_us=9, **where)  # type: ignore[arg-type]
    with pytest.raises(Rejected, match="another graph") as refused:
        insert(graph, foreign)
    assert refused.value.culprit == stage.ids[0]
    assert (len(graph), graph.forks) == (1, [])


Spoil = Callable[[Leaders, Event, Event], Event]


def too_many(stage: Leaders, own: Event, other: Event) -> Event:
    payload = tuple(b"\x01" + bytes([each]) for each in range(stage.params.max_event_items + 1))
    return stage.event(0, identify(own), identify(other), time_us=9, payload=payload)


def too_long(stage: Leaders, own: Event, other: Event) -> Event:
    payload = (bytes(stage.params.max_event_bytes // 2), b"\x01" * (stage.params.max_event_bytes // 2 + 1))
    return stage.event(0, identify(own), identify(other), time_us=9, payload=payload)


SPOILT: dict[str, tuple[Spoil, Code]] = {
    "too many items": (too_many, Code.OVERSIZED),
    "too many bytes": (too_long, Code.OVERSIZED),
    "no other-parent": (lambda stage, own, _: stage.event(0, identify(own), time_us=9), Code.MALFORMED),
    "time stands still": (
        lambda stage, own, other: stage.event(0, identify(own), identify(other), time_us=5), Code.MALFORMED,
    ),
    "an own event as other-parent": (
        lambda stage, own, _: stage.event(0, identify(own), identify(own), time_us=9), Code.MALFORMED,
    ),
    "another's event as self-parent": (
        lambda stage, own, other: stage.event(0, identify(other), identify(own), time_us=9), Code.MALFORMED,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", SPOILT)
def test_invalid_events_change_nothing(kind: str) -> None:
    """RP-61: whoever looks at them, and it is their creator's fault."""
    stage = Leaders()
    graph = stage.graph()
    own, other = stage.event(0, time_us=5), stage.event(1)
    insert(graph, own, other)
    before = (len(graph), graph.summary(), dict(graph.tips))
    spoil, code = SPOILT[kind]
    with pytest.raises(Rejected) as refused:
        insert(graph, spoil(stage, own, other))
    assert (refused.value.code, refused.value.culprit) == (code, stage.ids[0])
    assert (len(graph), graph.summary(), dict(graph.tips)) == before


def test_an_event_names_something_new() -> None:
    """RP-61: news is what is no ancestor of the self-parent; of several other-parents one is enough."""
    stage = Leaders()
    graph = stage.graph()
    first, other, third = stage.event(0), stage.event(1), stage.event(2)
    second = stage.event(0, identify(first), identify(other), time_us=1)
    insert(graph, first, other, third, second)
    again = stage.event(0, identify(second), identify(other), time_us=2)
    with pytest.raises(Rejected, match="nothing new"):
        insert(graph, again)
    insert(graph, stage.event(0, identify(second), identify(other), identify(third), time_us=2))
    assert len(graph) == 5


def test_a_stranger_makes_no_event() -> None:
    """RP-61: neither does a member that does not lead."""
    stage = Leaders((4000,) * 5)
    (stranger,) = set(range(5)) - set(stage.seats)
    graph = stage.graph()
    with pytest.raises(Rejected) as refused:
        insert(graph, stage.event(stranger))
    assert refused.value.code is Code.NOT_A_MEMBER
    assert len(graph) == 0


def test_parents_are_asked_for_before_an_event_is_judged() -> None:
    """RP-61: what is missing decides nothing."""
    stage = Leaders()
    graph = stage.graph()
    first, other = stage.event(0), stage.event(1)
    second = stage.event(0, identify(first), identify(other), time_us=1)
    with pytest.raises(MissingParents) as missing:
        insert(graph, second)
    assert set(missing.value.ids) == {identify(first), identify(other)}
    assert len(graph) == 0


def naive_rounds(stage: Leaders, graph: EpochGraph, events: list[Event]) -> list[Round]:
    """The rounds by definition: from the naive twin of the library, each unit of weight one time in the median."""
    vertices = [
        Vertex(
            identify(each), each.header.creator, each.header.self_parent, each.header.other_parents,
            each.header.time_us, (), each.header.signature,
        )
        for each in events
    ]  # fmt: skip
    twin = Naive({bytes(each): weight for each, weight in graph.weights.items()}, vertices, stage.params.coin_period)
    payloads = {identify(each): each.payload for each in events}
    found: list[Round] = []
    for number in range(1, max(twin.received.values()) + 1):
        famous = [each for each in twin.witnesses[number] if twin.famous[each.id]]
        times = sorted(each.time_us for each in famous for _ in range(graph.weights[NodeId(each.creator)]))
        items: list[bytes] = []
        for identifier in twin.order:
            if twin.received[identifier] == number:
                items += [item for item in payloads[Hash(identifier)] if item not in items]
        creators = tuple(sorted(NodeId(each.creator) for each in famous))
        found.append(Round(number, Micros(times[len(times) // 2]), creators, tuple(items)))
    return found


@pytest.mark.parametrize("seed", range(6))
def test_a_round_has_what_the_definitions_say(seed: int) -> None:
    """RP-62: number, median, witnesses, items in the order; with weights that differ."""
    stage = Leaders(params=replace(MINIMAL, max_events_per_round=99))
    events = write(stage, 70, seed=seed)
    graph = weighted(stage, *((1, 1, 1, 1), (3, 2, 2, 2), (5, 4, 3, 3))[seed % 3])
    rounds = insert(graph, *events)
    assert len(rounds) >= 4
    assert rounds == naive_rounds(stage, graph, events)
    assert [each.number for each in rounds] == list(range(1, graph.closed_round + 1))


@pytest.mark.parametrize("seed", range(4))
def test_rounds_follow_from_the_graph_alone(seed: int) -> None:
    """RP-62: another order of arrival, or fewer events, and the rounds that close are the same."""
    stage = Leaders()
    events = write(stage, 80, seed=seed)
    rounds = insert(stage.graph(), *events)
    random = Random(seed)
    assert insert(stage.graph(), *shuffle(events, random)) == rounds
    some = shuffle(events, random)[:60]
    fewer = insert(stage.graph(), *some)
    assert fewer == rounds[: len(fewer)]
    assert fewer


def test_each_item_stands_once_in_a_round() -> None:
    """RP-62: what two leaders load is ordered once."""
    stage = Leaders()
    item = stage.transaction(0, 0)
    tips: dict[int, Hash] = {}
    rounds: list[Round] = []
    graph = stage.graph()
    for turn in range(24):
        place = stage.seats[turn % 4]
        others = [tip for each, tip in tips.items() if each != place] if place in tips else []
        event = stage.event(place, tips.get(place), *others, time_us=turn, payload=(item,) if turn < 4 else ())
        rounds += insert(graph, event)
        tips[place] = identify(event)
    assert rounds[1].items == (item,), "of at least three events with it"


def flood(stage: Leaders, count: int) -> list[Event]:
    """Two leaders hear each other alone, `count` events each, one item in each; then the others come."""
    one, two, *rest = stage.seats
    events = [stage.event(one, payload=(stage.transaction(one, 0),)), stage.event(two)]
    for turn in range(1, count):
        for place, mate in ((one, two), (two, one)):
            own = next(identify(each) for each in reversed(events) if each.header.creator == stage.ids[place])
            other = next(identify(each) for each in reversed(events) if each.header.creator == stage.ids[mate])
            payload = (stage.transaction(place, turn),) if place == one else ()
            events.append(stage.event(place, own, other, time_us=turn, payload=payload))
    tips = {one: identify(events[-2]), two: identify(events[-1])}
    for turn in range(24):
        place = (*rest, one, two)[turn % 4]
        others = [tip for each, tip in tips.items() if each != place]
        event = stage.event(place, tips.get(place), *others, time_us=count + turn)
        events.append(event)
        tips[place] = identify(event)
    return events


def test_the_payload_of_too_many_events_in_a_round_is_void() -> None:
    """RP-63: the first of a line in a round count, the others do not."""
    stage = Leaders(params=replace(MINIMAL, max_events_per_round=3))
    graph = stage.graph()
    events = flood(stage, 6)
    rounds = insert(graph, *events)
    one = stage.seats[0]
    ordered = [item for each in rounds for item in each.items]
    assert sorted(ordered) == sorted(stage.transaction(one, turn) for turn in range(3))
    own = [identify(each) for each in events if each.header.creator == stage.ids[one]]
    assert [graph.count_in_round(each) for each in own[:6]] == [1, 2, 3, 4, 5, 6]
    later = [each for each, following in pairwise(own) if graph.level(following) // 2 > graph.level(each) // 2]
    assert later, "it gets into another round"
    assert graph.count_in_round(own[own.index(later[0]) + 1]) == 1


def test_a_fork_is_evidence_once_both_events_are_here() -> None:
    """RP-64: two headers; the forker's last event is nobody's to name."""
    stage = Leaders()
    graph = stage.graph()
    first, other = stage.event(0), stage.event(1)
    one = stage.event(0, identify(first), identify(other), time_us=1)
    two = stage.event(0, identify(first), identify(other), time_us=2)
    insert(graph, first, other, one)
    assert (graph.forks, graph.is_forker(stage.ids[0])) == ([], False)
    assert graph.tips[stage.ids[0]] == identify(one)
    insert(graph, two)
    (fork,) = graph.forks
    assert {fork.first, fork.second} == {one.header, two.header}
    assert graph.is_forker(stage.ids[0])
    assert set(graph.tips) == {stage.ids[1]}
    third = stage.event(2)
    insert(graph, third, stage.event(0, identify(two), identify(third), time_us=3))
    assert set(graph.tips) == {stage.ids[1], stage.ids[2]}
