"""BAC 2.0 in real processes on this machine: the same load, and the same figures, as `bench node` has of basic BAC.

All EVs lead where nothing else is said. The first transaction after idleness is measured from a standing start.
"""

from __future__ import annotations

import os
import time
from statistics import median

from bac.node.network import Network
from bench.record import Result, Setting, at_least, at_most
from bench.suite_node import ACCOUNTS, OFFERED, SEED, Load, idle_share, running, under_load

ENGINE = "bac"
FEW = "few"
"""The preset with four leaders."""
PAUSES = 8
SETTLED_S = 15
"""After this time, one epoch, a network is idle."""
IDLE_S = 30


def first_after_idleness_ms(made: Network) -> float:
    """Median latency of single transactions, each after three seconds without any."""
    found = []
    for _ in range(PAUSES):
        time.sleep(3)
        found.append(under_load(made, 1, 1).quantile(0.5))
    return median(found)


def report(name: str, load: Load, asked: float | None) -> list[Result]:
    """A load as results; with a bound where one is asked."""
    label = f"{name}confirmed"
    rate = Result(label, load.rate, "tx/s") if asked is None else at_least(label, load.rate, "tx/s", asked)
    return [
        rate,
        Result(name + "CPU of all nodes per transaction", 1000 * load.cpu / max(1, load.confirmed), "ms"),
        Result(name + "p50", load.quantile(0.5), "ms"),
        at_most(name + "lost", load.lost, "tx", 0),
        at_most(name + "confirmed twice", load.doubled, "tx", 0),
    ]


def with_four(seconds: float) -> list[Result]:
    """Four EVs, all of them leaders."""
    name = "4 EVs: "
    with running(4, ENGINE) as made:
        time.sleep(SETTLED_S)
        idle = idle_share(made, IDLE_S)
        first = first_after_idleness_ms(made)
        light = under_load(made, 10, 10)
        half = under_load(made, 1250, min(seconds, 20))
        full = under_load(made, OFFERED * 2500, seconds)
        time.sleep(SETTLED_S)
        again = idle_share(made, IDLE_S)
    return [
        *report(name, full, 2500),
        at_most(name + "p50 at half rate", half.quantile(0.5), "ms", 500),
        at_most(name + "p50 at light load", light.quantile(0.5), "ms", 200),
        at_most(name + "idle, of a core per node", idle, "%", 2),
        at_most(name + "idle again after all that", again, "%", 2),
        at_most(name + "first transaction after idleness, p50", first, "ms", 300),
    ]


def run() -> tuple[dict[str, Setting], list[Result]]:
    """The figures."""
    seconds = float(os.environ.get("BENCH_SECONDS", "60"))
    results = with_four(seconds)
    with running(8, ENGINE, FEW) as made:
        results += report("8 EVs, 4 leaders: ", under_load(made, OFFERED * 1200, seconds / 2), 1200)
    for leaders, rate in ((8, 600), (16, 150)):
        with running(leaders, ENGINE) as made:
            results += report(f"{leaders} EVs, all lead, {rate} offered: ", under_load(made, rate, seconds / 4), None)
    return {"engine": ENGINE, "seed": SEED, "accounts": ACCOUNTS, "load_seconds": seconds}, results
