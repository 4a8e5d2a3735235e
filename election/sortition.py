"""Binomial sortition over whole units: how many of an identity's units a VRF output elects.

Theory of operation
-------------------
With w units, expected weight τ and R units in all, each unit is elected with chance τ/R, and the number λ elected is
the one with CDF(λ-1) <= u < CDF(λ) for the binomial B(w, τ/R), where u = output / 2^512. (The intervals as printed in
the BAC paper, IV.D eq. (12) and Algorithms 2 and 3, are off by one: an output below B(0) falls into none of them.)
Every node must get the same λ, and floats differ between platforms and versions, so λ is computed exactly:
least j with u < F(j), where F is the CDF. Whoever does this exactly, by any method, gets the same λ.

*Interval arithmetic.* Numbers are integers in units of 2^-B, and every step rounds down. Write a = R - τ,
Q = (a/R)^w = T_0, T_k for the true terms of the binomial, F(j) = T_0 + … + T_j, s for the computed sum, and
X for a number with 2^-X <= Q. Then s <= F(j) < s + (2w + (j+1)²)·2^X units:

1. A product of values <= 1 has the error e(xy) < e(x) + e(y) + 1. Q is a product of w factors, each with an error
   below 1, by w - 1 multiplications in whatever order: E_0 < 2w.
2. T_{k+1} = T_k · (w-k)τ / ((k+1)a), rounded down: E_{k+1} < E_k · T_{k+1}/T_k + 1, so
   E_k < 2w · T_k/Q + the sum over i = 1..k of T_k/T_i.
3. T_k/T_i <= 1/Q for i <= k. If T_i >= Q, because T_k <= 1. If T_i < Q = T_0, then i is past the mode, since the
   terms rise up to the mode and fall after it; so T_k <= T_i, and Q <= 1.
4. Summed over k <= j: the first parts give at most 2w/Q, because the T_k sum to at most 1, the others at most
   (1 + 2 + … + j)/Q. So the error is below (2w + (j+1)²)/Q <= (2w + (j+1)²)·2^X.

*Decision.* Let h be u in units of 2^-B, rounded down. h < s proves u < F(j): both are integers, so u < h + 1 <= s.
h >= s + (2w + (j+1)²)·2^X proves u >= F(j). Between the two nothing is proven, and B grows. It starts at
X + 64 + bits(w), far below the 512 bits of u: undecided there about once in 2^60 draws. The last resort, for u within
2^-1000 of an edge, is exact rational arithmetic; so ties, which exist where R^w divides out, are decided too.

*Cost.* X is about 1.44·wτ/(R-τ) bits. Time grows with the square of the mean number elected: microseconds up to a mean
of 20, half a millisecond at 1000.
"""

from __future__ import annotations

from collections.abc import Iterator

OUTPUT_BYTES = 64
OUTPUT_BITS = 8 * OUTPUT_BYTES
_GUARDS = (64, 256, 1024)


def select(beta: bytes, units: int, tau: int, total_units: int) -> int:
    """The number λ of `units` that the VRF output `beta` elects, when `tau` of `total_units` are elected on average.

    BAC paper IV.D, eqs (11), (12), with the intervals mended. `tau` at or above the total elects every unit.

    Args:
        beta: 64 bytes, the output of a verified VRF proof; all of them count, big-endian.
        units: the identity's voting units, from 0 to `total_units`.
        tau: expected number of units elected in all, not negative.
        total_units: voting units of all identities of the same snapshot, positive.

    Raises:
        ValueError: an argument is outside its range.
    """
    if len(beta) != OUTPUT_BYTES:
        raise ValueError(f"a VRF output is {OUTPUT_BYTES} bytes")
    if tau < 0 or not 0 <= units <= total_units or total_units == 0:
        raise ValueError(f"sortition of {units} units of {total_units} with {tau} expected is not defined")
    if tau >= total_units:
        return units
    if units == 0 or tau == 0:
        return 0
    u = int.from_bytes(beta, "big")
    for guard in _GUARDS:
        elected = _select_within(u, units, tau, total_units, guard)
        if elected is not None:
            return elected
    return _select_exactly(u, units, tau, total_units)


def interval(elected: int, units: int, tau: int, total_units: int) -> tuple[int, int]:
    """The outputs that elect exactly `elected` units: F(λ - 1) and F(λ) in multiples of 2^-512, rounded down.

    It shows people where an output lies; `select` decides exactly.

    Raises:
        ValueError: no output elects so many, or an argument is outside its range.
    """
    if not 0 <= elected <= units <= total_units or units == 0 or tau < 1:
        raise ValueError(f"{elected} of {units} units, {tau} of {total_units} expected: no interval")
    whole = 1 << OUTPUT_BITS
    if tau >= total_units:
        if elected < units:
            raise ValueError(f"every unit is elected, not {elected} of {units}")
        return 0, whole
    rest = total_units - tau
    surplus = _magnitude_bits(units, tau, total_units) + _GUARDS[0] + 2 * units.bit_length()
    bits = OUTPUT_BITS + surplus
    term = _power((rest << bits) // total_units, units, bits)
    low, high = 0, term
    for j in range(elected):
        term = term * ((units - j) * tau) // ((j + 1) * rest)
        low, high = high, high + term
    return low >> surplus, whole if elected == units else min(high >> surplus, whole)


def _select_within(u: int, units: int, tau: int, total_units: int, guard: int) -> int | None:
    """The number elected, or None where `guard` more bits than the error bound do not decide."""
    rest = total_units - tau
    x = _magnitude_bits(units, tau, total_units)
    bits = x + guard + units.bit_length()
    h = u >> OUTPUT_BITS - bits if bits < OUTPUT_BITS else u << bits - OUTPUT_BITS
    term = total = _power((rest << bits) // total_units, units, bits)
    for j in range(units):
        if h < total:
            return j
        if h - total < 2 * units + (j + 1) ** 2 << x:
            return None
        term = term * ((units - j) * tau) // ((j + 1) * rest)
        total += term
    return units


def _magnitude_bits(units: int, tau: int, total_units: int) -> int:
    """Some X with 2^-X <= ((R-τ)/R)^w: by ln(1+z) <= z with 1/ln 2 < 1.4427, or by the lengths of R and R-τ."""
    rest = total_units - tau
    return min(
        units * tau * 14427 // (rest * 10000) + 1,
        units * (total_units.bit_length() - rest.bit_length() + 1),
    )


def _power(base: int, exponent: int, bits: int) -> int:
    """`base` to `exponent` >= 1 in units of 2^-bits, by squaring, rounded down at every step."""
    power = 1 << bits
    while True:
        if exponent & 1:
            power = power * base >> bits
        exponent >>= 1
        if not exponent:
            return power
        base = base * base >> bits


def _select_exactly(u: int, units: int, tau: int, total_units: int) -> int:
    """The definition, in integers: least j with u·R^w < 2^512 · (R^w · F(j))."""
    edge = u * total_units**units
    return next((j for j, s in enumerate(_scaled_cdf(units, tau, total_units)) if edge < s << OUTPUT_BITS), units)


def _scaled_cdf(units: int, tau: int, total_units: int) -> Iterator[int]:
    """R^w · F(j) for j = 0, 1, …, w - 1."""
    rest = total_units - tau
    term = total = rest**units
    for j in range(units):
        yield total
        term = term * (units - j) * tau // ((j + 1) * rest)
        total += term
