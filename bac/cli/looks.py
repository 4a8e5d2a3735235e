"""A look at a network: each node's process, what it says of itself, and what it uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from bac.cli.gauge import usage
from bac.cli.screen import Look, NodeLine
from bac.client import Client, TimedOut, Unreachable
from bac.node import processes
from bac.node.network import Network
from bac.node.processes import Status
from bac.node.requests import Notice
from bac.types import Micros

PATIENCE_SECONDS = 0.05
"""How long to wait for a notice that may have come already."""


def look_at(network: Network, at: Micros, names: Iterable[str] | None = None, transactions: int | None = None) -> Look:
    """All nodes, or those of these names, as they are now."""
    lines = tuple(line_of(network, status) for status in processes.status(network, names))
    return Look(at, str(network.path), network.engine_name, lines, transactions)


def line_of(network: Network, status: Status) -> NodeLine:
    """One node; what it does not say is null."""
    used = None if status.pid is None else usage(status.pid)
    report = status.report or {}
    tally, health = report.get("tally"), report.get("health") or {}
    return NodeLine(
        name=status.name, state=state_of(status), commits=report.get("commits"),
        waiting=report.get("waiting_inputs"), peers=report.get("peers_connected"),
        rejected=None if tally is None else sum(count for name, count in tally.items() if "rejected" in name),
        cpu_us=None if used is None else used.cpu_us, memory_bytes=None if used is None else used.memory_bytes,
        pid=status.pid, identity=network.homes[status.name].identity.hex(),
        missing_units=health.get("silent_units"), restarted=grounds_of(health.get("restart")),
    )  # fmt: skip


def grounds_of(restart: Mapping[str, Any] | None) -> str | None:
    """The last restart by the authority, in words; None if there was none."""
    if restart is None:
        return None
    return f"epoch {restart['epoch']}, {'an act of trust' if restart['by_trust'] else 'by statements of retirement'}"


def state_of(status: Status) -> str:
    """In one word."""
    if status.pid is None:
        return "stopped"
    if status.is_paused:
        return "paused"
    return "running" if status.report is not None else "silent"


class Ticker:
    """Counts the transactions that any node of a network confirms, from its first count on."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._client: Client | None = None
        self._count = 0

    def count(self) -> int | None:
        """How many so far; None while no node answers."""
        if self._client is None:
            self._client = self._follow()
        if self._client is None:
            return None
        with suppress(TimedOut):
            try:
                while True:
                    said = self._client.receive()
                    self._count += len(said.outcomes) if isinstance(said, Notice) else 0
            except Unreachable:
                self.close()
        return self._count

    def close(self) -> None:
        """Ends the connection."""
        if self._client is not None:
            self._client.close()
        self._client = None

    def _follow(self) -> Client | None:
        """A connection on which the first node that answers tells its commits from now on."""
        for status in processes.status(self._network):
            if status.report is not None:
                with suppress(Unreachable, TimedOut):
                    client = Client(self._network.homes[status.name].path, PATIENCE_SECONDS)
                    client.subscribe()
                    return client
        return None
