"""The clock of a node, by the machine's and by a network's own."""

from __future__ import annotations

from dataclasses import replace

import trio
import trio.testing

from bac.node.clock import Clock, shown_at
from bac.node.settings import Settings
from bac.types import Micros

TRACE = replace(Settings(), clock_rate=3.0, clock_began_us=1_000_000_000, clock_origin_us=500)


def test_a_network_that_replays_a_trace_lives_in_its_time() -> None:
    """NO-30: the shown time follows from the machine's and the settings alone; by default it is the machine's."""
    assert shown_at(TRACE, 1_000_000_000) == 500
    assert shown_at(TRACE, 1_002_000_000) == 6_000_500
    assert shown_at(Settings(), 1_600_000_000_000_000) == 1_600_000_000_000_000


def test_a_clock_that_runs_faster_rings_as_much_earlier() -> None:
    """NO-30: and never early."""

    async def passes() -> None:
        clock = Clock(7_000_000, 3.0)
        assert clock.now() == 7_000_000
        due = Micros(7_900_000)
        await trio.sleep_until(clock.moment_of(due))
        assert due <= clock.now() <= due + 10
        assert trio.current_time() - began < 0.31

    mock = trio.testing.MockClock(autojump_threshold=0)
    began = mock.current_time()
    trio.run(passes, clock=mock)
