"""The docket: claims, lists, seeds, departures, duties."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from msgspec.structs import replace as change

from bac.replica.docket import Docket, open_docket
from bac.replica.duties import Roll, Windows, compute_windows
from bac.replica.standings import assess
from bac.types import Hash, NodeId
from bac.wire.claims import claim_id
from bac.wire.codec import Message, encode
from bac.wire.votes import ballot_of
from election.duties import duty_offsets
from election.standing import Evidence
from tests.replica.recount import recount
from tests.replica.yard import PARAMS, Yard


def opened(yard: Yard) -> Docket:
    """The docket of the present epoch when it was opened."""
    assert yard.tip.parent is None, "at the boundary"
    return open_docket(yard.post.ledger, yard.place(), yard.params)


def test_a_docket_opens_on_the_boundary() -> None:
    """RP-4: register, keys and duties are those of the state before the epoch; keys: of voters, of candidate voters."""
    yard = Yard((4000, 4000, 4000, 4000, 0))
    docket = opened(yard)
    assert docket.base == 0
    assert list(docket.register) == sorted(yard.ids)
    assert set(docket.keys) == set(yard.ids)
    assert set(docket.electorate.places) == set(yard.ids) - {yard.ids[4]}
    assert docket.windows.starts == tuple(1 + offset for offset in duty_offsets(yard.epoch.seed, 6, 3))
    arrived, admission = yard.admit(5)
    yard.live_epoch(items=[admission])
    assert arrived in opened(yard).register
    assert arrived not in opened(yard).keys
    assert arrived not in opened(yard).obliged()


def test_claims_count_once_they_are_shown() -> None:
    """RP-5: voter, signature, key and proof are right, and a unit at least is won."""
    yard = Yard()
    claims = yard.claims()
    yard.block(*claims[:2])
    assert set(yard.docket.claims) == {claim_id(claim) for claim in claims[:2]}
    for claim in claims[:2]:
        won = yard.docket.claims[claim_id(claim)]
        assert won.identity == claim.identity
        assert won.wins == yard.election.judge(claim, yard.machine.assessor).wins  # type: ignore[union-attr]
    other = Yard()
    other.epoch = replace(other.epoch, seed=Hash(b"x" * 32))
    foreign = replace(other.election, seed=Hash(b"y" * 32))
    pair = yard.suite.vrf_key_pair(yard.secrets[claims[0].identity].vrf)
    for claim in foreign.make(claims[0].identity, pair, yard.suite):
        yard.block(yard.sign(claim))
    assert len(yard.docket.claims) == 2


def test_expected_weight_is_all_units_where_there_are_no_more() -> None:
    """RP-5: with no more units than are drawn on average, everybody wins all of them."""
    yard = Yard((300, 300, 300, 300), replace(PARAMS, min_total_units=1, candidate_weight=5000, primary_weight=5000))
    claims = yard.claims()
    assert len(claims) == 8
    yard.block(*claims)
    assert {claim.wins for claim in yard.docket.claims.values()} == {300}


def test_a_list_counts_once_all_its_claims_are_there() -> None:
    """RP-6: the first list of a voter counts when each claim that it names counts, and stays."""
    yard = Yard()
    claims = yard.claims()
    yard.block(yard.list_claims(yard.ids[0], claims), yard.list_claims(yard.ids[1], []), *claims[:1])
    assert set(yard.docket.counted) == {yard.ids[1]}
    yard.block(yard.list_claims(yard.ids[0], []), *claims[1:])
    assert yard.docket.counted == (yard.ids[1], yard.ids[0])
    assert len(yard.docket.lists[yard.ids[0]]) == len(claims)
    assert not yard.docket.is_listed
    yard.block(*(yard.list_claims(each, claims) for each in yard.ids))
    assert yard.docket.is_listed


def test_a_list_that_names_what_is_no_claim_never_counts() -> None:
    """RP-6: it hurts nobody but its signer."""
    yard = Yard()
    claims = yard.claims()
    bad = yard.sign(change(claims[0], proof=bytes(80)))
    yard.block(*claims, bad, yard.list_claims(yard.ids[0], [*claims, bad]))
    yard.block()
    assert yard.docket.counted == ()


def test_the_claim_set_is_what_counted_lists_name() -> None:
    """RP-6: what is ordered but named by no list does not count; what one of the counted lists names does."""
    yard = Yard()
    claims = yard.claims()
    assert len(claims) >= 3
    yard.block(*claims, yard.list_claims(yard.ids[0], claims[:1]), yard.list_claims(yard.ids[1], claims[1:2]))
    named = {claim_id(claim) for claim in claims[:2]}
    expected = [yard.docket.claims[name] for name in named]
    assert sorted(yard.docket.union(), key=repr) == sorted(expected, key=repr)


def test_the_seed_is_the_primary_s_if_it_comes_in_time() -> None:
    """RP-7: ordered in a round up to R_seed, by the primary's key, else the fallback."""
    in_time, late, without = Yard(), Yard(), Yard()
    for yard, rounds in ((in_time, PARAMS.seed_rounds), (late, PARAMS.seed_rounds + 1), (without, 99)):
        claims = yard.claims()
        lists = [yard.list_claims(each, claims) for each in yard.ids]
        while yard.epoch.number == 0:
            yard.block(*claims, *lists, *([yard.seed_proof()] if yard.round == rounds else []))
    seeds = [yard.seed_after for yard in (in_time, late, without)]
    assert seeds[0] != seeds[1] == seeds[2]
    assert seeds[2] == Yard().election.fallback()


def test_in_a_later_view_no_seed_comes_in_time() -> None:
    """RP-7: the proposer of an opening could otherwise choose between two seeds."""
    yard = Yard()
    fallback, proof, claims = yard.election.fallback(), yard.seed_proof(), yard.claims()
    yard.open(1, proof, *claims, *(yard.list_claims(each, claims) for each in yard.ids))
    assert yard.seed_after == fallback


def test_departures_are_kept_in_order() -> None:
    """RP-8: each voter's once; the early last round is fixed once."""
    yard = Yard()
    first, second = yard.ids[1], yard.ids[0]
    yard.block(yard.departure(first), yard.departure(second), yard.departure(first))
    assert yard.docket.departed == (first, second)
    assert yard.docket.last_round == 2
    yard.block(yard.departure(yard.ids[2]))
    assert yard.docket.last_round == 2


def test_windows() -> None:
    """RP-10: a duty lasts from its height to the next one's; what comes before the first is none."""
    windows = Windows((3, 5, 6))
    assert [windows.at(height) for height in range(1, 9)] == [None, None, 0, 0, 1, 2, 2, 2]
    full = compute_windows(Hash(b"s" * 32), 100, replace(PARAMS, duties_per_epoch=99))
    assert full.starts == tuple(range(101, 101 + PARAMS.epoch_rounds))


def test_a_duty_is_offered_by_a_certificate_and_done_by_its_signers() -> None:
    """RP-11: of a block in the window, ordered in view 0, that raises the rank."""
    yard = Yard()
    low = yard.block()
    while yard.docket.windows.at(low.header.height) is None:
        low = yard.block()
    high = yard.block()
    yard.block(yard.certificate(high, yard.ids[:4]))
    duty = yard.docket.windows.at(high.header.height)
    assert duty is not None
    assert yard.docket.roll.offered == 1 << duty
    assert dict(yard.docket.roll.done) == dict.fromkeys(yard.ids[:4], 1 << duty)
    before = yard.docket.roll
    yard.block(yard.certificate(low), yard.certificate(high))
    assert (yard.docket.roll.offered, yard.docket.roll.done) == (before.offered, before.done)
    opening = (encode(yard.new_view(1)), encode(yard.certificate(yard.tip)))
    later = yard.machine.execute(yard.post, yard.place(view=1), opening)
    assert later.docket is not None
    assert later.docket.roll == yard.docket.roll


@pytest.mark.parametrize("seed", range(6))
def test_duties_are_as_a_recount_of_the_bodies_finds_them(seed: int) -> None:
    """RP-10 to RP-14: offered, done, late, witnesses, whatever the order in which votes came in."""
    chance = Random(seed)
    yard = Yard((5000, 5000, 5000, 5000, 4000, 3000, 0), replace(PARAMS, duties_per_epoch=chance.choice([2, 3, 6])))
    seen: list[Evidence] = []
    for _ in range(3):
        opening, first, seed_ = opened(yard), len(yard.blocks), yard.epoch.seed
        docket = live_at_random(yard, chance)
        expected = recount(yard.blocks[first:], opening, seed_, yard.params)
        found = {
            each.identity: each.evidence for each in assess(docket, recovered=False, params=yard.params)
        }  # fmt: skip
        assert found == expected
        seen += [evidence for evidence in found.values() if evidence.late]
    assert seen


def live_at_random(yard: Yard, chance: Random) -> Docket:
    """An epoch in which votes come in time, late, twice or not at all; the docket after its last body."""
    number = yard.epoch.number
    claims = yard.claims()
    voters = [NodeId(each) for each in sorted(yard.epoch.electorate.places)]
    lists = [yard.list_claims(each, claims) for each in voters]
    blocks, places = [yard.tip], range(len(yard.epoch.committee))
    items: list[bytes | Message] = [*claims, *lists, *yard.keys_due()]
    while yard.epoch.number == number:
        witnesses = chance.sample(places, chance.randrange(1, len(places) + 1))
        blocks.append(yard.block(*items, witnesses=witnesses))
        if yard.epoch.number != number:
            break
        items = []
        for link in chance.sample(blocks[1:], min(2, len(blocks) - 1)):
            away = chance.choice(voters)
            signers = [each for each in voters if each != away]
            if chance.random() < 0.7:
                items.append(yard.certificate(link, signers))
            for voter in chance.sample(yard.ids, 4):
                items.append(yard.acknowledge(link, voter))
        chance.shuffle(items)
    return yard.ended[-1]


def test_late_acknowledgements() -> None:
    """RP-12: not of another branch, by another key, of a later view, of no duty; not of what was done in time."""
    yard = Yard()
    link = yard.block()
    while (duty := yard.docket.windows.at(link.header.height)) is None:
        before, link = link, yard.block()
        yard.block(yard.acknowledge(before, yard.ids[4]))
        assert not yard.docket.roll.late
    yard.block(yard.certificate(link, yard.ids[:4]))
    absent, ballot = yard.ids[4], ballot_of(link.header)
    wrong = [
        yard.vote(change(ballot, header_hash=Hash(bytes(32))), absent),
        yard.vote(change(ballot, view=1), absent),
        yard.vote(change(ballot, epoch=1), absent, epoch=0),
        yard.vote(ballot, absent, epoch=1),
        change(yard.vote(ballot, absent), voter=yard.ids[0]),
        yard.vote(ballot, yard.ids[1]),
    ]
    yard.block(*wrong)
    assert not yard.docket.roll.late
    yard.block(yard.vote(ballot, absent))
    assert yard.docket.roll.late == {absent: 1 << duty}


def test_a_leader_has_no_more_duties_than_others() -> None:
    """RP-13: acknowledgements and witnesses are a half each; never more than the better half, nor than was offered."""
    leader = NodeId(b"l" * 32)
    for offered in range(9):
        for done in range(offered + 1):
            for late in range(offered - done + 1):
                for witnesses in range(13):
                    late_bits = ((1 << late) - 1) << done
                    done_bits, seen = {leader: (1 << done) - 1}, {leader: witnesses}
                    roll = Roll((1 << offered) - 1, done_bits, {leader: late_bits}, seen, 12)
                    plain = roll.evidence(leader, leads=False)
                    assert plain == Evidence(offered, done, late)
                    found = roll.evidence(leader, leads=True)
                    half = offered * witnesses // 12
                    assert found.offered == offered
                    assert min(done + late, half) <= found.done + found.late <= max(done + late, half)
                    assert 0 <= 2 * (found.done + found.late) - (done + late) - half <= 1
