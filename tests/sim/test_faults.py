"""Faults as data: planned, performed, healed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from bac.protocol import Effect, Persist, Send, SetTimer
from bac.sim import seeds
from bac.sim.faults import ClockStep, Crash, Fault, Injection, Outage, Partition, Slow, Storm
from bac.sim.latency import ONE_Q16, Latency
from bac.sim.links import Box, LinkClass, Links, Weather
from bac.sim.network import Network
from bac.sim.positions import Straight
from bac.sim.simulation import Simulation
from bac.sim.subject import Costs
from bac.types import Micros
from tests.sim.echo import Heard, ids
from tests.sim.thin import Script

A, B = ids(2)
EVERY_US = 10_000


def ticking(_: Any, now: int) -> Sequence[Effect]:
    """Every 10 ms: a record, a message, a record."""
    tick = now // EVERY_US
    key = tick.to_bytes(4, "big")
    return [
        Persist(b"1" + key, b""),
        Send((B,), Heard(tick)),
        Persist(b"2" + key, b""),
        SetTimer("t", Micros(now + EVERY_US)),
    ]


def beginning(_: Any, now: int) -> Sequence[Effect]:
    return [SetTimer("t", Micros((now // EVERY_US + 1) * EVERY_US))]


def play(*faults: Fault, until: int = 200_000, heal: int | None = None, costs: Costs | None = None) -> Script:
    """Node A ticks for B, 20 times; answers the subject."""
    subject = Script({"start": beginning, "timer": ticking}, {})
    positions = Straight(1_000, ((0, 0), (500, 500)), ((0, 0), (0, 0)))
    network = Network(2, Links(LinkClass(latency=Latency.constant(1_000))), seeds.generator(1, "network"), positions)
    made = Simulation(subject, network, seed=1, costs=costs or Costs())
    injection = Injection(made, faults)
    made.start()
    if heal is not None:
        made.advance(heal)
        injection.heal()
    made.advance(until)
    return subject


def ticks(subject: Script) -> list[int]:
    return [content[1].number for handler, content, _ in subject.nodes[1].inputs if handler == "message"]


def test_a_crash_waits_for_its_persist_and_the_node_comes_back() -> None:
    """SI-18: armed at 45 ms; of tick 5 the second record is the last thing done; up again at 105 ms."""
    subject = play(Crash(node=0, at_us=45_000, persists=2, down_us=60_000))
    assert ticks(subject) == [1, 2, 3, 4, 5, 11, 12, 13, 14, 15, 16, 17, 18, 19]
    _, again = (records for index, _, records, _ in subject.built if index == 0)
    assert [persist.key[:1] for persist in again] == [b"1", b"2"] * 5
    assert ticks(play(Crash(node=0, at_us=45_000, persists=1, down_us=60_000)))[3:6] == [4, 11, 12]
    assert ticks(play(Crash(node=0, at_us=45_000, persists=0, down_us=60_000)))[3:6] == [4, 11, 12]


def test_a_node_that_persists_less_than_planned_crashes_at_its_restart() -> None:
    """SI-18."""
    subject = play(Crash(node=0, at_us=45_000, persists=9, down_us=20_000))
    assert len([1 for index, *_ in subject.built if index == 0]) == 2
    assert ticks(subject) == list(range(1, 20))


def test_a_restart_without_disk_starts_from_nothing() -> None:
    """SI-18."""
    subject = play(Crash(node=0, at_us=45_000, persists=1, down_us=60_000, with_disk=False))
    assert [len(records) for index, _, records, _ in subject.built if index == 0] == [0, 0]


def test_partitions_storms_and_outages_begin_and_end() -> None:
    """SI-14, SI-15, SI-16: ticks 5 to 9 are lost, before and after nothing is."""
    rest = [*range(1, 5), *range(10, 20)]
    span: dict[str, Any] = {"at_us": 45_000, "end_us": 95_000}
    assert ticks(play(Partition(groups=((0,), (1,)), **span))) == rest
    assert ticks(play(Partition(groups=((0,), (1,)), one_way=True, **span))) == rest
    assert ticks(play(Partition(groups=((1,), (0,)), one_way=True, **span))) == list(range(1, 20))
    assert ticks(play(Storm(weather=Weather(loss_q16=ONE_Q16), **span))) == rest
    assert ticks(play(Outage(region=Box(400, 400, 600, 600), **span))) == rest
    assert ticks(play(Outage(region=Box(600, 600, 700, 700), **span))) == list(range(1, 20))


def test_slowness_and_clocks() -> None:
    """SI-19: a hundred times the work for a while; a clock set ahead makes the ticker skip."""
    plain = play(costs=Costs(input_us=500))
    slowed = play(Slow(node=1, at_us=45_000, end_us=95_000, factor=100), costs=Costs(input_us=500))
    arrivals = {
        subject is slowed: [now for handler, _, now in subject.nodes[1].inputs if handler == "message"]
        for subject in (plain, slowed)
    }
    assert arrivals[False][:5] == arrivals[True][:5]
    assert arrivals[False][6] < arrivals[True][6]
    assert ticks(play(ClockStep(node=0, at_us=45_000, offset_us=100_000, drift_ppm=0)))[:6] == [1, 2, 3, 4, 15, 16]


def test_slowness_that_overlaps_lasts_to_its_own_end() -> None:
    """SI-19: the end of the shorter one does not end the longer one; of two at a time the worse counts."""
    busy: dict[str, Any] = {"costs": Costs(input_us=200)}
    long = Slow(node=0, at_us=5_000, end_us=155_000, factor=20)
    short = Slow(node=0, at_us=25_000, end_us=55_000, factor=2)

    def sent(*faults: Fault) -> list[int]:
        return [now for handler, _, now in play(*faults, **busy).nodes[1].inputs if handler == "message"]

    assert sent(long, short) == sent(long)
    assert sent(long) != sent()
    assert sent(short, long) == sent(long)


@pytest.mark.parametrize(
    "fault",
    [
        Partition(at_us=5_000, end_us=10**9, groups=((0,), (1,))),
        Storm(at_us=5_000, end_us=10**9, weather=Weather(loss_q16=ONE_Q16)),
        Outage(at_us=5_000, end_us=10**9, region=Box(0, 0, 1, 1)),
        Crash(node=0, at_us=5_000, persists=0, down_us=10**9),
        Crash(node=0, at_us=5_000, persists=1, down_us=10**9),
        Slow(node=1, at_us=5_000, end_us=10**9, factor=10**4),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_healing_ends_every_fault_at_once(fault: Fault) -> None:
    """SI-20: healed at 100 ms, everything arrives from tick 11 on."""
    subject = play(fault, heal=100_000, until=250_000, costs=Costs(input_us=1))
    assert ticks(subject)[-5:] == [20, 21, 22, 23, 24]
    assert {tick for tick in ticks(subject) if tick > 10} == set(range(11, 25))


def test_nothing_that_was_planned_happens_after_healing() -> None:
    """SI-20: neither a crash still armed, nor a later fault, nor a restart."""
    later = (
        Crash(node=0, at_us=95_000, persists=3, down_us=50_000),
        Crash(node=0, at_us=120_000, persists=0, down_us=10_000),
        Partition(at_us=130_000, end_us=10**9, groups=((0,), (1,))),
    )
    subject = play(*later, heal=100_000, until=250_000)
    assert ticks(subject) == list(range(1, 25))
    assert len(subject.built) == 2
