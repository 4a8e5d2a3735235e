"""Sortition against exact rationals, at and next to every edge, and its neutrality to splitting."""

from __future__ import annotations

import decimal
import itertools
import math
import random
from collections import Counter
from fractions import Fraction
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from election import sortition
from election.sortition import interval, select

TOP = 2**512


def cdf(units: int, tau: int, total: int) -> list[Fraction]:
    """F(0), …, F(w) of B(w, τ/R), straight from eq. (11)."""
    p = Fraction(tau, total)
    return list(accumulate(math.comb(units, k) * p**k * (1 - p) ** (units - k) for k in range(units + 1)))


def by_definition(u: int, edges: list[Fraction]) -> int:
    return next(j for j, edge in enumerate(edges) if Fraction(u, TOP) < edge)


def beta(u: int) -> bytes:
    return u.to_bytes(64, "big")


def near(edge: Fraction, step: int) -> int:
    return min(max(math.floor(edge * TOP) + step, 0), TOP - 1)


def compare_with_definition(draw: random.Random, cases: int, units_max: int) -> Counter[str]:
    """Compares `cases` draws with exact rationals, 40 % of them within two steps of an edge; counts what was met."""
    met: Counter[str] = Counter()
    while met["cases"] < cases:
        total = draw.choice([draw.randrange(2, 30), draw.randrange(2, 5000), 2 ** draw.randrange(1, 20), 10**9])
        units = min(draw.randrange(1, units_max + 1), total)
        tau = draw.choice(
            [1, draw.randrange(1, total), total // 2 or 1, max(1, total * draw.randrange(1, 20) // units // 10)]
        )
        tau = min(tau, total - 1)
        edges = cdf(units, tau, total)
        for _ in range(10):
            if draw.random() < 0.4:
                edge = draw.choice(edges)
                u = near(edge, draw.randrange(-2, 3))
                met["ties"] += Fraction(u, TOP) == edge
            else:
                u = draw.getrandbits(512)
            assert select(beta(u), units, tau, total) == by_definition(u, edges), (u, units, tau, total)
            met["cases"] += 1
    return met


def test_equals_exact_rationals_at_and_next_to_the_edges() -> None:
    """EL-10: 6,000 seeded cases in the short run."""
    met = compare_with_definition(random.Random(1), 5000, 40) + compare_with_definition(random.Random(2), 1000, 150)
    assert met["ties"] > 100


@pytest.mark.long
def test_equals_exact_rationals_on_a_hundred_thousand_cases() -> None:
    """EL-10: 100,000 seeded cases."""
    met = compare_with_definition(random.Random(3), 90_000, 60) + compare_with_definition(random.Random(4), 10_000, 400)
    assert met["cases"] >= 100_000
    assert met["ties"] > 1000


@pytest.mark.parametrize("guard", [0, 2, 8, 64, 256])
def test_the_interval_is_never_wrong(guard: int) -> None:
    """EL-11: with any precision the interval arithmetic gives the exact answer or none."""
    draw, undecided = random.Random(guard), 0
    for _ in range(400):
        total = draw.randrange(2, 400)
        units, tau = draw.randrange(1, min(total, 40) + 1), draw.randrange(1, total)
        edges = cdf(units, tau, total)
        for u in (near(draw.choice(edges), draw.randrange(-2, 3)), draw.getrandbits(512)):
            answer = sortition._select_within(u, units, tau, total, guard)
            undecided += answer is None
            assert answer in (None, by_definition(u, edges))
    assert undecided > 0 or guard > 256


def test_ties_are_decided_by_the_definition() -> None:
    """EL-10: u = F(j) belongs to j + 1; such ties exist, and one step below belongs to j."""
    assert select(beta(TOP // 2), 1, 1, 2) == 1
    assert select(beta(TOP // 2 - 1), 1, 1, 2) == 0
    assert select(beta(TOP // 2), 301, 500, 1000) == 151
    assert select(beta(TOP // 2 - 1), 301, 500, 1000) == 150
    edges = cdf(6, 3, 8)
    for j, edge in enumerate(edges[:-1]):
        assert select(beta(int(edge * TOP)), 6, 3, 8) == j + 1
        assert select(beta(int(edge * TOP) - 1), 6, 3, 8) == j


@pytest.mark.parametrize(
    ("units", "tau", "total"),
    [(10**6, 20, 10**9), (10**6, 2000, 10**9), (10**6, 20, 10**6), (10**5, 100, 10**6), (65_536, 100, 2_300 * 65_536)],
)
def test_a_million_units_against_other_arithmetic(units: int, tau: int, total: int) -> None:
    """EL-10: near the edges, against decimal arithmetic of 400 digits."""
    with decimal.localcontext(decimal.Context(prec=400)):
        p = decimal.Decimal(tau) / total
        term = total_term = (1 - p) ** units
        for j in range(40):
            edge = int(total_term * TOP)
            for step in (-(2**60), -2, 2, 2**60):
                if 0 <= edge + step < TOP:
                    assert select(beta(edge + step), units, tau, total) == (j if step < 0 else j + 1)
            term = term * (units - j) / (j + 1) * p / (1 - p)
            total_term += term


def test_the_first_interval_is_won_by_nobody() -> None:
    """EL-10: an output below B(0) elects no unit; in the paper's intervals (12) it falls nowhere."""
    assert select(beta(0), 100, 5, 1000) == 0
    assert select(beta(near(cdf(100, 5, 1000)[0], -1)), 100, 5, 1000) == 0
    assert select(beta(near(cdf(100, 5, 1000)[0], 1)), 100, 5, 1000) == 1


def test_all_bytes_of_the_output_count() -> None:
    """EL-10: the last of the 64 bytes can decide."""
    edge = near(cdf(50, 7, 300)[2], 0)
    below, above = beta(edge), beta(edge + 1)
    assert below[:62] == above[:62]
    assert (select(below, 50, 7, 300), select(above, 50, 7, 300)) == (2, 3)


@given(st.data())
@settings(max_examples=150)
def test_monotone(data: st.DataObject) -> None:
    """EL-12: a higher output, more units or a higher expectation never elect fewer."""
    total = data.draw(st.integers(1, 10**6))
    units = data.draw(st.integers(0, min(total, 5000)))
    tau = data.draw(st.integers(0, min(total, 100 * total // max(units, 1))))
    u = data.draw(st.integers(0, TOP - 1))
    elected = select(beta(u), units, tau, total)
    assert 0 <= elected <= units
    assert select(beta(data.draw(st.integers(u, TOP - 1))), units, tau, total) >= elected
    assert select(beta(u), data.draw(st.integers(units, min(total, units + 100))), tau, total) >= elected
    assert select(beta(u), units, tau + 1, total) >= elected


@settings(max_examples=200, deadline=None)
@given(units=st.integers(1, 60), more=st.integers(0, 60), tau=st.integers(1, 80), data=st.data())
def test_the_interval_of_an_output_is_that_of_its_units(units: int, more: int, tau: int, data: st.DataObject) -> None:
    """EL-10: intervals follow each other from 0 to 1, each between exact rationals, and hold what `select` says."""
    total = units + more
    beta = data.draw(st.binary(min_size=64, max_size=64))
    elected = select(beta, units, tau, total)
    low, high = interval(elected, units, tau, total)
    assert low <= int.from_bytes(beta, "big") <= high
    if tau >= total:
        assert (low, high) == (0, 1 << 512)
        return
    share = Fraction(tau, total)
    masses = [math.comb(units, j) * share**j * (1 - share) ** (units - j) for j in range(units + 1)]
    edges = [0, *(min(math.floor(edge * 2**512), 1 << 512) for edge in accumulate(masses))]
    found = [interval(j, units, tau, total) for j in range(units + 1)]
    for (below, above), (low, high) in zip(itertools.pairwise(edges), found, strict=True):
        assert 0 <= below - low <= 1
        assert 0 <= above - high <= 1


def test_no_interval() -> None:
    """EL-10: of more units than there are, of none, or of fewer where all are elected."""
    outside = ((6, 5, 3, 9), (-1, 5, 3, 9), (0, 0, 3, 9), (2, 5, 0, 9))
    for elected, units, tau, total in outside:
        with pytest.raises(ValueError, match="no interval"):
            interval(elected, units, tau, total)
    with pytest.raises(ValueError, match="every unit is elected"):
        interval(4, 5, 9, 9)


def test_degenerate_arguments() -> None:
    """EL-13: τ at or above the total elects all; no units or no expectation elect none."""
    for u in (0, TOP // 2, TOP - 1):
        assert select(beta(u), 7, 10, 10) == 7
        assert select(beta(u), 7, 11, 10) == 7
        assert select(beta(u), 0, 5, 10) == 0
        assert select(beta(u), 10, 0, 10) == 0
    assert select(beta(TOP - 1), 1000, 5, 1000) > 50


@pytest.mark.parametrize(
    ("length", "units", "tau", "total"),
    [(32, 1, 1, 2), (65, 1, 1, 2), (64, 3, 1, 2), (64, -1, 1, 2), (64, 1, -1, 2), (64, 0, 0, 0), (64, 0, 5, -1)],
)  # fmt: skip
def test_arguments_outside_the_range(length: int, units: int, tau: int, total: int) -> None:
    """EL-13."""
    with pytest.raises(ValueError, match=r"VRF output|not defined"):
        select(bytes(length), units, tau, total)


def pmf_by_bisection(units: int, tau: int, total: int) -> list[Fraction]:
    """The distribution that `select` really has over all 2^512 outputs, found by bisection of its steps."""
    starts = [0]
    for j in range(1, units + 1):
        low, high = starts[-1], TOP
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if select(beta(middle), units, tau, total) >= j else (middle + 1, high)
        starts.append(low)
    return [Fraction(after - start, TOP) for start, after in zip(starts, [*starts[1:], TOP], strict=True)]


def convolve(a: list[Fraction], b: list[Fraction]) -> list[Fraction]:
    total = [Fraction(0)] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            total[i + j] += x * y
    return total


@pytest.mark.parametrize("parts", [(1, 1), (1, 2, 3), (4, 2), (1, 1, 1, 1, 1, 1)])
@pytest.mark.parametrize(("tau", "total"), [(2, 8), (3, 8), (8, 16)])
def test_splitting_is_neutral_exactly(parts: tuple[int, ...], tau: int, total: int) -> None:
    """EL-14: with a dyadic chance the distribution over all outputs is exact, and so is the split's convolution."""
    split = [Fraction(1)]
    for part in parts:
        split = convolve(split, pmf_by_bisection(part, tau, total))
    assert split == pmf_by_bisection(sum(parts), tau, total)


@pytest.mark.parametrize(("tau", "total"), [(2, 6), (7, 100), (99, 101)])
def test_splitting_is_neutral_within_the_output_s_grain(tau: int, total: int) -> None:
    """EL-14: with any other chance, within 2^-500."""
    split = convolve(pmf_by_bisection(2, tau, total), pmf_by_bisection(4, tau, total))
    whole = pmf_by_bisection(6, tau, total)
    assert all(abs(x - y) < Fraction(1, 2**500) for x, y in zip(split, whole, strict=True))


@pytest.mark.parametrize("identities", [1, 7, 100])
def test_splitting_is_neutral_for_many_units(identities: int) -> None:
    """EL-14: chi-square of the total of seeded draws against the unsplit binomial."""
    units, tau, total, draws = 7000, 20, 20_000, 3000
    draw = random.Random(identities)
    counts = Counter(
        sum(select(draw.randbytes(64), units // identities, tau, total) for _ in range(identities))
        for _ in range(draws)
    )
    cells = [range(3), *[range(k, k + 1) for k in range(3, 12)], range(12, 60)]
    seen = [sum(counts[k] for k in cell) for cell in cells]
    expected = [draws * sum(float(stats.binom.pmf(k, units, tau / total)) for k in cell) for cell in cells]
    statistic = sum((s - e) ** 2 / e for s, e in zip(seen, expected, strict=True))
    assert sum(seen) == draws
    assert statistic < float(stats.chi2.isf(1e-4, len(cells) - 1))
