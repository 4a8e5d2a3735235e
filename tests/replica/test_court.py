"""Evidence: forks, items invalid by themselves, what finality knows; who is convicted, and how often."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest
from msgspec.structs import replace as change

from bac.finality.chain import Link
from bac.replica.court import is_invalid_by_itself
from bac.types import Hash, Micros, NodeId
from bac.wire.block import LeaderSignature, leader_preimage
from bac.wire.codec import encode
from bac.wire.event import Event, EventHeader, payload_hash
from bac.wire.evidence import AnyEvidence, DoubleAcknowledgement, DoubleHeader, Fork, InvalidItem
from bac.wire.header import header_hash
from bac.wire.signed import UNSIGNED
from bac.wire.transactions import Leave, Renew, Transfer
from tests.replica.yard import FOREVER, PARAMS, SHARD, Yard
from tests.wire.samples import MANDATE


def event_of(yard: Yard, creator: NodeId, payload: tuple[bytes, ...] = (), *, time_us: int = 5) -> Event:
    """A first event of the present epoch."""
    boundary = header_hash(yard.epoch.base)
    header = EventHeader(
        yard.epoch.number, boundary, creator, None, (), Micros(time_us), payload_hash(payload), UNSIGNED
    )
    return Event(yard.sign(header), payload)


def fork_of(yard: Yard, creator: NodeId) -> Fork:
    """Two first events."""
    headers = [event_of(yard, creator, time_us=time_us).header for time_us in (5, 6)]
    return Fork(SHARD, yard.epoch.number, *headers)


def culprits(yard: Yard, evidence: AnyEvidence) -> tuple[NodeId, ...]:
    """Whom the court of the present epoch convicts."""
    return yard.machine.court(yard.epoch.number, yard.epoch.electorate, yard.docket.boundary).culprits(evidence)


def resigned(yard: Yard, fork: Fork, **changes: object) -> Fork:
    """`fork` with another second event."""
    return change(fork, second=yard.sign(change(fork.second, **changes)))


def test_two_events_in_one_place_are_a_fork() -> None:
    """RP-25: same creator, epoch, boundary and self-parent, other ids, both signed; anything else proves nothing."""
    yard = Yard()
    leader = yard.epoch.committee[0].identity
    fork = fork_of(yard, leader)
    assert culprits(yard, fork) == (leader,)
    twice = change(fork, second=change(fork.first, signature=fork.second.signature))
    no_fork = [
        change(fork, second=fork.first),
        resigned(yard, fork, self_parent=Hash(b"p" * 32)),
        resigned(yard, fork, boundary=Hash(b"b" * 32)),
        resigned(yard, fork, epoch=1),
        resigned(yard, fork, creator=yard.epoch.committee[1].identity),
        twice,
        change(fork, shard=SHARD + 1),
        change(fork, epoch=1),
        change(fork, first=change(fork.first, signature=UNSIGNED)),
    ]
    for each in no_fork:
        assert culprits(yard, each) == ()
    stranger = yard.know(50)
    assert culprits(yard, fork_of(yard, stranger)) == ()


def test_an_item_invalid_by_itself_convicts_its_creator() -> None:
    """RP-26: rubbish, a bad signature, a round, an order to restart; never what only the state shows."""
    yard = Yard()
    leader = yard.epoch.committee[0].identity
    good = yard.transact(leader, Transfer(yard.ids[1], 5), fee=50_000)
    claims = yard.claims()
    bad_signature = good[:-64] + bytes(64)
    overdrawn = yard.transact(leader, Transfer(yard.ids[1], 10**15), fee=50_000)
    other = Yard(params=replace(PARAMS, max_event_items=63))  # another digest of parameters, so another network
    payload = (
        good, b"\xc1\xc1", bad_signature, yard.record(), encode(yard.new_view(1)), overdrawn,
        encode(change(claims[0], signature=UNSIGNED)), encode(yard.list_claims(yard.know(60), ())),
        other.transact(other.ids[0], Transfer(other.ids[1], 5), fee=50_000), encode(MANDATE),
    )  # fmt: skip
    event = event_of(yard, leader, payload)
    guilty = [
        index for index in range(len(payload)) if culprits(yard, InvalidItem(SHARD, 0, event, index)) == (leader,)
    ]
    assert guilty == [1, 2, 3, 4, 8, 9]
    assert culprits(yard, InvalidItem(SHARD, 0, event, len(payload))) == ()
    assert culprits(yard, InvalidItem(SHARD, 1, event, 1)) == ()
    assert culprits(yard, InvalidItem(SHARD, 0, change(event, payload=payload[1:]), 0)) == ()
    forged = change(event, header=change(event.header, signature=UNSIGNED))
    assert culprits(yard, InvalidItem(SHARD, 0, forged, 1)) == ()
    assert not is_invalid_by_itself(good, yard.intake.transaction)


def double_headers(yard: Yard, leader: NodeId) -> DoubleHeader:
    """Two headers of one place, signed by one leader."""
    first = yard.block().header
    second = change(first, time_us=Micros(first.time_us + 1))
    signatures = []
    for header in (first, second):
        pair = yard.suite.key_pair(yard.secrets[leader].signing)
        signature = pair.sign(leader_preimage(header_hash(header), yard.network, SHARD))
        signatures.append(LeaderSignature(leader, signature))
    return DoubleHeader(SHARD, yard.epoch.number, first, signatures[0], second, signatures[1])


def test_what_finality_knows_convicts_too() -> None:
    """RP-25: two headers of one leader, two acknowledgements of one view not on one chain."""
    yard = Yard()
    leader = yard.epoch.committee[1].identity
    assert culprits(yard, double_headers(yard, leader)) == (leader,)
    low = yard.tip
    rival = change(low.header, time_us=Micros(low.header.time_us + 1))
    other = yard.acknowledge(Link(rival, header_hash(rival)), yard.ids[0])
    evidence = DoubleAcknowledgement(SHARD, 0, yard.acknowledge(low, yard.ids[0]), other, (rival,))
    assert culprits(yard, evidence) == (yard.ids[0],)


def test_keys_are_those_of_the_deed() -> None:
    """RP-27: after a renewal the old key signs no more; a deed before it is judged by the old one."""
    yard = Yard()
    leader = yard.epoch.committee[0].identity
    old_fork = fork_of(yard, leader)
    fresh = yard.suite.key_pair(b"f" * 32)
    vrf = yard.suite.vrf_key_pair(yard.secrets[leader].vrf).public
    renewal = Renew(leader, fresh.public, vrf, Micros(FOREVER + 1), Hash(bytes(32)))
    yard.live_epoch(items=[yard.order(leader, renewal)])
    assert culprits(yard, old_fork) == (leader,)
    assert culprits(yard, change(old_fork, epoch=1)) == ()  # the deed is of the epoch that the events name
    new_fork = fork_of(yard, leader)
    assert culprits(yard, new_fork) == ()
    yard.secrets[leader] = replace(yard.secrets[leader], signing=b"f" * 32)
    assert culprits(yard, fork_of(yard, leader)) == (leader,)


@pytest.mark.parametrize("age", [0, 1, 3, 4])
def test_a_deed_is_proven_once_and_not_for_ever(age: int) -> None:
    """RP-17, RP-28, RP-29: within three epochs; the culprit votes in no next epoch and is in probation."""
    yard = Yard((5000,) * 6)
    culprit = yard.epoch.committee[0].identity
    fork = fork_of(yard, culprit)
    for _ in range(age):
        yard.live_epoch()
    yard.block(fork, fork)
    height = yard.tip.header.height
    convictions = yard.docket.convictions
    assert [(each.identity, each.deed, each.height) for each in convictions] == (
        [(culprit, 0, height)] if age <= 3 else []
    )
    assert all(each.evidence == sha256(encode(fork)).digest() for each in convictions)
    yard.live_epoch()
    is_free = culprit in {member.identity for member in yard.epoch.electorate.members}
    assert is_free == (age > 3)
    if age > 3:
        return
    record = yard.post.ledger.reputation(culprit)
    assert record is not None
    assert (record.units, record.probation) == (0, PARAMS.probation_epochs)
    yard.block(fork)
    assert yard.docket.convictions == ()
    yard.live_epoch(late=[culprit])
    later = yard.post.ledger.reputation(culprit)
    assert later is not None
    assert (later.units, later.probation) == (0, PARAMS.probation_epochs - 1)


def test_the_age_of_a_deed_is_a_parameter() -> None:
    """RP-28: with `evidence_epochs` = 1 the second epoch after the deed is too late."""
    yard = Yard((5000,) * 6, replace(PARAMS, evidence_epochs=1))
    fork = fork_of(yard, yard.epoch.committee[0].identity)
    yard.live_epoch()
    yard.live_epoch()
    yard.block(fork)
    assert yard.docket.convictions == ()


def test_a_culprit_goes_even_where_the_present_electorate_stays() -> None:
    """RP-23, RP-29: three remain, who could open no epoch as newcomers."""
    yard = Yard((5000,) * 4)
    culprit = yard.epoch.committee[0].identity
    yard.live_epoch(items=[fork_of(yard, culprit)])
    assert set(yard.epoch.electorate.places) == set(yard.ids) - {culprit}


def test_several_proofs_of_one_epoch_are_one_deed() -> None:
    """RP-17: of one identity and one epoch; a deed of another epoch is another one."""
    yard = Yard((5000,) * 6)
    culprit = yard.epoch.committee[0].identity
    fork = fork_of(yard, culprit)
    other = fork_of(yard, yard.epoch.committee[1].identity)
    yard.block(fork, resigned(yard, fork, time_us=Micros(7)), other, double_headers_of(yard, culprit))
    assert [each.identity for each in yard.docket.convictions] == [culprit, other.first.creator]
    assert yard.docket.culprits() == (culprit, other.first.creator)
    assert yard.docket.deeds_of(culprit) == (0,)


def double_headers_of(yard: Yard, leader: NodeId) -> DoubleHeader:
    """On a block of another chain, so that this one is not moved."""
    return double_headers(Yard((5000,) * 6), leader)


def test_in_an_epoch_that_ends_by_recovery_proofs_alone_count() -> None:
    """RP-18, RP-29: reputations stay as they are; a culprit votes no more, nor who left."""
    yard = Yard((5000,) * 6)
    culprit = yard.epoch.committee[0].identity
    before = dict(yard.post.ledger.reputations())
    claims = yard.claims()
    lists = [yard.list_claims(identity, claims) for identity in yard.ids]
    yard.open(1, *claims, *lists, fork_of(yard, culprit), yard.transact(yard.ids[1], Leave()))
    after = dict(yard.post.ledger.reputations())
    assert {identity for identity in after if after[identity] != before[identity]} == {culprit}
    assert after[culprit].units == 0
    assert after[culprit].deeds == (0,)
    assert set(yard.epoch.electorate.places) == set(yard.ids) - {culprit, yard.ids[1]}
