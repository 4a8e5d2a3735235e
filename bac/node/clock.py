"""The clock of a node: µs since 1970 that never go back while the process lives."""

from __future__ import annotations

import time

import trio

from bac.types import Micros


class Clock:
    """The wall clock as it stood at the start, carried on by trio's monotonic one.

    A step of the wall clock is seen at the next start only, so the contract's ``now`` never decreases; and a test that
    moves trio's clock moves this one.
    """

    def __init__(self, anchor_us: int | None = None) -> None:
        """Takes what time it is; None asks the machine. Must be made inside trio."""
        self._anchor_us = time.time_ns() // 1000 if anchor_us is None else anchor_us
        self._start = trio.current_time()

    def now(self) -> Micros:
        """What time it is, in µs."""
        return Micros(self._anchor_us + int((trio.current_time() - self._start) * 1_000_000))

    def moment_of(self, at: Micros) -> float:
        """When trio's clock will have reached `at`, rounded up, so that a timer never rings early."""
        return self._start + (at - self._anchor_us + 1) / 1_000_000
