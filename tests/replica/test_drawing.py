"""Who follows: electorates, committees, leavers, the first epoch."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bac.finality.epochs import succeed
from bac.genesis import LIST_VOTERS_LIMIT, Scheme
from bac.ledger.records import AnnouncedKey, Keys, Member, Reputation, Standing, pack, reputation_key
from bac.ledger.state import State, initial_state
from bac.replica.drawing import draw_committee, draw_electors, find_leavers, voters_limit
from bac.replica.machine import Post
from bac.types import Hash, Micros, NodeId
from bac.wire.transactions import Kind, Leave, Revoke
from bac.wire.votes import VOTERS_MAX
from election.committee import CommitteeParams, compute_committee
from election.electorate import clip
from tests.replica.yard import FOREVER, PARAMS, Yard


def names(yard: Yard) -> set[NodeId]:
    """Who votes now."""
    return {member.identity for member in yard.epoch.electorate.members}


def test_genesis_endows_and_all_of_the_electorate_leads_first() -> None:
    """RP-16, RP-24: epoch 0 has the endowed units, clipped; its committee is filled up by hash of the first seed."""
    yard = Yard((60_000, 5000, 4000, 3000, 2000))
    endowed: dict[bytes, int] = {identity: record.units for identity, record in yard.ground.state.reputations()}
    assert endowed == dict(zip(yard.ids, (60_000, 5000, 4000, 3000, 2000), strict=True))
    expected = clip(endowed)
    assert {member.identity: member.units for member in yard.epoch.electorate.members} == expected
    assert max(expected.values()) * 4 <= sum(expected.values())
    sizes = CommitteeParams(PARAMS.primary_weight, PARAMS.candidate_weight, PARAMS.max_leaders)
    filled = compute_committee((), expected, yard.genesis.seed, sizes)
    assert tuple((leader.identity, leader.weight) for leader in yard.epoch.committee) == filled.members
    assert len(filled.members) == PARAMS.max_leaders


def test_who_is_drawn_leads() -> None:
    """RP-22: the next committee is that of the claim set, the next electorate and its seed."""
    yard = Yard((6000, 5000, 4000, 3000, 2000), replace(PARAMS, candidate_weight=30, primary_weight=6))
    claims, seed = yard.claims(), yard.seed_after
    won = [yard.election.judge(claim, yard.machine.assessor) for claim in claims]
    yard.live_epoch()
    units: dict[bytes, int] = {member.identity: member.units for member in yard.epoch.electorate.members}
    sizes = CommitteeParams(6, 30, PARAMS.max_leaders)
    expected = compute_committee([claim for claim in won if claim], units, seed, sizes)
    assert tuple((leader.identity, leader.weight) for leader in yard.epoch.committee) == expected.members
    assert sum(weight for _, weight in expected.members) > len(expected.members)


def test_what_no_list_names_leads_not() -> None:
    """RP-6, RP-22: a claim that is ordered but named by no list that counts is not in the claim set."""
    yard = Yard((6000,) * 6, replace(PARAMS, candidate_weight=96, primary_weight=20, max_leaders=8))
    claims, seed = yard.claims(), yard.seed_after
    passed_over = yard.ids[0]
    named = [claim for claim in claims if claim.identity != passed_over]
    assert len(named) < len(claims)
    yard.block(*claims, *(yard.list_claims(identity, named) for identity in yard.ids))
    won = [yard.election.judge(claim, yard.machine.assessor) for claim in named]
    while yard.epoch.number == 0:
        yard.block()
    units: dict[bytes, int] = {member.identity: member.units for member in yard.epoch.electorate.members}
    expected = compute_committee([claim for claim in won if claim], units, seed, CommitteeParams(20, 96, 8))
    assert tuple((leader.identity, leader.weight) for leader in yard.epoch.committee) == expected.members
    assert passed_over not in {leader.identity for leader in yard.epoch.committee}


def test_winners_who_vote_no_more_are_dropped() -> None:
    """RP-22: who left after claiming does not lead."""
    yard = Yard((5000,) * 6)
    gone = yard.epoch.committee[0].identity
    yard.live_epoch(items=[yard.transact(gone, Leave())])
    assert gone not in names(yard)
    assert gone not in {leader.identity for leader in yard.epoch.committee}
    assert draw_committee((), (), Hash(bytes(32)), PARAMS) == ()


def test_a_newcomer_comes_to_vote() -> None:
    """RP-12, RP-14, RP-20: admitted, resident after k epochs, a candidate voter, then a voter by its own duties."""
    yard = Yard((5000,) * 5)
    newcomer, admission = yard.admit(7)
    keys = [yard.announce(newcomer, epoch) for epoch in range(2, 12)]
    yard.live_epoch(items=[admission])
    yard.live_epoch(items=keys)
    yard.live_epoch()
    assert [newcomer in docket.register for docket in yard.ended] == [False, True, True]
    assert [newcomer in docket.keys for docket in yard.ended] == [False] * 3
    assert newcomer in yard.docket.keys  # two epochs after the one that follows its admission; the key is old enough
    yard.live_epoch(late=[newcomer])
    record = yard.post.ledger.reputation(newcomer)
    assert record is not None
    assert record.units > 0
    assert newcomer in names(yard)
    yard.live_epoch()
    assert newcomer in names(yard)


def test_a_newcomer_that_does_nothing_never_votes() -> None:
    """RP-15, RP-20: without duties done there are no units; no record is kept of it."""
    yard = Yard((5000,) * 5)
    newcomer, admission = yard.admit(7)
    yard.live_epoch(items=[admission])
    for _ in range(4):
        yard.live_epoch()
    assert yard.post.ledger.reputation(newcomer) is None
    assert newcomer in yard.docket.keys
    assert newcomer not in names(yard)


def test_without_a_key_there_are_no_units() -> None:
    """RP-20: acknowledgement keys run out, and who announces none has no units in the next epoch."""
    yard = Yard((5000,) * 5, replace(PARAMS, acknowledgement_keys_ahead=6))
    silent = yard.ids[0]
    for number in range(6):
        assert silent in names(yard), number
        yard.live_epoch(absent=[silent])
    record = yard.post.ledger.reputation(silent)
    assert record is not None
    assert record.units > 0
    assert silent not in names(yard)


def test_leavers_go_in_order_and_wait_where_too_few_would_remain() -> None:
    """RP-23: ended memberships first, then who left, by epoch and identity, then who announced to drive off."""
    yard = Yard((5000,) * 8)
    a, b, c, d = yard.ids[:4]
    yard.live_epoch(items=[yard.transact(a, Leave())])
    assert names(yard) == set(yard.ids) - {a}
    yard.live_epoch(items=[yard.transact(b, Leave()), yard.order(c, Revoke(c)), yard.departure(d)])
    assert names(yard) == set(yard.ids) - {a, b, c, d}
    present = yard.epochs[1].electorate
    leavers = find_leavers(yard.post.ledger, 2, present, (d, a), PARAMS)
    assert leavers == (c, b, d)
    waiting = yard.ids[4:6]
    yard.live_epoch(items=[yard.transact(each, Leave()) for each in waiting])
    assert names(yard) == {*yard.ids[4:]}  # with d, who did not leave, there would be three


def test_culprits_go_first_and_never_wait() -> None:
    """RP-23: where no new electorate qualifies the present one stays less culprits, and leavers wait."""
    yard = Yard((9000, 5000, 4000, 3000, 2000))
    drawn = yard.machine.conclude(listed(yard), yard.place()).draw
    assert drawn is not None
    first, second, third = yard.ids[:3]
    none = replace(drawn, electors=(), culprits=(first,), leaving=(second, third))
    stay = succeed(yard.epoch, none, PARAMS).electorate
    assert {member.identity for member in stay.members} == {*yard.ids[1:]}
    present = yard.epoch.electorate
    assert all(member == present.find(member.identity) for member in stay.members)
    two = replace(drawn, electors=(), culprits=(), leaving=(second, third))
    assert {member.identity for member in succeed(yard.epoch, two, PARAMS).electorate.members} == {first, *yard.ids[2:]}
    everybody = replace(drawn, electors=(), culprits=tuple(yard.ids))
    assert {member.identity for member in succeed(yard.epoch, everybody, PARAMS).electorate.members} == {*yard.ids}


def listed(yard: Yard) -> Post:
    """The state after a block with the claim lists of all."""
    claims = yard.claims()
    yard.block(*claims, *(yard.list_claims(identity, claims) for identity in yard.ids))
    return yard.post


def crowd(count: int) -> State:
    """So many members with keys for epoch 0; each but the first ten has one unit more than the one before."""
    ids = [NodeId(number.to_bytes(32, "big")) for number in range(count)]
    members = {
        identity: Member(
            Kind.VEHICLE, -1, Standing.PRESENT, -1, (Keys(-1, identity, bytes(32), FOREVER, Hash(bytes(32))),),
            (AnnouncedKey(0, -1, identity),),
        )
        for identity in ids
    }  # fmt: skip
    state = initial_state({}, members, Micros(0))
    records = {
        reputation_key(identity): pack(Reputation(max(number, 10), 0, 0, 0, 0, 0, 0, 0, ()))
        for number, identity in enumerate(ids)
    }
    return State(state.trie.updated(dict(records)))


@pytest.mark.parametrize("excess", [0, 1, 7])
def test_no_more_voters_than_certificates_hold(excess: int) -> None:
    """RP-21: of too many, those with most units vote, ties by identity."""
    state = crowd(LIST_VOTERS_LIMIT + excess)
    electors = draw_electors(state, 0, Scheme.ED25519_LIST, PARAMS)
    assert len(electors) == LIST_VOTERS_LIMIT
    assert len(draw_electors(state, 0, Scheme.BLS, PARAMS)) == LIST_VOTERS_LIMIT + excess
    assert voters_limit(Scheme.BLS) == VOTERS_MAX
    chosen = {int.from_bytes(each.identity, "big") for each in electors}
    dropped = set(range(LIST_VOTERS_LIMIT + excess)) - chosen
    assert dropped == set(range(11 - excess, 11)) if excess else not dropped
