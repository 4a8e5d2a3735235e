"""Restart of a shard and issue of coins."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bac.errors import Code, Rejected
from bac.ledger.authority import are_retirements_enough
from bac.ledger.block import Retirements
from bac.ledger.membership import candidates
from bac.ledger.records import Reconfigured, Standing
from bac.ledger.state import SUPPLY_MAX
from bac.params import DEFAULT, Q16
from bac.types import Hash, Height, NodeId, Units
from bac.wire.transactions import Issue, Reconfigure, Revoke, Summon
from tests.ledger.world import APPLIED, COIN, FOREVER, World, hash_number, ordered, rejected, renew, who

GROUNDS = Retirements(hash_number(500), Units(60), Units(100))


def restart(parent: int, *removed: int, digest: Hash = GROUNDS.digest) -> Reconfigure:
    gone = tuple(NodeId(who(number)) for number in removed)
    return Reconfigure(Height(parent), hash_number(parent), digest, gone)


def test_a_restart_removes_members_and_records_its_grounds() -> None:
    """LE-16, LE-25."""
    world = World()
    world.block()
    world.epoch = 3
    assert world.one(ordered(9, 0, restart(1, 1, 2)), retirements=GROUNDS) == APPLIED
    assert world.state.reconfigured() == Reconfigured(
        Height(2), 3, hash_number(1), Units(60), Units(100), by_trust=False
    )
    shown = {each.identity: each.standing for each in candidates(world.state, 4, DEFAULT)}
    assert shown[who(1)] is shown[who(2)] is Standing.REMOVED
    assert shown[who(3)] is Standing.PRESENT
    assert all(each.standing is Standing.PRESENT for each in candidates(world.state, 3, DEFAULT))


def test_the_block_of_a_restart_holds_the_order_and_no_transaction() -> None:
    """LE-25: nobody pays for it; an order that has no effect makes the block none."""
    world = World()
    world.block(order=restart(0, 1), retirements=GROUNDS)
    assert world.member(1).standing is Standing.REMOVED
    assert world.state.reconfigured() is not None
    before = world.state
    for order in (restart(0, 1), restart(1, 77), restart(1, 2, digest=hash_number(3))):
        with pytest.raises(Rejected):
            world.block(order=order, retirements=GROUNDS)
    with pytest.raises(Rejected):
        world.block(order=restart(1, 2))
    assert world.state is before


def test_a_summons_has_no_effect_in_a_block() -> None:
    """LE-16."""
    world = World()
    assert world.one(ordered(9, 0, Summon(0)), retirements=GROUNDS) == rejected(Code.NOT_IN_BLOCKS)


def test_who_was_removed_comes_back_by_renewal_as_an_arrival() -> None:
    """LE-24."""
    world = World()
    world.block(ordered(9, 0, restart(0, 1)), retirements=GROUNDS)
    world.epoch = 5
    assert world.one(ordered(9, 1, renew(1, FOREVER + 1))) == APPLIED
    assert (world.member(1).standing, world.member(1).resident_since) == (Standing.PRESENT, 5)


@pytest.mark.parametrize("parent", [0, 2, 7])
def test_a_restart_names_the_parent_of_its_block(parent: int) -> None:
    """LE-16, LE-25: so it counts on one chain, once."""
    world = World()
    world.block()
    assert world.one(ordered(9, 0, restart(parent, 1)), retirements=GROUNDS) == rejected(Code.WRONG_PARENT)
    assert world.state.reconfigured() is None
    assert world.member(1).standing is Standing.PRESENT


def test_a_restart_names_another_parent_at_the_right_height() -> None:
    """LE-25."""
    world = World()
    order = Reconfigure(Height(0), hash_number(9), GROUNDS.digest, ())
    assert world.one(ordered(9, 0, order), retirements=GROUNDS) == rejected(Code.WRONG_PARENT)


def test_a_restart_needs_the_statements_that_it_names() -> None:
    """LE-25."""
    world = World()
    assert world.one(ordered(9, 0, restart(0, 1))) == rejected(Code.NO_RETIREMENTS)
    other = ordered(9, 1, restart(1, 1, digest=hash_number(501)))
    assert world.one(other, retirements=GROUNDS) == rejected(Code.NO_RETIREMENTS)


def test_a_restart_with_a_stranger_among_the_removed_does_nothing() -> None:
    """LE-13, LE-25: whole or not at all."""
    world = World()
    assert world.one(ordered(9, 0, restart(0, 1, 77)), retirements=GROUNDS) == rejected(Code.NOT_A_MEMBER)
    assert world.member(1).standing is Standing.PRESENT
    assert world.state.reconfigured() is None


def test_whose_membership_has_ended_already_is_no_obstacle() -> None:
    """LE-25: who was revoked in this epoch votes in it, and is among those who do not retire; it stays revoked."""
    world = World()
    world.epoch = 3
    assert world.one(ordered(9, 0, Revoke(NodeId(who(1))))) == APPLIED
    assert world.one(ordered(9, 1, restart(1, 2)), retirements=GROUNDS) == APPLIED
    before = world.member(1), world.member(2)
    world.epoch = 4
    world.block(order=restart(2, 1, 2, 3), retirements=GROUNDS)
    assert (world.member(1), world.member(2)) == before
    assert before[0].standing is Standing.REVOKED
    assert (world.member(3).standing, world.member(3).standing_since) == (Standing.REMOVED, 4)


def test_too_few_retirements_are_an_act_of_trust() -> None:
    """LE-25: fewer than 1/3 + δ of the units, recorded as such."""
    third = replace(DEFAULT, assumed_dishonest_q16=0)
    assert are_retirements_enough(Retirements(hash_number(0), Units(1), Units(3)), third)
    assert not are_retirements_enough(Retirements(hash_number(0), Units(33), Units(100)), third)
    fifth = replace(DEFAULT, assumed_dishonest_q16=Q16 // 4)
    assert are_retirements_enough(Retirements(hash_number(0), Units(7), Units(12)), fifth)
    assert not are_retirements_enough(Retirements(hash_number(0), Units(699), Units(1200)), fifth)
    world = World()
    few = Retirements(GROUNDS.digest, Units(0), Units(100))
    assert world.one(ordered(9, 0, restart(0)), retirements=few) == APPLIED
    record = world.state.reconfigured()
    assert record is not None
    assert record.by_trust


def test_issues_are_counted() -> None:
    """LE-16: each counts once, in order."""
    world = World()
    assert world.one(ordered(9, 0, Issue(1, who(2), COIN))) == rejected(Code.WRONG_SERIAL)
    assert world.one(ordered(9, 1, Issue(0, who(2), COIN))) == APPLIED
    assert world.one(ordered(9, 2, Issue(0, who(2), COIN))) == rejected(Code.WRONG_SERIAL)
    assert world.one(ordered(9, 3, Issue(1, who(77), DEFAULT.account_minimum))) == APPLIED
    assert world.one(ordered(9, 4, Issue(2, who(78), DEFAULT.account_minimum - 1))) == rejected(Code.ACCOUNT_MINIMUM)
    totals = world.state.totals()
    assert (totals.issued, totals.issues) == (COIN + DEFAULT.account_minimum, 2)
    assert world.balance(2) == 1001 * COIN


def test_there_are_never_more_coins_than_can_be_counted() -> None:
    """LE-20."""
    world = World()
    room = SUPPLY_MAX - world.state.totals().genesis
    assert world.one(ordered(9, 0, Issue(0, who(2), room + 1))) == rejected(Code.SUPPLY_LIMIT)
    assert world.one(ordered(9, 1, Issue(0, who(2), room))) == APPLIED
    assert world.one(ordered(9, 2, Issue(1, who(2), 1))) == rejected(Code.SUPPLY_LIMIT)
