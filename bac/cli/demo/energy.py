"""Who sells energy to whom, how much, and for what: a model of charging from vehicle to vehicle on the road.

Model. Two cars within `REACH_CM` of each other, of which one has its battery fuller by `GAP_PERCENT` of its capacity or
more, transfer `POWER_W` (a three-phase plug at 16 A) from the fuller to the emptier for as long as they are so near.
Each car is in one transfer at a time; the nearest pairs go first, ties by name. What was transferred since the last
settlement is paid at the day-ahead price of the hour; in hours with a price of zero or below nothing is paid. One coin
is one euro. The trace's own batteries are not changed: nobody charges in it.

Prices are those of a real day: the trace names none, so its second 0 is taken for `DAY`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from bac.cli.times import SECOND, parse_time
from bac.mobility.packaged import Battery
from bac.mobility.traces import Fix

REACH_CM: Final = 10_000
POWER_W: Final = 11_000
GAP_PERCENT: Final = 10
HOUR_US: Final = 3_600 * SECOND
DAY: Final = parse_time("2020-09-15T15:00:00Z")
"""A Tuesday, 17 o'clock in Hamburg: second 0 of the trace, as µs since 1970."""


@dataclass(frozen=True, slots=True)
class Sale:
    """One transfer under way: who sells to whom."""

    seller: str
    buyer: str


def find_sales(here: Iterable[Fix], batteries: Mapping[str, Battery]) -> list[Sale]:
    """The transfers among the cars at one tick, the nearest pairs first."""
    fixes = sorted(here, key=lambda fix: fix.vehicle)
    pairs = sorted(
        (square, one.vehicle, other.vehicle, one, other)
        for one, other in combinations(fixes, 2)
        if (square := (one.x_cm - other.x_cm) ** 2 + (one.y_cm - other.y_cm) ** 2) <= REACH_CM**2
    )
    taken: dict[str, None] = {}
    sales: list[Sale] = []
    for _, name, other_name, one, other in pairs:
        sale = _sale(one, other, batteries)
        if sale is None or name in taken or other_name in taken:
            continue
        taken |= dict.fromkeys((name, other_name))
        sales.append(sale)
    return sales


def _sale(one: Fix, other: Fix, batteries: Mapping[str, Battery]) -> Sale | None:
    if one.battery_wh is None or other.battery_wh is None:
        return None
    capacities = batteries[one.vehicle].capacity_wh, batteries[other.vehicle].capacity_wh
    # The levels' difference in percent, times both capacities: whole numbers.
    gap = 100 * (one.battery_wh * capacities[1] - other.battery_wh * capacities[0])
    least = GAP_PERCENT * capacities[0] * capacities[1]
    if gap >= least:
        return Sale(one.vehicle, other.vehicle)
    return Sale(other.vehicle, one.vehicle) if -gap >= least else None


def energy_wh(duration_us: int) -> int:
    """What a transfer of so long moves, in whole Wh, rounded down."""
    return POWER_W * duration_us // HOUR_US


def price_at(time_us: int, hours: Sequence[tuple[int, int]]) -> int:
    """The price (10⁻⁶ EUR per kWh) of the hour that `time_us` lies in.

    Raises:
        ValueError: there is none for that hour.
    """
    for start, price in hours:
        if start <= time_us < start + HOUR_US:
            return price
    raise ValueError("no price is known of that hour")


def cost_micro(energy: int, price: int) -> int:
    """What so many Wh cost, in 10⁻⁶ coins, rounded down; never below zero."""
    return max(0, energy * price // 1000)
