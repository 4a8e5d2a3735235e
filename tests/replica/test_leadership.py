"""What a leader loads, and when it stops ordering."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec.structs import replace as change

from bac.params import MINIMAL
from bac.replica.graph import identify
from bac.types import Hash, Height
from bac.wire.block import RoundRecord
from bac.wire.claims import Claim, ClaimList, SeedProof
from bac.wire.codec import decode, encode
from bac.wire.evidence import Fork, InvalidItem
from bac.wire.registry import tag_at, tag_of
from bac.wire.sync import EventBatch
from bac.wire.transactions import SignedTransaction
from bac.wire.votes import Acknowledgement, Ballot, Certificate
from tests.replica.leaders import Leaders, Traitor

LONG = replace(MINIMAL, epoch_rounds=24, epoch_us=15_000_000)
TRANSACTION, CERTIFICATE = tag_of(SignedTransaction), tag_of(Certificate)


def load(stage: Leaders, node: int) -> tuple[bytes, ...]:
    return stage.node(node).load(stage.lead(node))


def transactions(items: tuple[bytes, ...]) -> list[bytes]:
    return [item for item in items if tag_at(item) == TRANSACTION]


def still(stage: Leaders, seconds: float) -> Leaders:
    """All up for a while, then nobody hears anything any more."""
    stage.boot()
    stage.run(seconds)
    stage.way = lambda *_: ()
    return stage


# ---------------------------------------------------------------- what would be void


def test_no_transaction_is_loaded_where_it_comes_too_late() -> None:
    """RP-63: an event of round R_len or later is received after the last round; the next epoch orders what waits."""
    stage = Leaders()
    stage.boot()
    late = early = 0
    while stage.node(0).finality.term.epoch.number < 2:
        stage.pay(min(range(4), key=stage.nonces.__getitem__))
        stage.run(stage.now / 1e6 + 0.02)
        graph = stage.lead(0).graph
        for identifier in graph.tips.values():
            event = graph.get(identifier)
            assert event is not None
            is_late = graph.level(identifier) // 2 >= stage.params.epoch_rounds
            late += is_late
            early += bool(transactions(event.payload))
            assert not is_late or not transactions(event.payload)
    assert late > 10
    assert early > 10
    assert stage.chains_agree()


# ---------------------------------------------------------------- the backlog


def test_order_goes_on_without_a_quorum_up_to_the_backlog() -> None:
    """RP-74: then no event is made, until a certificate is at hand that shortens it."""
    stage = Leaders(params=replace(MINIMAL, max_unconfirmed_blocks=3, view_timeout_us=8_000_000))
    drawn = stage.way
    stage.way = lambda sender, to, message: (
        () if isinstance(message, Acknowledgement | Certificate) else drawn(sender, to, message)
    )  # fmt: skip
    stage.boot()
    stage.run(3)
    assert {stage.lead(node).pipeline.tip.header.height for node in range(4)} == {3}
    stage.pay(0)
    stage.run(3.4)
    before = len(stage.messages(EventBatch))
    stage.pay(0)
    stage.run(4)
    assert len(stage.messages(EventBatch)) == before
    assert {node.finality.term.height for node in stage.nodes if node is not None} == {0}
    certificates = [each for each in stage.messages(Certificate) if each.to == 0]
    assert certificates == [], "nobody has one yet"
    stage.way = drawn
    for each in stage.messages(Acknowledgement):
        stage.deliver(each.sender, each.to, each.message)
    stage.run(6)
    assert min(stage.heights()) >= 4, "it goes on"
    assert {node.finality.term.voter.view for node in stage.nodes if node is not None} == {0}


# ---------------------------------------------------------------- what is loaded


def test_transactions_are_loaded_by_fee_and_nonce() -> None:
    """RP-79: of each account in nonce order, the highest fee first; what is on its way is no gap and not loaded."""
    stage = still(Leaders(params=LONG), 0.7)
    me, other = stage.seats[:2]
    handed = {
        (node, nonce): stage.transaction(node, nonce, fee=fee)
        for node, nonce, fee in ((0, 0, 20_000), (0, 1, 90_000), (1, 0, 50_000), (2, 1, 99_000))
    }
    for item in handed.values():
        stage.hand_in(me, item)
    assert transactions(load(stage, me)) == [handed[1, 0], handed[0, 0], handed[0, 1]]
    stage.lead(me).manifest.load(stage.event(other, payload=(handed[0, 0],)), counts=True)
    assert transactions(load(stage, me)) == [handed[1, 0], handed[0, 1]], "its turn comes as if it were loaded"


def test_a_load_keeps_to_the_limits() -> None:
    """RP-79: items and bytes of an event."""
    for limits in ({"max_event_items": 3}, {"max_event_bytes": 700}):
        stage = still(Leaders(params=replace(LONG, **limits)), 0.7)
        me = stage.seats[0]
        for nonce in range(9):
            stage.hand_in(me, stage.transaction(0, nonce))
        items = load(stage, me)
        assert transactions(items)
        assert len(items) <= stage.params.max_event_items
        assert sum(map(len, items)) <= stage.params.max_event_bytes


def test_a_certificate_is_loaded_once() -> None:
    """RP-79: the highest known, if none as high is ordered or carried; before all else."""
    stage = Leaders(params=LONG)
    stage.boot()
    me = stage.seats[0]
    stage.pay(me)

    def has_none() -> bool:
        high = stage.node(me).finality.term.voter.high.get(0)
        return high is None or high.ballot.height <= stage.lead(me).manifest.certified

    stage.run_while(has_none, 3)
    first = load(stage, me)[0]
    high = stage.node(me).finality.term.voter.high[0]
    assert decode(Certificate, first) == high
    stage.run(2.5)
    carried = [
        decode(Certificate, item).ballot.height
        for event in stage.events_of(me).values()
        for item in event.payload
        if tag_at(item) == CERTIFICATE
    ]
    assert len(carried) >= 1
    assert carried == sorted(set(carried))


def test_a_false_certificate_keeps_no_true_one_back() -> None:
    """RP-79: a certificate is carried if it is one, whatever a dishonest leader puts into its event."""
    stage = Leaders(params=LONG)
    stage.boot()
    liar, me = stage.seats[:2]
    stage.run(1)
    traitor = Traitor(stage, liar, me)
    high = stage.node(me).finality.term.voter.high[0]
    for ballot in (Ballot(0, 0, Height(2**40), Hash(b"x" * 32)), change(high.ballot, height=Height(99)), high.ballot):
        event = traitor.say(encode(Certificate(ballot, b"\x0f", bytes(4 * 64))))
        assert identify(event) in stage.lead(me).graph
    before = stage.heights()[me]
    stage.run(stage.now / 1e6 + 3)
    assert stage.heights()[me] > before + 2
    assert stage.node(me).finality.term.voter.view == 0


def test_what_the_election_needs_comes_before_transactions() -> None:
    """RP-79: claims, lists, the seed's proof; in front of what pays."""
    stage = Leaders(params=LONG)
    stage.boot()
    stage.pay(stage.seats[0])
    stage.run(3)
    order = {tag_of(Certificate): 0, tag_of(Claim): 1, tag_of(ClaimList): 1, tag_of(SeedProof): 1, TRANSACTION: 2}
    seen = set()
    for node in stage.seats:
        for event in stage.events_of(node).values():
            ranks = [order[tag_at(item)] for item in event.payload if tag_at(item) in order]
            assert ranks == sorted(ranks)
            seen |= set(ranks)
    assert seen == {0, 1, 2}


def ordered(stage: Leaders, node: int) -> list[bytes]:
    """All items of the blocks that `node` made."""
    path = stage.lead(node).pipeline.tip.path()
    return [item for link in path if link.body is not None for item in link.body.items]


@pytest.mark.parametrize("item", [b"\x93\x01\x02\x03", encode(RoundRecord(b"\x0f"))], ids=["rubbish", "a record"])
def test_an_event_with_an_invalid_item_is_inserted_and_is_evidence(item: bytes) -> None:
    """RP-79: the evidence is ordered, and convicts; the other items of the event count."""
    stage = Leaders(params=LONG)
    stage.boot()
    liar, me = stage.seats[3], stage.seats[0]
    stage.run(0.8)
    good = stage.transaction(liar, 0)
    event = Traitor(stage, liar, me).say(item, good)
    assert identify(event) in stage.lead(me).graph
    assert {type(evidence) for _, evidence in stage.accused} == {InvalidItem}
    stage.run(stage.now / 1e6 + 3)
    post = stage.lead(me).pipeline.tip.state
    assert set(post.docket.culprits()) == {stage.ids[liar]}
    assert good in ordered(stage, me)


def test_evidence_is_loaded_until_somebody_is_convicted() -> None:
    """RP-79: by whoever has it, and no longer."""
    stage = Leaders(params=LONG)
    stage.boot()
    liar, me = stage.seats[3], stage.seats[0]
    stage.run(0.8)
    traitor = Traitor(stage, liar, me)
    traitor.twin(traitor.say())
    assert {type(evidence) for _, evidence in stage.accused} == {Fork}
    stage.run(stage.now / 1e6 + 3)
    post = stage.lead(me).pipeline.tip.state
    assert set(post.docket.culprits()) == {stage.ids[liar]}
    assert 1 <= sum(tag_at(item) == tag_of(Fork) for item in ordered(stage, me)) <= 3
    assert not any(tag_at(item) == tag_of(Fork) for item in load(stage, me))


@pytest.mark.parametrize("kind", ["void", "forked"])
def test_what_might_never_be_ordered_is_not_on_its_way(kind: str) -> None:
    """RP-79: nobody keeps a transaction back by loading it where it does not count."""
    stage = Leaders(params=replace(LONG, max_events_per_round=2 if kind == "void" else 8))
    stage.boot()
    liar, me = stage.seats[3], stage.seats[0]
    stage.run(1.0)
    way, stage.way = stage.way, lambda _, to, __: (1_000,) if to == me else ()  # so that the round goes on for long
    traitor = Traitor(stage, liar, me)
    item = stage.transaction(me, 0)
    traitor.say()
    while kind == "void" and traitor.graph.count_in_round(traitor.tip) < 2:
        traitor.say()
    event = traitor.say(item)
    if kind == "forked":
        traitor.twin(event)
    else:
        assert traitor.graph.count_in_round(identify(event)) == 3
    assert stage.verified(item).id not in stage.lead(me).manifest.transactions
    stage.way = way
    stage.hand_in(me, item)
    stage.run(stage.now / 1e6 + 2)
    assert item in ordered(stage, me)
    assert stage.node(me).finality.term.epoch.number == 0


def test_one_culprit_does_not_crowd_out_evidence_against_others() -> None:
    """RP-79: what convicts nobody new is not kept; what proves nothing is refused."""
    stage = Leaders(params=LONG)
    stage.boot()
    stage.way = lambda *_: ()
    me, liar, other = stage.seats[:3]
    for turn in range(60):
        first, second = stage.event(liar, time_us=2 * turn).header, stage.event(liar, time_us=2 * turn + 1).header
        stage.deliver(other, me, Fork(0, 0, first, second))
    good = Fork(0, 0, stage.event(other).header, stage.event(other, time_us=1).header)
    stage.deliver(liar, me, good)
    assert encode(good) in stage.node(me)._evidence
    assert len(stage.node(me)._evidence) == 2
    assert stage.refused == []
    stage.deliver(liar, me, Fork(0, 0, good.first, good.first))
    stage.deliver(liar, me, Fork(0, 7, good.first, good.second))
    assert len(stage.refused) == 1, "of an epoch that is not known nothing can be said"
