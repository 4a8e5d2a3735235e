"""How long a message takes: a distribution given by its quantiles, drawn in integers.

A quantile function that is linear between knots describes any measured latency well enough, needs no logarithm (whose
last bit differs between platforms), and a draw is one look-up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

ONE_Q16 = 1 << 16
"""Probability 1 in units of 2⁻¹⁶, the unit of every ``_q16``."""

SLOTS = 1024
"""Entries of a table: the distribution is cut into so many equally likely values."""


@dataclass(frozen=True, slots=True)
class Latency:
    """A distribution of one-way latencies.

    Attributes:
        knots: (probability in 2⁻¹⁶, µs) of the quantile function, ascending in both, from probability 0 to `ONE_Q16`.
    """

    knots: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        rising = all(a[0] < b[0] and a[1] <= b[1] for a, b in pairwise(self.knots))
        if len(self.knots) < 2 or not rising or (self.knots[0][0], self.knots[-1][0]) != (0, ONE_Q16):
            raise ValueError("a latency needs rising knots from probability 0 to 65536")
        if self.knots[0][1] < 0:
            raise ValueError("a latency is not negative")

    @classmethod
    def constant(cls, us: int) -> Latency:
        """Always `us`."""
        return cls(((0, us), (ONE_Q16, us)))

    @classmethod
    def uniform(cls, least_us: int, most_us: int) -> Latency:
        """Equally likely from `least_us` to `most_us`."""
        return cls(((0, least_us), (ONE_Q16, most_us)))

    @classmethod
    def tailed(cls, least_us: int, median_us: int, p99_us: int, most_us: int) -> Latency:
        """What networks show: most values near the median, one in a hundred far above."""
        return cls(((0, least_us), (ONE_Q16 // 2, median_us), (ONE_Q16 * 99 // 100, p99_us), (ONE_Q16, most_us)))

    @property
    def most_us(self) -> int:
        """The longest latency."""
        return self.knots[-1][1]

    def table(self, stretch: int = 1) -> tuple[int, ...]:
        """`SLOTS` equally likely latencies in µs, each `stretch` times as long: the middles of as many equal parts."""
        return _table(self.knots, stretch)


@lru_cache(maxsize=64)
def _table(knots: tuple[tuple[int, int], ...], stretch: int) -> tuple[int, ...]:
    middles = (ONE_Q16 * (2 * slot + 1) // (2 * SLOTS) for slot in range(SLOTS))
    return tuple(stretch * _quantile(knots, middle) for middle in middles)


def _quantile(knots: tuple[tuple[int, int], ...], probability: int) -> int:
    for (low, low_us), (high, high_us) in pairwise(knots):
        if probability <= high:
            return low_us + (high_us - low_us) * (probability - low) // (high - low)
    raise AssertionError("the knots end at probability 65536")
