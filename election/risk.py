"""How likely a committee is captured, and how large it must be: advice for choosing parameters, never agreed upon.

A committee is captured when a third or more of its weight is dishonest; then it may stall or order unfairly, and no
more. Elected units are counted as if each had its own owner: with many small owners the numbers of dishonest and honest
units elected are independent and Poisson, with means τβ and τ(1-β). Of n leaders that the cap lets through, the number
of dishonest ones is then binomial. Few large owners, and clipping, change the figures somewhat.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special, stats

WEIGHT_MAX = 1 << 20


def capture_chance(tau: int, dishonest: float, max_leaders: int | None = None) -> float:
    """The chance that at least a third of the committee's weight is dishonest.

    An empty committee counts as captured.

    Args:
        tau: expected weight, positive.
        dishonest: share β of dishonest units, in [0, 1].
        max_leaders: elected units that lead at most, first come by priority; None: all.

    Raises:
        ValueError: an argument is outside its range.
    """
    if tau < 1 or not 0 <= dishonest <= 1 or (max_leaders is not None and max_leaders < 1):
        raise ValueError("the expected weight and the cap are positive, the dishonest share is within [0, 1]")
    elected = np.arange(max(0, tau - _reach(tau)), tau + _reach(tau) + 1)
    seats = elected if max_leaders is None else np.minimum(elected, max_leaders)
    third = -(-seats // 3)
    captured = special.bdtrc(third - 1, seats, dishonest)
    captured = np.where(seats == 0, 1.0, captured)
    return float(np.sum(stats.poisson.pmf(elected, tau) * captured))


def weight_needed(wanted: float, dishonest: float, max_leaders: int | None = None) -> int | None:
    """The least expected weight whose chance of capture is `wanted` or less; None if none up to 2^20 has it."""
    if max_leaders is not None:  # not monotone, as seven of 18 are no more than six; constant once the cap is filled
        weights = range(1, max_leaders + 2 * _reach(max_leaders))
        return next((tau for tau in weights if capture_chance(tau, dishonest, max_leaders) <= wanted), None)
    low, high = 0, 1
    while capture_chance(high, dishonest) > wanted:
        low, high = high, 2 * high
        if high > WEIGHT_MAX:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if capture_chance(middle, dishonest) <= wanted else (middle, high)
    return high


def _reach(tau: int) -> int:
    """How far from its mean a Poisson number may be taken to lie: twelve deviations and more."""
    return 12 * math.isqrt(tau) + 40
