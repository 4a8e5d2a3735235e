"""Where the nodes are: the side of the simulator that faces mobility.

Positions are integer centimetres on a plane, as in `bac.mobility.plane`. The network asks once per refresh.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol as Interface
from typing import TypeAlias

from bac.mobility.traces import Fix

Point: TypeAlias = tuple[int, int]
"""Centimetres east and north."""


class Positions(Interface):
    """A function of time."""

    def at(self, time_us: int) -> Sequence[Point | None]:
        """The position of each node, in the order of the nodes; None for one that is away: it has the relay only."""
        ...


@dataclass(frozen=True, slots=True)
class Straight:
    """Vehicles that drive straight on a square whose opposite edges are joined, so that they meet again and again.

    Attributes:
        side_cm: length of the square's edges.
        starts: position of each node at time 0.
        velocities_cm_s: its velocity.
    """

    side_cm: int
    starts: tuple[Point, ...]
    velocities_cm_s: tuple[Point, ...]

    def at(self, time_us: int) -> Sequence[Point | None]:
        """All are always present."""
        return [
            ((x + dx * time_us // 1_000_000) % self.side_cm, (y + dy * time_us // 1_000_000) % self.side_cm)
            for (x, y), (dx, dy) in zip(self.starts, self.velocities_cm_s, strict=True)
        ]


class Recorded:
    """A trace: node *i* is the vehicle `vehicles[i]`; between two ticks it stays where the earlier one saw it."""

    def __init__(self, ticks: Iterable[tuple[int, Sequence[Fix]]], vehicles: Sequence[str]) -> None:
        """Takes what `bac.mobility.clock.on_clock` yields; time 0 of the run is the first tick.

        Raises:
            ValueError: no ticks, or ticks that are not equally spaced.
        """
        nodes = {vehicle: node for node, vehicle in enumerate(vehicles)}
        times: list[int] = []
        self._frames: list[list[Point | None]] = []
        for time_us, fixes in ticks:
            frame: list[Point | None] = [None] * len(nodes)
            for fix in fixes:
                if fix.vehicle in nodes:
                    frame[nodes[fix.vehicle]] = (fix.x_cm, fix.y_cm)
            times.append(time_us)
            self._frames.append(frame)
        self._step_us = times[1] - times[0] if len(times) > 1 else 1
        if not times or times != list(range(times[0], times[0] + self._step_us * len(times), self._step_us)):
            raise ValueError("a recorded trace needs equally spaced ticks")

    def at(self, time_us: int) -> Sequence[Point | None]:
        """The frame of the last tick not after `time_us`; after the end, the last one."""
        return self._frames[min(time_us // self._step_us, len(self._frames) - 1)]
