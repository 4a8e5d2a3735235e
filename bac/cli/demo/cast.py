"""Who takes part, drawn from the packaged Hamburg trace by a rule, and where everybody is at each tick.

The rule. A window of the trace is cut; the seed says where it begins. Three quarters of the cars found the network:
they are on the road when the window begins. An eighth of all are founders who drive off while it lasts; a quarter
arrive in its first half, and stay. All others stay throughout. Who they are follows from who meets whom: the first is
the car that stays and spends most time within radio range of others that stay; each next one, of those who stay, then
leave, then arrive, is the car that spends most time in range of those already drawn, where a pair counts for a minute
at most; ties go to the lower name. So the cast is a neighbourhood that moves, as a shard is, and comes and goes as the
trace says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import takewhile
from typing import Final

from bac.cli.times import SECOND
from bac.mobility.clock import on_clock
from bac.mobility.packaged import HAMBURG_GAP_US, hamburg_fixes
from bac.mobility.replay import to_reports
from bac.mobility.traces import Fix
from shards import Params
from shards.quality import find_links

TICK_US: Final = 3 * SECOND
"""Of the trace, between two positions."""
RADIO: Final = Params()
"""Whose range says who hears whom."""
FIRST_US: Final = 330 * SECOND
SLOTS: Final = 24
SLOT_US: Final = 39 * SECOND
PAIR_US_MAX: Final = 60 * SECOND

Ticks = Mapping[int, Mapping[str, Fix]]
"""By time and name."""


class Part(StrEnum):
    """What a car does in the window."""

    STAYS = "stays"
    LEAVES = "leaves"
    ARRIVES = "arrives"


DEEDS: Final = {Part.STAYS: "stay", Part.LEAVES: "leave", Part.ARRIVES: "arrive"}


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the trace, in µs of its own clock; a multiple of `TICK_US` long."""

    start_us: int
    end_us: int

    @property
    def length_us(self) -> int:
        """How long it lasts."""
        return self.end_us - self.start_us

    def part_us(self, share: float) -> int:
        """The time when `share` of it has passed."""
        return self.start_us + int(share * self.length_us)


@dataclass(frozen=True, slots=True)
class Car:
    """One of the cast: the trace's name, its part, and its first and last tick in the window."""

    vehicle: str
    part: Part
    first_us: int
    last_us: int


def window_of(seed: int, length_us: int) -> Window:
    """The window of a seed: one of `SLOTS` beginnings, evenly spaced over the trace."""
    start = FIRST_US + seed % SLOTS * SLOT_US
    return Window(start, start + -(-length_us // TICK_US) * TICK_US)


def cut(window: Window) -> Ticks:
    """Everybody's position at each tick of the window."""
    beyond = window.end_us + HAMBURG_GAP_US
    fixes = takewhile(lambda fix: fix.time_us <= beyond, hamburg_fixes())
    near = (fix for fix in fixes if fix.time_us >= window.start_us - HAMBURG_GAP_US)
    return {
        at: {fix.vehicle: fix for fix in here}
        for at, here in on_clock(near, TICK_US, HAMBURG_GAP_US)
        if window.start_us <= at <= window.end_us
    }


def draw(ticks: Ticks, window: Window, count: int) -> tuple[Car, ...]:
    """The cast: founders first (who stays, then who leaves), then arrivals, each in the order of the draw.

    Raises:
        ValueError: fewer than eight are asked for, or the window has not so many.
    """
    if count < 8:
        raise ValueError("the cast has at least 8 vehicles: 6 founders and 2 arrivals")
    spans = _spans(ticks)
    pools = {part: [name for name in spans if _part(spans[name], window) is part] for part in Part}
    wanted = {Part.STAYS: count - count // 8 - count // 4, Part.LEAVES: count // 8, Part.ARRIVES: count // 4}
    met = _meetings(ticks)
    chosen: list[str] = []
    cast: list[Car] = []
    for part, number in wanted.items():
        for _ in range(number):
            free = sorted(name for name in pools[part] if name not in chosen)
            if not free:
                raise ValueError(f"the window has only {len(pools[part])} cars that {DEEDS[part]}, not {number}")
            others, cap_us = (chosen, PAIR_US_MAX) if chosen else (pools[part], window.length_us)
            name = max(free, key=partial(_affinity, tuple(others), met, cap_us))
            chosen.append(name)
            cast.append(Car(name, part, *spans[name]))
    return tuple(cast)


def _spans(ticks: Ticks) -> dict[str, tuple[int, int]]:
    spans: dict[str, tuple[int, int]] = {}
    for at in sorted(ticks):
        for name in ticks[at]:
            spans[name] = (spans[name][0] if name in spans else at, at)
    return spans


def _part(span: tuple[int, int], window: Window) -> Part | None:
    """Which part a car could have; None if it comes too late, or stays too short."""
    first, last = span
    if last == window.end_us:
        if first == window.start_us:
            return Part.STAYS
        return Part.ARRIVES if window.part_us(0.05) <= first <= window.part_us(0.5) else None
    is_founder = first == window.start_us and window.part_us(0.4) <= last <= window.part_us(0.8)
    return Part.LEAVES if is_founder else None


def _meetings(ticks: Ticks) -> Counter[tuple[str, str]]:
    """For how long (µs) each two were within range."""
    met: Counter[tuple[str, str]] = Counter()
    for here in ticks.values():
        reports = to_reports(list(here.values()), RADIO)
        for one, other in find_links(reports, RADIO.range_cm):
            pair = one.decode(), other.decode()
            met[pair] += TICK_US
            met[pair[::-1]] += TICK_US
    return met


def _affinity(others: Sequence[str], met: Mapping[tuple[str, str], int], cap_us: int, name: str) -> int:
    return sum(min(met.get((name, other), 0), cap_us) for other in others)


def hearers(name: str, here: Mapping[str, Fix], present: Iterable[str]) -> list[str]:
    """Who of `present` is within radio range of `name`, the nearest first; none if it is not on the road."""
    if name not in here:
        return []
    fix = here[name]
    squares = {
        other: (here[other].x_cm - fix.x_cm) ** 2 + (here[other].y_cm - fix.y_cm) ** 2
        for other in present
        if other != name and other in here
    }
    reach = RADIO.range_cm**2
    return sorted((other for other in squares if squares[other] <= reach), key=lambda other: (squares[other], other))
