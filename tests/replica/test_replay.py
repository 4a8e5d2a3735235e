"""Replaying blocks: every header recomputed, every change of units explained, every draw counted again."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache
from hashlib import sha256
from itertools import pairwise
from random import Random

import pytest
from msgspec.structs import replace as change

from bac.errors import Rejected
from bac.finality.site import Block
from bac.replica.explaining import Mark, Reckoning, foresee, reckon
from bac.replica.recounting import FALLBACK, GENESIS, PRIMARY, Recount, recount, recounts
from bac.replica.replay import EpochAccount, Replay, replay
from bac.replica.standings import reputation_params, standing_of
from bac.types import Hash, NodeId
from bac.wire.block import Body, Leader
from bac.wire.codec import decode, encode
from bac.wire.registry import decode_item
from bac.wire.votes import Acknowledgement, Certificate
from election.reputation import Cause
from tests.replica.test_court import fork_of
from tests.replica.yard import PARAMS, SHARD, Yard

CONSTANTS = reputation_params(PARAMS)


@cache
def town() -> Yard:
    """Nine epochs: an absent voter, a late one, a newcomer, a fork proven, an epoch that ended by recovery."""
    yard = Yard((9000, 5000, 4000, 3000, 2000, 0))
    yard.live_epoch()
    newcomer, admission = yard.admit(9)
    yard.live_epoch(absent=[yard.ids[1]], items=[admission])
    yard.live_epoch(absent=[yard.ids[2]], late=[yard.ids[2], newcomer])
    claims = yard.claims()
    lists = [yard.list_claims(NodeId(voter), claims) for voter in sorted(yard.epoch.electorate.places)]
    yard.block(*claims, *lists)
    yard.open(1)
    culprit = yard.epoch.committee[0].identity
    yard.live_epoch(items=[encode(fork_of(yard, culprit))], absent=[yard.ids[3]])
    yard.live_epoch(late=[newcomer])
    for _ in range(3):
        yard.live_epoch(late=[newcomer])
    return yard


def fresh(yard: Yard) -> Replay:
    return Replay(yard.ground, yard.params, yard.suite, yard.authority.public)


@cache
def accounts() -> tuple[EpochAccount, ...]:
    yard = town()
    return tuple(replay(yard.ground, yard.params, yard.suite, yard.authority.public, yard.blocks))


def reckonings() -> list[Reckoning]:
    return [each for account in accounts() for each in reckon(account, CONSTANTS)]


def block_at(height: int) -> Block:
    found = town().blocks[height - 1]
    assert found.header.height == height
    return found


def item_of(height: int, digest: Hash | None) -> bytes:
    """The item of the block at `height` with this SHA-256."""
    return next(item for item in block_at(height).body.items if sha256(item).digest() == digest)


def test_every_header_is_recomputed() -> None:
    """RP-110: state, electorate, committee and seeds of each epoch follow from the bodies, by recovery as well."""
    yard = town()
    assert [account.number for account in accounts()] == list(range(9))
    assert accounts()[3].last.view == 1
    for account in accounts():
        following = yard.epochs[account.number + 1]
        assert account.epoch.electorate.members == yard.epochs[account.number].electorate.members
        assert account.successors.electorate.members == following.electorate.members
        assert account.successors.committee == following.committee
        assert account.last == following.base
        assert account.next_seed == following.seed
    replayed = fresh(yard)
    for block in yard.blocks:
        replayed.add(block)
    assert replayed.post.ledger.root == yard.post.ledger.root == yard.tip.header.state_root
    assert dict(replayed.post.ledger.reputations()) == dict(yard.post.ledger.reputations())


def test_a_block_that_does_not_follow_is_refused_and_nothing_changes() -> None:
    """RP-111: the first field that differs is named, with both values; the block that follows is still taken."""
    yard = town()
    place = 2 * PARAMS.epoch_rounds - 1  # the block that ends an epoch, and writes reputations
    block = yard.blocks[place]
    assert block.header.boundary is not None
    other = change(block.header.boundary, next_electorate_root=Hash(bytes(32)))
    items = block.body.items
    wrong = {
        "state_root": Block(change(block.header, state_root=Hash(bytes(32))), block.body),
        "boundary": Block(change(block.header, boundary=other), block.body),
        "transaction_root": Block(block.header, Body((*items, b"\x92\x0c"))),
        "round": Block(change(block.header, round=1), block.body),
        "the record of its round": Block(block.header, Body(items[1:])),
        "no block can stand": Block(change(block.header, time_us=yard.blocks[place - 1].header.time_us), block.body),
        "does not stand on": yard.blocks[place + 1],
    }
    replayed = fresh(yard)
    for each in yard.blocks[:place]:
        replayed.add(each)
    for says, altered in wrong.items():
        before = replayed.tip, replayed.epoch
        with pytest.raises(Rejected, match=says):
            replayed.add(altered)
        assert (replayed.tip, replayed.epoch) == before
    account = replayed.add(block)
    assert account is not None
    assert account.assessments == accounts()[1].assessments


def test_a_withheld_duty_shows_in_the_root() -> None:
    """RP-110: who leaves a certificate out of a body, and does the sums again, has another chain."""
    yard = town()
    place = next(
        number
        for number, block in enumerate(yard.blocks)
        if any(isinstance(decode_item(item), Certificate) for item in block.body.items)
    )
    block = yard.blocks[place]
    without = tuple(item for item in block.body.items if not isinstance(decode_item(item), Certificate))
    replayed = fresh(yard)
    for each in yard.blocks[:place]:
        replayed.add(each)
    with pytest.raises(Rejected, match="recomputed"):
        replayed.add(Block(block.header, Body(without)))


def test_no_altered_bit_of_a_block_is_taken() -> None:
    """RP-111: whatever a store says instead of a block, it is refused as the store's fault, never an error of ours."""
    chance = Random(3)
    replayed = fresh(town())
    refused = 0
    for block in town().blocks:
        data = encode(block)
        for _ in range(12):
            altered = bytearray(data)
            altered[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            before = replayed.tip
            with pytest.raises(Rejected):
                replayed.add(decode(Block, bytes(altered), 1 << 24))
            assert replayed.tip is before
            refused += 1
        replayed.add(block)
    assert refused == 12 * len(town().blocks)


def test_every_duty_done_names_what_shows_it() -> None:
    """RP-112: the first certificate with its signature, or its own acknowledgement; of the window, in a later block."""
    marks = set()
    for each in reckonings():
        electorate = accounts()[each.epoch].epoch.electorate
        for duty in each.duties:
            marks.add(duty.mark)
            if duty.mark in (Mark.MISSED, Mark.NOT_OFFERED):
                assert (duty.height, duty.evidence) == (None, None)
                continue
            assert duty.height is not None
            item = decode_item(item_of(duty.height, duty.evidence))
            assert duty.first <= item.ballot.height <= duty.last
            assert item.ballot.height < duty.height
            if isinstance(item, Certificate):
                signers = electorate.signers(item.signers)
                assert signers is not None
                assert each.identity in [signer.identity for signer in signers]
            else:
                assert isinstance(item, Acknowledgement)
                assert item.voter == each.identity
    assert marks == set(Mark)


def test_duties_recounted_are_those_evaluated() -> None:
    """RP-113: who does not lead has done what its duties say; of a leader the witnesses count as well."""
    led = 0
    for each in reckonings():
        marks = [duty.mark for duty in each.duties]
        offered = len(marks) - marks.count(Mark.NOT_OFFERED)
        assert each.evidence.offered == offered
        done, late = marks.count(Mark.DONE), marks.count(Mark.LATE)
        if each.witnessed is None:
            assert (each.evidence.done, each.evidence.late) == (done, late)
            continue
        led += 1
        share = Fraction(len(each.witnessed), each.rounds) if each.rounds else Fraction(0)
        total = (done + late + int(share * offered) + 1) // 2
        assert each.evidence.done + each.evidence.late == total
    assert led > 20


def test_shares_sum_exactly() -> None:
    """RP-114: of all causes to the change on record; with the gaps to the change of the votes."""
    causes: set[str] = set()
    for each in reckonings():
        assert sum(share.units for share in each.shares) == each.after.units - each.before.units
        assert sum(share.units for share in (*each.shares, *each.gaps)) == each.votes_after - each.votes
        assert all(share.units for share in (*each.shares, *each.gaps))
        causes.update(share.cause for share in (*each.shares, *each.gaps))
    wanted = (Cause.DUTIES, Cause.LATE, Cause.SILENCE, Cause.ENDOWMENT, Cause.LIMIT, Cause.PROOF, Cause.CLIPPING)
    assert causes >= {*(cause.value for cause in wanted), "outside the electorate"}


def test_reckonings_chain() -> None:
    """RP-114: what an epoch leaves is what the next one begins with, on record and in the electorate."""
    last: dict[NodeId, Reckoning] = {}
    for each in reckonings():
        before = last.get(each.identity)
        if before is not None:
            assert (before.after, before.votes_after) == (each.before, each.votes)
        last[each.identity] = each
    known = dict(town().post.ledger.reputations())
    assert {identity: each.after for identity, each in last.items() if identity in known} == {
        identity: standing_of(record, CONSTANTS) for identity, record in known.items()
    }


def test_causes_say_where_they_stand() -> None:
    """RP-115: duties done where they are shown, missed where they began, a proof where it was ordered, else the end."""
    for each in reckonings():
        known = {share.cause: share for share in each.shares}
        missed = tuple(duty.first for duty in each.duties if duty.mark is Mark.MISSED)
        if Cause.SILENCE.value in known and missed:
            assert known[Cause.SILENCE.value].heights == missed
        for cause, mark in ((Cause.DUTIES, Mark.DONE), (Cause.LATE, Mark.LATE)):
            shown = {duty.evidence for duty in each.duties if duty.mark is mark}
            if cause.value in known and shown:
                assert set(known[cause.value].evidence) == shown
        if Cause.LIMIT.value in known:
            assert known[Cause.LIMIT.value].heights == (each.height,)
            assert known[Cause.LIMIT.value].evidence == ()


def test_a_proof_names_its_evidence() -> None:
    """RP-116: the fall of a forker is explained by the item that convicts it, in the block that orders it."""
    convicted = [each for each in reckonings() if each.convictions]
    (each,) = convicted
    (conviction,) = each.convictions
    (share,) = [share for share in each.shares if share.cause == Cause.PROOF.value]
    assert share.heights == (conviction.height,)
    assert share.evidence == (conviction.evidence,)
    assert share.units < 0
    fork = decode_item(item_of(conviction.height, conviction.evidence))
    assert fork.first.creator == each.identity
    assert (each.after.units, each.votes_after) == (0, 0)
    assert each.after.probation == PARAMS.probation_epochs


def test_an_epoch_ended_by_recovery_has_no_causes() -> None:
    """RP-114: nothing changes, and nothing is claimed to have."""
    quiet = [each for each in reckonings() if each.epoch == 3]
    assert quiet
    assert all(each.shares == () and each.before == each.after for each in quiet)


def test_votes_are_explained_by_clipping_or_by_being_outside() -> None:
    """RP-117: what is on record and does not vote is told apart: too much for one, or not in the electorate."""
    first = next(each for each in reckonings() if each.identity == town().ids[0] and each.epoch == 0)
    assert first.votes < first.before.units  # 9000 of 23000 are clipped
    assert [share.cause for share in first.gaps] == [Cause.CLIPPING.value]
    newcomer = [each for each in reckonings() if each.identity == town().ids[6] and each.after.units]
    assert newcomer[0].votes_after == 0
    assert [share.cause for share in newcomer[0].gaps] == ["outside the electorate"]
    assert newcomer[-1].votes_after > 0


def test_where_the_electorate_stays_that_is_said() -> None:
    """RP-117, RP-119: of four voters one is convicted, so the electorate drawn does not qualify (E7)."""
    yard = Yard((5000, 5000, 5000, 5000))
    yard.live_epoch()
    culprit = yard.epoch.committee[0].identity
    yard.live_epoch(items=[encode(fork_of(yard, culprit))])
    yard.live_epoch()
    replayed = list(replay(yard.ground, yard.params, yard.suite, yard.authority.public, yard.blocks))
    assert [account.is_drawn for account in replayed] == [True, False, False]
    found = [each for account in replayed for each in reckon(account, CONSTANTS)]
    for each in found:
        assert sum(share.units for share in (*each.shares, *each.gaps)) == each.votes_after - each.votes
    gaps = {(each.epoch, each.identity == culprit): [share.cause for share in each.gaps] for each in found}
    assert gaps[1, False] == ["the electorate before stays"]
    assert gaps[1, True] == []  # no units, no votes
    assert [account.was_drawn for account in replayed] == [True, True, False]
    assert gaps[2, False] == ["the electorate before stays"]
    counted_again = recounts(yard.ground.epoch, iter(replayed), SHARD, yard.suite, PARAMS)
    assert [each.faults for each in counted_again] == [()] * 4


def test_what_was_foreseen_comes_true() -> None:
    """RP-118: with the evidence that came, and the electorate that was, the standings are those of the chain."""
    identity = town().ids[4]
    own = [each for each in reckonings() if each.identity == identity and each.epoch > 3]
    for before, each in pairwise(own):
        total = accounts()[each.epoch].epoch.electorate.total_units
        (prospect,) = foresee(before.after, [each.evidence], each.epoch, total, CONSTANTS)
        assert prospect.after == each.after
        assert prospect.explanation.shares == tuple((Cause(share.cause), share.units) for share in each.shares)
    plan = [own[0].evidence] * 40
    whole = foresee(own[0].after, plan, 10, 50_000, CONSTANTS)
    assert [each.epoch for each in whole] == list(range(10, 50))
    standing = own[0].after
    for foreseen in whole:
        (single,) = foresee(standing, [foreseen.evidence], foreseen.epoch, 50_000, CONSTANTS)
        assert single == foreseen
        standing = foreseen.after


def counted() -> list[Recount]:
    yard = town()
    return list(recounts(yard.ground.epoch, iter(accounts()), SHARD, yard.suite, PARAMS))


def test_every_draw_is_counted_again() -> None:
    """RP-119: seeds, proofs, intervals, seats and committees of all epochs, from the claims as ordered."""
    found = counted()
    assert [each.epoch for each in found] == list(range(10))
    assert not [each.faults for each in found if each.faults]
    assert found[0].origin == GENESIS
    assert {each.origin for each in found} == {GENESIS, PRIMARY, FALLBACK}  # none came in the epoch of the recovery
    for each in found[1:]:
        committee = town().epochs[each.epoch].committee
        placed = {seat.identity: (seat.place, seat.weight) for seat in each.seats if seat.place is not None}
        assert placed == {leader.identity: (place, leader.weight) for place, leader in enumerate(committee)}
        for seat in each.seats:
            assert seat.role is None or seat.low <= seat.draw <= seat.high
            assert seat.role is None or 1 <= seat.wins <= seat.units


def faults(account: EpochAccount, before: EpochAccount | None = None) -> str:
    return "; ".join(recount(before or accounts()[5], account, SHARD, town().suite, PARAMS).faults)


def test_a_false_draw_is_told_by_what_is_wrong() -> None:
    """RP-119: another committee, a seed that does not follow, a proof of another draw, a list left out."""
    good = accounts()[6]
    assert faults(good) == ""
    committee = good.successors.committee
    swapped = replace(good.successors, committee=(committee[1], committee[0], *committee[2:]))
    heavier = replace(good.successors, committee=(Leader(committee[0].identity, 99), *committee[1:]))
    assert "another one than follows" in faults(replace(good, successors=swapped))
    assert "another one than follows" in faults(replace(good, successors=heavier))
    assert "the seed is" in faults(good, replace(accounts()[5], seed_proof=None))
    other = next(each.identity for each in good.claims if each.identity != good.claims[0].identity)
    stolen = change(good.claims[0], identity=other)
    assert "does not belong" in faults(replace(good, claims=(stolen, *good.claims[1:])))
    fewer = replace(good.docket, counted=())
    assert "another one than follows" in faults(replace(good, docket=fewer))
