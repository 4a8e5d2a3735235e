"""Vehicles for tests: drawn by hypothesis or by seed, and crowds placed by hand."""

from __future__ import annotations

import random
from collections.abc import Iterable

from hypothesis import strategies as st

from shards import Assignment, Params, Report

SMALL = Params(max_size=8, min_size=2)


def report(
    name: str, x_m: float, y_m: float = 0, vx_m_s: float = 0, vy_m_s: float = 0, time_us: int = 0,
    witnesses: Iterable[str] = (),
) -> Report:  # fmt: skip
    return Report(
        name.encode(), time_us, round(x_m * 100), round(y_m * 100), round(vx_m_s * 100), round(vy_m_s * 100),
        tuple(witness.encode() for witness in witnesses),
    )  # fmt: skip


def crowd(name: str, count: int, x_m: float, y_m: float = 0, spread_m: float = 40) -> list[Report]:
    """Standing vehicles on a square lattice around a point."""
    side = max(1, round(count**0.5))
    return [
        report(f"{name}{i:03}", x_m + (i % side - side / 2) * spread_m, y_m + (i // side - side / 2) * spread_m)
        for i in range(count)
    ]


def placed(**shards: list[Report]) -> Assignment:
    """The assignment with members of s0 in shard 0, of s1 in shard 1, and so on."""
    shard_of = {r.id: int(name[1:]) for name, reports in shards.items() for r in reports}
    return Assignment(dict(sorted(shard_of.items())), max(shard_of.values()) + 1)


def town(rng: random.Random, count: int, side_m: int = 3000) -> list[Report]:
    """Vehicles anywhere in a square, driving anywhere."""
    return [
        report(f"v{i:05}", rng.randrange(side_m), rng.randrange(side_m), rng.uniform(-15, 15), rng.uniform(-15, 15))
        for i in range(count)
    ]


def driven(reports: Iterable[Report], seconds: int) -> list[Report]:
    """The same vehicles later, straight on."""
    return [
        Report(
            r.id, r.time_us + seconds * 1_000_000, r.x_cm + r.vx_cm_s * seconds, r.y_cm + r.vy_cm_s * seconds,
            r.vx_cm_s, r.vy_cm_s, r.witnesses,
        )
        for r in reports
    ]  # fmt: skip


def drawn_towns(most: int = 40) -> st.SearchStrategy[list[Report]]:
    """Up to `most` vehicles within 2 km, often close together."""
    coordinate = st.one_of(st.integers(0, 2000), st.integers(0, 20).map(lambda n: n * 100))
    speed = st.integers(-20, 20)
    return st.lists(st.tuples(coordinate, coordinate, speed, speed), min_size=1, max_size=most).map(
        lambda rows: [report(f"v{i:03}", *row) for i, row in enumerate(rows)]
    )
