"""Explanations: named causes whose shares sum exactly to the change."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from election.explain import clipped, explain
from election.reputation import Cause, endowed, evaluate
from election.standing import SCALE, Epoch, Evidence, ReputationParams, Standing
from tests.election.test_reputation import ALL, BIG, DUTIES, NOTHING, PARAMS, after, epochs, evidences, standings

ORDER = list(Cause)


def causes(standing: Standing, evidence: Evidence, total: int = BIG, number: int = 9) -> dict[Cause, int]:
    return dict(explain(standing, evidence, Epoch(number, total), PARAMS).shares)


@given(standings(), evidences(), epochs)
@settings(max_examples=300)
def test_the_shares_sum_exactly_to_the_change(standing: Standing, evidence: Evidence, epoch: Epoch) -> None:
    """EL-81: for every standing and evidence, in the fixed order, none zero, none twice."""
    explanation = explain(standing, evidence, epoch, PARAMS)
    named = [cause for cause, _ in explanation.shares]
    assert explanation.before == standing.units
    assert explanation.after == evaluate(standing, evidence, epoch, PARAMS).units
    assert sum(share for _, share in explanation.shares) == explanation.after - explanation.before
    assert all(share for _, share in explanation.shares)
    assert named == sorted(set(named), key=ORDER.index)


@given(standings(), evidences(), epochs)
@settings(max_examples=200)
def test_a_cause_that_did_not_occur_has_no_share(standing: Standing, evidence: Evidence, epoch: Epoch) -> None:
    """EL-82."""
    named = {cause for cause, _ in explain(standing, evidence, epoch, PARAMS).shares}
    if not evidence.done:
        assert Cause.DUTIES not in named
    if not evidence.late:
        assert Cause.LATE not in named
    if not evidence.doubts:
        assert Cause.DOUBT not in named
    if evidence.offered == evidence.done + evidence.late:
        assert Cause.SILENCE not in named
    if not evidence.proofs:
        assert Cause.PROOF not in named
    if not standing.endowment:
        assert Cause.ENDOWMENT not in named
    if epoch.recovered:
        assert named <= {Cause.RELEASED, Cause.PROOF}


@given(standings(), evidences(proofs=False), epochs)
@settings(max_examples=200)
def test_causes_pull_their_own_way(standing: Standing, evidence: Evidence, epoch: Epoch) -> None:
    """EL-82: duties only add, silence and the endowment's decay only take."""
    shares = dict(explain(standing, evidence, epoch, PARAMS).shares)
    assert shares.get(Cause.DUTIES, 0) >= 0
    assert shares.get(Cause.LATE, 0) >= 0
    assert shares.get(Cause.SILENCE, 0) <= 0
    assert shares.get(Cause.ENDOWMENT, 0) <= 0
    assert shares.get(Cause.CAP, 0) <= 0


def test_who_did_nothing_gets_nothing_for_duties_and_who_did_all_loses_nothing_by_silence() -> None:
    """EL-82: each duty offered pulls participation towards one if done, towards zero if not."""
    standing = after(Standing(), *[ALL] * 10)
    idle, busy = causes(standing, NOTHING), causes(standing, ALL)
    assert Cause.DUTIES not in idle
    assert Cause.SILENCE not in busy
    assert idle[Cause.SILENCE] < 0 < busy[Cause.DUTIES]
    half = causes(standing, Evidence(offered=DUTIES, done=DUTIES // 2))
    assert abs(2 * half[Cause.SILENCE] - idle[Cause.SILENCE]) <= 1


def test_a_newcomer_s_rise_is_held_back_and_released() -> None:
    """EL-81: what the limit holds back in one epoch is released in the next."""
    first = causes(Standing(), ALL, total=SCALE)
    assert first[Cause.DUTIES] == 7372
    assert first[Cause.LIMIT] == SCALE // 16 - 7372
    standing = evaluate(Standing(), ALL, Epoch(8, SCALE), PARAMS)
    assert causes(standing, ALL, total=SCALE)[Cause.RELEASED] == 7372 - SCALE // 16


def test_a_proof_takes_all_that_was_there() -> None:
    """EL-81."""
    standing = after(Standing(), *[ALL] * 10)
    explanation = explain(standing, Evidence(proofs=(8,)), Epoch(9, BIG), PARAMS)
    assert (explanation.after, explanation.shares[-1][0]) == (0, Cause.PROOF)


def test_probation_names_what_duties_would_have_earned() -> None:
    """EL-81: what is done in probation shows, and what probation makes of it."""
    guilty = after(after(Standing(), *[ALL] * 10), Evidence(proofs=(0,)))
    shares = causes(guilty, ALL)
    assert shares[Cause.DUTIES] > 0
    assert shares == {Cause.DUTIES: shares[Cause.DUTIES], Cause.PROBATION: -shares[Cause.DUTIES]}
    assert causes(guilty, NOTHING) == {}


@given(standings(), evidences(), epochs, st.integers(1, 2 * SCALE), st.integers(1, 2 * SCALE))
@settings(max_examples=100)
def test_clipping_is_named_too(standing: Standing, evidence: Evidence, epoch: Epoch, was: int, now: int) -> None:
    """EL-83: units that vote, before and after, and the shares still sum exactly."""
    plain = explain(standing, evidence, epoch, PARAMS)
    voting = clipped(plain, was, now)
    assert (voting.before, voting.after) == (min(plain.before, was), min(plain.after, now))
    assert sum(share for _, share in voting.shares) == voting.after - voting.before
    assert all(share for _, share in voting.shares)
    if max(plain.before, plain.after) <= min(was, now):
        assert voting == plain


def test_cap_and_endowment_are_named() -> None:
    """EL-81: a genesis identity that works earns beyond the most while its endowment decays."""
    params = ReputationParams(keep=Fraction(1), prior=0)
    shares = dict(explain(endowed(SCALE, params), ALL, Epoch(0, BIG), params).shares)
    assert shares[Cause.DUTIES] == SCALE // 8
    assert shares[Cause.ENDOWMENT] == -SCALE // 32
    assert shares[Cause.CAP] == -(SCALE // 8 - SCALE // 32)


def test_an_epoch_that_changes_nothing_is_explained_by_nothing() -> None:
    """EL-81."""
    standing = after(Standing(), *[ALL] * 3)
    assert explain(standing, NOTHING, Epoch(9, BIG, recovered=True), PARAMS).shares == ()
