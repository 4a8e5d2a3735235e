"""`bac graph`: the leaders' events of the present epoch as one leader sees them, with what follows from them.

The node gives the events; rounds, witnesses, fame and order are computed here, by the same definitions.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from bac.cli.archive import elected, params_of
from bac.cli.errors import CommandFailed
from bac.cli.graphdrawing import Vertex, View, draw_dot, draw_svg
from bac.cli.noun import noun
from bac.cli.output import Answer, AsJson, Format, Output, Row, say
from bac.cli.place import HERE, Net, Via, connect, home_of
from bac.client import Client, TimedOut, Unreachable
from bac.node import processes
from bac.node.keyfile import write_file
from bac.node.network import Network
from bac.types import NodeId
from hashgraph import Event, Hashgraph, Limits

app = noun("The leaders' events of the present epoch.")

FORMS = {".dot": draw_dot, ".gv": draw_dot, ".svg": draw_svg}


class EventRow(Row, frozen=True):
    """One event; `fame` is that of a witness, `received` the round that ordered it, both null where there is none.

    `name` is the creator and which of its events it is; `after_us` counts from the first event of the graph.
    """

    WIDE = frozenset({"creator", "self_parent", "other_parents"})

    name: str
    event: str
    creator: str
    round: int
    witness: bool
    fame: str | None
    received: int | None
    fork: bool
    items: int
    after_us: int
    parents: list[str]
    self_parent: str | None
    other_parents: list[str]


class Drawn(Row, frozen=True):
    """A drawing, written."""

    file: str
    node: str
    epoch: int
    events: int
    leaders: int
    closed_round: int
    forks: int
    size_bytes: int


SHOW = Answer("graph.show", EventRow, many=True)
EXPORT = Answer("graph.export", Drawn)


@app.command()
def show(
    last: Annotated[int, typer.Option("--last", min=1, help="At most so many events.")] = 24,
    round_: Annotated[int | None, typer.Option("--round", min=1, help="Only events of this round.")] = None,
    net: Net = HERE,
    via: Via = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Show the newest events of the graph: rounds, witnesses, fame, order, forks."""
    view = _look(net, via)
    chosen = [each for each in view.vertices if round_ in (None, each.round)]
    known = {each.event.id: each.name for each in view.vertices}
    start = min((each.event.time_us for each in view.vertices), default=0)
    SHOW.show([_row(each, view, known, start) for each in chosen[-last:]], output, as_json)
    weights = ", ".join(f"{name} {weight}" for name, weight in view.leaders.items())
    say(f"epoch {view.epoch} as {view.node} sees it: {len(view.vertices)} events, {view.closed_round} rounds closed")
    say(f"weights: {weights}")


@app.command()
def export(
    out: Annotated[Path, typer.Option("--out", help="Where it goes: NAME.svg or NAME.dot.")] = Path("graph.svg"),
    net: Net = HERE,
    via: Via = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Draw the graph as SVG, or write it as DOT: rounds, witnesses, fame and forks in it."""
    if out.suffix not in FORMS:
        raise ValueError(f"{out} ends with none of {', '.join(FORMS)}")
    view = _look(net, via)
    data = FORMS[out.suffix](view).encode()
    write_file(out, data, replace=True, mode=0o644)
    row = Drawn(
        file=str(out), node=view.node, epoch=view.epoch, events=len(view.vertices), leaders=len(view.leaders),
        closed_round=view.closed_round, forks=sum(each.is_fork for each in view.vertices), size_bytes=len(data),
    )  # fmt: skip
    EXPORT.show(row, output, as_json)


def _row(vertex: Vertex, view: View, known: Mapping[bytes, str], start: int) -> EventRow:
    event = vertex.event
    return EventRow(
        name=vertex.name, event=event.id.hex(), creator=event.creator.hex(), round=vertex.round,
        witness=vertex.is_witness, fame=vertex.fame, received=vertex.received, fork=vertex.is_fork,
        items=view.items[event.id], after_us=event.time_us - start,
        parents=[known[each] for each in event.other_parents],
        self_parent=None if event.self_parent is None else event.self_parent.hex(),
        other_parents=[each.hex() for each in event.other_parents],
    )  # fmt: skip


# ---------------------------------------------------------------- asking a leader


def _look(net: Path, via: str | None) -> View:
    """The graph of the node `via`, or of the first that leads.

    Raises:
        CommandFailed: `not-found`, no node asked leads; `unreachable`.
    """
    network = elected(net)
    names = list(network.homes) if via is None else [home_of(network, via).name]
    with connect(net, via):  # says what is wrong if nobody answers at all
        pass
    for name in names:
        said = _ask(network, name)
        if said is not None:
            return view_of(said, name, network)
    who = "no node that answers leads" if via is None else f"{names[0]} does not lead"
    raise CommandFailed("not-found", f"{who} in the present epoch", next_="bac committee show")


def _ask(network: Network, name: str) -> Mapping[str, Any] | None:
    if processes.pid_of(network.homes[name]) is None:
        return None
    with suppress(Unreachable, TimedOut), Client(network.homes[name].path, timeout=2.0) as client:
        found: Mapping[str, Any] | None = client.query("graph")
        return found
    return None


def view_of(said: Mapping[str, Any], node: str, network: Network) -> View:
    """The graph in a node's answer, with all that follows from it."""
    known = {home.identity: home.name for home in network.homes.values()}
    weights: dict[bytes, int] = {each["identity"]: each["weight"] for each in said["members"]}
    names = {each: known.get(NodeId(each), each.hex()[:8]) for each in weights}
    params = params_of(network.genesis)
    graph = Hashgraph(weights, params.coin_period, Limits(0, params.max_other_parents, 64))
    events = [
        Event(
            each["id"], each["creator"], each["self_parent"], tuple(each["other_parents"]), each["time_us"], (),
            each["signature"],
        )
        for each in said["events"]
    ]  # fmt: skip
    for event in events:
        graph.insert(event)
    forked = {each.id for proof in graph.forks for each in (proof.first, proof.second)}
    count: dict[bytes, int] = {}
    vertices = []
    for event in events:
        count[event.creator] = count.get(event.creator, 0) + 1
        placed = graph.placed(event.id)
        vertices.append(
            Vertex(
                event, names[event.creator], count[event.creator], graph.round(event.id), graph.is_witness(event.id),
                _fame(graph, event.id), None if placed is None else placed[0], event.id in forked,
            )
        )  # fmt: skip
    items = {each["id"]: each["items"] for each in said["events"]}
    leaders = {names[identity]: weight for identity, weight in weights.items()}
    return View(node, said["epoch"], graph.closed_round, leaders, tuple(vertices), items)


def _fame(graph: Hashgraph, identifier: bytes) -> str | None:
    if not graph.is_witness(identifier):
        return None
    is_famous = graph.is_famous(identifier)
    return "undecided" if is_famous is None else "famous" if is_famous else "not famous"
