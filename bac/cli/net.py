"""`bac net`: a network in a directory, as processes of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer

from bac.cli.archive import From, export_of, open_chain
from bac.cli.errors import CommandFailed
from bac.cli.looks import look_at
from bac.cli.noun import noun
from bac.cli.output import Answer, AsJson, Format, Output, Row, say
from bac.cli.passphrase import PassphraseFile
from bac.cli.place import HERE, open_authority, open_network
from bac.cli.screen import Look, NodeLine
from bac.cli.times import SECOND, now, parse_duration
from bac.node import processes
from bac.node.authority import DAY, Authority
from bac.node.engine import NAMED
from bac.node.keyfile import RANDOM, write_file
from bac.node.network import FILE, Network, new_passphrase
from bac.node.network import init as make
from bac.node.processes import NotRunning
from bac.params import PRESETS
from bac.types import Micros

app = noun("Make, start and stop a network in a directory.")

READY: Final = "30s"
AUTHORITY_LIFE: Final = 3650 * DAY
Timeout = Annotated[str, typer.Option("--timeout", help="How long to wait: 30s.")]
Nodes = Annotated[int, typer.Option("--nodes", min=1, help="How many nodes.")]
Spares = Annotated[int, typer.Option("--spares", min=0, help="More members that `bac node add` can start later.")]
Preset = Annotated[str, typer.Option("--preset", help=f"Parameters: {' or '.join(PRESETS)}.")]
DEFAULT_ENGINE: Final = "bac"
Engine = Annotated[str, typer.Option("--engine", help=f"Protocol: {' or '.join(NAMED)}.")]
Ca = Annotated[Path | None, typer.Option("--ca", help="Its authority (`bac ca init`); default a new one in DIR/ca.")]
Directory = Annotated[Path, typer.Argument(envvar="BAC_NET", help="Directory of the network.")]


class Made(Row, frozen=True):
    """A network that was made."""

    directory: str
    engine: str
    nodes: int
    spares: int
    params: str
    authority: str


class State(Row, frozen=True):
    """A network at one time: how many of its nodes run, and how far they have confirmed."""

    directory: str
    engine: str
    state: str
    nodes: int
    running: int
    spares: int
    commits_min: int | None
    commits_max: int | None
    waiting: list[str]
    missing_units: int | None
    restarted: str | None


class Exported(Row, frozen=True):
    """A chain, written: genesis, blocks with their proofs, boundary records."""

    file: str
    read_from: str
    blocks: int
    epochs: int
    size_bytes: int


INIT = Answer("net.init", Made)
EXPORT = Answer("net.export", Exported)
STATUS = Answer("net.status", State)
UP = Answer("net.up", State)
DOWN = Answer("net.down", State)
WAIT = Answer("net.wait", State)


@app.command("init")
def init_(
    directory: Directory = HERE,
    nodes: Nodes = 4,
    spares: Spares = 0,
    preset: Preset = "default",
    engine: Engine = DEFAULT_ENGINE,
    ca: Ca = None,
    passphrase_file: PassphraseFile = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Make a network: keys, credentials, genesis, net.toml. Nothing runs yet."""
    opened = None if ca is None else open_authority(ca, passphrase_file)
    network, authority = _make(directory, nodes, spares, preset, engine, opened)
    row = Made(
        directory=str(network.path), engine=network.engine_name, nodes=nodes, spares=spares,
        params=preset, authority=authority.ordering.public.hex(),
    )  # fmt: skip
    INIT.show(row, output, as_json)


def _make(
    directory: Path, nodes: int, spares: int, preset: str, engine: str, ca: Authority | None
) -> tuple[Network, Authority]:
    """A network of `ca`, or of a new authority in its own directory, whose passphrase is that of the network."""
    if preset not in PRESETS:
        raise CommandFailed("not-found", f"there is no preset {preset}", next_=f"one of: {', '.join(PRESETS)}")
    if (directory / FILE).exists():
        raise FileExistsError(17, "", str(directory / FILE))
    at = now()
    if ca is None:
        secret = new_passphrase(directory)
        ca = Authority.create(directory / "ca", "bac", secret, at, Micros(at + AUTHORITY_LIFE), RANDOM)
    options = {"params": preset}
    return make(directory, nodes=nodes, spares=spares, now=at, engine=engine, options=options, ca=ca), ca


@app.command()
def up(
    directory: Directory = HERE,
    nodes: Nodes = 4,
    preset: Preset = "default",
    engine: Engine = DEFAULT_ENGINE,
    timeout: Timeout = READY,
    is_staying: Annotated[bool, typer.Option("--stay", help="Stay, and stop the network on Ctrl-C.")] = False,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Start the network, made with --nodes, --preset and --engine if it is not there, and wait until it is ready."""
    if not (directory / FILE).exists():
        _make(directory, nodes, 0, preset, engine, None)
        say(f"made a network of {nodes} nodes in {directory}")
    network = open_network(directory)
    before = _running(network)
    if is_staying:
        say("Ctrl-C stops the network")
        raise typer.Exit(processes.run(network, processes.present(network)))
    try:
        processes.up(network)
        _wait(network, timeout, processes.present(network))
    except BaseException:
        # All or nothing: what this call has started does not outlive its failure.
        processes.stop(network, [name for name in _running(network) if name not in before])
        raise
    UP.show(_state(network), output, as_json)
    say(f"stop with: bac down {directory}")


@app.command()
def down(
    directory: Directory = HERE, timeout: Timeout = "10s", output: Output = Format.TABLE, as_json: AsJson = False
) -> None:
    """Stop every node, from any state; what does not end in time is killed."""
    network = open_network(directory)
    processes.down(network, parse_duration(timeout) / SECOND)
    DOWN.show(_state(network), output, as_json)


@app.command()
def status(directory: Directory = HERE, output: Output = Format.TABLE, as_json: AsJson = False) -> None:
    """Show whether the network is up, and how far it has confirmed."""
    STATUS.show(_state(open_network(directory)), output, as_json)


@app.command()
def wait(
    directory: Directory = HERE,
    timeout: Timeout = READY,
    commits: Annotated[int, typer.Option("--commits", min=0, help="Until every node has confirmed so much.")] = 0,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Wait until the running nodes answer and are connected. Status 6 if they are not in time."""
    network = open_network(directory)
    names = _running(network)
    if not names:
        raise CommandFailed("unreachable", f"no node of {directory} is running", next_="bac net up")
    _wait(network, timeout, names, commits)
    WAIT.show(_state(network), output, as_json)


@app.command()
def export(
    directory: Directory = HERE,
    out: Annotated[Path, typer.Option("--out", help="Where the chain goes.")] = Path("chain.bac"),
    via: From = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Write the confirmed chain to one file, for whoever judges it elsewhere: `--chain FILE` of the offline verbs."""
    opened = open_chain(directory, via, None)
    blocks = tuple(opened.commits)
    data = export_of(replace(opened, commits=blocks))
    write_file(out, data, mode=0o644)
    row = Exported(
        file=str(out), read_from=opened.source, blocks=len(blocks), epochs=len(opened.boundaries),
        size_bytes=len(data),
    )  # fmt: skip
    EXPORT.show(row, output, as_json)


def _running(network: Network) -> list[str]:
    return [name for name, home in network.homes.items() if processes.pid_of(home) is not None]


def _wait(network: Network, timeout: str, names: Sequence[str], commits: int = 0) -> None:
    try:
        processes.wait(network, parse_duration(timeout) / SECOND, names, commits)
    except NotRunning as error:
        raise CommandFailed("unreachable", "a node has ended while it was waited for", str(error)) from error


def _state(network: Network) -> State:
    return summary(str(network.path), look_at(network, now()), network.spares, network.gone)


def summary(directory: str, look: Look, spares: Sequence[str], gone: Sequence[str]) -> State:
    """The network in one row; of those that wait to be added, or have left, only who runs counts."""
    idle = [node.name for node in look.nodes if node.name in {*spares, *gone} and node.state == "stopped"]
    nodes = [node for node in look.nodes if node.name not in idle]
    running = [node for node in nodes if node.state == "running"]
    counts = [node.commits for node in running if node.commits is not None]
    return State(
        directory=directory, engine=look.engine, state=_word(nodes), nodes=len(nodes), running=len(running),
        spares=len({*idle} - {*gone}), commits_min=min(counts, default=None),
        commits_max=max(counts, default=None),
        waiting=[f"{node.name} {node.state}" for node in nodes if node.state != "running"] if running else [],
        missing_units=min((node.missing_units for node in running if node.missing_units is not None), default=None),
        restarted=next((node.restarted for node in running if node.restarted is not None), None),
    )  # fmt: skip


def _word(nodes: Sequence[NodeLine]) -> str:
    states = {node.state for node in nodes}
    return "up" if states == {"running"} else "down" if states <= {"stopped"} else "partly up"
