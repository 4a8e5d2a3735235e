"""Position reports: whose word counts."""

from __future__ import annotations

import pytest

from bac.errors import Code
from bac.ledger.records import Whereabouts
from bac.params import DEFAULT
from bac.types import Height, Micros
from bac.wire.transactions import Kind, Leave, Witness
from tests.ledger.world import (
    APPLIED,
    START,
    World,
    admit,
    ordered,
    rejected,
    renew,
    report,
    signed,
    who,
    witness,
)

STEP = 1_000_000


def test_a_relay_or_two_neighbours_make_a_report_count() -> None:
    """LE-17."""
    world = World()
    assert world.one(report(1, 0, START, witness(5))) == APPLIED
    assert world.one(report(2, 0, START, witness(3), witness(4))) == APPLIED
    assert world.state.whereabouts(who(1)) == Whereabouts(START, 100, -200, 3, -4, Height(1))
    assert [identity for identity, _ in world.state.positions()] == [who(1), who(2)]


@pytest.mark.parametrize(
    "witnesses",
    [
        (),
        (witness(2),),
        (witness(2), witness(2)),
        (witness(2), witness(1)),
        (witness(2), witness(9)),
        (witness(2), witness(3, key=who(2))),
        (witness(5, key=who(4)),),
    ],
    ids=["none", "one", "twice the same", "oneself", "a stranger", "another's key", "a relay with another key"],
)
def test_too_few_witnesses(witnesses: tuple[Witness, ...]) -> None:
    """LE-17."""
    world = World()
    assert world.one(report(1, 0, START, *witnesses)) == rejected(Code.TOO_FEW_WITNESSES)
    assert world.state.whereabouts(who(1)) is None


def test_a_report_is_about_oneself_and_by_a_member() -> None:
    """LE-17."""
    world = World()
    assert world.one(report(1, 0, START, witness(5), of=2)) == rejected(Code.NOT_OWN_POSITION)
    assert world.one(report(9, 0, START, witness(5))) == rejected(Code.NOT_A_MEMBER)


def test_members_report_and_vouch_from_the_next_epoch_on_and_while_their_credential_lasts() -> None:
    """LE-17, LE-21."""
    world = World()
    lasts = START + 5 * STEP
    world.block(ordered(20, 0, admit(20, Kind.RELAY, not_after=lasts)), ordered(21, 0, admit(21)))
    assert world.one(report(1, 0, world.time_us, witness(20))) == rejected(Code.TOO_FEW_WITNESSES)
    assert world.one(report(21, 1, world.time_us, witness(5))) == rejected(Code.NOT_A_MEMBER)
    world.epoch = 1
    assert world.one(report(21, 2, world.time_us, witness(20))) == APPLIED
    assert world.one(report(1, 1, world.time_us, witness(20))) == APPLIED
    assert world.one(report(1, 2, world.time_us, witness(20))) == rejected(Code.TOO_FEW_WITNESSES)


def test_a_renewed_credential_lasts_longer_from_the_next_epoch_on() -> None:
    """LE-17, LE-21: what has ended inside an epoch stays ended in it, whatever is ordered meanwhile."""
    world = World()
    world.block(ordered(20, 0, admit(20, Kind.RELAY, not_after=world.time_us + 2 * STEP)))
    world.epoch = 1
    assert world.one(report(1, 0, world.time_us, witness(20))) == APPLIED
    world.block(ordered(9, 0, renew(20, world.time_us + 100 * STEP)))
    assert world.one(report(1, 1, world.time_us, witness(20))) == rejected(Code.TOO_FEW_WITNESSES)
    assert world.one(report(20, 1, world.time_us, witness(5))) == rejected(Code.NOT_A_MEMBER)
    world.epoch = 2
    assert world.one(report(1, 2, world.time_us, witness(20))) == APPLIED


def test_a_witness_signs_with_its_present_key() -> None:
    """LE-17, LE-21."""
    world = World()
    key = b"k" * 32
    world.block(ordered(20, 0, admit(20, Kind.RELAY, not_after=world.time_us + 10 * STEP)))
    world.epoch = 1
    world.block(ordered(20, 1, renew(20, world.time_us + 100 * STEP, key)))
    assert world.one(report(1, 0, world.time_us, witness(20, key))) == rejected(Code.TOO_FEW_WITNESSES)
    world.epoch = 2
    assert world.one(report(1, 1, world.time_us, witness(20))) == rejected(Code.TOO_FEW_WITNESSES)
    assert world.one(report(1, 2, world.time_us, witness(20, key))) == APPLIED


def test_who_has_left_neither_reports_nor_vouches() -> None:
    """LE-17."""
    world = World()
    world.block(signed(who(4), 0, Leave(), fee=0))
    assert world.one(report(1, 0, world.time_us, witness(3), witness(4))) == APPLIED, "until the epoch ends"
    world.epoch = 1
    assert world.one(report(2, 0, world.time_us, witness(3), witness(4))) == rejected(Code.TOO_FEW_WITNESSES)
    assert world.one(report(4, 1, world.time_us, witness(5))) == rejected(Code.NOT_A_MEMBER)


def test_reports_are_newer_than_the_last_and_not_of_the_future() -> None:
    """LE-17."""
    world = World()
    latest = START + STEP + DEFAULT.ahead_us
    times = [latest + 1, latest - 1, latest - 1, latest]
    receipts = world.block(*(report(1, nonce, time_us, witness(5)) for nonce, time_us in enumerate(times)))
    assert [receipt.code for receipt in receipts] == [Code.POSITION_TIME, None, Code.POSITION_TIME, None]


def test_the_age_of_a_report_is_bounded() -> None:
    """LE-17: to the microsecond."""
    world = World()
    world.block(after_us=10**9)
    now = Micros(world.time_us + STEP)
    oldest = now - DEFAULT.position_age_us
    receipts = world.block(report(1, 0, oldest - 1, witness(5)), report(1, 1, oldest, witness(5)))
    assert [receipt.code for receipt in receipts] == [Code.POSITION_TIME, None]
