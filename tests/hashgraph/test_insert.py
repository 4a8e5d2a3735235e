"""What an event must be to enter, and that a refusal changes nothing."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashgraph import BelowCut, Event, ForkProof, Hashgraph, InvalidEvent, Limits, MissingParents, Reason
from tests.hashgraph.drawn import any_style, draw, draw_by_hand

MEMBERS = {b"a": 1, b"b": 1, b"c": 1, b"d": 1}
HAND = draw_by_hand("a1: ; b1: ; c1: ; a2: a1 b1 ; b2: b1 a2 ; a3: a2 b2")


def filled(limits: Limits | None = None) -> Hashgraph:
    graph = Hashgraph(MEMBERS, limits=limits)
    for event in HAND.values():
        graph.insert(event)
    return graph


def event(**changes: object) -> Event:
    valid = Event(b"new", b"a", b"a3", (b"b2",), 1000, (), bytes(32))
    return replace(valid, **changes)  # type: ignore[arg-type]  # the fields of Event, named by the test


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"creator": b"x"}, Reason.UNKNOWN_CREATOR),
        ({"self_parent": b"b2"}, Reason.FOREIGN_SELF_PARENT),
        ({"other_parents": (b"a2",)}, Reason.OWN_OTHER_PARENT),
        ({"other_parents": (b"b2", b"c1", b"b2")}, Reason.REPEATED_OTHER_PARENT),
        ({"other_parents": (b"b1", b"b2", b"c1")}, Reason.TOO_MANY_OTHER_PARENTS),
        ({"time_us": HAND["a3"].time_us}, Reason.TIME_NOT_INCREASING),
        ({"time_us": 2**63}, Reason.TIME_OUT_OF_RANGE),
        ({"time_us": float("nan")}, Reason.TIME_OUT_OF_RANGE),
        ({"payload": (bytes(60), bytes(41))}, Reason.OVERSIZED_PAYLOAD),
        ({"signature": bytes(31)}, Reason.SIGNATURE_LENGTH),
        ({"signature": b""}, Reason.SIGNATURE_LENGTH),
    ],
)
def test_invalid_events_are_refused_with_their_reason(changes: dict[str, object], reason: Reason) -> None:
    """HG-1, HG-2: each fault has its reason and its culprit; the graph stays as it was."""
    limit = 3 if reason is Reason.REPEATED_OTHER_PARENT else 2
    graph = filled(Limits(payload_bytes=100, other_parents=limit, signature_bytes=32))
    before = graph.snapshot()
    bad = event(**changes)
    with pytest.raises(InvalidEvent) as caught:
        graph.insert(bad)
    assert (caught.value.reason, caught.value.creator) == (reason, bad.creator)
    assert graph.snapshot() == before


@given(seed=st.integers(0, 2**32))
@settings(max_examples=60)
def test_the_round_of_an_event_is_known_before(seed: int) -> None:
    """HG-5: from its parents alone; asking changes nothing, and a place where it would fork has no answer."""
    choice = random.Random(seed)
    members, events = draw(any_style(choice), choice)
    graph = Hashgraph(members)
    for each in events:
        if each.self_parent is None:
            graph.insert(each)
            continue
        is_fork = len(graph.forks)
        before = graph.snapshot()
        try:
            foretold = graph.round_after(each.self_parent, each.other_parents)
        except ValueError:
            foretold = None
        assert graph.snapshot() == before
        graph.insert(each)
        assert (foretold is None) == (len(graph.forks) > is_fork)
        assert foretold in (None, graph.round(each.id))


def test_the_valid_event_that_the_faults_above_are_made_from_is_taken() -> None:
    graph = filled(Limits(payload_bytes=100, other_parents=2, signature_bytes=32))
    graph.insert(event(payload=(bytes(100),), other_parents=(b"b2", b"c1")))
    assert b"new" in graph


def test_an_empty_signature_is_refused_even_as_the_first() -> None:
    graph = Hashgraph(MEMBERS)
    with pytest.raises(InvalidEvent, match="signature"):
        graph.insert(event(self_parent=None, other_parents=(), signature=b""))
    assert len(graph) == 0


def test_missing_parents_are_named_in_order_and_nothing_changes() -> None:
    """HG-2: nobody's fault; each missing parent is named once, self-parent first."""
    graph = filled()
    before = graph.snapshot()
    with pytest.raises(MissingParents) as caught:
        graph.insert(event(self_parent=b"a9", other_parents=(b"b2", b"c9")))
    assert caught.value.ids == (b"a9", b"c9")
    assert graph.snapshot() == before


def test_a_known_id_returns_nothing() -> None:
    graph = filled()
    before = graph.snapshot()
    assert graph.insert(HAND["a2"]) == []
    assert graph.snapshot() == before


def test_a_second_child_of_an_event_is_a_fork_with_a_proof() -> None:
    graph = filled()
    fork = event(id=b"a2'", self_parent=b"a1", other_parents=(b"c1",))
    graph.insert(fork)
    assert graph.forks == (ForkProof(b"a", HAND["a2"], fork),)


def test_a_second_null_self_parent_is_a_fork() -> None:
    graph = filled()
    fork = event(id=b"a1'", self_parent=None, other_parents=())
    graph.insert(fork)
    assert graph.forks == (ForkProof(b"a", HAND["a1"], fork),)
    assert not graph.captured


def test_a_third_child_makes_a_second_proof_and_a_later_child_of_a_branch_none() -> None:
    graph = filled()
    graph.insert(event(id=b"f1", self_parent=b"a1", other_parents=()))
    graph.insert(event(id=b"f2", self_parent=b"f1", other_parents=(), time_us=1001))
    graph.insert(event(id=b"f3", self_parent=b"a1", other_parents=()))
    assert [proof.second.id for proof in graph.forks] == [b"f1", b"f3"]


def test_two_forkers_of_six_capture_and_one_does_not() -> None:
    """HG-11: at a third of the weight, not above it only."""
    graph = Hashgraph({bytes([c]): 1 for c in b"abcdef"})
    for number, creator in enumerate((b"a", b"a", b"b", b"b")):
        assert not graph.captured
        graph.insert(Event(bytes([number]), creator, None, (), 1, (), b"s"))
    assert graph.captured


@pytest.mark.parametrize("members", [{}, {b"a": 0}, {b"a": -1}, {b"a": True}, {b"a": 1.0}])
def test_members_need_positive_whole_weights(members: dict[bytes, int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        Hashgraph(members)


@pytest.mark.parametrize("coin_period", [2, 0, -3])
def test_the_coin_period_is_at_least_three(coin_period: int) -> None:
    """HG-6: with two, every vote after the first could be a coin."""
    with pytest.raises(ValueError, match="coin_period"):
        Hashgraph(MEMBERS, coin_period)


@pytest.mark.parametrize("limits", [{"payload_bytes": -1}, {"other_parents": -1}, {"signature_bytes": 0}])
def test_limits_must_be_usable(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"limits|signature_bytes"):
        Limits(**limits)


@settings(max_examples=200)
@given(seed=st.integers(0, 2**40), fault=st.sampled_from(sorted(Reason)), where=st.floats(0, 1))
def test_a_refused_event_never_changes_a_drawn_graph(seed: int, fault: Reason, where: float) -> None:
    choice = random.Random(seed)
    members, events = draw(any_style(choice), choice)
    if not events:
        return
    limits = Limits(payload_bytes=8, other_parents=len(members))
    graph = Hashgraph(members, 3, limits)
    position = int(where * (len(events) - 1))
    for each in events[: position + 1]:
        graph.insert(each)
    spoiled = spoil(events[position], fault, events[: position + 1], limits)
    if spoiled is None:
        return
    before = graph.snapshot()
    with pytest.raises(InvalidEvent) as caught:
        graph.insert(spoiled)
    assert caught.value.reason is fault
    assert graph.snapshot() == before


def spoil(good: Event, fault: Reason, known: list[Event], limits: Limits) -> Event | None:
    """`good` under a new id with one fault, where the graph so far allows it."""
    bad = replace(good, id=b"spoiled")
    foreign = next((each.id for each in known if each.creator != good.creator), None)
    match fault:
        case Reason.UNKNOWN_CREATOR:
            return replace(bad, creator=b"nobody")
        case Reason.FOREIGN_SELF_PARENT:
            return replace(bad, self_parent=foreign, other_parents=()) if foreign else None
        case Reason.OWN_OTHER_PARENT:
            return replace(bad, other_parents=(good.id,))
        case Reason.REPEATED_OTHER_PARENT:
            return replace(bad, other_parents=(foreign, foreign)) if foreign and limits.other_parents > 1 else None
        case Reason.TOO_MANY_OTHER_PARENTS:
            return replace(bad, other_parents=tuple(bytes([n]) for n in range(limits.other_parents + 1)))
        case Reason.TIME_NOT_INCREASING:
            return replace(bad, self_parent=good.id, other_parents=(), time_us=good.time_us)
        case Reason.TIME_OUT_OF_RANGE:
            return replace(bad, time_us=-(2**63))
        case Reason.OVERSIZED_PAYLOAD:
            return replace(bad, payload=(bytes(9),))
        case Reason.SIGNATURE_LENGTH:
            return replace(bad, signature=good.signature + b"x")


def test_what_hangs_on_cut_rounds_alone_is_below_the_cut() -> None:
    """HG-13: nothing to ask for, nobody to blame."""
    graph = Hashgraph({b"a": 1})
    for number in range(12):
        parent = bytes([number - 1]) if number else None
        graph.insert(Event(bytes([number]), b"a", parent, (), number, (), bytes([number])))
    graph.cut(graph.closed_round)
    with pytest.raises(BelowCut) as caught:
        graph.insert(Event(b"late", b"a", None, (), 0, (), b"x"))
    assert caught.value.ids == ()
    with pytest.raises(MissingParents) as missing:
        graph.insert(Event(b"late", b"a", bytes([2]), (), 9, (), b"x"))
    assert missing.value.ids == (bytes([2]),)
