"""Shards on both real traces against a plain grid and k-means, and the speed of one assignment.

One table per trace and size: share of link time inside one shard, mean lifetime of such a link, handovers per vehicle
and hour, largest/mean shard, share of drawn trades inside one shard. Traces are read at ticks of 5 s; at every tick (or
every third, for epochs of 15 s) vehicles are assigned, in between they keep their shard. A link is a pair within 300 m.
The k-means has our number of shards ± 1 and our maximum size; the grid is the coarsest that keeps the maximum size. A
grid with our number of shards, but of any size, is shown for comparison and judges nothing.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bac.mobility.packaged import austin_ticks, hamburg_ticks
from bac.mobility.replay import to_reports
from bench.record import Result, Setting, at_most
from bench.rivals_shards import KMeans, grid
from shards import Assignment, Params, Report, assign
from shards.quality import Quality, Step, find_links, measure

SEED = 20
STEP_US = 5_000_000
SIZES = (32, 64, 128)
TRADE_RANGE_CM = 100_000
TRADES_PER_TICK = 10
GRID_SIDES_CM = (*range(3_000_000, 250_000, -50_000), *range(250_000, 0, -5_000))

Assigner = Callable[[Sequence[Report]], Mapping[bytes, int]]


@dataclass(frozen=True, slots=True)
class Tick:
    """What all methods are measured on, computed once."""

    time_us: int
    reports: list[Report]
    links: list[tuple[bytes, bytes]]
    trades: list[tuple[bytes, bytes]]


def read_ticks(trace: str, end_us: int | None = None) -> list[Tick]:
    """The ticks of a packaged trace with their links and drawn trades."""
    ticks = []
    rng = random.Random(SEED)
    for time_us, fixes in {"Hamburg": hamburg_ticks, "Austin": austin_ticks}[trace](STEP_US):
        if end_us is not None and time_us > end_us:
            break
        reports = to_reports(fixes, Params())
        ticks.append(Tick(time_us, reports, find_links(reports, Params().range_cm), draw_trades(reports, rng)))
    return ticks


def draw_trades(reports: Sequence[Report], rng: random.Random) -> list[tuple[bytes, bytes]]:
    """Pairs of vehicles at most 1 km apart: one drawn, the other drawn among those near it."""
    trades = []
    for _ in range(TRADES_PER_TICK if reports else 0):
        one = rng.choice(reports)
        near = [
            other.id
            for other in reports
            if other is not one and (other.x_cm - one.x_cm) ** 2 + (other.y_cm - one.y_cm) ** 2 <= TRADE_RANGE_CM**2
        ]
        if near:
            trades.append((one.id, rng.choice(near)))
    return trades


def run_assigner(ticks: Sequence[Tick], assigner: Assigner, every: int = 1) -> tuple[Quality, list[int]]:
    """Quality of a method that assigns at every so manieth tick, and the number of shards each time."""
    steps, counts = [], []
    shard_of: Mapping[bytes, int] = {}
    for number, tick in enumerate(ticks):
        if number % every == 0:
            shard_of = assigner(tick.reports)
            counts.append(len(set(shard_of.values())))
        present = [report.id for report in tick.reports]
        held = {vehicle: shard_of[vehicle] for vehicle in present if vehicle in shard_of}
        steps.append(Step(tick.time_us, present, tick.links, held, tick.trades))
        # Who leaves and comes back has arrived anew.
        shard_of = held
    return measure(steps), counts


class Ours:
    """`shards.assign` from step to step."""

    def __init__(self, params: Params) -> None:
        self._params = params
        self._assignment: Assignment | None = None

    def __call__(self, reports: Sequence[Report]) -> Mapping[bytes, int]:
        """The shards at this step."""
        self._assignment = assign(reports, self._assignment, self._params)
        return self._assignment.shard_of


def k_means(max_size: int, counts: Sequence[int]) -> Assigner:
    """The rival with our count ± 1 at each step."""
    rival, wanted = KMeans(max_size, SEED), iter(counts)
    return lambda reports: rival.step(reports, next(wanted))


def params_for(size: int) -> Params:
    """The default parameters at a maximum size."""
    return Params(max_size=size, min_size=max(4, size // 8))


def grid_sides(ticks: Sequence[Tick], max_size: int, count: float) -> tuple[int, int]:
    """Sides of the coarsest grid that keeps to the maximum size, and of the one whose mean count is nearest."""

    def sizes(tick: Tick, side: int) -> Counter[int]:
        return Counter(grid(tick.reports, side).values())

    def off(side: int) -> float:
        some = ticks[::12]
        return abs(sum(len(sizes(tick, side)) for tick in some) / len(some) - count)

    bounded = next(side for side in GRID_SIDES_CM if all(max(sizes(tick, side).values()) <= max_size for tick in ticks))
    return bounded, min(GRID_SIDES_CM, key=off)


def compare(ticks: Sequence[Tick], size: int, every: int = 1) -> dict[str, Quality]:
    """Ours and the rivals at one maximum size."""
    ours, counts = run_assigner(ticks, Ours(params_for(size)), every)
    bounded, nearest = grid_sides(ticks, size, ours.mean_shards)
    return {
        "ours": ours,
        "k-means": run_assigner(ticks, k_means(size, counts), every)[0],
        "grid": run_assigner(ticks, lambda reports: grid(reports, bounded), every)[0],
        "grid of any size": run_assigner(ticks, lambda reports: grid(reports, nearest), every)[0],
    }


def is_better(ours: Quality, rival: Quality) -> bool:
    """Fewer handovers at no lower share, and longer lifetime."""
    return (
        ours.handovers_per_hour < rival.handovers_per_hour
        and ours.intra_share >= rival.intra_share
        and ours.lifetime_s > rival.lifetime_s
    )


def table(title: str, rows: Mapping[str, Quality], *, asked: bool) -> list[Result]:
    """The rows of one size as results; ours is judged against the rivals that keep to the maximum size."""
    results = []
    rivals = [rows["k-means"], rows["grid"]]
    for name, q in rows.items():
        met = all(is_better(q, rival) for rival in rivals) if asked and name == "ours" else None
        text = "beats rivals" if met is not None else None
        results += [
            Result(f"{title}, {name}: link time inside", q.intra_share, "", text, met),
            Result(f"{title}, {name}: lifetime inside", q.lifetime_s, "s", text, met),
            Result(f"{title}, {name}: handovers", q.handovers_per_hour, "/(veh h)", text, met),
            Result(f"{title}, {name}: largest/mean", q.mean_balance, ""),
            Result(f"{title}, {name}: shards", q.mean_shards, ""),
            Result(f"{title}, {name}: largest", q.largest, "vehicles"),
            Result(f"{title}, {name}: trades inside", q.trade_share, ""),
        ]
    return results


def tiled(ticks: Sequence[Tick], number: int, count: int) -> list[Report]:
    """`count` vehicles: copies of a Hamburg tick side by side, 4.5 km x 3.5 km each, so at its density."""
    reports = ticks[number].reports
    copies = -(-count // len(reports))
    columns = int(copies**0.5) + 1
    return [
        Report(
            b"%d/%s" % (copy, r.id), r.time_us,
            r.x_cm + copy % columns * 450_000, r.y_cm + copy // columns * 350_000, r.vx_cm_s, r.vy_cm_s,
        )
        for copy in range(copies) for r in reports
    ][:count]  # fmt: skip


def speed(ticks: Sequence[Tick], count: int, bound_s: float) -> list[Result]:
    """CPU seconds of one assignment, from nothing and from the one 5 s before; best of three."""
    before, now = tiled(ticks, 100, count), tiled(ticks, 101, count)
    cold, warm = [], []
    for _ in range(3):
        start = time.process_time()
        assignment = assign(before, None, Params())
        middle = time.process_time()
        assign(now, assignment, Params())
        cold.append(middle - start)
        warm.append(time.process_time() - middle)
    return [
        at_most(f"{count:,} vehicles, from nothing", min(cold), "s CPU", bound_s),
        at_most(f"{count:,} vehicles, after 5 s", min(warm), "s CPU", bound_s),
    ]


def run() -> tuple[dict[str, Setting], list[Result]]:
    """All tables and speeds."""
    params = Params()
    settings: dict[str, Setting] = {
        "seed": SEED,
        "tick_s": STEP_US // 1_000_000,
        "range_m": params.range_cm // 100,
        "cell_m": params.cell_cm // 100,
        "look_ahead_s": str(params.look_ahead_s),
        "handover_cost": params.handover_cost,
        "rounds": params.rounds,
        "trade_range_m": TRADE_RANGE_CM // 100,
    }
    hamburg, austin = read_ticks("Hamburg"), read_ticks("Austin")
    results = speed(hamburg, 2_300, 0.2) + speed(hamburg, 100_000, 5.0)
    for size in SIZES:
        results += table(f"Hamburg {size}", compare(hamburg, size), asked=True)
        results += table(f"Hamburg {size} per 15 s", compare(hamburg, size, 3), asked=True)
        results += table(f"Austin {size}", compare(austin, size), asked=False)
    return settings, results
