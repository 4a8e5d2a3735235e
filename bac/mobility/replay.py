"""A trace through the assignment of shards, tick by tick."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bac.mobility.packaged import hamburg_ticks
from bac.mobility.traces import Fix
from shards import Assignment, Params, Report, assign
from shards.quality import find_links

_WITNESSES = 2


def to_reports(fixes: Sequence[Fix], params: Params) -> list[Report]:
    """What the vehicles at one tick would report; witnesses are the first neighbours in range, by name."""
    names = [fix.vehicle.encode() for fix in fixes]
    reports = [
        Report(name, fix.time_us, fix.x_cm, fix.y_cm, *(fix.velocity_cm_s or (0, 0)))
        for name, fix in zip(names, fixes, strict=True)
    ]
    heard: dict[bytes, list[bytes]] = {name: [] for name in names}
    for one, other in find_links(reports, params.range_cm):
        for hearer, speaker in ((one, other), (other, one)):
            if len(heard[speaker]) < _WITNESSES:
                heard[speaker].append(hearer)
    return [Report(r.id, r.time_us, r.x_cm, r.y_cm, r.vx_cm_s, r.vy_cm_s, tuple(sorted(heard[r.id]))) for r in reports]


def replay(
    ticks: Iterable[tuple[int, Sequence[Fix]]], params: Params
) -> Iterator[tuple[int, list[Report], Assignment]]:
    """Each tick's reports and the assignment that follows from them and from the tick before.

    Args:
        ticks: positions on a common clock (`bac.mobility.clock.on_clock`).
        params: of the assignment.

    Yields:
        Time in µs, the reports of the vehicles present, the assignment of exactly these.
    """
    assignment: Assignment | None = None
    for time_us, fixes in ticks:
        reports = to_reports(fixes, params)
        assignment = assign(reports, assignment, params)
        yield time_us, reports, assignment


def replay_hamburg(
    params: Params | None = None, step_us: int = 5_000_000
) -> Iterator[tuple[int, list[Report], Assignment]]:
    """The packaged Hamburg trace, 20 minutes of 2,272 electric cars, through `replay` in steps of `step_us`."""
    return replay(hamburg_ticks(step_us), params or Params())
