"""The frames of `bac top`: two looks at the nodes, some time apart, as one page. No clock and no terminal here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from bac.cli.output import Row, cell
from bac.types import Micros

STYLES: Final = {"running": "green", "paused": "yellow", "starting": "yellow", "unreachable": "yellow"}
WIDE: Final = 100


class NodeLine(Row, frozen=True):
    """One node at one time; what it does not say is null.

    `commits` are blocks that it has confirmed; `missing_units` are of voters that it does not hear, once it waits in
    vain; `restarted`: on what grounds the authority has restarted the shard. Processor time is since its start: rates
    are for whoever looks twice.
    """

    WIDE = frozenset({"identity", "rejected", "cpu_us", "missing_units", "restarted"})

    name: str
    state: str
    commits: int | None = None
    waiting: int | None = None
    peers: int | None = None
    rejected: int | None = None
    cpu_us: int | None = None
    memory_bytes: int | None = None
    pid: int | None = None
    identity: str | None = None
    missing_units: int | None = None
    restarted: str | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """All nodes of a network at one time; `transactions` counts confirmed ones from any beginning on."""

    at: Micros
    network: str
    engine: str
    nodes: tuple[NodeLine, ...]
    transactions: int | None = None

    def node(self, name: str) -> NodeLine | None:
        """The node called so."""
        return next((node for node in self.nodes if node.name == name), None)


def rate(now: int | None, before: int | None, elapsed_us: int) -> float | None:
    """How many per second; None where either is unknown, or the node began anew in between."""
    if now is None or before is None or now < before or elapsed_us <= 0:
        return None
    return (now - before) * 1e6 / elapsed_us


def frame(look: Look, last: Look | None, columns: int, note: str = "") -> Group:
    """One page: the network in a line, its nodes in a table, and what the keys do."""
    return Group(
        _summary(look, last), Text(), _table(look, last, columns), Text(), Text(note or "q leaves", style="dim")
    )


def _summary(look: Look, last: Look | None) -> Text:
    running = sum(node.state == "running" for node in look.nodes)
    commits = [node.commits for node in look.nodes if node.commits is not None]
    text = Text.assemble((look.network, "bold"), f"  {look.engine}  ")
    text.append(f"{running}/{len(look.nodes)} running", "green" if running == len(look.nodes) else "yellow")
    text.append(f"  {max(commits)} blocks" if commits else "  - blocks")
    speed = None if last is None else rate(look.transactions, last.transactions, look.at - last.at)
    text.append(f"  {speed:.0f} tx/s" if speed is not None else "  - tx/s")
    work = [_cpu(node, look, last) for node in look.nodes]
    total = sum(share for share in work if share is not None)
    if speed:
        text.append(f"  {total * 10 / speed:.2f} ms CPU/tx")
    return text


def _speed(node: NodeLine, look: Look, last: Look | None) -> float | None:
    before = last.node(node.name) if last is not None else None
    if last is None or before is None:
        return None
    return rate(node.commits, before.commits, look.at - last.at)


def _cpu(node: NodeLine, look: Look, last: Look | None) -> float | None:
    """Percent of one core."""
    before = last.node(node.name) if last is not None else None
    if last is None or before is None or before.pid != node.pid:
        return None
    share = rate(node.cpu_us, before.cpu_us, look.at - last.at)
    return None if share is None else share / 1e4


def _table(look: Look, last: Look | None, columns: int) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    is_wide = columns >= WIDE
    numbers = ["BLOCKS", "BLOCKS/S", "WAITING", "CPU", "MEMORY"] + (["PEERS", "REJECTED", "PID"] if is_wide else [])
    table.add_column("NODE")
    table.add_column("STATE")
    for name in numbers:
        table.add_column(name, justify="right")
    for node in look.nodes:
        speed, share = _speed(node, look, last), _cpu(node, look, last)
        cells = [
            cell("commits", node.commits), "-" if speed is None else f"{speed:.1f}", cell("waiting", node.waiting),
            "-" if share is None else f"{share:.0f} %", cell("memory_bytes", node.memory_bytes),
        ]  # fmt: skip
        if is_wide:
            cells += [cell("peers", node.peers), cell("rejected", node.rejected), cell("pid", node.pid)]
        table.add_row(node.name, Text(node.state, STYLES.get(node.state, "red")), *cells)
    return table


def changes(look: Look, last: Look | None) -> Sequence[str]:
    """What a person should be told about between two looks: nodes that changed their state."""
    if last is None:
        return ()
    pairs = ((node, last.node(node.name)) for node in look.nodes)
    return [
        f"{node.name}: {before.state} -> {node.state}"
        for node, before in pairs
        if before is not None and before.state != node.state
    ]
