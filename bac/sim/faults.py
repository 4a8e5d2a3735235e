"""Faults as data: what happens to honest machines and to the network, and when it ends.

A plan is a tuple of faults. `Injection` puts them on the simulation's agenda and takes them all back at healing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from bac.sim.agenda import Action
from bac.sim.links import Box, Weather
from bac.sim.simulation import Simulation


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """A node dies right after its `persists`-th `Persist` from `at_us` on; it is up again `down_us` after `at_us`.

    All that stood after that `Persist` in its effects is lost; with 0 it dies at once, between two inputs. A node that
    persisted less until its restart dies then. Without its disk it starts from nothing: such a node may contradict
    what it said before, so it counts among the dishonest.
    """

    node: int
    at_us: int
    persists: int
    down_us: int
    with_disk: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow:
    """A node's work takes `factor` times as long."""

    node: int
    at_us: int
    end_us: int
    factor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStep:
    """A node's clock is set `offset_us` ahead of the simulation's and drifts from then on. It is not healed."""

    node: int
    at_us: int
    offset_us: int
    drift_ppm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """No message passes between the groups; with `one_way` none from a group to a later one."""

    at_us: int
    end_us: int
    groups: tuple[tuple[int, ...], ...]
    one_way: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """All links are worse."""

    at_us: int
    end_us: int
    weather: Weather


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """The relay fails in a region."""

    at_us: int
    end_us: int
    region: Box


Fault: TypeAlias = Crash | Slow | ClockStep | Partition | Storm | Outage


class Injection:
    """The faults of one run."""

    def __init__(self, simulation: Simulation, faults: Iterable[Fault]) -> None:
        """Puts `faults` on the agenda of `simulation`."""
        self._simulation = simulation
        self._is_healed = False
        self._slow: list[Slow] = []
        for fault in faults:
            self._plan(fault)

    def heal(self) -> None:
        """Ends every trouble at once: links, partitions, slowness; who is down restarts from its disk."""
        self._is_healed = True
        self._simulation.network.heal()
        for host in self._simulation.hosts:
            host.disarm()
            host.slow_down(1)
            if host.protocol is None:
                host.construct(self._simulation.time)

    def _plan(self, fault: Fault) -> None:
        match fault:
            case Crash():
                host = self._simulation.hosts[fault.node]
                self._at(fault.at_us, lambda time: host.arm_crash(time, fault.persists))
                self._at(fault.at_us + fault.down_us, partial(self._restart, fault))
            case Slow():
                self._at(fault.at_us, lambda _: self._slow_down(fault.node, [*self._slow, fault]))
                self._at(fault.end_us, lambda _: self._slow_down(fault.node, [f for f in self._slow if f is not fault]))
            case ClockStep():
                set_clock = self._simulation.hosts[fault.node].set_clock
                self._at(fault.at_us, lambda time: set_clock(time, fault.offset_us, fault.drift_ppm))
            case Partition() | Storm() | Outage():
                self._at(fault.at_us, partial(self._trouble, fault))

    def _at(self, time: int, action: Action) -> None:
        self._simulation.at(time, lambda now: None if self._is_healed else action(now))

    def _slow_down(self, node: int, slow: list[Slow]) -> None:
        """Of several at a time the worst counts."""
        self._slow = slow
        self._simulation.hosts[node].slow_down(max((fault.factor for fault in slow if fault.node == node), default=1))

    def _restart(self, fault: Crash, time: int) -> None:
        host = self._simulation.hosts[fault.node]
        host.crash(time)
        host.construct(time, wipe=not fault.with_disk)

    def _trouble(self, fault: Partition | Storm | Outage, _: int) -> None:
        network = self._simulation.network
        match fault:
            case Partition():
                token = network.cut(fault.groups, one_way=fault.one_way)
            case Storm():
                token = network.change_weather(fault.weather)
            case Outage():
                token = network.fail_relay(fault.region)
        self._at(fault.end_us, lambda _: network.mend(token))
