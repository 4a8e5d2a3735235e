"""Times and durations as people write them; inside they are whole µs."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from bac.types import Micros

SECOND: Final = 10**6
UNITS: Final = {
    "us": 1, "ms": 1000, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND,
    "d": 86_400 * SECOND, "w": 7 * 86_400 * SECOND, "y": 365 * 86_400 * SECOND,
}  # fmt: skip
_DURATION: Final = re.compile(r"(\d+)(us|ms|s|m|h|d|w|y)")

At = Annotated[str | None, typer.Option("--at", help="Judge as if it were then (2026-01-31T12:00:00Z); default now.")]


def now() -> Micros:
    """The clock of this machine. Whatever judges by time takes it as an argument."""
    return Micros(time.time_ns() // 1000)


def instant(at: str | None) -> Micros:
    """The time that `at` names, or now.

    Raises:
        ValueError: `at` is not a time.
    """
    return now() if at is None else parse_time(at)


def parse_time(text: str) -> Micros:
    """µs since 1970 of an RFC 3339 time; without a zone it is UTC.

    Raises:
        ValueError: it is not one.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a time such as 2026-01-31T12:00:00Z") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return Micros(round(moment.timestamp() * SECOND))


def show_time(at: Micros) -> str:
    """RFC 3339, UTC, whole seconds."""
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_duration(text: str) -> int:
    """µs of ``250ms``, ``10s``, ``90d``, ``1h30m``.

    Raises:
        ValueError: it is not one, or is nothing.
    """
    parts = _DURATION.findall(text)
    if not parts or "".join(count + unit for count, unit in parts) != text:
        raise ValueError(f"{text!r} is not a duration such as 250ms, 10s, 2h or 90d")
    total = sum(int(count) * UNITS[unit] for count, unit in parts)
    if not total:
        raise ValueError("a duration of nothing")
    return total
