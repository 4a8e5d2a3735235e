"""How events get to all leaders."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from bac.errors import Code, Rejected
from bac.protocol import Send
from bac.replica import gossip as module
from bac.replica.gossip import BATCH_EVENTS, Gossip
from bac.replica.graph import EpochGraph, identify
from bac.replica.leadership import EARLY_MAX, EARLY_OF_ONE
from bac.types import Hash, Micros, NodeId
from bac.wire.event import Event
from bac.wire.sync import EventBatch, EventPull, EventRequest, TipPull
from tests.replica.leaders import Leaders, shuffle, write


class Desk:
    """The exchange of one leader, with nobody at the other end of the line."""

    def __init__(self, stage: Leaders) -> None:
        stage.boot()
        self.stage = stage
        self.me = stage.seats[0]
        self.site = stage.node(self.me)._site
        self.graph = EpochGraph(stage.epoch, 0, stage.params)
        self.gossip = Gossip(self.site, self.graph)
        self.site.out.take()

    def identity(self, place: int) -> NodeId:
        return self.stage.ids[self.stage.seats[place]]

    def receive(self, *events: Event, sender: int = 1, now: int = 0) -> None:
        self.gossip.receive(self.identity(sender), events, Micros(now))

    def said(self) -> list[Send]:
        effects = self.site.out.take()
        assert all(isinstance(each, Send) for each in effects)
        return [each for each in effects if isinstance(each, Send)]

    def event(self, place: int, *parents: Event | None, time_us: int = 0) -> Event:
        """By the leader in `place`; the first parent is its own."""
        own, *others = [None if each is None else identify(each) for each in parents] or [None]
        named = [Hash(each) for each in others if each is not None]
        return self.stage.event(self.stage.seats[place], own, *named, time_us=time_us)


@pytest.fixture
def desk() -> Desk:
    return Desk(Leaders())


def test_a_new_event_goes_to_all_leaders(desk: Desk) -> None:
    """RP-65: in one message to all others."""
    event = desk.event(0)
    desk.gossip.push(event)
    assert desk.said() == [Send(tuple(desk.identity(place) for place in (1, 2, 3)), EventBatch(0, (event,)))]


def test_an_event_waits_for_its_parents_and_its_sender_is_asked(desk: Desk) -> None:
    """RP-65: whoever sends it knows them; with the last parent all that waited is inserted."""
    first, other = desk.event(1), desk.event(2)
    second = desk.event(1, first, other, time_us=1)
    third = desk.event(2, other, second, time_us=1)
    desk.receive(third, sender=3)
    (asked,) = desk.said()
    assert (asked.to, set(asked.message.ids)) == ((desk.identity(3),), {identify(other), identify(second)})
    desk.receive(second, sender=1)
    (asked,) = desk.said()
    assert (asked.to, set(asked.message.ids)) == ((desk.identity(1),), {identify(first)}), "the other one was asked for"
    desk.receive(first, other)
    assert [event for _, event in desk.gossip.inserted] == [first, other, second, third]
    assert desk.said() == []


def test_a_parent_is_asked_for_four_times_in_a_period(desk: Desk) -> None:
    """RP-65: however many events name it."""
    parent, period = desk.event(1), desk.stage.params.repeat_us
    named = 0
    for turn in range(0, period, period // 40):
        desk.receive(desk.event(2, desk.event(2), parent, time_us=turn + 1), now=turn)
        named += sum(identify(parent) in each.message.ids for each in desk.said())
    assert named == 4


def test_few_events_wait(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """RP-65: the room is bounded, whatever is sent; the last ones are kept."""
    monkeypatch.setattr(module, "WAITING_MAX", 5)
    first, other = desk.event(1), desk.event(2)
    waiting = [desk.event(2, other, first, time_us=turn) for turn in range(1, 40)]
    desk.receive(*waiting)
    desk.receive(first)
    desk.receive(other)
    assert {identify(event) for event in waiting[:-5]}.isdisjoint(each for each, _ in desk.gossip.inserted)
    assert len(desk.gossip._waiting) <= 5
    assert len(desk.gossip._children) <= 10
    assert len(desk.gossip._asked) <= 11


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_arrival_makes_the_same_graph(seed: int) -> None:
    """RP-65: what comes before its parents waits for them, also over many generations."""
    desk = Desk(Leaders())
    events = write(desk.stage, 60, seed=seed)
    mixed = list(events)
    Random(seed).shuffle(mixed)
    for event in mixed:
        desk.receive(event)
    whole = desk.stage.graph()
    for event in shuffle(events, Random(1)):
        whole.insert(event, identify(event))
    assert desk.graph.summary() == whole.summary()
    assert (len(desk.graph), desk.graph.closed_round) == (60, whole.closed_round)


def test_a_batch_with_an_event_that_nobody_signed_changes_nothing(desk: Desk) -> None:
    """RP-61: signatures are judged before anything is taken."""
    forged = Event(desk.event(3).header, (b"\x01\x01",))
    with pytest.raises(Rejected) as refused:
        desk.receive(desk.event(1), forged, desk.event(2))
    assert refused.value.code is Code.MALFORMED
    assert (desk.gossip.inserted, len(desk.graph)) == ([], 0)


def test_what_came_before_an_invalid_event_is_taken(desk: Desk) -> None:
    """RP-61: and is not lost, but then the batch is not refused; the invalid event alone is."""
    good, bad = desk.event(1), desk.event(1, desk.event(1), time_us=1)
    desk.receive(good, bad, desk.event(2))
    assert [event for _, event in desk.gossip.inserted] == [good]
    with pytest.raises(Rejected) as refused:
        desk.receive(bad, desk.event(2))
    assert refused.value.culprit == desk.identity(1)
    assert len(desk.graph) == 1


def test_nobody_crowds_out_the_events_of_others(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """RP-65: of the room for those that wait, each leader has its share; nothing of what has left it is kept."""
    monkeypatch.setattr(module, "WAITING_MAX", 8)
    parent, first = desk.event(1), desk.event(2)
    honest = desk.event(2, first, parent, time_us=1)
    desk.receive(honest)
    for turn in range(500):
        unknown = [Hash(bytes([place, turn // 256, turn % 256]) * 10 + b"xx") for place in range(16)]
        desk.receive(desk.stage.event(desk.stage.seats[3], None, *unknown, time_us=turn), sender=3)
    assert len(desk.gossip._waiting) <= 8
    assert len(desk.gossip._children) <= 8 * 17
    desk.receive(parent, first)
    assert identify(honest) in desk.graph


def test_own_events_from_the_disk_all_wait(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """RP-66: however many; nobody else may have the last ones."""
    monkeypatch.setattr(module, "WAITING_MAX", 8)
    line = [desk.event(0), desk.event(1)]
    for turn in range(1, 40):
        for place in (0, 1):
            line.append(desk.event(place, line[-2], line[-1], time_us=turn))
    for event in line[0::2]:
        desk.gossip.take(event, identify(event), desk.site.me, Micros(0))
    desk.receive(*line[1::2])
    assert len(desk.graph) == len(line)


def test_branches_that_waited_stand_aside_too(desk: Desk) -> None:
    """RP-67: a forker gains nothing by sending its branches before their parent."""
    first, other = desk.event(1), desk.event(2)
    desk.receive(other)
    desk.receive(*[desk.event(1, first, other, time_us=turn) for turn in range(1, 30)])
    desk.receive(first)
    assert len(desk.graph) == 4, "the fork, and no more of it"
    assert len(desk.graph.forks) == 1


def test_a_long_line_can_wait(desk: Desk) -> None:
    """RP-65: however many generations come in the wrong order."""
    line = [desk.event(1), desk.event(2)]
    for turn in range(1, 240):
        for place in (1, 2):
            own, other = line[-2], line[-1]
            line.append(desk.event(place, own, other, time_us=turn))
    for event in reversed(line):
        desk.receive(event)
    assert len(desk.graph) == len(line)


def test_only_leaders_are_answered_and_not_without_end() -> None:
    """RP-66: a question is much shorter than its answer."""
    stage = Leaders((4000,) * 5)
    stage.boot()
    stage.run(1)
    stage.way = lambda *_: ()
    me, other = stage.seats[:2]
    (stranger,) = set(range(5)) - set(stage.seats)
    identifier = stage.lead(me).graph.tips[stage.ids[other]]
    for question in (EventPull(0, ()), EventRequest(0, (identifier,)), TipPull(0, stage.ids[other])):
        assert stage.deliver(stranger, me, question) == []
        assert stage.deliver(other, me, question)
    answered = sum(bool(stage.deliver(other, me, EventPull(0, ()))) for _ in range(500))
    assert 8 <= answered <= module.ANSWERED_MAX // BATCH_EVENTS
    stage.run(stage.now / 1e6 + stage.params.repeat_us / 1e6)
    assert stage.deliver(other, me, EventPull(0, ()))


def test_a_summary_is_answered_with_what_is_missing(desk: Desk) -> None:
    """RP-66: to one other leader; the answer has parents first, and brings the asker to the same graph."""
    events = write(desk.stage, 70, seed=2)
    peer = Gossip(desk.site, desk.stage.graph())
    desk.receive(*events)
    for event in events[:11]:
        peer.take(event, identify(event), desk.site.me, Micros(0))
    desk.said()
    peer.compare()
    assert desk.said() == [], "all were heard since the last time, and none waits"
    peer.compare()
    (question,) = desk.said()
    assert len(question.to) == 1
    assert question.to[0] in {desk.identity(place) for place in (1, 2, 3)}
    desk.gossip.answer_pull(question.to[0], question.message, Micros(0))
    answers = desk.said()
    missing = desk.graph.missing_for(question.message.heads, 999)
    assert [event for each in answers for event in each.message.events] == missing
    for answer in answers:
        peer.receive(desk.identity(1), answer.message.events, Micros(0))
    assert desk.said() == [], "no parent was missing"
    assert len(peer.inserted) == 70


def test_a_summary_can_go_to_all(desk: Desk) -> None:
    """RP-66: as it does after a restart."""
    desk.gossip.compare(with_all=True)
    (question,) = desk.said()
    assert set(question.to) == {desk.identity(place) for place in (1, 2, 3)}


def test_a_full_answer_is_followed_by_the_next_summary() -> None:
    """RP-66: who lacks more than one answer holds asks on, and no longer when an answer is not full."""
    stage = Leaders()
    stage.way = lambda *_: ()
    stage.boot()
    events = write(stage, BATCH_EVENTS + 6, seed=3)
    peer = stage.seats[1]
    for count, follows in ((BATCH_EVENTS, True), (6, False)):
        start = 0 if follows else BATCH_EVENTS
        sent = stage.deliver(peer, stage.seats[0], EventBatch(0, tuple(events[start : start + count])))
        pulls = [each for each in sent if isinstance(each, Send) and isinstance(each.message, EventPull)]
        assert [each.to for each in pulls] == ([(stage.ids[peer],)] if follows else [])


def test_after_a_restart_a_leader_asks_all_and_tells_its_own() -> None:
    """RP-66: its events go to all, with the summary, again and again until they are placed; then the summary to one."""
    stage = Leaders()
    stage.boot()
    stage.run_while(lambda: len(stage.events_of(stage.seats[0])) < 4, 4)
    me = stage.seats[0]
    own = set(stage.events_of(me))
    stage.crash(me)
    stage.way = lambda *_: ()
    stage.sent.clear()
    start = stage.now
    stage.boot(me)
    stage.run(start / 1e6 + 2 * stage.params.repeat_us / 1e6)
    pulls = stage.messages(EventPull, me)
    others = set(range(4)) - {me}
    for time in sorted({each.time for each in pulls}):
        assert {each.to for each in pulls if each.time == time} == others
    assert len(pulls) >= 6, "at once and after T_repeat"
    told = stage.messages(EventBatch, me)
    assert {identify(event) for each in told for event in each.message.events} == own
    assert len(told) >= 6


def test_nothing_is_made_before_the_own_events_are_placed() -> None:
    """RP-66: a leader that lacks what its own events name makes none, and goes on when others tell it."""
    stage = Leaders()
    stage.boot()
    stage.run_while(lambda: len(stage.events_of(stage.seats[0])) < 4, 4)
    me = stage.seats[0]
    stage.crash(me)
    known = set(stage.events_of(me))
    drawn, stage.way = stage.way, lambda *_: ()
    stage.boot(me)
    stage.run(stage.now / 1e6 + 1)
    assert set(stage.events_of(me)) == known
    stage.way = drawn
    stage.run(stage.now / 1e6 + 3)
    assert len(stage.events_of(me)) > len(known)
    assert [kind for _, kind in stage.accused] == []


def test_events_of_a_forker_wait_aside_until_somebody_names_them(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """RP-67: each branch would cost everybody; the room is bounded."""
    monkeypatch.setattr(module, "ASIDE_MAX", 3)
    forks = [desk.event(1, time_us=turn) for turn in range(8)]
    desk.receive(*forks)
    assert len(desk.graph) == 2, "the fork, and no more of it"
    assert len(desk.gossip._aside) == 3
    naming = desk.event(2, desk.event(2), forks[6], time_us=1)
    desk.receive(desk.event(2), naming)
    assert identify(forks[6]) in desk.graph
    assert identify(naming) in desk.graph
    assert identify(forks[5]) not in desk.graph
    later = desk.event(3, desk.event(3), forks[2], time_us=1)
    desk.receive(desk.event(3), later)
    assert [each.message.ids for each in desk.said() if isinstance(each.message, EventRequest)] == [
        (identify(forks[2]),)
    ]
    desk.receive(forks[2])
    assert identify(later) in desk.graph, "what is asked for is not put aside"


def test_a_line_of_a_forker_comes_with_the_one_that_is_named(desk: Desk) -> None:
    """RP-67: what stands aside may have its parents aside."""
    first, other = desk.event(1), desk.event(2)
    second = desk.event(1, first, other, time_us=1)
    third = desk.event(2, other, second, time_us=1)
    fourth = desk.event(1, second, third, time_us=2)
    desk.receive(first, other, desk.event(1, time_us=9))
    desk.receive(second, fourth)
    assert len(desk.graph) == 3
    desk.receive(third)
    assert identify(third) in desk.graph
    assert identify(second) in desk.graph
    assert identify(fourth) not in desk.graph


def test_batches_of_the_next_epoch_wait() -> None:
    """RP-67: in bounded number, of each peer few; what is of a later or an earlier epoch does not."""
    stage = Leaders()
    stage.boot()
    me, liar, peer = stage.seats[:3]
    for turn in range(EARLY_MAX + 9):
        stage.deliver(liar, me, EventBatch(1, (stage.event(liar, epoch=1, time_us=turn),)))
    stage.deliver(peer, me, EventBatch(1, (stage.event(peer, epoch=1),)))
    stage.deliver(peer, me, EventBatch(2, (stage.event(peer, epoch=2),)))
    stage.deliver(peer, me, EventBatch(1, (stage.event(peer, epoch=1),) * 2))
    ahead: list[Any] = stage.node(me)._ahead
    assert [(sender, batch.epoch) for sender, batch in ahead] == [
        *[(stage.ids[liar], 1)] * EARLY_OF_ONE, (stage.ids[peer], 1)
    ]  # fmt: skip


def test_what_waited_for_the_epoch_is_taken_when_it_begins() -> None:
    """RP-67: events that came before this leader was there are not lost."""
    stage = Leaders()
    stage.boot()
    last = stage.seats[3]
    stage.way = lambda sender, to, message: (
        (2_000,) if to != last or isinstance(message, EventBatch) else (400_000,)
    )  # fmt: skip
    early: list[int] = []

    def waits() -> bool:
        replica = stage.node(last)
        early.append(len(replica._ahead))
        return replica.finality.term.epoch.number == 0

    stage.run_while(waits, 20)
    assert early[-2] > 0, "it was behind, and heard of the next epoch"
    assert stage.node(last)._ahead == []
    assert len(stage.lead(last).graph) > 0
