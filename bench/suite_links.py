"""Thirty-two nodes in processes: links and memory where each is linked with each, and where links are bounded.

Basic BAC with four leaders, no load: what is said is headers, bodies and acknowledgements of empty blocks. A link is a
stream that a node writes to; CPU is that of all nodes while nothing is asked of them.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Final

from bac.client import Client
from bac.node import network, processes
from bac.node.network import Network
from bac.types import Micros
from bench.record import Result, Setting
from bench.suite_node import idle_share, pss_mib

NODES: Final = 32
BOUNDED: Final = {"links": 8, "neighbours": 4, "spare_links": 4}
IDLE_SECONDS: Final = 20


def links_of(made: Network) -> list[int]:
    """How many links each node has."""
    counts = []
    for home in made.homes.values():
        with Client(home.path) as client:
            counts.append(int(client.query("status")["peers_connected"]))
    return counts


def measure(name: str, settings: dict[str, int | float]) -> list[Result]:
    """The figures with these settings."""
    with tempfile.TemporaryDirectory() as directory:
        made = network.init(
            Path(directory) / "net", nodes=NODES, now=Micros(time.time_ns() // 1000), settings=settings,
            options={"params": "minimal"},
        )  # fmt: skip
        began = time.monotonic()
        processes.up(made)
        try:
            processes.wait(made, 120, commits=1)
            up = time.monotonic() - began
            idle = idle_share(made, IDLE_SECONDS)
            links = links_of(made)
            pids = [pid for home in made.homes.values() if (pid := processes.pid_of(home)) is not None]
            memory = statistics.mean(map(pss_mib, pids))
        finally:
            processes.down(made)
    return [
        Result(f"{name}: links of a node, mean", statistics.mean(links), "1"),
        Result(f"{name}: links of a node, most", max(links), "1"),
        Result(f"{name}: memory of a node (PSS)", memory, "MiB"),
        Result(f"{name}: idle, of a core per node", idle, "%"),
        Result(f"{name}: up and confirming", up, "s"),
    ]


def run() -> tuple[dict[str, Setting], list[Result]]:
    """The figures."""
    results = measure("all linked", {}) + measure("bounded", dict(BOUNDED))
    return {"engine": "basic-bac", "nodes": NODES, "params": "minimal", **BOUNDED}, results
