"""`bac top`: the network, live. Leaving it leaves the network running."""

from __future__ import annotations

import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.live import Live

from bac.cli.looks import Ticker, look_at
from bac.cli.node import LIST
from bac.cli.noun import single
from bac.cli.output import AsJson, Format
from bac.cli.place import HERE, Net, open_network
from bac.cli.screen import Look, changes, frame
from bac.cli.times import SECOND, now, parse_duration

app = single("The network, live.")

Key = Callable[[float], str]


@app.command()
def top(
    net: Net = HERE,
    interval: Annotated[str, typer.Option("--interval", help="Between two looks: 1s.")] = "1s",
    looks: Annotated[int | None, typer.Option("--looks", min=1, help="End after so many; default: q ends.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the network, live: nodes, blocks, transactions per second, processor, memory. q leaves."""
    network = open_network(net)
    pause = parse_duration(interval) / SECOND
    if as_json:
        LIST.show(look_at(network, now()).nodes, Format.JSON)
        return
    ticker = Ticker(network)
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    last: Look | None = None
    told: list[str] = []
    try:
        with _keys() as keys, _page(console) as show:
            count = 0
            while looks is None or count < looks:
                look = look_at(network, now(), transactions=ticker.count())
                told = [*told, *changes(look, last)][-3:]
                show(frame(look, last, console.width, "  ".join([*told, "q leaves"])))
                last, count = look, count + 1
                if count != looks and keys(pause) == "q":
                    break
    finally:
        ticker.close()


@contextmanager
def _page(console: Console) -> Iterator[Callable[[Group], None]]:
    """What shows a page: in place of the last one on a terminal, else below it."""
    if not sys.stdout.isatty():
        yield console.print
        return
    with Live(console=console, auto_refresh=False, screen=True) as live:
        yield lambda group: live.update(group, refresh=True)


@contextmanager
def _keys() -> Iterator[Key]:
    """What waits for a key, at most so many seconds; it only waits where there is no terminal."""
    if not sys.stdin.isatty():
        yield _sleep
        return
    saved = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield _key
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, saved)


def _key(seconds: float) -> str:
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return sys.stdin.read(1) if ready else ""


def _sleep(seconds: float) -> str:
    time.sleep(seconds)
    return ""
