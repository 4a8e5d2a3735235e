"""A trace onto a common clock: where everybody was at each tick, by straight lines between the fixes.

Fixes come when they come (Austin's buses every two minutes, each on its own beat; the Hamburg cut only where a path
bends). A vehicle is present at a tick if it has a fix there or fixes on both sides not further apart than `gap_max_us`;
across a longer gap nothing is invented and the vehicle is away. Integer arithmetic, rounded half up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bac.mobility.traces import Fix


def on_clock(fixes: Iterable[Fix], step_us: int, gap_max_us: int) -> Iterator[tuple[int, list[Fix]]]:
    """Positions at every multiple of `step_us` from the first fix to the last, ticks without vehicles included.

    Streams: never holds more than `gap_max_us` of the trace. Between two fixes the velocity is the displacement over
    the time, at the first fix after an absence it is the trace's own (0 where it has none).

    Args:
        fixes: in the order of time.
        step_us: distance of the ticks.
        gap_max_us: longest time between two fixes that is still bridged.

    Yields:
        The tick in µs and the vehicles present, ordered by name.

    Raises:
        ValueError: a step or gap that is not positive; times that fall.
    """
    if step_us <= 0 or gap_max_us <= 0:
        raise ValueError("step_us and gap_max_us must be positive")
    last: dict[str, Fix] = {}
    ticks: dict[int, list[Fix]] = {}
    next_us: int | None = None
    now_us = 0
    for fix in fixes:
        if next_us is None:
            next_us = -(-fix.time_us // step_us) * step_us
        elif fix.time_us < now_us:
            raise ValueError(f"time falls from {now_us} to {fix.time_us} us")
        now_us = fix.time_us
        while next_us + gap_max_us < now_us:
            yield next_us, _by_name(ticks.pop(next_us, []))
            next_us += step_us
        for sample in _samples(last.get(fix.vehicle), fix, step_us, gap_max_us):
            ticks.setdefault(sample.time_us, []).append(sample)
        last[fix.vehicle] = fix
    while next_us is not None and next_us <= now_us:
        yield next_us, _by_name(ticks.pop(next_us, []))
        next_us += step_us


def _by_name(fixes: list[Fix]) -> list[Fix]:
    return sorted(fixes, key=lambda fix: fix.vehicle)


def _samples(before: Fix | None, fix: Fix, step_us: int, gap_max_us: int) -> Iterator[Fix]:
    """Samples at the ticks after `before` up to and with `fix`."""
    if before is None or not 0 < fix.time_us - before.time_us <= gap_max_us:
        if fix.time_us % step_us == 0:
            yield Fix(fix.time_us, fix.vehicle, fix.x_cm, fix.y_cm, fix.velocity_cm_s or (0, 0), fix.battery_wh)
        return
    for tick in range((before.time_us // step_us + 1) * step_us, fix.time_us + 1, step_us):
        yield between(before, fix, tick)


def between(before: Fix, after: Fix, time_us: int) -> Fix:
    """The fix at a time on the straight line from `before` to `after`.

    Raises:
        ValueError: not before.time_us < after.time_us, or the time lies outside them.
    """
    span = after.time_us - before.time_us
    if not (span > 0 and before.time_us <= time_us <= after.time_us):
        raise ValueError(f"{time_us} us is not between {before.time_us} and {after.time_us} us")
    part = time_us - before.time_us
    battery_wh = None
    if before.battery_wh is not None and after.battery_wh is not None:
        battery_wh = before.battery_wh + _ratio((after.battery_wh - before.battery_wh) * part, span)
    dx, dy = after.x_cm - before.x_cm, after.y_cm - before.y_cm
    return Fix(
        time_us,
        before.vehicle,
        before.x_cm + _ratio(dx * part, span),
        before.y_cm + _ratio(dy * part, span),
        (_ratio(dx * 1_000_000, span), _ratio(dy * 1_000_000, span)),
        battery_wh,
    )


def _ratio(numerator: int, denominator: int) -> int:
    """The quotient, rounded half up."""
    return (2 * numerator + denominator) // (2 * denominator)
