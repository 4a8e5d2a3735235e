"""`bac demo`: the main job on real input. Vehicles of a real city's streets as processes: elected, paid, judged.

`cast` draws who takes part from the packaged trace, `energy` says who pays whom; `fleet` makes the network, `vehicle`
is what each of them does, `traitor` what one of them does instead, `course` what happens when. When all processes have
ended, `record` reads what they have left on disk, `verdict` checks it, and `report` shows it.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from bac.cli.demo.cast import Part, Window, cut, draw, window_of
from bac.cli.demo.course import Course, Stopped
from bac.cli.demo.fleet import RATE, Fleet, found
from bac.cli.demo.progress import Told, telling
from bac.cli.demo.record import Plan, Record
from bac.cli.demo.report import DemoRow, Frame, report, show
from bac.cli.demo.verdict import judge
from bac.cli.errors import CommandFailed
from bac.cli.noun import single
from bac.cli.output import Answer, AsJson, Format, Output, say
from bac.cli.times import SECOND

app = single("The main job on real input: a network of vehicles that trades, in one command.")

DEMO = Answer("demo", DemoRow)
OVERHEAD_SECONDS: Final = 20.0
"""Beside the replay itself: starting, settling, judging; for the bar alone."""


@app.command()
def demo(
    seconds: Annotated[int, typer.Option("--seconds", min=20, max=80, help="Of the machine, at 3x the trace.")] = 50,
    nodes: Annotated[int, typer.Option("--nodes", min=8, max=32, help="Vehicles.")] = 16,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Chooses the window of the trace.")] = 1,
    keep: Annotated[Path | None, typer.Option("--keep", help="Where the network is made, and stays.")] = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Replay real traffic as a network of processes, with elections, payments, a crash and two attackers; judge it.

    Status 1 if an invariant did not hold; the table says which, and how.
    """
    if keep is not None and keep.exists() and any(keep.iterdir()):
        raise FileExistsError(17, "there is something already", str(keep))
    path = Path(tempfile.mkdtemp(prefix="bac-demo-")) if keep is None else keep
    path.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    try:
        with telling(seconds + OVERHEAD_SECONDS) as told:
            fleet, plan = _play(path, window_of(seed, seconds * RATE * SECOND), nodes, told)
        record = Record(fleet.network, fleet.home_of_sybil, plan)
        beginning, recount = record.recount()
        checks = list(judge(record, beginning, recount))
        elapsed = round((time.monotonic() - began) * SECOND)
        frame = Frame(seed, fleet.window, elapsed, None if keep is None else str(keep))
        row = report(record, recount, checks, frame)
    finally:
        if keep is None:
            shutil.rmtree(path, ignore_errors=True)
    if as_json or output is not Format.TABLE:
        DEMO.show(row, output, as_json)
    else:
        show(row, _write)
    where = "removed (--keep DIR keeps it)" if keep is None else f"in {keep}"
    say(f"all in {row.elapsed_us / SECOND:.0f} s; the network is {where}")
    if row.verdict != "holds":
        failed = [f"{each.check}: {'; '.join(each.wrong)}" for each in row.checks if each.verdict != "holds"]
        raise CommandFailed("check-failed", f"{len(failed)} of {len(row.checks)} checks failed", " | ".join(failed))


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")


def _play(path: Path, window: Window, nodes: int, told: Told) -> tuple[Fleet, Plan]:
    """The run: what is where, and what was meant to happen. No process is left."""
    ticks = cut(window)
    cast = draw(ticks, window, nodes)
    told.note(f"{nodes} vehicles are drawn from second {window.start_us // SECOND} of the trace on")
    fleet = found(path, cast, window)
    with _interruptible() as is_stopped:
        course = Course(fleet, cast, window, ticks, told, is_stopped)
        try:
            course.run()
        except Stopped:
            raise KeyboardInterrupt from None
        finally:
            course.end()
    told.note("all processes have ended; their stores are read and judged")
    plan = Plan(
        vehicles=fleet.names,
        parts={car.vehicle: car.part for car in cast},
        traitor=course.traitor,
        killed=course.killed,
        leavers=tuple(course.playing(Part.LEAVES)),
        arrivals=tuple(course.playing(Part.ARRIVES)),
        troubles=tuple(course.troubles),
    )
    return fleet, plan


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Signals that end a program are noted, so that whatever is being started can be stopped."""
    is_stopped = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    saved = [signal.signal(number, lambda *_: is_stopped.set()) for number in numbers]
    try:
        yield is_stopped
    finally:
        for number, handler in zip(numbers, saved, strict=True):
            signal.signal(number, handler)
