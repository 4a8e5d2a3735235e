"""A leader's own events: when, naming what, and none twice."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace as change

from bac.params import MINIMAL
from bac.protocol import Persist
from bac.replica.author import Author, Memory, load_events
from bac.replica.graph import identify
from bac.types import Hash, Micros, NodeId
from bac.wire.codec import encode
from bac.wire.event import Event
from bac.wire.evidence import Fork
from bac.wire.sync import EventBatch, TipAnswer, TipPull
from hashgraph.event import Event as Vertex
from tests.hashgraph.naive import Naive
from tests.replica.leaders import Leaders, write

MIN, MAX = MINIMAL.event_min_us, MINIMAL.event_max_us


class Line:
    """The author of the first leader, with a graph of its own."""

    def __init__(self, stage: Leaders) -> None:
        self.stage = stage
        self.me = stage.seats[0]
        stage.boot(self.me)
        self.site = stage.node(self.me)._site
        self.graph = stage.graph()
        memory = Memory(self.site.store)
        memory.prove(0)
        self.author = Author(self.site, self.graph, memory)
        self.site.out.take()

    def insert(self, event: Event) -> Hash:
        identifier = identify(event)
        self.graph.insert(event, identifier)
        self.author.note(identifier, event)
        return identifier

    def emit(self, now: int, *, is_urgent: bool = False) -> Event | None:
        made = self.author.emit((), Micros(now), is_urgent=is_urgent)
        if made is None:
            return None
        self.insert(made[1])
        return made[1]

    def due(self, now: int = 0, *, is_urgent: bool) -> int | None:
        return self.author.due(Micros(now), is_urgent=is_urgent)


@pytest.mark.parametrize("seed", range(3))
def test_the_level_of_an_event(seed: int) -> None:
    """RP-68: twice its round, one more with a supermajority of its round's witnesses below it: by definition."""
    stage = Leaders()
    graph = stage.graph()
    events = write(stage, 60, seed=seed)
    vertices = []
    for event in events:
        header = event.header
        graph.insert(event, identify(event))
        vertices.append(
            Vertex(
                identify(event), header.creator, header.self_parent, header.other_parents, header.time_us, (),
                header.signature,
            )
        )  # fmt: skip
    twin = Naive({bytes(each): weight for each, weight in graph.weights.items()}, vertices, 10)
    for event in events:
        identifier = identify(event)
        number = twin.round[identifier]
        known = {each.creator for each in twin.witnesses[number] if each.id in twin.below[identifier]}
        assert graph.level(identifier) == 2 * number + (3 * len(known) > 8)


def test_the_first_event_is_made_at_once_and_no_other_without_news() -> None:
    """RP-68: an idle leader emits every T_event, if there is anything to name."""
    line = Line(Leaders())
    stage = line.stage
    assert line.due(is_urgent=False) == 0
    assert line.emit(1000) is not None
    assert line.due(is_urgent=True) is None
    assert line.due(is_urgent=False) is None
    line.insert(stage.event(stage.seats[1]))
    assert line.due(is_urgent=False) == 1000 + MAX


def test_while_somebody_waits_an_event_is_made_where_it_gets_further() -> None:
    """RP-68: at once after idleness, then to a higher level or with more weight behind it; T_min apart."""
    line = Line(Leaders())
    stage, seats = line.stage, line.stage.seats
    line.emit(0)
    one = line.insert(stage.event(seats[1]))
    assert line.due(is_urgent=True) == MIN, "the first time after idleness"
    line.emit(MIN, is_urgent=True)
    two = line.insert(stage.event(seats[1], one, line.graph.tips[line.site.me], time_us=1))
    assert line.due(is_urgent=True) == MIN + MAX, "two of four: nothing new can be reached"
    line.insert(stage.event(seats[2]))
    assert line.due(is_urgent=True) == 2 * MIN, "with the third, a supermajority of the round is known"
    assert line.due(is_urgent=False) == MIN + MAX
    made = line.emit(2 * MIN, is_urgent=True)
    assert made is not None
    assert line.graph.level(identify(made)) == 3
    line.insert(stage.event(seats[1], two, identify(made), time_us=2))
    assert line.due(is_urgent=True) == 2 * MIN + MAX, "less weight behind the next level than it takes"
    assert line.emit(3 * MIN, is_urgent=True) is not None


def test_an_idle_round_takes_two_pauses() -> None:
    """RP-68: an event that would begin a round too early waits; one that does not is made, so that others can."""
    line = Line(Leaders())
    stage, seats = line.stage, line.stage.seats
    line.emit(1000)
    first = [line.insert(stage.event(each)) for each in seats[1:]]
    assert line.due(1000 + MAX, is_urgent=False) == 1000 + MAX, "it strongly sees nobody yet"
    second = [
        line.insert(stage.event(seat, own, *(each for each in first if each != own), time_us=1))
        for seat, own in zip(seats[1:], first, strict=True)
    ]
    assert line.graph.round_after(line.graph.tips[line.site.me], second) == 2
    assert line.due(1000 + MAX, is_urgent=False) == 1000 + 2 * MAX, "it would begin the second round"
    assert line.due(1000 + MAX, is_urgent=True) == 1000 + MIN, "nobody is to wait for that"
    line.emit(1000 + 2 * MAX)
    assert line.graph.level(line.graph.tips[line.site.me]) // 2 == 2
    third = line.insert(stage.event(seats[1], second[0], line.graph.tips[line.site.me], time_us=2))
    assert line.due(1000 + 3 * MAX, is_urgent=False) == 1000 + 3 * MAX
    assert line.graph.level(third) // 2 == 2


@pytest.mark.parametrize("delay", [1_000, 60_000, 110_000])
def test_idle_rounds_take_two_pauses_whoever_speaks_when(delay: int) -> None:
    """RP-68: no faster than 2 T_event, though leaders that speak one after the other could; nor much slower."""
    stage = Leaders(params=replace(MINIMAL, epoch_rounds=12, epoch_grace_rounds=3, seed_rounds=6, epoch_us=15_000_000))
    random = Random(delay)
    stage.way = lambda *_: (random.randrange(delay, 2 * delay),)
    stage.boot()
    stage.run_while(lambda: len(stage.commits[0]) < 30, 40)
    times = [block.header.time_us for block in stage.commits[0] if 1 < block.header.round <= 12]
    pauses = sorted(after - before for before, after in pairwise(times))
    middle = pauses[len(pauses) // 2]
    assert 2 * MAX - 1_000 <= middle <= 2 * MAX + 3 * delay, f"{pauses}"


def test_a_round_takes_few_events_of_each_leader() -> None:
    """RP-68: two, or three where that brings more weight behind them, however slow the network is beside T_min."""
    for delay in (5_000, 40_000, 100_000):
        stage = Leaders(params=replace(MINIMAL, epoch_rounds=24, epoch_us=15_000_000))
        stage.way = lambda *_, delay=delay: (delay,)
        stage.boot()
        stage.run(0.3)
        graph = stage.lead(stage.seats[0]).graph
        while stage.node(0).finality.term.epoch.number == 0 and stage.now < 12_000_000:
            stage.pay(0)
            stage.run(stage.now / 1e6 + 0.04)
        made = [each for each in stage.events_of(stage.seats[0]).values() if each.header.epoch == 0]
        assert graph.closed_round >= 24
        assert len(made) <= 3.3 * graph.closed_round, f"{len(made)} events for {graph.closed_round} rounds"


def test_an_event_names_the_last_events_that_are_news() -> None:
    """RP-69: of each other leader, once; drawn ones where an event may not name as many."""
    line = Line(Leaders())
    stage, seats = line.stage, line.stage.seats
    line.emit(0)
    first = [line.insert(stage.event(each)) for each in seats[1:]]
    made = line.emit(1)
    assert made is not None
    assert set(made.header.other_parents) == set(first)
    again = line.insert(stage.event(seats[2], first[1], identify(made), time_us=1))
    made = line.emit(2)
    assert made is not None
    assert made.header.other_parents == (again,)
    assert line.emit(3) is None, "nothing is news"
    drawn = set()
    for seed in range(12):
        line = Line(Leaders(params=replace(MINIMAL, max_other_parents=2)))
        object.__setattr__(line.site, "random", Random(seed))
        line.emit(0)
        first = [line.insert(line.stage.event(each)) for each in line.stage.seats[1:]]
        made = line.emit(1)
        assert made is not None
        assert len(set(made.header.other_parents)) == 2
        drawn.add(frozenset(made.header.other_parents))
    assert len(drawn) == 3, "each pair is drawn now and then"


def test_a_forker_is_not_named() -> None:
    """RP-64: once its fork was seen, nobody names its events of its own accord."""
    line = Line(Leaders())
    stage, seats = line.stage, line.stage.seats
    line.emit(0)
    line.insert(stage.event(seats[1]))
    line.insert(stage.event(seats[1], time_us=1))
    other = line.insert(stage.event(seats[2]))
    made = line.emit(1)
    assert made is not None
    assert made.header.other_parents == (other,)


def test_a_leader_loads_nothing_that_might_be_void() -> None:
    """RP-63: after as many events in a round as count, it loads nothing until it is in the next."""
    line = Line(Leaders(params=replace(MINIMAL, max_events_per_round=2)))
    stage, mate = line.stage, line.stage.seats[1]
    room = [line.author.has_room]
    line.emit(0)
    room.append(line.author.has_room)
    tip = line.insert(stage.event(mate))
    line.emit(1)
    room.append(line.author.has_room)
    line.insert(stage.event(mate, tip, line.graph.tips[line.site.me], time_us=1))
    line.emit(2)
    room.append(line.author.has_room)
    assert room == [True, True, False, False]


def test_times_rise_on_the_own_line() -> None:
    """RP-61: also where the clock stands still."""
    line = Line(Leaders())
    one = line.emit(7)
    line.insert(line.stage.event(line.stage.seats[1]))
    two = line.emit(7)
    assert one is not None
    assert two is not None
    assert two.header.time_us == one.header.time_us + 1


# ---------------------------------------------------------------- who waits


def is_urgent(stage: Leaders, node: int) -> bool:
    return stage.lead(node)._is_urgent()


def test_nobody_waits_in_an_idle_shard() -> None:
    """RP-70: but for the end of the epoch."""
    stage = Leaders()
    stage.boot()
    seen = set()

    def looks() -> bool:
        leadership = stage.lead(stage.seats[0])
        seen.add((leadership.pipeline.is_done, leadership._is_urgent()))
        return stage.node(stage.seats[0]).finality.term.epoch.number == 0

    stage.run_while(looks, 20)
    assert {urgent for is_done, urgent in seen if not is_done} == {False}
    assert (True, True) in seen, "the last block is made, and not signed by enough"
    assert (True, False) in seen, "it is signed"


def test_somebody_waits_from_the_first_word_to_the_confirmation() -> None:
    """RP-70: in the pool, on the way, in a block that is not shown confirmed; and no longer."""
    stage = Leaders(params=replace(MINIMAL, epoch_rounds=24, epoch_us=15_000_000))
    stage.boot()
    stage.run(0.5)
    me, other = stage.seats[:2]
    item = stage.pay(me)
    assert is_urgent(stage, me), "in the pool"
    assert not is_urgent(stage, other)
    verified = stage.verified(item).id
    stage.run_while(lambda: verified not in stage.lead(other).manifest.transactions, 3)
    assert is_urgent(stage, other), "on its way"
    stage.run_while(lambda: verified in stage.lead(other).manifest.transactions, 3)
    assert not stage.node(other).mempool.is_ready(stage.lead(other).pipeline.tip.state.ledger)
    assert is_urgent(stage, other), "in a block"
    carrier = stage.lead(other).pipeline.tip
    assert carrier.body is not None
    assert item in carrier.body.items
    stage.run_while(lambda: is_urgent(stage, other), 5)
    shown = stage.node(other).finality.term.shown_confirmed(stage.lead(other).pipeline.tip)
    assert shown.header.height >= carrier.header.height
    assert not stage.lead(other).pipeline.is_done


# ---------------------------------------------------------------- none twice


def test_events_are_durable_before_they_are_sent() -> None:
    """RP-71: whatever is sent of its own is on the disk at that moment."""
    stage = Leaders()
    told: list[bool] = []

    def look(sender: int, _: int, message: Any) -> tuple[int, ...]:
        if isinstance(message, EventBatch):
            own = [each for each in message.events if each.header.creator == stage.ids[sender]]
            told.extend(each in load_events(stage.disks[sender], each.header.epoch) for each in own)
        return (5_000,)

    stage.way = look
    stage.boot()
    stage.run(6)
    assert len(told) > 50
    assert all(told)


def lose(stage: Leaders, node: int) -> None:
    stage.crash(node)
    stage.disks[node].records.clear()


def test_without_its_store_a_leader_that_made_events_is_silent() -> None:
    """RP-71: until the next epoch; it makes no event and signs no header, and forks nothing."""
    stage = Leaders()
    stage.boot()
    me = stage.seats[0]
    stage.run_while(lambda: stage.lead(me).graph.closed_round < 2, 3)
    made = set(stage.events_of(me))
    lose(stage, me)
    stage.boot(me)
    stage.run_while(lambda: stage.node(me).finality.term.epoch.number == 0, 30)
    assert {each for each, event in stage.events_of(me).items() if event.header.epoch == 0} == made
    stage.run(stage.now / 1e6 + 3)
    assert any(event.header.epoch > 0 for event in stage.events_of(me).values())
    assert stage.accused == []
    assert stage.messages(TipPull, me)


@pytest.mark.parametrize(("answers", "leads"), [(1, False), (2, True)])
def test_without_a_store_a_leader_asks_whether_it_has_made_any(answers: int, leads: bool) -> None:
    """RP-71: it leads once leaders with a supermajority, itself included, know of no event by it."""
    stage = Leaders()
    stage.way = lambda *_: ()
    me = stage.seats[0]
    stage.boot(me)
    assert {each.to for each in stage.messages(TipPull)} == set(range(4)) - {me}
    assert stage.events_of(me) == {}
    for place in stage.seats[1 : 1 + answers]:
        stage.deliver(place, me, TipAnswer(0, stage.ids[me], None))
        stage.deliver(place, me, TipAnswer(0, stage.ids[me], None))
    assert bool(stage.events_of(me)) is leads
    assert stage.lead(me).is_active is leads


def test_one_event_shown_silences_whatever_others_say() -> None:
    """RP-71: it is proof; that the others know of none is not."""
    stage = Leaders()
    stage.way = lambda *_: ()
    me = stage.seats[0]
    stage.boot(me)
    stage.deliver(stage.seats[3], me, TipAnswer(0, stage.ids[me], stage.event(me).header))
    for place in stage.seats[1:3]:
        stage.deliver(place, me, TipAnswer(0, stage.ids[me], None))
    assert not stage.lead(me).is_active
    assert stage.events_of(me) == {}


def test_a_question_for_the_last_event_is_answered() -> None:
    """RP-71: with the last event known, or none."""
    stage = Leaders()
    stage.boot()
    me, other = stage.seats[:2]
    stage.run(1)
    stage.way = lambda *_: ()
    effects = stage.deliver(other, me, TipPull(0, stage.ids[other]))
    tip = stage.lead(me).graph.tips[stage.ids[other]]
    event = stage.lead(me).graph.get(tip)
    assert event is not None
    assert [each.message for each in effects if hasattr(each, "message")] == [
        TipAnswer(0, stage.ids[other], event.header)
    ]
    nobody = NodeId(b"x" * 32)
    stage.deliver(me, other, TipPull(0, nobody))
    assert stage.sent[-1].message == TipAnswer(0, nobody, None)


def test_an_event_of_another_epoch_silences_nobody() -> None:
    """RP-71: shown must be an event by it, in this epoch."""
    stage = Leaders()
    stage.way = lambda *_: ()
    me = stage.seats[0]
    stage.boot(me)
    liar = stage.seats[3]
    stage.deliver(liar, me, TipAnswer(0, stage.ids[me], stage.event(me, epoch=3).header))
    stage.deliver(liar, me, TipAnswer(0, stage.ids[me], stage.event(me, boundary=Hash(b"z" * 32)).header))
    stage.deliver(liar, me, TipAnswer(0, stage.ids[me], stage.event(liar).header))
    stage.deliver(liar, me, TipAnswer(0, stage.ids[me], change(stage.event(me).header, signature=bytes(64))))
    for place in stage.seats[1:3]:
        stage.deliver(place, me, TipAnswer(0, stage.ids[me], None))
    assert stage.lead(me).is_active


def test_with_its_store_a_leader_asks_nobody() -> None:
    """RP-71: from the first epoch in which it led, the store knows all."""
    stage = Leaders()
    stage.boot()
    stage.run(1)
    me = stage.seats[0]
    stage.crash(me)
    stage.sent.clear()
    stage.boot(me)
    stage.run(2)
    assert stage.messages(TipPull) == []
    assert stage.messages(EventBatch, me)


def test_own_events_of_past_epochs_are_forgotten() -> None:
    """RP-71: what is kept is of the present epoch."""
    stage = Leaders()
    stage.boot()
    stage.run(12)
    epoch = stage.node(0).finality.term.epoch.number
    assert epoch >= 2
    assert all(load_events(stage.disks[0], each) == [] for each in range(epoch))
    assert load_events(stage.disks[0], epoch)
    assert [each for each in stage.accused if isinstance(each[1], Fork)] == []


def test_the_order_of_own_events_is_kept() -> None:
    """RP-71: after a restart the line goes on from its last event."""
    line = Line(Leaders())
    stage = line.stage
    made = [line.emit(0)]
    tip = line.insert(stage.event(stage.seats[1]))
    for turn in range(1, 300):
        made.append(line.emit(turn))
        tip = line.insert(stage.event(stage.seats[1], tip, line.graph.tips[line.site.me], time_us=turn))
    for effect in line.site.out.take():
        assert isinstance(effect, Persist)
        stage.disks[line.me].keep(effect)
    assert load_events(stage.disks[line.me], 0) == made
    assert len({encode(each) for each in made if each is not None}) == 300
