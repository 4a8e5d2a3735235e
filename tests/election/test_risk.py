"""The chance of a captured committee: known figures, an independent sum, and real draws."""

from __future__ import annotations

import random

import pytest
from scipy import stats

from election.risk import capture_chance, weight_needed
from election.sortition import select


@pytest.mark.parametrize(
    ("tau", "dishonest", "percent", "digits"),
    [
        (20, 0.2, 9.3, 1), (50, 0.2, 1.6, 1), (100, 0.2, 0.11, 2),
        (20, 0.3, 39, 0), (50, 0.3, 32, 0), (100, 0.3, 24, 0),
        (20, 0.1, 0.4, 1), (20, 0.25, 22, 0), (50, 0.25, 10, 0), (100, 0.25, 3.4, 1),
    ],
)  # fmt: skip
def test_known_figures_by_weight(tau: int, dishonest: float, percent: float, digits: int) -> None:
    """EL-100."""
    assert round(100 * capture_chance(tau, dishonest), digits) == percent


@pytest.mark.parametrize(("leaders", "percent", "digits"), [(16, 8, 0), (32, 4, 0), (64, 0.5, 1)])
def test_known_figures_by_cap(leaders: int, percent: float, digits: int) -> None:
    """EL-100: of 100 expected, at 20 % dishonest units."""
    assert round(100 * capture_chance(100, 0.2, leaders), digits) == percent


@pytest.mark.parametrize(("tau", "dishonest"), [(1, 0.3), (7, 0.2), (20, 0.2), (60, 0.33)])
def test_equals_the_sum_over_independent_poisson_numbers(tau: int, dishonest: float) -> None:
    """EL-100: D dishonest and H honest units elected, captured if 2D >= H."""
    bad, good = stats.poisson(tau * dishonest), stats.poisson(tau * (1 - dishonest))
    chance = sum(float(bad.pmf(d)) * float(good.cdf(2 * d)) for d in range(200))
    assert capture_chance(tau, dishonest) == pytest.approx(chance, rel=1e-9)


def test_sortition_itself_is_captured_as_often() -> None:
    """EL-100: 4,000 seeded committees of 200 owners with 50 units, 20 % of them dishonest, at weight 20."""
    draw, captured, committees = random.Random(5), 0, 4000
    for _ in range(committees):
        wins = [select(draw.randbytes(64), 2500, 20, 12_500) for _ in range(5)]
        captured += 3 * wins[0] >= sum(wins)
    expected = committees * capture_chance(20, 0.2)
    assert abs(captured - expected) < 5 * expected**0.5


def test_edges() -> None:
    """EL-100: nobody dishonest captures nothing but the empty committee, all dishonest capture all."""
    assert capture_chance(200, 0) == pytest.approx(0, abs=1e-15)
    assert capture_chance(20, 1) == pytest.approx(1)
    for bad in ((0, 0.2, None), (10, -0.1, None), (10, 1.1, None), (10, 0.2, 0)):
        with pytest.raises(ValueError, match="positive"):
            capture_chance(*bad)


@pytest.mark.parametrize(("wanted", "dishonest"), [(0.1, 0.2), (0.01, 0.2), (0.001, 0.2), (0.001, 0.25), (0.05, 0.3)])
def test_the_weight_needed_is_the_least(wanted: float, dishonest: float) -> None:
    """EL-101."""
    tau = weight_needed(wanted, dishonest)
    assert tau is not None
    assert capture_chance(tau, dishonest) <= wanted < capture_chance(tau - 1, dishonest)


def test_more_weight_is_safer() -> None:
    """EL-101: what the search relies on."""
    for dishonest in (0.05, 0.2, 0.3):
        chances = [capture_chance(tau, dishonest) for tau in range(1, 150)]
        assert chances == sorted(chances, reverse=True)


def test_under_a_cap_there_may_be_no_weight() -> None:
    """EL-101: 32 leaders are never as safe as 0.1 %; and with a cap more weight can be less safe, so all are tried."""
    assert weight_needed(0.001, 0.2, 32) is None
    assert weight_needed(0.001, 0.34) is None
    tau = weight_needed(0.1303, 0.2, 18)
    assert tau is not None
    assert capture_chance(tau, 0.2, 18) <= 0.1303 < min(capture_chance(low, 0.2, 18) for low in range(1, tau))
    assert capture_chance(3 * tau, 0.2, 18) > 0.1303
