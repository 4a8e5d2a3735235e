"""Reputation on chain: records, evaluation at the end of an epoch, what it says of absence."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from bac.ledger.records import Reputation
from bac.ledger.state import State
from bac.params import DEFAULT
from bac.replica.standings import assess, record_of, reputation_params, standing_of, write
from bac.types import NodeId
from bac.wire.transactions import Leave
from election.reputation import endowed, evaluate, newcomer
from election.standing import Epoch, Evidence, ReputationParams
from tests.replica.yard import PARAMS, Yard

CONSTANTS = reputation_params(PARAMS)


def test_the_constants_are_those_of_the_network() -> None:
    """RP-15: the default parameters are the library's own constants."""
    assert reputation_params(DEFAULT) == ReputationParams()
    other = reputation_params(replace(DEFAULT, units_step=10, base_rate_q16=1 << 14, participation_memory=4))
    assert (other.fall, other.rise, other.base_rate, other.window) == (
        Fraction(1, 10), Fraction(1, 10), Fraction(1, 4), 4,
    )  # fmt: skip


def test_records_hold_standings() -> None:
    """RP-15: without a record there is a newcomer's standing."""
    standing = replace(endowed(500, CONSTANTS), honest=7, participation=9)
    assert standing_of(record_of(standing, (3,)), CONSTANTS) == standing
    assert record_of(standing, (3,)).deeds == (3,)
    assert standing_of(None, CONSTANTS) == newcomer(CONSTANTS)


def records(yard: Yard) -> dict[NodeId, Reputation]:
    return dict(yard.post.ledger.reputations())


def test_the_end_of_an_epoch_evaluates_everybody() -> None:
    """RP-15: by the library, from the duties that bodies show; the state root commits to the result."""
    yard = Yard()
    absent = yard.ids[4]
    for _ in range(3):
        before, total, number = records(yard), yard.epoch.electorate.total_units, yard.epoch.number
        leaders = {leader.identity for leader in yard.epoch.committee}
        yard.live_epoch(absent=[absent])
        offered = yard.ended[-1].roll.offered.bit_count()
        assert offered >= PARAMS.duties_per_epoch - 1  # no certificate of the last block is ordered
        for identity, record in records(yard).items():
            done = 0 if identity == absent else offered
            if identity == absent and identity in leaders:
                done = (offered + 1) // 2  # it made its witnesses
            expected = evaluate(
                standing_of(before[identity], CONSTANTS), Evidence(offered, done), Epoch(number, total), CONSTANTS
            )
            assert record == record_of(expected, ())
    assert yard.tip.header.state_root == yard.post.ledger.root


def test_late_acknowledgements_save_whom_certificates_pass_over() -> None:
    """RP-12, RP-15: who is left out of every certificate keeps its reputation by its own acknowledgements."""
    passed, plain = Yard(), Yard()
    silent = passed.ids[4]
    passed.live_epoch(absent=[silent], late=[silent])
    plain.live_epoch(absent=[silent])
    assert records(passed)[silent].honest > records(plain)[silent].honest
    assert records(passed)[silent].participation > records(plain)[silent].participation


def test_who_left_has_no_duties_but_fades() -> None:
    """RP-14: participation waits, evidence decays."""
    yard = Yard((5000,) * 6)
    gone = yard.ids[0]
    yard.live_epoch(items=[yard.transact(gone, Leave())])
    before = records(yard)[gone]
    yard.live_epoch()
    after = records(yard)[gone]
    assert gone not in yard.ended[-1].obliged()
    assert after.participation == before.participation > 0
    assert after.honest == before.honest * 7 // 8


def test_a_resident_without_a_key_is_silent() -> None:
    """RP-14: who announces none has its duties all the same, and does none of them."""
    yard = Yard((5000,) * 5, replace(PARAMS, acknowledgement_keys_ahead=3))
    silent = yard.ids[0]
    for _ in range(3):
        yard.live_epoch(absent=[silent])
    assert silent not in yard.epoch.electorate.places
    before = records(yard)[silent]
    yard.live_epoch(absent=[silent])
    assert silent in yard.ended[-1].obliged()
    assert silent not in yard.ended[-1].keys
    assert records(yard)[silent].participation == before.participation * 7 // 8


def test_recovery_changes_nothing() -> None:
    """RP-18: whatever was done or not."""
    yard = Yard()
    yard.live_epoch()
    before = records(yard)
    claims = yard.claims()
    yard.block(*claims, *(yard.list_claims(identity, claims) for identity in yard.ids))
    yard.block(yard.certificate(yard.tip))
    yard.open(1)
    assert yard.epoch.number == 2
    assert records(yard) == before


def test_records_of_newcomers_are_dropped() -> None:
    """RP-15: what has become a newcomer's standing again takes no room."""
    yard = Yard()
    yard.block()
    silent = yard.ids[0]
    (mine,) = [each for each in assess(yard.docket, recovered=False, params=PARAMS) if each.identity == silent]
    forgotten = replace(mine, after=newcomer(CONSTANTS), deeds=())
    state: State = write(yard.post.ledger, [forgotten], PARAMS)
    assert state.reputation(silent) is None
    assert write(state, [forgotten], PARAMS).root == state.root
    remembered = write(state, [replace(forgotten, deeds=(0,))], PARAMS)
    assert remembered.reputation(silent) == record_of(newcomer(CONSTANTS), (0,))
    assert write(remembered, [mine], PARAMS).root == write(yard.post.ledger, [mine], PARAMS).root
