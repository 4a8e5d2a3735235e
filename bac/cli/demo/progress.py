"""What a person sees while the demo runs: what happens, line by line; on a terminal also how far it is."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn


class Told:
    """Says on standard error what happens, with the seconds since the beginning; safe for several threads."""

    def __init__(self, seconds: float, progress: Progress | None) -> None:
        self._began = time.monotonic()
        self._seconds = seconds
        self._progress = progress
        self._task: TaskID | None = None if progress is None else progress.add_task("starting", total=seconds)
        self._lock = threading.Lock()

    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def note(self, line: str) -> None:
        """Something has happened."""
        text = f"{self._elapsed():5.1f} s  {line}"
        with self._lock:
            if self._progress is None:
                sys.stderr.write(text + "\n")
                sys.stderr.flush()
            else:
                self._progress.console.print(text, highlight=False, markup=False)

    def look(self, head: Mapping[str, Any] | None) -> None:
        """How far the network is."""
        if self._progress is None or self._task is None:
            return
        words = "no node answers" if head is None else f"epoch {head['epoch']}, block {head['height']} confirmed"
        self._progress.update(self._task, completed=min(self._elapsed(), self._seconds), description=words)


@contextmanager
def telling(seconds: float) -> Iterator[Told]:
    """On a terminal with a bar that is full after about so many seconds."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Told(seconds, None)
        return
    columns = (TextColumn("{task.percentage:3.0f} %"), BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as progress:
        yield Told(seconds, progress)
