"""Voting units: evidence in, units out, limits, proof, probation, endowment, the paper's formula."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from election.reputation import Step, endowed, evaluate, newcomer
from election.standing import SCALE, Epoch, Evidence, Formula, ReputationParams, Standing

PARAMS = ReputationParams()
PAPER = ReputationParams(formula=Formula.PAPER, prior=0)
DUTIES = 8
ALL = Evidence(offered=DUTIES, done=DUTIES)
NOTHING = Evidence(offered=DUTIES)
BIG = 1000 * SCALE

numbers = st.integers(0, 40 * SCALE)


@st.composite
def standings(draw: st.DrawFn) -> Standing:
    probation = draw(st.integers(0, 3))
    units = 0 if probation else draw(st.integers(0, SCALE))
    endowment = draw(st.integers(0, SCALE))
    return Standing(
        units, draw(numbers), draw(numbers), draw(numbers), draw(st.integers(0, SCALE)),
        endowment, draw(st.integers(0, 32)), probation,
    )  # fmt: skip


@st.composite
def evidences(draw: st.DrawFn, *, proofs: bool = True) -> Evidence:
    offered = draw(st.integers(0, 12))
    done = draw(st.integers(0, offered))
    late = draw(st.integers(0, offered - done))
    deeds = draw(st.lists(st.integers(90, 100), max_size=2)) if proofs else []
    return Evidence(offered, done, late, draw(st.integers(0, 3)), tuple(deeds))


epochs = st.builds(Epoch, st.just(100), st.integers(0, 40 * SCALE), st.booleans())


def after(standing: Standing, *evidence: Evidence, total: int = BIG, params: ReputationParams = PARAMS) -> Standing:
    for number, one in enumerate(evidence):
        standing = evaluate(standing, one, Epoch(number, total), params)
    return standing


# ------------------------------------------------------------------------------- one ordinary epoch


@given(standings(), evidences(proofs=False), st.integers(0, 40 * SCALE))
@settings(max_examples=150)
def test_an_ordinary_epoch_by_the_formulas(standing: Standing, evidence: Evidence, total: int) -> None:
    """EL-70, EL-71, EL-72: (7a), (8), (10), units, rounded once, all from the record alone."""
    standing = replace(standing, probation=0)
    result = evaluate(standing, evidence, Epoch(100, total), PARAMS)
    done = evidence.done + evidence.late
    share = Fraction(done, evidence.offered) if evidence.offered else Fraction(standing.participation, SCALE)
    assert result.participation == math.floor((7 * standing.participation + share * SCALE) / 8)
    assert result.honest == standing.honest * 7 // 8 + done * SCALE
    assert result.dishonest == standing.dishonest * 7 // 8
    assert result.doubtful == standing.doubtful * 7 // 8 + evidence.doubts * SCALE
    counts = result.honest + result.dishonest + result.doubtful + 2 * SCALE
    rho = Fraction(result.honest, counts) + Fraction(result.doubtful + 2 * SCALE, 2 * counts)
    earned = math.floor(SCALE * rho * Fraction(result.participation, SCALE))
    target = min(earned + result.endowment * result.endowment_left // 32, SCALE)
    low, high = standing.units - -(-standing.units // 16), standing.units + max(1, total // 16)
    assert result.units == min(max(target, low), high)


def test_success_is_the_honest_share_of_what_was_done() -> None:
    """EL-71: ζ (7b), unknown without evidence; silence does not lower it."""
    assert Standing().success is None
    standing = after(Standing(), Evidence(offered=8, done=6, doubts=2))
    assert standing.success == Fraction(6, 8)
    assert after(standing, NOTHING).success == Fraction(6, 8)


def test_silence_counts_once() -> None:
    """EL-71: it lowers π, and leaves the proportions of the evidence alone."""
    present, absent = after(Standing(), *[ALL] * 20), after(Standing(), *[ALL] * 19, NOTHING)
    assert absent.dishonest == absent.doubtful == 0
    assert absent.participation < present.participation
    assert absent.opinion(PARAMS).disbelief == 0


def test_late_duties_count_like_others() -> None:
    """EL-70: so a committee that drops acknowledgements starves nobody."""
    late = Evidence(offered=DUTIES, late=DUTIES)
    assert after(Standing(), *[late] * 5) == after(Standing(), *[ALL] * 5)


def test_an_epoch_without_duties_leaves_participation_alone() -> None:
    """EL-71: K is the duties offered."""
    standing = after(Standing(), *[ALL] * 5)
    assert after(standing, Evidence()).participation == standing.participation


def test_doubt_lowers_reputation_less_than_proof() -> None:
    """EL-70: a doubtful case is worth ε of an honest one."""
    clean = after(Standing(), *[ALL] * 10)
    doubted = after(Standing(), *[Evidence(DUTIES, DUTIES, doubts=4)] * 10)
    assert clean.opinion(PARAMS).expected > doubted.opinion(PARAMS).expected > Fraction(1, 2)


# ------------------------------------------------------------------------------------------ newcomers


def test_without_history_no_units_whatever_epsilon_is() -> None:
    """EL-72."""
    for rate in (Fraction(0), Fraction(1, 2), Fraction(1)):
        assert newcomer(replace(PARAMS, base_rate=rate)).units == 0


def test_a_newcomer_rises_by_presence() -> None:
    """EL-71: π reaches 49 % in 5 epochs and 74 % in 10."""
    standing = after(Standing(), *[ALL] * 5)
    assert math.floor(100 * standing.participation / SCALE + Fraction(1, 2)) == 49
    standing = after(standing, *[ALL] * 5)
    assert math.floor(100 * standing.participation / SCALE + Fraction(1, 2)) == 74
    assert standing.units > SCALE // 2


@pytest.mark.parametrize("total", [0, 1, 15, 16, 4 * SCALE])
def test_a_newcomer_starts_from_zero_however_small_the_electorate(total: int) -> None:
    """EL-73: the rise is one unit at least; a candidate voter's acknowledgements are all late."""
    candidate = Evidence(offered=DUTIES, late=DUTIES)
    standing, reached = Standing(), []
    for number in range(4):
        standing = evaluate(standing, candidate, Epoch(number, total), PARAMS)
        reached.append(standing.units)
    assert reached[0] == min(max(1, total // 16), math.floor(SCALE * Fraction(9, 10) / 8))
    assert reached == sorted(set(reached))


def test_the_always_present_reach_nearly_all_units_and_stay() -> None:
    """EL-72: ρ = (64 + 1) / 66 of max_units with default constants, less the rounding of π."""
    standing = after(Standing(), *[ALL] * 200)
    assert abs(standing.units - SCALE * 65 // 66) < 40
    assert after(standing, ALL) == standing


# --------------------------------------------------------------------------------------------- limits


@given(standings(), evidences(), epochs)
@settings(max_examples=200)
def test_limits_hold_for_every_epoch(standing: Standing, evidence: Evidence, epoch: Epoch) -> None:
    """EL-73: -⌈units/16⌉ to +max(1, ⌊U/16⌋); zero after proof; nothing in recovery but by proof."""
    result = evaluate(standing, evidence, epoch, PARAMS)
    if any(deed >= 97 for deed in evidence.proofs):
        assert (result.units, result.honest, result.participation, result.endowment) == (0, 0, 0, 0)
        assert result.probation == PARAMS.probation_epochs
    elif epoch.recovered:
        assert result == standing
    else:
        assert -(-standing.units // 16) >= standing.units - result.units
        assert result.units - standing.units <= max(1, epoch.total_units // 16)
    assert 0 <= result.units <= SCALE


def test_lasting_silence_reaches_zero_slowly() -> None:
    """EL-73: at most a sixteenth per epoch, rounded up, so that it ends."""
    standing = after(Standing(), *[ALL] * 60)
    trail = [standing.units]
    while trail[-1]:
        standing = after(standing, NOTHING)
        trail.append(standing.units)
    assert trail[5] > trail[0] * 0.7
    assert 60 < len(trail) < 200
    assert all(earlier - later <= -(-earlier // 16) for earlier, later in itertools.pairwise(trail))


def test_recovery_epochs_change_nothing() -> None:
    """EL-74: not even decay, endowment or probation."""
    for standing in (endowed(SCALE, PARAMS), after(Standing(), ALL), Standing(probation=3, dishonest=SCALE)):
        for evidence in (ALL, NOTHING, Evidence(doubts=3)):
            assert evaluate(standing, evidence, Epoch(9, BIG, recovered=True), PARAMS) == standing


# -------------------------------------------------------------------------------- proof and probation


@pytest.mark.parametrize("recovered", [False, True])
@pytest.mark.parametrize(("deed", "bites"), [(9, True), (8, True), (6, True), (5, False), (0, False)])
def test_evidence_lives_for_three_epochs_after_the_deed(deed: int, bites: bool, recovered: bool) -> None:
    """EL-75: a late proof still bites, an old one no longer."""
    standing = after(Standing(), *[ALL] * 9)
    result = evaluate(standing, Evidence(DUTIES, DUTIES, proofs=(deed,)), Epoch(9, BIG, recovered), PARAMS)
    assert (result.units == 0) is bites
    assert (result.dishonest > 0) is bites


def test_a_deed_of_the_future_is_the_caller_s_mistake() -> None:
    """EL-75."""
    with pytest.raises(ValueError, match="after epoch 9"):
        evaluate(Standing(), Evidence(proofs=(10,)), Epoch(9, BIG), PARAMS)


def test_probation_then_earning_again_from_nothing() -> None:
    """EL-76: for probation_epochs epochs duties do not count; recovery epochs do not shorten it."""
    guilty = after(after(Standing(), *[ALL] * 30), Evidence(DUTIES, DUTIES, proofs=(0,)))
    standing, epochs_without = guilty, 0
    while standing.probation:
        standing = evaluate(standing, ALL, Epoch(50, BIG, recovered=epochs_without % 2 == 1), PARAMS)
        epochs_without += 1
        assert (standing.units, standing.honest, standing.participation) == (0, 0, 0)
    assert epochs_without == 2 * PARAMS.probation_epochs - 1
    first = after(standing, ALL)
    assert 0 < first.units <= after(Standing(), ALL).units
    assert first.dishonest < SCALE // 1000


def test_a_second_proof_starts_probation_again() -> None:
    """EL-76."""
    once = after(after(Standing(), ALL), Evidence(proofs=(0,)))
    twice = after(after(once, ALL, ALL), Evidence(proofs=(0, 0)))
    assert twice.probation == PARAMS.probation_epochs
    assert twice.dishonest > 2 * SCALE


# ------------------------------------------------------------------------------------------- genesis


def test_an_endowment_decays_to_nothing_over_b_epochs() -> None:
    """EL-77: linearly, within the limit of the fall; who works keeps its units by what it earns."""
    silent = worker = endowed(SCALE, PARAMS)
    for number in range(PARAMS.endowment_epochs):
        silent = evaluate(silent, NOTHING, Epoch(number, BIG), PARAMS)
        worker = evaluate(worker, ALL, Epoch(number, BIG), PARAMS)
        assert worker.units > SCALE * 0.9
        if number < 16:
            assert silent.units == SCALE * (31 - number) // 32
    assert silent.endowment_left == worker.endowment_left == 0
    assert abs(silent.units - SCALE / 2 * (15 / 16) ** 16) < 16
    assert after(silent, *[NOTHING] * 150).units == 0


def test_an_endowment_is_within_the_most() -> None:
    """EL-77."""
    with pytest.raises(ValueError, match="at most"):
        endowed(SCALE + 1, PARAMS)
    assert Step.of(endowed(SCALE, PARAMS)).uncapped_units(PARAMS) == endowed(SCALE, PARAMS).units == SCALE


# -------------------------------------------------------------------------------- the paper's formula


def test_identities_are_worth_something_only_under_the_paper_s_formula() -> None:
    """EL-78: k invented identities hold k·ε of the most at once there, and nothing here."""
    for k in (1, 10, 100):
        assert k * newcomer(PAPER).units == k * SCALE // 2
        assert k * newcomer(PARAMS).units == 0


def test_the_paper_s_formula_is_rho_alone() -> None:
    """EL-78: (8) without prior and (10); one honest duty is then full reputation, and silence costs nothing."""
    standing = evaluate(newcomer(PAPER), Evidence(offered=8, done=1), Epoch(0, BIG), PAPER)
    assert standing.units == SCALE
    assert evaluate(standing, NOTHING, Epoch(1, BIG), PAPER).units == SCALE


# ------------------------------------------------------------------------------- bad values, long runs


def test_bad_values() -> None:
    """EL-79."""
    for bad in ({"offered": 1, "done": 1, "late": 1}, {"done": 1}, {"doubts": -1}, {"offered": 1, "proofs": (-1,)}):
        with pytest.raises(ValueError, match=r"negative|offered"):
            Evidence(**bad)
    for wrong in ({"units": -1}, {"participation": SCALE + 1}, {"units": 1, "probation": 1}, {"endowment_left": -1}):
        with pytest.raises(ValueError, match=r"standing|probation"):
            Standing(**wrong)
    for constant in ({"max_units": 0}, {"window": 0}, {"prior": -1}, {"keep": Fraction(3, 2)}, {"fall": Fraction(-1)}):
        with pytest.raises(ValueError, match=r"at least|negative|shares"):
            ReputationParams(**constant)
    with pytest.raises(ValueError, match="negative"):
        Epoch(-1, 5)


def shares_after(epochs: int, presence: Fraction, dishonest: int, honest: int, total_duties: int = DUTIES) -> Fraction:
    """Share of units of always present attackers among honest EVs that do `presence` of their duties."""
    draw = random.Random(20)
    attackers, others = [endowed(SCALE, PARAMS)] * dishonest, [endowed(SCALE, PARAMS)] * honest
    for number in range(epochs):
        epoch = Epoch(number, sum(one.units for one in attackers + others))
        attackers = [evaluate(one, ALL, epoch, PARAMS) for one in attackers]
        done = [sum(draw.random() < presence for _ in range(total_duties)) for _ in others]
        others = [evaluate(one, Evidence(DUTIES, n), epoch, PARAMS) for one, n in zip(others, done, strict=True)]
    bad, good = (sum(one.units for one in group) for group in (attackers, others))
    return Fraction(bad, bad + good)


@pytest.mark.parametrize(("presence", "heads"), [(1.0, 33), (0.8, 28), (0.6, 22), (0.5, 19)])
def test_honest_vehicles_out_of_reach_pay_once(presence: float, heads: int) -> None:
    """EL-80: with availability a the dishonest stay under a third while their share of heads is below a/(2+a)."""
    assert shares_after(80, Fraction(presence), heads, 100 - heads) < Fraction(1, 3)


@pytest.mark.parametrize(("presence", "heads"), [(0.8, 31), (0.6, 26), (0.5, 23)])
def test_more_attackers_than_that_pass_a_third(presence: float, heads: int) -> None:
    """EL-80: the bound is sharp within a few heads."""
    assert shares_after(80, Fraction(presence), heads, 100 - heads) >= Fraction(1, 3)


def test_a_captured_committee_starves_the_honest_slowly() -> None:
    """EL-80: 30 dishonest, 37 counted, 33 passed over: five epochs on the dishonest are still below a third."""
    standing = after(Standing(), *[ALL] * 60)
    starved = after(standing, *[NOTHING] * 5)
    assert Fraction(30 * standing.units, 67 * standing.units + 33 * starved.units) < Fraction(1, 3)
    assert after(starved, *[ALL] * 20).units > standing.units * 0.9


@pytest.mark.long
def test_ten_thousand_epochs() -> None:
    """EL-73, EL-80: random conduct of twelve identities; limits, cap and the record's arithmetic hold throughout."""
    draw = random.Random(7)
    standings = [endowed(SCALE, PARAMS) for _ in range(8)] + [newcomer(PARAMS)] * 4
    presence = [Fraction(i + 1, 12) for i in range(12)]
    for number in range(10_000):
        epoch = Epoch(number, sum(one.units for one in standings), draw.random() < 0.05)
        assert epoch.total_units > 0
        for i, standing in enumerate(standings):
            done = sum(draw.random() < presence[i] for _ in range(DUTIES))
            proofs = (number - draw.randrange(min(number, 5) + 1),) if draw.random() < 0.0005 else ()
            evidence = Evidence(DUTIES, done, draw.randrange(DUTIES - done + 1), draw.random() < 0.01, proofs)
            result = standings[i] = evaluate(standing, evidence, epoch, PARAMS)
            expected = min(Step.of(result).uncapped_units(PARAMS), SCALE)
            low, high = standing.units - -(-standing.units // 16), standing.units + max(1, epoch.total_units // 16)
            if result.probation or epoch.recovered:
                assert result.units in (0, standing.units)
            else:
                assert result.units == min(max(expected, low), high)
    assert standings[11].units > standings[5].units > standings[0].units
