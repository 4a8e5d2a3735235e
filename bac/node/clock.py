"""The clock of a node: µs since 1970 that never go back while the process lives.

A network that replays a trace lives in the trace's time: its nodes show another time than the machine, which passes at
another rate. They all compute it from the machine's wall clock, so a node that starts again shows the same as before.
"""

from __future__ import annotations

import time

import trio

from bac.node.settings import Settings
from bac.types import Micros


class Clock:
    """The wall clock as it stood at the start, carried on by trio's monotonic one.

    A step of the wall clock is seen at the next start only, so the contract's ``now`` never decreases; and a test that
    moves trio's clock moves this one.
    """

    def __init__(self, anchor_us: int | None = None, rate: float = 1.0) -> None:
        """Takes what time it is; None asks the machine. `rate` is how much passes in a second. Must be made in trio."""
        self._anchor_us = time.time_ns() // 1000 if anchor_us is None else anchor_us
        self._rate = 1_000_000 * rate
        self._start = trio.current_time()

    def now(self) -> Micros:
        """What time it is, in µs."""
        return Micros(self._anchor_us + int((trio.current_time() - self._start) * self._rate))

    def moment_of(self, at: Micros) -> float:
        """When trio's clock will have reached `at`, rounded up, so that a timer never rings early."""
        return self._start + (at - self._anchor_us + 1) / self._rate


def shown_at(settings: Settings, wall_us: int) -> Micros:
    """What the clocks of a network with these settings show when the machine's says `wall_us`."""
    return Micros(settings.clock_origin_us + int((wall_us - settings.clock_began_us) * settings.clock_rate))


def clock_by(settings: Settings) -> Clock:
    """The clock that they ask for, started now."""
    return Clock(shown_at(settings, time.time_ns() // 1000), settings.clock_rate)
