"""The algebra of opinions, as properties, and the cases where it has none."""

from __future__ import annotations

from fractions import Fraction
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from election.opinion import HALF, Mode, Opinion, fuse_all

F = Fraction
shares = st.integers(0, 12)
rates = st.builds(Fraction, st.integers(0, 6), st.just(6))
counts = st.builds(Fraction, st.integers(0, 400), st.integers(1, 16))
modes = st.sampled_from(("cumulative", "averaging"))


@st.composite
def opinions(draw: st.DrawFn, *, dogmatic: bool = True, rate: Fraction | None = None) -> Opinion:
    b, d, u = draw(shares), draw(shares), draw(st.integers(0 if dogmatic else 1, 12))
    if b + d + u == 0:
        u = 1
    total = b + d + u
    return Opinion(F(b, total), F(d, total), F(u, total), draw(rates) if rate is None else rate)


certain = opinions(dogmatic=True)
uncertain = opinions(dogmatic=False)
known = opinions(dogmatic=False, rate=F(1, 3))


def binary(x: Opinion, y: Opinion, mode: Mode) -> tuple[Fraction, Fraction, Fraction]:
    """Jøsang 2016, definitions 12.5 and 12.6, as printed, for u > 0."""
    (b, u), (c, v) = (x.belief, x.uncertainty), (y.belief, y.uncertainty)
    d, e = x.disbelief, y.disbelief
    if mode == "cumulative":
        k = u + v - u * v
        return (b * v + c * u) / k, (d * v + e * u) / k, u * v / k
    return (b * v + c * u) / (u + v), (d * v + e * u) / (u + v), 2 * u * v / (u + v)


# ------------------------------------------------------------------------------------------ evidence


@given(counts, counts, counts, st.sampled_from((0, 2)), rates)
@settings(max_examples=100)
def test_evidence_gives_an_opinion(phi: Fraction, eta: Fraction, doubt: Fraction, prior: int, rate: Fraction) -> None:
    """EL-20: b + d + u = 1 (9), the proportions of (8), and ρ = b + εu (10)."""
    opinion = Opinion.from_evidence(phi, eta, doubt, prior, rate)
    assert opinion.belief + opinion.disbelief + opinion.uncertainty == 1
    assert opinion.belief * eta == opinion.disbelief * phi
    assert opinion.belief * (doubt + prior) == opinion.uncertainty * phi
    assert opinion.expected == opinion.belief + rate * opinion.uncertainty
    assert 0 <= opinion.expected <= 1


def test_the_paper_s_opinion() -> None:
    """EL-20: with prior 0 equations (8a) to (8c) as printed."""
    opinion = Opinion.from_evidence(6, 3, 1, 0)
    assert (opinion.belief, opinion.disbelief, opinion.uncertainty) == (F(6, 10), F(3, 10), F(1, 10))
    assert Opinion.from_evidence(1, 0, 0, 0) == Opinion(F(1), F(0), F(0))


def test_without_evidence_nothing_is_known() -> None:
    """EL-21: u = 1 for either prior, where the paper's (8) divides zero by zero."""
    for prior in (0, 2):
        assert Opinion.from_evidence(0, 0, 0, prior, F(1, 4)) == Opinion.vacuous(F(1, 4))
    assert Opinion.vacuous(F(1, 4)).expected == F(1, 4)


def test_doubt_adds_to_the_prior_s_ignorance() -> None:
    """EL-22: u = (W + φ) / (Φ + η + φ + W): doubt never wanes by itself, ignorance does."""
    assert Opinion.from_evidence(5, 1, 2, 2).uncertainty == F(4, 10)
    assert Opinion.from_evidence(10**9, 0, 0, 2).uncertainty < F(1, 10**8)
    assert Opinion.from_evidence(10**9, 0, 10**9, 2).uncertainty > HALF


@pytest.mark.parametrize("bad", [(-1, 0, 0, 2), (0, -1, 0, 2), (0, 0, -1, 2), (0, 0, 0, -2), (0.5, 0, 0, 2)])
def test_bad_evidence(bad: tuple[int, int, int, int]) -> None:
    """EL-23."""
    with pytest.raises(ValueError, match="evidence"):
        Opinion.from_evidence(*bad)


@pytest.mark.parametrize(
    "bad", [(F(1, 2), F(1, 2), F(1, 2), HALF), (F(-1), F(1), F(1), HALF), (F(1), F(0), F(0), F(2)), (0.5, 0.5, 0, HALF)]
)
def test_bad_opinions(bad: tuple[Fraction, Fraction, Fraction, Fraction]) -> None:
    """EL-23: values are exact, within [0, 1], and sum to one."""
    with pytest.raises(ValueError, match=r"outside|sum to one|never a float"):
        Opinion(*bad)


@given(counts, counts, st.integers(1, 5))
@settings(max_examples=60)
def test_evidence_and_back(phi: Fraction, eta: Fraction, prior: int) -> None:
    """EL-23: an opinion that is not dogmatic tells the cases that it stands for."""
    assert Opinion.from_evidence(phi, eta, 0, prior).evidence(prior) == (phi, eta)
    with pytest.raises(ValueError, match="dogmatic"):
        Opinion(F(1), F(0), F(0)).evidence()


# -------------------------------------------------------------------------------------------- fusion


@given(uncertain, uncertain, modes)
@settings(max_examples=100)
def test_fusion_is_josang_s(x: Opinion, y: Opinion, mode: Mode) -> None:
    """EL-24."""
    fused = x.fuse(y, mode)
    assert (fused.belief, fused.disbelief, fused.uncertainty) == binary(x, y, mode)


@given(certain, certain, modes)
@settings(max_examples=100)
def test_fusion_commutes(x: Opinion, y: Opinion, mode: Mode) -> None:
    """EL-24."""
    assert x.fuse(y, mode) == y.fuse(x, mode)


@given(st.lists(certain, min_size=1, max_size=6), modes)
@settings(max_examples=60)
def test_the_order_of_sources_makes_no_difference(sources: list[Opinion], mode: Mode) -> None:
    """EL-24."""
    assert fuse_all(sources, mode) == fuse_all(reversed(sources), mode) == fuse_all(sorted(sources, key=repr), mode)


@given(known, known, known)
@settings(max_examples=100)
def test_cumulative_fusion_associates(x: Opinion, y: Opinion, z: Opinion) -> None:
    """EL-24: for opinions that are not dogmatic and share a base rate."""
    assert x.fuse(y).fuse(z) == x.fuse(y.fuse(z)) == fuse_all((x, y, z))


@given(certain)
@settings(max_examples=60)
def test_ignorance_is_neutral_to_cumulative_fusion(x: Opinion) -> None:
    """EL-24: whatever its base rate, unless both are ignorant."""
    if x.uncertainty < 1:
        assert x.fuse(Opinion.vacuous(F(1, 7))) == x
    assert x.fuse(Opinion.vacuous(x.base_rate)) == x


@given(certain, st.integers(1, 5))
@settings(max_examples=60)
def test_averaging_fusion_is_idempotent(x: Opinion, n: int) -> None:
    """EL-24: n observers of the same cases know no more than one."""
    assert fuse_all([x] * n, "averaging") == x


@given(st.lists(st.tuples(counts, counts), min_size=1, max_size=5), st.integers(1, 5))
@settings(max_examples=80)
def test_cumulative_fusion_adds_evidence(cases: list[tuple[Fraction, Fraction]], prior: int) -> None:
    """EL-24: fusing opinions equals one opinion from all cases, where no case is doubtful."""
    fused = fuse_all(Opinion.from_evidence(phi, eta, 0, prior) for phi, eta in cases)
    assert fused == Opinion.from_evidence(sum(phi for phi, _ in cases), sum(eta for _, eta in cases), 0, prior)


@given(st.lists(st.tuples(counts, counts), min_size=1, max_size=5), st.integers(1, 5))
@settings(max_examples=80)
def test_averaging_fusion_averages_evidence(cases: list[tuple[Fraction, Fraction]], prior: int) -> None:
    """EL-24."""
    fused = fuse_all([Opinion.from_evidence(phi, eta, 0, prior) for phi, eta in cases], "averaging")
    phi, eta = (sum(counts, F(0)) / len(cases) for counts in zip(*cases, strict=True))
    assert fused == Opinion.from_evidence(phi, eta, 0, prior)


@given(uncertain, uncertain)
@settings(max_examples=60)
def test_more_sources_leave_less_unknown(x: Opinion, y: Opinion) -> None:
    """EL-24."""
    assert x.fuse(y).uncertainty <= min(x.uncertainty, y.uncertainty)


def test_dogmatic_opinions_outweigh_all_others_and_share_alike() -> None:
    """EL-25: u = 0 stands for unlimited evidence."""
    yes, no = Opinion(F(1), F(0), F(0), F(1, 3)), Opinion(F(0), F(1), F(0), F(2, 3))
    guess = Opinion(F(1, 2), F(1, 4), F(1, 4), F(1))
    for mode in ("cumulative", "averaging"):
        assert yes.fuse(no, mode) == Opinion(HALF, HALF, F(0), HALF)
        assert fuse_all((yes, no, no), mode).belief == F(1, 3)
        assert yes.fuse(guess, mode).belief == 1
    assert yes.fuse(guess).base_rate == F(1, 3)
    assert yes.fuse(guess, "averaging").base_rate == F(2, 3)


@given(st.lists(opinions(rate=HALF), min_size=2, max_size=4), modes)
@settings(max_examples=60)
def test_dogmatic_fusion_is_the_limit_of_fusion(sources: list[Opinion], mode: Mode) -> None:
    """EL-25: of equally fast vanishing uncertainty."""
    tiny = F(1, 10**12)
    nearly = [
        Opinion(s.belief * (1 - tiny), s.disbelief * (1 - tiny), tiny, HALF) if s.is_dogmatic else s for s in sources
    ]
    exactly, limit = fuse_all(sources, mode), fuse_all(nearly, mode)
    assert abs(exactly.belief - limit.belief) < F(1, 10**8)
    assert abs(exactly.disbelief - limit.disbelief) < F(1, 10**8)


@given(uncertain, uncertain)
@settings(max_examples=80)
def test_base_rates_fuse_by_evidence(x: Opinion, y: Opinion) -> None:
    """EL-26: Jøsang's formula for cumulative fusion, the mean for averaging and between the ignorant."""
    u, v = x.uncertainty, y.uncertainty
    mean = (x.base_rate + y.base_rate) / 2
    assert x.fuse(y, "averaging").base_rate == mean
    if u == v == 1:
        assert x.fuse(y).base_rate == mean
    else:
        printed = x.base_rate * v + y.base_rate * u - (x.base_rate + y.base_rate) * u * v
        assert x.fuse(y).base_rate == printed / (u + v - 2 * u * v)


def test_fusion_of_nothing_or_by_another_rule() -> None:
    """EL-24."""
    with pytest.raises(ValueError, match="needs an opinion"):
        fuse_all(())
    with pytest.raises(ValueError, match="cumulative or averaging"):
        fuse_all((Opinion.vacuous(),), cast("Mode", "mean"))


# --------------------------------------------------------------------------------------- discounting


@given(certain, certain, certain)
@settings(max_examples=80)
def test_discounting_multiplies_expectations(x: Opinion, near: Opinion, far: Opinion) -> None:
    """EL-27: along a chain of advisers, in any order."""
    heard = x.discount(near).discount(far)
    assert heard.belief == near.expected * far.expected * x.belief
    assert heard.disbelief == near.expected * far.expected * x.disbelief
    assert heard == x.discount(far).discount(near)
    assert heard.base_rate == x.base_rate


@given(certain)
@settings(max_examples=40)
def test_full_trust_changes_nothing_and_distrust_leaves_nothing(x: Opinion) -> None:
    """EL-27."""
    assert x.discount(Opinion(F(1), F(0), F(0))) == x
    assert x.discount(Opinion(F(0), F(1), F(0))) == Opinion.vacuous(x.base_rate)
    assert x.discount(Opinion.vacuous(F(0))) == Opinion.vacuous(x.base_rate)


@given(certain, st.integers(1, 1000))
@settings(max_examples=80)
def test_rounding_favours_uncertainty(x: Opinion, scale: int) -> None:
    """EL-28: to multiples of 1/scale, belief and disbelief down by less than one step."""
    coarse = x.rounded(scale)
    assert 0 <= x.belief - coarse.belief < F(1, scale)
    assert 0 <= x.disbelief - coarse.disbelief < F(1, scale)
    assert coarse.rounded(scale) == coarse
    assert (coarse.belief * scale).denominator == 1
