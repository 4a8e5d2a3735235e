"""Recorded traces as positions."""

from __future__ import annotations

import pytest

from bac.mobility.clock import on_clock
from bac.mobility.traces import Fix
from bac.sim import seeds
from bac.sim.latency import Latency
from bac.sim.links import LinkClass, Links, Radio
from bac.sim.network import Network
from bac.sim.positions import Recorded


def fix(second: int, vehicle: str, x_cm: int) -> Fix:
    return Fix(second * 1_000_000, vehicle, x_cm, 0, (0, 0))


FIXES = [fix(10, "a", 0), fix(10, "b", 20_000), fix(12, "a", 2_000), fix(12, "c", 5), fix(14, "b", 0)]


def recorded() -> Recorded:
    return Recorded(on_clock(FIXES, 1_000_000, 5_000_000), ("b", "a", "nobody"))


def test_a_recorded_trace_begins_with_its_first_tick_and_keeps_its_last() -> None:
    """SI-15: b drives 20 m in four seconds; a leaves after two; who is not in the trace is away."""
    positions = recorded()
    assert list(positions.at(0)) == [(20_000, 0), (0, 0), None]
    assert list(positions.at(999_999)) == [(20_000, 0), (0, 0), None]
    assert list(positions.at(1_000_000)) == [(15_000, 0), (1_000, 0), None]
    assert list(positions.at(3_500_000)) == [(5_000, 0), None, None]
    assert list(positions.at(10**9)) == [(0, 0), None, None]


def test_links_follow_a_recorded_trace() -> None:
    """SI-15: out of the radio's 150 m at first, then within, then away."""
    relay, radio = LinkClass(latency=Latency.constant(50_000)), LinkClass(latency=Latency.constant(1_000))
    network = Network(3, Links(relay, Radio(radio, ((15_000, 10**9),))), seeds.generator(1), recorded())
    latencies = [network.route(0, (1,), 0, second * 1_000_000)[0][0] - second * 1_000_000 for second in range(4)]
    assert latencies == [50_000, 1_000, 1_000, 50_000]


def test_ticks_must_be_there_and_equally_spaced() -> None:
    with pytest.raises(ValueError, match="ticks"):
        Recorded([], ("a",))
    with pytest.raises(ValueError, match="ticks"):
        Recorded([(0, []), (1, []), (3, [])], ("a",))
