"""Position reports: what a vehicle says about where it is, and which of it counts.

Positions are self-reported, so without further ado "driving into a shard" is free. A report counts if it is possible by
itself, possible after the one before, and witnessed: by a relay, or by two neighbours whose own possible reports put
them within range. What is refused is refused by itself, with its reason; the rest goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from shards.params import Params


@dataclass(frozen=True, slots=True)
class Report:
    """Where a vehicle says it is. Its signature was checked before.

    Attributes:
        id: identity of the vehicle.
        time_us: when, µs on the shard's clock.
        x_cm: centimetres east on the region's plane.
        y_cm: centimetres north.
        vx_cm_s: velocity east in cm/s.
        vy_cm_s: velocity north in cm/s.
        witnesses: identities of relays and neighbours that heard it there (their signatures were checked before).
    """

    id: bytes
    time_us: int
    x_cm: int
    y_cm: int
    vx_cm_s: int
    vy_cm_s: int
    witnesses: tuple[bytes, ...] = ()


class Reason(StrEnum):
    """Why a report does not count."""

    NAMELESS = "no identity"
    OUT_OF_REGION = "out of region"
    IMPOSSIBLE_SPEED = "impossible speed"
    STALE = "stale time"
    AHEAD = "time ahead of the clock"
    DUPLICATE = "duplicate"
    JUMP = "jump"
    UNWITNESSED = "neither relay nor enough neighbours"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A report that does not count, and why."""

    report: Report
    reason: Reason


@dataclass(frozen=True, slots=True)
class Screened:
    """What is left of a batch: the newest counting report of each vehicle by id, and every refusal."""

    accepted: tuple[Report, ...]
    refused: tuple[Refusal, ...]


def screen(
    reports: Iterable[Report],
    known: Mapping[bytes, Report],
    relays: Collection[bytes],
    now_us: int,
    params: Params,
) -> Screened:
    """Which reports of a batch count (docs/spec/shards.md SH-1 to SH-3). The order of the batch does not matter.

    A vehicle may report several times in a batch: its reports are judged in the order of their times, each after the
    last possible one before it, and the newest that counts is accepted.

    Args:
        reports: the batch.
        known: the newest accepted report of each vehicle from before the batch.
        relays: identities of relays.
        now_us: the shard's clock (block time).
        params: limits.

    Returns:
        Accepted reports ordered by id; refusals ordered by id, time and the rest of the report.
    """
    possible: dict[bytes, list[Report]] = {}
    refused: list[Refusal] = []
    for report in sorted(reports, key=_canonical):
        earlier = possible.setdefault(report.id, [])
        reason = _impossible(report, earlier[-1] if earlier else known.get(report.id), now_us, params)
        if reason is None:
            earlier.append(report)
        else:
            refused.append(Refusal(report, reason))
    newest = {id_: own[-1] for id_, own in possible.items() if own}
    accepted: list[Report] = []
    for id_ in sorted(newest):
        for report in reversed(possible[id_]):
            if _is_witnessed(report, newest, known, relays, params):
                accepted.append(report)
                break
            refused.append(Refusal(report, Reason.UNWITNESSED))
    return Screened(tuple(accepted), tuple(sorted(refused, key=lambda refusal: _canonical(refusal.report))))


def _canonical(report: Report) -> tuple[bytes, int, int, int, int, int, tuple[bytes, ...]]:
    return (
        report.id, report.time_us, report.x_cm, report.y_cm, report.vx_cm_s, report.vy_cm_s, report.witnesses,
    )  # fmt: skip


def _impossible(report: Report, before: Report | None, now_us: int, params: Params) -> Reason | None:
    """The reason why the report is impossible by itself or after the one before, if it is."""
    west, south, east, north = params.region_cm
    if not report.id:
        return Reason.NAMELESS
    if not (west <= report.x_cm <= east and south <= report.y_cm <= north):
        return Reason.OUT_OF_REGION
    if report.vx_cm_s**2 + report.vy_cm_s**2 > params.speed_max_cm_s**2:
        return Reason.IMPOSSIBLE_SPEED
    if report.time_us > now_us + params.clock_ahead_max_us:
        return Reason.AHEAD
    if before is not None and report.time_us == before.time_us:
        return Reason.DUPLICATE
    if report.time_us < now_us - params.report_age_max_us or (before and report.time_us < before.time_us):
        return Reason.STALE
    if before is not None and not _is_drivable(before, report, params):
        return Reason.JUMP
    return None


def _is_drivable(before: Report, after: Report, params: Params) -> bool:
    span_us = after.time_us - before.time_us
    far_cm = params.position_noise_cm + -(-params.speed_max_cm_s * span_us // 1_000_000)
    return (after.x_cm - before.x_cm) ** 2 + (after.y_cm - before.y_cm) ** 2 <= far_cm**2


def _is_witnessed(
    report: Report,
    newest: Mapping[bytes, Report],
    known: Mapping[bytes, Report],
    relays: Collection[bytes],
    params: Params,
) -> bool:
    """By a relay, or by enough distinct neighbours: vehicles whose own report of the time puts them in range."""
    neighbours = 0
    for witness in sorted({*report.witnesses} - {report.id}):
        if witness in relays:
            return True
        own = newest.get(witness) or known.get(witness)
        if own is not None and _is_near(report, own, params):
            neighbours += 1
    return neighbours >= params.neighbours_min


def _is_near(report: Report, other: Report, params: Params) -> bool:
    """Within range, give or take how far both may have driven between their reports."""
    apart_us = abs(report.time_us - other.time_us)
    if apart_us > params.report_age_max_us:
        return False
    far_cm = params.range_cm + params.position_noise_cm + 2 * params.speed_max_cm_s * apart_us // 1_000_000
    return (report.x_cm - other.x_cm) ** 2 + (report.y_cm - other.y_cm) ** 2 <= far_cm**2
