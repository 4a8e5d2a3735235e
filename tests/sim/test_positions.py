"""Recorded traces as positions."""

from __future__ import annotations

from itertools import islice

import pytest

from bac.mobility.clock import on_clock
from bac.mobility.packaged import hamburg_ticks
from bac.mobility.traces import Fix
from bac.sim import seeds
from bac.sim.broadcast.trial import EchoTrial
from bac.sim.faults import Outage
from bac.sim.latency import Latency
from bac.sim.links import Box, LinkClass, Links, Radio
from bac.sim.network import Network
from bac.sim.positions import Recorded
from bac.sim.run import simulate
from tests.sim.worlds import world


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


def test_a_run_on_the_streets_of_hamburg() -> None:
    """SI-15: twelve cars of the packaged trace for half a minute, radio to 300 m, the relay failing around some."""
    ticks = list(islice(hamburg_ticks(), 31))
    first, *_ = ticks[0][1]
    cars = sorted(ticks[0][1], key=lambda car: (car.x_cm - first.x_cm) ** 2 + (car.y_cm - first.y_cm) ** 2)
    drawn = [*cars[:6], *cars[-6:]]
    positions = Recorded(ticks, [car.vehicle for car in drawn])
    near, far = drawn[0], drawn[-1]
    region = Box(near.x_cm - 50_000, near.y_cm - 50_000, near.x_cm + 50_000, near.y_cm + 50_000)
    radio = Radio(LinkClass(latency=Latency.uniform(1_000, 3_000)), ((10_000, 27_000_000), (30_000, 6_000_000)))
    relay = LinkClass(latency=Latency.uniform(40_000, 80_000), bits_per_second=2_000_000)
    links = Links(relay, radio)
    outage = Outage(at_us=500_000, end_us=2_500_000, region=region)
    report = simulate(world(12, links=links, positions=positions, faults=(outage,)), EchoTrial)
    assert report.holds, report.verdicts
    assert report.tally["lost"] > 0
    network = Network(12, links, seeds.generator(1), positions)
    latencies = [time for time, _ in network.route(0, range(1, 12), 100, 0)]
    assert min(latencies) < 5_000, "neighbours by radio"
    assert max(latencies) > 40_000, "others by the relay"
    assert positions.at(0)[11] == (far.x_cm, far.y_cm)


def test_ticks_must_be_there_and_equally_spaced() -> None:
    with pytest.raises(ValueError, match="ticks"):
        Recorded([], ("a",))
    with pytest.raises(ValueError, match="ticks"):
        Recorded([(0, []), (1, []), (3, [])], ("a",))
