"""BAC 2.0 in real processes on this machine: the same load, and the same figures, as `bench node` has of basic BAC.

All EVs lead where nothing else is said. The first transaction after idleness is measured from a standing start.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import mean, median

from bac.client import Client
from bac.node import processes
from bac.node.network import Network
from bac.types import NodeId
from bench.record import Result, Setting, at_least, at_most
from bench.suite_node import (
    ACCOUNTS,
    OFFERED,
    SEED,
    Load,
    account_key,
    idle_share,
    nonce_of,
    running,
    transfer,
    under_load,
)

ENGINE = "bac"
FEW = "few"
"""The preset with four leaders."""
PAUSES = 8
SETTLED_S = 15
"""After this time, one epoch, a network is idle."""
IDLE_S = 30
SHORT = "minimal"
"""The preset with short epochs."""
EPOCHS = (20, 120)
LIGHT = 20
"""Transactions per second, while epochs pass."""
LOOK = 0.05
EPOCHS_PATIENCE = 900
_MIB_PER_PAGE = os.sysconf("SC_PAGE_SIZE") / 2**20


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


def rss_mib(pid: int) -> float:
    """Memory of a process that is in RAM, what it shares with others included."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _MIB_PER_PAGE


def sizes_at(made: Network, epochs: tuple[int, ...]) -> list[list[float]]:
    """RSS of each node as it enters each of these epochs, in MiB, while an account pays `LIGHT` times per second."""
    pids = {name: pid for name, home in made.homes.items() if (pid := processes.pid_of(home)) is not None}
    name, payer, payee = made.member(made.home("n00")).network, account_key(0), NodeId(account_key(1).public)
    first, sent, began = nonce_of(made, NodeId(payer.public)), 0, time.monotonic()
    found: dict[str, list[float]] = {each: [] for each in pids}
    with ExitStack() as stack:
        clients = {each: stack.enter_context(Client(made.home(each).path, 30)) for each in pids}
        while any(len(sizes) < len(epochs) for sizes in found.values()):
            due = int(LIGHT * (time.monotonic() - began))
            clients["n00"].submit([transfer(name, payer, first + nonce, payee) for nonce in range(sent, due)])
            sent = due
            for each, sizes in found.items():
                if len(sizes) < len(epochs) and clients[each].query("head")["epoch"] >= epochs[len(sizes)]:
                    sizes.append(rss_mib(pids[each]))
            if time.monotonic() - began > EPOCHS_PATIENCE:
                raise TimeoutError(f"epoch {epochs[-1]} does not come")
            time.sleep(LOOK)
    return list(found.values())


def over_epochs() -> list[Result]:
    """What a node keeps of the epochs that have passed; its disk is a disk here, and not in the figure."""
    with running(4, ENGINE, SHORT) as made:
        sizes = sizes_at(made, EPOCHS)
    early, late = EPOCHS
    name = f"RSS of a node, epoch {early} to {late}: "
    growth = mean(last for _, last in sizes) / mean(first for first, _ in sizes)
    return [
        Result(name + f"at epoch {early}", mean(first for first, _ in sizes), "MiB"),
        at_most(name + "mean of four", 100 * (growth - 1), "% more", 5),
        at_most(name + "worst of four", 100 * (max(last / first for first, last in sizes) - 1), "% more", 5),
    ]


def run() -> tuple[dict[str, Setting], list[Result]]:
    """The figures."""
    seconds = float(os.environ.get("BENCH_SECONDS", "60"))
    results = with_four(seconds)
    with running(8, ENGINE, FEW) as made:
        results += report("8 EVs, 4 leaders: ", under_load(made, OFFERED * 1200, seconds), 1200)
    for leaders, rate in ((8, 600), (16, 150)):
        with running(leaders, ENGINE) as made:
            results += report(f"{leaders} EVs, all lead, {rate} offered: ", under_load(made, rate, seconds / 4), None)
    results += over_epochs()
    return {"engine": ENGINE, "seed": SEED, "accounts": ACCOUNTS, "load_seconds": seconds}, results
