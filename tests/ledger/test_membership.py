"""The register: admission, renewal, revocation, leaving, acknowledgement keys, and what an epoch sees of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bac.errors import Code
from bac.ledger.membership import Candidate, candidates, keys_at, signing_key_at, standing_at
from bac.ledger.records import Standing
from bac.params import DEFAULT
from bac.wire.transactions import AcknowledgementKey, Kind, Leave, Revoke, VerifiedTransaction
from tests.ledger.world import (
    APPLIED,
    COIN,
    FOREVER,
    World,
    admit,
    deferred,
    hash_number,
    ordered,
    pay,
    rejected,
    renew,
    report,
    signed,
    who,
    witness,
)

LEAD = DEFAULT.acknowledgement_key_lead
AHEAD = DEFAULT.acknowledgement_keys_ahead


def announce(sender: int, nonce: int, epoch: int) -> VerifiedTransaction:
    return signed(who(sender), nonce, AcknowledgementKey(epoch, who(sender), bytes(64)), fee=0)


def seen(world: World, number: int, epoch: int) -> Candidate | None:
    """What the present state, taken as the boundary before `epoch`, shows of a vehicle."""
    found = [each for each in candidates(world.state, epoch, DEFAULT) if each.identity == who(number)]
    return found[0] if found else None


def test_founders_are_exempt_from_all_leads() -> None:
    """LE-21."""
    world = World()
    founders = candidates(world.state, 0, DEFAULT)
    assert [each.identity for each in founders] == [who(number) for number in range(1, 5)], "vehicles, ascending"
    assert all(each.is_eligible and each.vrf_key == bytes(32) for each in founders)
    assert founders[0].acknowledgement_key == who(1) + bytes(16)
    assert not any(each.is_eligible for each in candidates(world.state, 16, DEFAULT)), "their keys have run out"


def test_a_newcomer_admits_itself_for_nothing() -> None:
    """LE-16: with an order of the authority about itself, and gets an account."""
    world = World()
    assert world.one(ordered(20, 0, admit(20))) == APPLIED
    account = world.state.account(who(20))
    assert account is not None
    assert (account.balance, account.nonce) == (0, 1)
    assert world.block(ordered(20, 0, admit(20))) == [], "a duplicate"
    assert world.one(ordered(20, 1, admit(20))) == rejected(Code.ALREADY_ADMITTED)


def test_a_newcomer_cannot_bring_in_anything_else() -> None:
    """LE-13, LE-16."""
    world = World()
    assert world.one(ordered(20, 0, admit(21))) == deferred(Code.NO_ACCOUNT)
    assert world.one(signed(who(20), 0, Leave(), fee=0)) == deferred(Code.NO_ACCOUNT)
    assert world.one(ordered(20, 1, admit(20))) == deferred(Code.NONCE_AHEAD)
    assert world.one(ordered(20, 0, admit(20), key=who(1))) == deferred(Code.WRONG_KEY)
    assert world.one(ordered(20, 0, admit(20), fee=1)) == deferred(Code.UNFUNDED)
    assert world.state.account(who(20)) is None
    assert world.state.account(who(21)) is None


def test_a_refused_admission_of_oneself_leaves_no_account() -> None:
    """LE-13: there is no account whose nonce could be used, so it is deferred."""
    world = World()
    world.block(ordered(1, 0, admit(20)))
    before = world.state.account(who(20))
    assert before is not None
    assert before.nonce == 0
    assert world.one(ordered(20, 0, admit(20))) == rejected(Code.ALREADY_ADMITTED)


def test_anybody_brings_in_an_admission() -> None:
    """LE-16."""
    world = World()
    assert world.one(ordered(9, 0, admit(20, Kind.STATION))) == APPLIED
    assert world.member(20).kind is Kind.STATION
    assert world.balance(20) == 0
    assert world.one(ordered(9, 1, admit(20))) == rejected(Code.ALREADY_ADMITTED)


def test_an_account_holder_becomes_a_member_and_keeps_its_coins() -> None:
    """LE-16."""
    world = World()
    assert world.one(ordered(9, 0, admit(9))) == APPLIED
    assert world.balance(9) == 1000 * COIN


def test_an_admission_acts_in_the_next_epoch_and_votes_after_residence() -> None:
    """LE-21, LE-22, LE-23: the lead of each key, and k epochs of residence."""
    world = World()
    world.epoch = 5
    world.block(ordered(20, 0, admit(20)))
    for number, epoch in enumerate(range(5 + LEAD, 5 + AHEAD + 1), start=1):
        assert world.one(announce(20, number, epoch)) == APPLIED
    assert seen(world, 20, 5) is None, "nothing changes inside an epoch"
    first = seen(world, 20, 6)
    assert first is not None
    assert (first.acknowledgement_key, first.vrf_key, first.is_resident, first.is_eligible) == (
        None,
        None,
        False,
        False,
    )
    second = seen(world, 20, 7)
    assert second is not None
    assert (second.acknowledgement_key, second.vrf_key, second.is_resident) == (who(20), None, False)
    third = seen(world, 20, 8)
    assert third is not None
    assert (third.vrf_key, third.is_resident, third.is_eligible) == (bytes(32), True, True)


def test_residence_is_a_parameter() -> None:
    """LE-23."""
    world = World()
    world.epoch = 5
    world.block(ordered(20, 0, admit(20)))
    for residence in (0, 1, 4):
        params = replace(DEFAULT, residence_epochs=residence)
        resident = [
            epoch
            for epoch in range(5, 15)
            for each in candidates(world.state, epoch, params)
            if each.identity == who(20) and each.is_resident
        ]
        assert resident == list(range(6 + residence, 15))


@pytest.mark.parametrize("epoch", [0, 7 + LEAD - 1, 7 + AHEAD + 1, 2**63 - 1])
def test_an_acknowledgement_key_for_another_time_is_refused(epoch: int) -> None:
    """LE-18."""
    world = World()
    world.epoch = 7
    assert world.one(announce(1, 0, epoch)) == rejected(Code.EPOCH_OUT_OF_RANGE)


def test_an_epoch_has_one_acknowledgement_key_per_member() -> None:
    """LE-18: it cannot be replaced; keys of past epochs are dropped."""
    world = World()
    world.epoch = 10
    assert world.one(announce(1, 0, 15)) == rejected(Code.KEY_ANNOUNCED), "genesis fixed this one"
    assert world.one(announce(1, 1, 16)) == APPLIED
    assert world.one(announce(1, 2, 16)) == rejected(Code.KEY_ANNOUNCED)
    assert [key.epoch for key in world.member(1).acknowledgement_keys] == list(range(10, 17))
    assert world.one(announce(9, 0, 16)) == rejected(Code.NOT_A_MEMBER)


def test_an_acknowledgement_key_counts_two_epochs_after_it_was_ordered() -> None:
    """LE-22."""
    world = World()
    world.epoch = 20
    assert world.one(announce(1, 0, 22)) == APPLIED
    candidate = seen(world, 1, 22)
    assert candidate is not None
    assert candidate.acknowledgement_key == who(1)
    assert not any(each.is_eligible for each in candidates(world.state, 21, DEFAULT))


def test_a_renewal_must_end_later() -> None:
    """LE-16: so an old renewal cannot be brought in again."""
    world = World()
    world.block(ordered(20, 0, admit(20, not_after=10**9)))
    assert world.one(ordered(9, 0, renew(20, 10**9))) == rejected(Code.NOT_LATER)
    assert world.one(ordered(9, 1, renew(20, 10**9 + 1))) == APPLIED
    assert world.one(ordered(9, 2, renew(20, 10**9 + 1))) == rejected(Code.NOT_LATER)
    assert world.one(ordered(9, 3, renew(77, 10**9))) == rejected(Code.NOT_A_MEMBER)


def test_a_new_signing_key_acts_in_the_next_epoch() -> None:
    """LE-21: for transactions too; the identity stays."""
    world = World()
    world.epoch = 4
    world.block(ordered(20, 0, admit(20, not_after=10**9)), pay(9, 0, 20, COIN))
    world.epoch = 5
    key = b"k" * 32
    assert world.one(ordered(20, 1, renew(20, 2 * 10**9, key))) == APPLIED
    assert world.one(pay(20, 2, 9, 1, key=key)) == deferred(Code.WRONG_KEY)
    assert world.one(pay(20, 2, 9, 1)) == APPLIED
    world.epoch = 6
    assert world.one(pay(20, 3, 9, 1)) == deferred(Code.WRONG_KEY)
    assert world.one(pay(20, 3, 9, 1, key=key)) == APPLIED
    assert [signing_key_at(who(20), world.member(20), epoch) for epoch in (4, 5, 6)] == [who(20), who(20), key]


def test_a_new_random_key_counts_three_epochs_later_and_the_old_one_until_then() -> None:
    """LE-22."""
    world = World()
    world.block(ordered(20, 0, admit(20, not_after=10**9)))
    world.epoch = 5
    new = b"v" * 32
    world.block(ordered(9, 0, renew(20, 2 * 10**9, vrf=new)))
    found = [candidate.vrf_key for epoch in (5, 6, 7, 8) if (candidate := seen(world, 20, epoch))]
    assert found == [bytes(32)] * 3 + [new]


def test_keys_that_no_epoch_can_ask_for_any_more_are_dropped() -> None:
    """LE-22."""
    world = World()
    world.block(ordered(20, 0, admit(20, not_after=1)))
    for epoch in range(1, 12):
        world.epoch = epoch
        world.block(ordered(9, 2 * epoch - 2, renew(20, 10**9 + 2 * epoch, vrf=hash_number(99))))
        world.block(ordered(9, 2 * epoch - 1, renew(20, 10**9 + 2 * epoch + 1, vrf=hash_number(epoch))))
        member = world.member(20)
        assert len(member.keys) <= DEFAULT.vrf_key_lead + 1
        for later in range(epoch, epoch + 5):
            keys = keys_at(member, later, DEFAULT.vrf_key_lead)
            expected = min(later - DEFAULT.vrf_key_lead, epoch)
            assert (None if keys is None else keys.vrf) == (
                None if expected < 0 else bytes(32) if expected == 0 else hash_number(expected)
            )


def test_an_expired_credential_is_shown_at_the_boundary() -> None:
    """LE-24."""
    world = World()
    world.block(ordered(20, 0, admit(20, not_after=world.time_us + 1_000_000)))
    before = seen(world, 20, 1)
    world.block()
    after = seen(world, 20, 1)
    assert before is not None
    assert after is not None
    assert (before.is_expired, after.is_expired, after.is_eligible) == (False, True, False)


def test_a_revocation_is_final() -> None:
    """LE-16, LE-24: it acts in the next epoch; coins stay with their owner."""
    world = World()
    world.epoch = 3
    assert world.one(ordered(9, 0, Revoke(who(1)))) == APPLIED
    now, then = seen(world, 1, 3), seen(world, 1, 4)
    assert now is not None
    assert then is not None
    assert (now.standing, now.is_eligible) == (Standing.PRESENT, True)
    assert (then.standing, then.is_eligible) == (Standing.REVOKED, False)
    assert world.one(ordered(9, 1, Revoke(who(1)))) == rejected(Code.MEMBERSHIP_ENDED)
    assert world.one(ordered(9, 2, renew(1, FOREVER + 1))) == rejected(Code.MEMBERSHIP_ENDED)
    assert world.one(ordered(9, 3, admit(1))) == rejected(Code.ALREADY_ADMITTED)
    assert world.one(announce(1, 0, 6)) == rejected(Code.MEMBERSHIP_ENDED)
    assert world.one(pay(1, 1, 2, COIN)) == APPLIED
    assert world.one(ordered(9, 4, Revoke(who(77)))) == rejected(Code.NOT_A_MEMBER)


def test_who_leaves_is_shown_as_leaving() -> None:
    """LE-24: still eligible, for an electorate that would be too small without it."""
    world = World()
    world.epoch = 3
    assert world.one(signed(who(1), 0, Leave(), fee=0)) == APPLIED
    then = seen(world, 1, 4)
    assert then is not None
    assert then.is_leaving
    assert then.is_eligible
    assert not any(each.is_leaving for each in candidates(world.state, 3, DEFAULT))
    assert world.one(signed(who(1), 1, Leave(), fee=0)) == rejected(Code.MEMBERSHIP_ENDED)
    assert world.one(signed(who(9), 0, Leave(), fee=0)) == rejected(Code.NOT_A_MEMBER)


def test_who_leaves_goes_on_announcing_keys() -> None:
    """LE-18: it may have to stay where too few voters would remain."""
    world = World()
    world.epoch = 3
    world.block(signed(who(1), 0, Leave(), fee=0))
    assert world.one(announce(1, 1, 16)) == APPLIED
    world.epoch = 4
    assert world.one(announce(1, 2, 17)) == APPLIED


def test_a_renewal_in_time_takes_a_leaving_back() -> None:
    """LE-24: in the epoch of the leaving nothing is lost; afterwards one comes back as an arrival."""
    world = World()
    world.epoch = 3
    world.block(ordered(20, 0, admit(20, not_after=1)))
    world.epoch = 9
    world.block(signed(who(20), 1, Leave(), fee=0), ordered(9, 0, renew(20, 2)))
    assert (world.member(20).standing, world.member(20).resident_since) == (Standing.PRESENT, 3)
    world.block(signed(who(20), 2, Leave(), fee=0))
    world.epoch = 10
    assert standing_at(world.member(20), 10) is Standing.LEAVING
    world.block(ordered(9, 1, renew(20, 3)))
    assert (world.member(20).standing, world.member(20).resident_since) == (Standing.PRESENT, 10)


def test_who_was_leaving_can_still_be_revoked() -> None:
    """LE-24."""
    world = World()
    world.epoch = 3
    world.block(signed(who(1), 0, Leave(), fee=0))
    world.epoch = 6
    world.block(ordered(9, 0, Revoke(who(1))))
    assert standing_at(world.member(1), 6) is Standing.REVOKED, "it was gone already"


def test_the_end_of_a_membership_forgets_the_whereabouts() -> None:
    """LE-17, LE-24."""
    world = World()
    world.block(report(1, 0, world.time_us, witness(5)), report(2, 0, world.time_us, witness(5)))
    assert [identity for identity, _ in world.state.positions()] == [who(1), who(2)]
    world.block(signed(who(1), 1, Leave(), fee=0), ordered(9, 0, Revoke(who(2))))
    assert world.state.positions() == []
