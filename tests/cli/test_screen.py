"""The pages of `bac top`, from looks at made-up nodes."""

from __future__ import annotations

import os
from typing import Final

from rich.console import Console

from bac.cli.gauge import usage
from bac.cli.screen import Look, NodeLine, changes, frame, rate
from bac.types import Micros

SECOND: Final = 10**6


def node(number: int, state: str = "running", **fields: int | str | None) -> NodeLine:
    known: dict[str, int | str | None] = {
        "commits": 10, "waiting": 3, "peers": 2, "rejected": 0, "cpu_us": SECOND, "memory_bytes": 40 << 20,
        "pid": 100 + number,
    }  # fmt: skip
    return NodeLine(name=f"n{number}", state=state, **{**known, **fields})  # type: ignore[arg-type]  # built by name


BEFORE = Look(Micros(0), "town", "basic", (node(0), node(1), node(2)), 1000)
AFTER = Look(
    Micros(2 * SECOND), "town", "basic",
    (
        node(0, commits=14, cpu_us=2 * SECOND),
        node(1, "paused", commits=None, waiting=None, cpu_us=SECOND),
        node(2, commits=3, cpu_us=10, pid=300),
    ),
    3000,
)  # fmt: skip


def page(columns: int, last: Look | None) -> list[str]:
    console = Console(width=columns, color_system=None, highlight=False)
    with console.capture() as captured:
        console.print(frame(AFTER, last, columns))
    return [line.rstrip() for line in captured.get().splitlines()]


def test_a_page_of_80_columns() -> None:
    assert page(80, BEFORE) == [
        "town  basic  2/3 running  14 blocks  1000 tx/s  0.50 ms CPU/tx",
        "",
        "NODE  STATE    BLOCKS  BLOCKS/S  WAITING   CPU  MEMORY",
        "n0    running      14       2.0        3  50 %  40 MiB",
        "n1    paused        -         -        -   0 %  40 MiB",
        "n2    running       3         -        3     -  40 MiB",
        "",
        "q leaves",
    ]


def test_a_page_of_120_columns_says_more() -> None:
    shown = page(120, BEFORE)
    assert shown[2] == "NODE  STATE    BLOCKS  BLOCKS/S  WAITING   CPU  MEMORY  PEERS  REJECTED  PID"
    assert shown[3].split()[-3:] == ["2", "0", "100"]
    assert max(map(len, shown)) <= 120


def test_the_first_page_knows_no_rates() -> None:
    shown = page(80, None)
    assert shown[0] == "town  basic  2/3 running  14 blocks  - tx/s"
    assert shown[3].split() == ["n0", "running", "14", "-", "3", "-", "40", "MiB"]


def test_a_rate_is_unknown_rather_than_wrong() -> None:
    assert rate(30, 10, 2 * SECOND) == 10
    assert rate(10, 30, SECOND) is None, "it began anew"
    assert rate(None, 1, SECOND) is None
    assert rate(2, 1, 0) is None


def test_changes_of_state_are_told() -> None:
    assert list(changes(AFTER, BEFORE)) == ["n1: running -> paused"]
    assert not changes(BEFORE, None)


def test_the_gauge_reads_this_process() -> None:
    found = usage(os.getpid())
    assert found is not None
    assert found.cpu_us > 0
    assert 1 << 20 < found.memory_bytes < 1 << 33
    assert usage(2**22 + 1) is None
