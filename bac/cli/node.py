"""`bac node`: the nodes of a network, one by one."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from bac.cli.errors import CommandFailed
from bac.cli.looks import look_at
from bac.cli.noun import noun
from bac.cli.output import Answer, AsJson, Format, Output, Row
from bac.cli.passphrase import PassphraseFile
from bac.cli.place import HERE, Net, home_of, open_authority, open_network
from bac.cli.screen import NodeLine
from bac.cli.times import SECOND, now, parse_duration, show_time
from bac.node import processes
from bac.node.authority import Authority
from bac.node.network import Home, Network
from bac.types import Micros

app = noun("The nodes of a network, one by one.")

Names = Annotated[list[str], typer.Argument(help="Names, or how a name or identity begins.")]
Timeout = Annotated[str, typer.Option("--timeout", help="How long to wait: 30s.")]
FOLLOW_SECONDS: Final = 0.2


class LogLine(Row, frozen=True):
    """One line of a node's log: when, who, what, and further facts as JSON."""

    time: str | None
    node: str | None
    event: str
    facts: str


LIST = Answer("node.list", NodeLine, many=True)
KILL = Answer("node.kill", NodeLine, many=True)
STOP = Answer("node.stop", NodeLine, many=True)
START = Answer("node.start", NodeLine, many=True)
PAUSE = Answer("node.pause", NodeLine, many=True)
RESUME = Answer("node.resume", NodeLine, many=True)
ADD = Answer("node.add", NodeLine, many=True)
LOGS = Answer("node.logs", LogLine, many=True)


def _chosen(net: Path, names: Sequence[str]) -> tuple[Network, list[Home]]:
    network = open_network(net)
    return network, [home_of(network, name) for name in names]


def _lines(network: Network, homes: Sequence[Home]) -> tuple[NodeLine, ...]:
    return look_at(network, now(), [home.name for home in homes]).nodes


@app.command("list")
def list_(net: Net = HERE, output: Output = Format.TABLE, as_json: AsJson = False) -> None:
    """List every node: state, confirmed blocks, peers, memory, process."""
    LIST.show(look_at(open_network(net), now()).nodes, output, as_json)


@app.command()
def kill(names: Names, net: Net = HERE, output: Output = Format.TABLE, as_json: AsJson = False) -> None:
    """Kill nodes at once, as a loss of power would. What they reported as confirmed survives."""
    network, homes = _chosen(net, names)
    for home in homes:
        processes.kill(home)
    KILL.show(_lines(network, homes), output, as_json)


@app.command()
def stop(
    names: Names,
    net: Net = HERE,
    is_leaving: Annotated[
        bool, typer.Option("--leave", help="End their membership first: from the next epoch on nobody counts on them.")
    ] = False,
    timeout: Timeout = "30s",
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Stop nodes cleanly."""
    network, homes = _chosen(net, names)
    for home in homes if is_leaving else ():
        code = processes.leave(network, home, now(), parse_duration(timeout) / SECOND)
        if code:
            raise CommandFailed(code, f"{home.name} cannot leave", next_="it still runs")
    processes.stop(network, [home.name for home in homes])
    STOP.show(_lines(network, homes), output, as_json)


@app.command()
def start(
    names: Names, net: Net = HERE, timeout: Timeout = "30s", output: Output = Format.TABLE, as_json: AsJson = False
) -> None:
    """Start nodes, and wait until they answer."""
    network, homes = _chosen(net, names)
    processes.start(network, [home.name for home in homes])
    _until_they_answer(network, homes, timeout)
    START.show(_lines(network, homes), output, as_json)


@app.command()
def pause(names: Names, net: Net = HERE, output: Output = Format.TABLE, as_json: AsJson = False) -> None:
    """Freeze nodes: they keep their connections and say nothing."""
    network, homes = _chosen(net, names)
    for home in homes:
        processes.pause(home)
    while any(not status.is_paused for status in processes.status(network, [home.name for home in homes])):
        time.sleep(FOLLOW_SECONDS)
    PAUSE.show(_lines(network, homes), output, as_json)


@app.command()
def resume(names: Names, net: Net = HERE, output: Output = Format.TABLE, as_json: AsJson = False) -> None:
    """Let frozen nodes go on."""
    network, homes = _chosen(net, names)
    for home in homes:
        processes.resume(home)
    RESUME.show(_lines(network, homes), output, as_json)


@app.command()
def add(
    net: Net = HERE,
    via: Annotated[str | None, typer.Option("--via", help="Join through this node; default any that runs.")] = None,
    timeout: Timeout = "30s",
    passphrase_file: PassphraseFile = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Start one more node, which joins through one that it knows: the next spare member, else a new one.

    A new one gets keys, a credential by the network's authority, and is admitted by the chain.
    """
    network = open_network(net)
    through = None if via is None else home_of(network, via).name
    if processes.next_spare(network) is not None:
        home = network.homes[processes.add(network, via=through)]
    else:
        patience = parse_duration(timeout) / SECOND
        home = processes.join(network, now(), _authority(network, passphrase_file), via=through, timeout=patience)
        network = open_network(net)
    _until_they_answer(network, [home], timeout)
    ADD.show(_lines(network, [home]), output, as_json)


def _authority(network: Network, passphrase_file: Path | None) -> Authority | None:
    """The network's authority; one in its own directory has its passphrase."""
    if network.ca is None:
        return None
    if passphrase_file is None and network.ca.resolve().parent == network.path.resolve():
        passphrase_file = network.path / "passphrase"
    return open_authority(network.ca, passphrase_file)


def _until_they_answer(network: Network, homes: Sequence[Home], timeout: str) -> None:
    """Returns when the nodes answer; CommandFailed `timeout` or `not-running` if they do not."""
    deadline = time.monotonic() + parse_duration(timeout) / SECOND
    while silent := [line for line in _lines(network, homes) if line.state != "running"]:
        if silent[0].state == "stopped":
            last = processes.logs(network.homes[silent[0].name], 1)
            raise CommandFailed("not-running", f"{silent[0].name} has ended at once", last[0] if last else "")
        if time.monotonic() > deadline:
            raise CommandFailed("timeout", f"{silent[0].name} does not answer", silent[0].state)
        time.sleep(FOLLOW_SECONDS)


@app.command()
def logs(
    name: Annotated[str, typer.Argument(help="The node.")],
    net: Net = HERE,
    last: Annotated[int, typer.Option("--last", min=1, help="So many lines.")] = 20,
    is_following: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come; Ctrl-C ends.")] = False,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Show what a node has written down."""
    _, (home,) = _chosen(net, [name])
    LOGS.show([log_line(line) for line in processes.logs(home, last)], output, as_json)
    if is_following:
        with home.log.open() as file:
            file.seek(0, 2)
            while True:
                line = file.readline()
                if line.endswith("\n"):
                    typer.echo(line, nl=False)
                else:
                    time.sleep(FOLLOW_SECONDS)


def log_line(line: str) -> LogLine:
    """A line of a log; what is not JSON is an event without a time."""
    try:
        facts = json.loads(line)
        at, node, event = facts.pop("time_us", None), facts.pop("node", None), facts.pop("event")
    except (ValueError, KeyError, AttributeError):
        return LogLine(time=None, node=None, event=line, facts="")
    shown = json.dumps(facts) if facts else ""
    return LogLine(time=None if at is None else show_time(Micros(at)), node=node, event=event, facts=shown)
