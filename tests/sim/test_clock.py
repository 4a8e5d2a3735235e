"""A node's own clock, and the timers that go by it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from bac.protocol import Effect, SetTimer
from bac.sim.clock import Clock
from bac.sim.simulation import Simulation
from bac.sim.subject import Costs
from bac.types import Micros
from tests.sim.echo import Word
from tests.sim.thin import Script, network


def test_a_clock_is_ahead_drifts_and_never_goes_back() -> None:
    """SI-11."""
    clock = Clock()
    clock.set(0, 500, 100)
    assert [clock.read(time) for time in (0, 1_000_000, 2_000_000)] == [500, 1_000_600, 2_000_700]
    clock.set(2_000_000, 0, 0)
    assert [clock.read(time) for time in (2_000_000, 2_000_500, 2_000_800)] == [2_000_700, 2_000_700, 2_000_800]
    for offset, drift in ((-1, 0), (0, -1_000_000)):
        with pytest.raises(ValueError, match="clock"):
            clock.set(0, offset, drift)


@pytest.mark.parametrize(("offset", "drift"), [(0, 0), (700, 0), (0, 200), (0, -200), (3_000, -500_000), (10, 900_000)])
def test_timers_go_by_the_nodes_own_clock(offset: int, drift: int) -> None:
    """SI-5, SI-11: never early by that clock, and at most 3 µs late."""
    ring = {"start": lambda _, now: [SetTimer("t", Micros(now + 1_000))]}
    ring["timer"] = lambda timer, now: [SetTimer(timer, Micros(now + 1_000))] if now < 100_000 else []
    subject = Script(ring)
    made = Simulation(subject, network(1), seed=1)
    made.hosts[0].set_clock(0, offset, drift)
    made.start()
    made.advance(1_000_000)
    times = [now for _, _, now in subject.nodes[0].inputs]
    assert len(times) > 90
    assert all(1_000 <= after - before <= 1_003 for before, after in pairwise(times))


def test_a_clock_that_is_set_moves_timers_with_it() -> None:
    """SI-11: set ahead, a timer stays as scheduled; set back, it waits for its time."""
    subject = Script({"start": lambda _, now: [SetTimer("t", Micros(10_000))]})
    made = Simulation(subject, network(1), seed=1)
    made.hosts[0].set_clock(0, 8_000, 0)
    made.start()
    made.at(1_000, lambda time: made.hosts[0].set_clock(time, 0, 0))
    made.advance(100_000)
    assert subject.nodes[0].inputs[-1] == ("timer", "t", 10_000)


def test_a_clock_that_stands_still_does_not_hold_back_what_is_due() -> None:
    """SI-11: set back from 8 ms to 1 ms it reads 8 ms for a while; a timer for that reading rings at the next µs."""
    subject = Script({"transaction": lambda _, now: [SetTimer("t", now)]})
    made = Simulation(subject, network(1), seed=1)
    made.hosts[0].set_clock(0, 7_000, 0)
    made.start()
    made.at(1_000, lambda time: made.hosts[0].set_clock(time, 0, 0))
    made.submit(0, Word("now"), 1_000)
    made.advance(1_001)
    assert [(handler, now) for handler, _, now in subject.nodes[0].inputs] == [
        ("start", 7_000), ("transaction", 7_000), ("timer", 7_000),
    ]  # fmt: skip


def test_a_timer_set_again_replaces_the_one_before_even_while_it_waits() -> None:
    """SI-5: replaced by name; other names stay; a firing that waits in the inbox is void if it is set again."""

    def start(_: Any, now: int) -> Sequence[Effect]:
        return [
            SetTimer("a", Micros(500)),
            SetTimer("b", Micros(600)),
            SetTimer("a", Micros(900)),
            SetTimer("c", Micros(620)),
        ]

    timer = {"b": [SetTimer("c", Micros(5_000))]}
    subject = Script({"start": start, "timer": lambda name, now: timer.get(name, [])})
    made = Simulation(subject, network(1), seed=1, costs=Costs(input_us=50))
    made.start()
    made.advance(10_000)
    assert [(name, now) for handler, name, now in subject.nodes[0].inputs if handler == "timer"] == [
        ("b", 600), ("a", 900), ("c", 5_000),
    ]  # fmt: skip
