"""Whole nodes: who is told what at a boundary, and what holds whatever is lost, doubled, late or crashed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from bac.genesis import NO_CREDENTIAL
from bac.params import MINIMAL
from bac.replica.graph import identify
from bac.types import Hash, NodeId
from bac.wire.block import Envelope
from bac.wire.claims import Claim, ClaimList, Departure
from bac.wire.codec import encode
from bac.wire.evidence import DoubleAcknowledgement, DoubleHeader, Fork
from bac.wire.header import header_hash
from bac.wire.sync import EventBatch, TransactionBatch
from bac.wire.transactions import Admit, Kind, Order, order_preimage
from bac.wire.votes import Acknowledgement, StateAnnouncement, Wish
from tests.replica.leaders import Leaders

SHORT = replace(MINIMAL, epoch_rounds=6, epoch_grace_rounds=4, seed_rounds=3, event_min_us=MINIMAL.event_batch_us)


# ---------------------------------------------------------------- who is registered


def admit(stage: Leaders, number: int) -> None:
    """The authority registers node `number`, by a transaction of node 0."""
    authority = stage.suite.key_pair(b"a" * 32)
    vrf = stage.suite.vrf_key_pair(stage.secrets[number].vrf).public
    content = encode(Admit(stage.ids[number], Kind.VEHICLE, vrf, 2**60, NO_CREDENTIAL))  # type: ignore[arg-type]
    signature = authority.sign(order_preimage(stage.ground.network, 0, content))
    stage.pay(0, operation=Order(content, signature))


def test_a_newcomer_follows_and_says_nothing_until_it_is_registered() -> None:
    """RP-90: the roster and the keys are those of the state at the boundary."""
    stage = Leaders(params=SHORT, strangers=1)
    stage.boot()
    new = stage.ids[4]
    stage.run_while(lambda: stage.node(4).finality.term.epoch.number < 1, 30)
    own = (Acknowledgement, Claim, ClaimList, Departure, Wish, StateAnnouncement, EventBatch, TransactionBatch)
    assert not [each for each in stage.sent if each.sender == 4 and isinstance(each.message, own)]
    assert stage.node(0)._site.roster.peers == tuple(sorted(stage.ids[:4]))
    assert stage.node(0)._keys.get(new) is None
    admit(stage, 4)
    epoch = stage.node(0).finality.term.epoch.number
    while stage.node(0).finality.term.epoch.number == epoch:
        assert new not in stage.node(0)._site.roster.peers
        stage.run(stage.now / 1e6 + 0.05)
    assert new in stage.node(0)._site.roster.peers
    assert stage.node(0)._keys[new] == new
    stage.run_while(lambda: new not in stage.node(0).finality.term.epoch.electorate.places, stage.now / 1e6 + 60)
    assert stage.chains_agree()
    assert not stage.accused


# ---------------------------------------------------------------- clients' transactions


def batches(stage: Leaders, sender: int) -> list[tuple[int, tuple[bytes, ...]]]:
    return [(each.to, each.message.transactions) for each in stage.messages(TransactionBatch, sender)]


def test_a_clients_transactions_go_to_one_leader() -> None:
    """RP-91: always the same in an epoch; in order, and those of one moment together."""
    stage = Leaders((4000,) * 6)
    stage.boot()
    stage.way = lambda *_: ()
    (me, *_) = [node for node in range(6) if node not in stage.seats]
    stage.sent.clear()
    first = [stage.pay(me), stage.pay(me)]
    stage.run(0.1)
    second = stage.pay(me)
    stage.run(0.2)
    ((home, one), (again, two)) = batches(stage, me)
    assert home == again
    assert home in stage.seats
    assert (list(one), list(two)) == (first, [second])
    leader = stage.seats[0]
    stage.sent.clear()
    stage.pay(leader)
    stage.run(0.3)
    assert batches(stage, leader) == [], "it orders them itself"


def test_what_waits_for_long_goes_to_all_leaders() -> None:
    """RP-91: and to a few others; again and again."""
    stage = Leaders((4000,) * 9)
    stage.boot()
    stage.way = lambda *_: ()
    (me, *_) = [node for node in range(9) if node not in stage.seats]
    item = stage.pay(me)
    stage.run(0.5)
    stage.sent.clear()
    stage.run(3)
    told = Counter(to for to, items in batches(stage, me) if item in items)
    assert set(told) >= set(stage.seats)
    assert len(set(told) - set(stage.seats)) >= 2
    assert min(told[leader] for leader in stage.seats) >= 2


# ---------------------------------------------------------------- whatever happens


def headers(stage: Leaders) -> dict[tuple[int, int, int], set[Hash]]:
    """By signer, epoch and height: the headers of view 0 that a leader signed."""
    found: dict[tuple[int, int, int], set[Hash]] = {}
    for each in stage.messages(Envelope):
        header = each.message.header
        if header.view == 0:
            for signature in each.message.signatures:
                place = stage.index[NodeId(signature.leader)], header.epoch, header.height
                found.setdefault(place, set()).add(header_hash(header))
    return found


def forks(stage: Leaders) -> list[Any]:
    """Two events of one creator on one own event."""
    found: list[Any] = []
    for creator in range(len(stage.ids)):
        lines: dict[Any, Hash] = {}
        for identifier, event in stage.events_of(creator).items():
            header = event.header
            place = header.epoch, header.boundary, header.self_parent
            if lines.setdefault(place, identifier) != identifier:
                found.append(place)
    return found


def is_clean(stage: Leaders) -> bool:
    """One chain; nobody contradicted itself, nobody was accused, nobody was refused."""
    assert stage.chains_agree()
    assert {len(each) for each in headers(stage).values()} <= {1}
    assert forks(stage) == []
    assert stage.accused == []
    assert stage.refused == []
    return True


@pytest.mark.parametrize("seed", range(4))
def test_other_orders_of_arrival_make_the_same_blocks(seed: int) -> None:
    """RP-72: byte for byte, at each leader, however differently the events come in."""
    stage = Leaders(params=replace(MINIMAL, epoch_rounds=16, epoch_us=15_000_000), seed=seed)
    stage.way = lambda *_: (stage.random.randrange(1_000, 150_000),)
    stage.boot()
    for turn in range(12):
        stage.pay(turn % 4)
        stage.run(stage.now / 1e6 + 0.1)
    stage.run(3)
    tips = [stage.lead(node).pipeline.tip for node in range(4) if stage.node(node).finality.term.epoch.number == 0]
    chains = [[(link.header, link.body) for link in tip.path()][::-1] for tip in tips]
    shortest = min(map(len, chains))
    assert shortest > 4
    assert all(chain[:shortest] == chains[0][:shortest] for chain in chains)
    assert is_clean(stage)


@pytest.mark.parametrize("seed", range(4))
def test_lost_doubled_and_late_messages_change_nothing(seed: int) -> None:
    """RP-65, RP-66: repetition makes good what is lost; all leaders come to the same chain, in view 0."""
    stage = Leaders(seed=seed)
    random = Random(seed)

    def rough(*_: Any) -> tuple[int, ...]:
        copies = random.choice((0, 1, 1, 1, 1, 1, 2))
        return tuple(random.randrange(1_000, 200_000) for _ in range(copies))

    stage.way = rough
    stage.boot()
    for turn in range(20):
        stage.pay(turn % 4)
        stage.run(stage.now / 1e6 + 0.2)
    stage.way = lambda *_: (5_000,)
    stage.run(stage.now / 1e6 + 5)
    assert min(stage.heights()) > 10
    assert max(stage.heights()) - min(stage.heights()) <= 3
    assert is_clean(stage)


def test_a_crash_at_every_record_contradicts_nothing() -> None:
    """RP-71, RP-75: whatever was durable when it happened; no own event twice, no two headers of a height."""
    count = records_of_an_epoch()
    assert count > 40
    for number in range(1, count, max(1, count // 10)):
        stage = Leaders(params=SHORT, seed=number)
        stage.dies_after = {stage.seats[0]: number}
        stage.boot()
        stage.pay(stage.seats[1])
        me = stage.seats[0]
        stage.run_while(lambda stage=stage, me=me: stage.nodes[me] is not None, 20)  # type: ignore[misc]
        stage.run(stage.now / 1e6 + 0.3)
        stage.boot(me)
        stage.run(stage.now / 1e6 + 2.5)
        assert is_clean(stage), number
        assert stage.heights()[me] >= max(stage.heights()) - 4, number


def records_of_an_epoch() -> int:
    stage = Leaders(params=SHORT)
    stage.dies_after = {stage.seats[0]: 10**6}
    stage.boot()
    stage.run_while(lambda: stage.node(stage.seats[0]).finality.term.epoch.number == 0, 20)
    return 10**6 - stage.dies_after[stage.seats[0]]


@pytest.mark.parametrize("seconds", [0.4, 1.7, 2.6, 3.3])
def test_a_restart_of_all_leaders_at_once_goes_on_in_view_0(seconds: float) -> None:
    """RP-66, RP-75: what the disks know is enough, also where all that was on its way is lost."""
    stage = Leaders(seed=int(10 * seconds))
    stage.boot()
    stage.pay(0)
    stage.run(seconds)
    stage.crash(0, 1, 2, 3)
    stage.run(seconds + 0.5)
    before = max(stage.heights())
    epoch = max(each.message.header.epoch for each in stage.messages(Envelope)) if stage.messages(Envelope) else 0
    stage.boot()
    stage.run(seconds + 4)
    assert min(stage.heights()) >= before + 3
    assert is_clean(stage)
    views = {block.header.view for blocks in stage.commits for block in blocks}
    assert views == {0}
    assert stage.node(0).finality.term.epoch.number >= epoch


def test_clocks_that_differ_do_no_harm() -> None:
    """RP-62: one leader's clock an hour ahead or behind does not move the time of blocks, nor stop anybody."""
    for skew in (3600 * 10**6, -3600 * 10**6):
        stage = Leaders(params=SHORT)
        stage.now = 4000 * 10**6
        stage.skew[stage.seats[1]] = skew
        stage.boot()
        stage.run(stage.now / 1e6 + 5)
        for block in stage.commits[0]:
            assert 0 <= stage.now - block.header.time_us < 10**7
        assert min(stage.heights()) >= 6
        me = stage.seats[1]
        stage.crash(me)
        stage.skew[me] = 0
        stage.boot(me)
        stage.run(stage.now / 1e6 + 4)
        assert is_clean(stage)
        assert {block.header.view for block in stage.commits[0]} == {0}


def test_a_batch_with_a_bad_event_loses_nothing_that_came_before_it() -> None:
    """RP-61: rounds that were closed by the good ones make blocks all the same."""
    stage = Leaders(params=replace(MINIMAL, epoch_rounds=24, epoch_us=15_000_000))
    stage.boot()
    me, liar = stage.seats[0], stage.seats[3]
    stage.run(1.3)
    drawn = stage.way
    stage.way = lambda sender, to, message: (
        () if to == me and isinstance(message, EventBatch) else drawn(sender, to, message)
    )  # fmt: skip
    stage.run(2.2)
    known = stage.lead(me).graph
    missing = stage.lead(liar).graph.missing_for(known.summary(), 99)
    assert len(missing) > 6
    closed = known.closed_round
    spoilt = stage.event(liar, identify(missing[-1]), time_us=1)
    stage.deliver(liar, me, EventBatch(0, (*missing, spoilt)))
    assert known.closed_round > closed
    stage.way = drawn
    stage.run(4)
    assert stage.chains_agree()
    assert {len(each) for each in headers(stage).values()} <= {1}
    made = {link.header.height: link.hash for link in stage.lead(me).pipeline.tip.path()}
    other = {link.header.height: link.hash for link in stage.lead(liar).pipeline.tip.path()}
    assert len(made) > 6
    assert {height: other.get(height, block_hash) for height, block_hash in made.items()} == made
    kinds = (Fork, DoubleHeader, DoubleAcknowledgement)
    assert not [each for _, each in stage.accused if isinstance(each, kinds)]
