"""The data that comes with the project, read into integers. Sources and terms: ``bac/mobility/data/NOTICE.md``."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from bac.mobility.clock import on_clock
from bac.mobility.plane import Plane
from bac.mobility.traces import Fix, read

DATA = Path(__file__).parent / "data"

HAMBURG = Plane(53.56, 9.98)
AUSTIN = Plane(30.37, -97.75)

HAMBURG_GAP_US = 30_000_000
"""The Hamburg cut keeps a sample at least this often while a car is there."""
AUSTIN_GAP_US = 300_000_000
"""Buses report every two minutes; past five the bus counts as away."""


@dataclass(frozen=True, slots=True)
class Battery:
    """The type of an electric car, as the simulation names it, and what its battery holds when full."""

    ev_type: str
    capacity_wh: int


@dataclass(frozen=True, slots=True)
class Station:
    """A charging station on the plane of its region."""

    id: str
    x_cm: int
    y_cm: int


def hamburg_fixes() -> Iterator[Fix]:
    """The 57,177 kept samples of 2,272 electric cars, seconds 300 to 1499, on the plane `HAMBURG`."""
    return read(DATA / "hamburg_trace.csv.gz", HAMBURG)


def hamburg_ticks(step_us: int = 1_000_000) -> Iterator[tuple[int, list[Fix]]]:
    """The Hamburg cars at every multiple of `step_us`, straight between samples (within 3 m of the path)."""
    return on_clock(hamburg_fixes(), step_us, HAMBURG_GAP_US)


def hamburg_staying(start_us: int, end_us: int) -> list[str]:
    """Names of the cars that are there from `start_us` to `end_us`, ascending (a trip has no gaps)."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for fix in hamburg_fixes():
        first.setdefault(fix.vehicle, fix.time_us)
        last[fix.vehicle] = fix.time_us
    return sorted(name for name in first if first[name] <= start_us and end_us <= last[name])


def hamburg_batteries() -> dict[str, Battery]:
    """The battery of every car of the Hamburg trace, by name."""
    rows = _rows("hamburg_vehicles.csv.gz")
    return {row["vehicle_id"]: Battery(row["ev_type"], int(row["battery_capacity_wh"])) for row in rows}


def hamburg_stations() -> list[Station]:
    """Hamburg's 399 public charging sites, on the plane `HAMBURG`."""
    return _stations("hamburg_sites.csv.gz", "location_id", HAMBURG)


def austin_fixes() -> Iterator[Fix]:
    """The 19,823 GPS fixes of 321 buses, seconds 0 to 7200, on the plane `AUSTIN`."""
    return read(DATA / "austin_buses.csv.gz", AUSTIN)


def austin_ticks(step_us: int = 1_000_000) -> Iterator[tuple[int, list[Fix]]]:
    """The Austin buses at every multiple of `step_us`; away in gaps over 300 s."""
    return on_clock(austin_fixes(), step_us, AUSTIN_GAP_US)


def austin_stations() -> list[Station]:
    """Austin's 589 charging stations, on the plane `AUSTIN`."""
    return _stations("austin_stations.csv.gz", "station_id", AUSTIN)


def german_day_ahead() -> list[tuple[int, int]]:
    """The German wholesale price of every hour of 2020.

    Returns:
        Pairs (start in µs since the Unix epoch, price in 10⁻⁶ EUR per kWh), exact; prices may be negative.
    """
    return [
        (
            int(datetime.fromisoformat(row["start_utc"]).timestamp()) * 1_000_000,
            int(Decimal(row["price_eur_mwh"]) * 1000),
        )
        for row in _rows("german_day_ahead_2020.csv.gz")
    ]


def _stations(name: str, key: str, plane: Plane) -> list[Station]:
    return [Station(row[key], *plane.to_cm(float(row["lat"]), float(row["lon"]))) for row in _rows(name)]


def _rows(name: str) -> Iterator[dict[str, str]]:
    with gzip.open(DATA / name, "rt", encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)
