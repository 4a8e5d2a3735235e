"""Records of measurements: what was measured, on which commit, with which seed, on which machine.

A figure in a document names the record it was drawn from. Records are JSON lines under ``bench/records/<suite>.jsonl``.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

SCHEMA = 1
RECORDS = Path(__file__).parent / "records"

Setting = int | float | str | bool | None


@dataclass(frozen=True, slots=True)
class Result:
    """One figure. ``asked`` is the bound that the project sets itself, in words; ``met`` is None where none is set."""

    name: str
    value: float
    unit: str
    asked: str | None = None
    met: bool | None = None


def at_least(name: str, value: float, unit: str, bound: float) -> Result:
    """A figure that must not fall below `bound`."""
    return Result(name, value, unit, f">= {bound:g}", value >= bound)


def at_most(name: str, value: float, unit: str, bound: float) -> Result:
    """A figure that must not exceed `bound`."""
    return Result(name, value, unit, f"<= {bound:g}", value <= bound)


def best_of(rounds: int, measure: Callable[[], float]) -> float:
    """The least of `rounds` measurements in seconds: the one that the machine's other work disturbed least."""
    return min(measure() for _ in range(rounds))


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of this process for one call of `work`."""
    start = time.process_time()
    work()
    return time.process_time() - start


def machine() -> dict[str, Setting]:
    """What the figures depend on: processor, cores, memory, interpreter."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "system": platform.system(),
        "python": platform.python_version(),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def commit() -> str:
    """The commit measured, marked ``+`` when the working tree differs from it."""
    root = Path(__file__).parent.parent

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    dirty = git("status", "--porcelain", "--untracked-files=no", "--", ":!bench/records")
    return (git("rev-parse", "--short=12", "HEAD") or "unknown") + ("+" if dirty else "")


def report(suite: str, settings: Mapping[str, Setting], results: list[Result], *, write: bool = True) -> bool:
    """Prints CONFIG and RESULTS and appends the record. Returns whether every bound was met."""
    config: dict[str, Setting] = {"commit": commit(), **settings, **machine()}
    print(f"\n{suite}: CONFIG")
    for key, setting in config.items():
        print(f"  {key:<22} {setting}")
    print(f"{suite}: RESULTS")
    for result in results:
        verdict = {None: "", True: "met", False: "NOT MET"}[result.met]
        print(f"  {result.name:<52} {result.value:>14,.6g} {result.unit:<12} {result.asked or '':<12} {verdict}")
    if write:
        RECORDS.mkdir(exist_ok=True)
        record = {"schema": SCHEMA, "suite": suite, "config": config, "results": [asdict(r) for r in results]}
        with (RECORDS / f"{suite}.jsonl").open("a") as lines:
            lines.write(json.dumps(record, sort_keys=True) + "\n")
    sys.stdout.flush()
    return all(result.met is not False for result in results)
