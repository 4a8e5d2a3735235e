"""A token bucket: how long whoever used so much has to wait."""

from __future__ import annotations


class Bucket:
    """Grants `rate` per second, and `burst` seconds of it at once to who was quiet."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._most = rate * burst
        self._left = self._most
        self._then = now

    def take(self, amount: int, now: float) -> float:
        """Uses `amount`; the seconds to wait before using more, 0 if none."""
        self._left = min(self._most, self._left + (now - self._then) * self._rate) - amount
        self._then = now
        return max(0.0, -self._left / self._rate)
