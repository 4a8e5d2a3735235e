"""Drawings of a hashgraph: a column per leader, time upwards, witnesses by their fame, forks in red."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Final

from hashgraph import Event

COLUMN: Final = 130
ROW: Final = 34
MARGIN: Final = 70
RADIUS: Final = 9
FILLS: Final = {"famous": "#2e9e5b", "not famous": "#c0392b", "undecided": "#e0b020"}
ORDERED: Final = "#9fb7d4"
WAITING: Final = "#ffffff"
FORK: Final = "#d0021b"
STROKE: Final = "#34495e"


@dataclass(frozen=True, slots=True)
class Vertex:
    """An event and what follows for it.

    Attributes:
        event: without payload.
        creator: its name.
        number: which one of its creator, from 1.
        round: of the event.
        is_witness: whether it is a witness of that round.
        fame: of a witness: famous, not famous, undecided.
        received: the round that ordered it.
        is_fork: whether its creator made another event on the same self-parent.
    """

    event: Event
    creator: str
    number: int
    round: int
    is_witness: bool
    fame: str | None
    received: int | None
    is_fork: bool

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.creator}.{self.number}"


@dataclass(frozen=True, slots=True)
class View:
    """A graph as one node sees it: `leaders` have their weights, events stand parents first, `items` counts by id."""

    node: str
    epoch: int
    closed_round: int
    leaders: Mapping[str, int]
    vertices: tuple[Vertex, ...]
    items: Mapping[bytes, int]


def fill_of(vertex: Vertex) -> str:
    """Witnesses by their fame; of the others those that are ordered."""
    if vertex.fame is not None:
        return FILLS[vertex.fame]
    return WAITING if vertex.received is None else ORDERED


# ---------------------------------------------------------------- DOT


def draw_dot(view: View) -> str:
    """The graph for Graphviz, a cluster per leader; edges lead from an event to its parents."""
    lines = [
        "digraph hashgraph {",
        "  rankdir=BT;",
        f'  label="epoch {view.epoch} as {view.node} sees it, {view.closed_round} rounds closed";',
        '  node [shape=circle, style=filled, fontname="sans-serif", fontsize=10];',
    ]
    for place, (name, weight) in enumerate(view.leaders.items()):
        lines += [f"  subgraph cluster_{place} {{", f'    label="{name}, weight {weight}";']
        lines += [f"    {_node(each, view)}" for each in view.vertices if each.creator == name]
        lines.append("  }")
    for each in view.vertices:
        lines += [f"  {edge}" for edge in _edges(each)]
    return "\n".join([*lines, "}", ""])


def _node(vertex: Vertex, view: View) -> str:
    shape = "doublecircle" if vertex.is_witness else "circle"
    color = FORK if vertex.is_fork else STROKE
    return (
        f'"{vertex.event.id.hex()}" [label="{vertex.name}\\nround {vertex.round}", shape={shape}, '
        f'fillcolor="{fill_of(vertex)}", color="{color}", tooltip="{_words(vertex, view)}"];'
    )


def _edges(vertex: Vertex) -> Iterator[str]:
    name = vertex.event.id.hex()
    if vertex.event.self_parent is not None:
        yield f'"{name}" -> "{vertex.event.self_parent.hex()}" [penwidth=2, arrowhead=none];'
    for other in vertex.event.other_parents:
        yield f'"{name}" -> "{other.hex()}" [color="#8899aa", arrowsize=0.5];'


def _words(vertex: Vertex, view: View) -> str:
    kind = "event" if vertex.fame is None else f"{vertex.fame} witness"
    order = "not ordered yet" if vertex.received is None else f"ordered in round {vertex.received}"
    fork = "; its creator forked here" if vertex.is_fork else ""
    items = view.items[vertex.event.id]
    identifier = vertex.event.id.hex()[:12]
    return (
        f"{vertex.creator}.{vertex.number} {identifier}: {kind} of round {vertex.round}, {order}, {items} items{fork}"
    )


# ---------------------------------------------------------------- SVG


def draw_svg(view: View) -> str:
    """The graph as a picture by itself. An event stands above all its parents, branches of a fork beside each other."""
    places = _lay_out(view)
    highest = max((row for _, row in places.values()), default=0)
    height = 2 * MARGIN + ROW * (highest + 1)
    width = 2 * MARGIN + COLUMN * max(1, len(view.leaders))
    points = {
        identifier: (MARGIN + COLUMN // 2 + x, height - MARGIN - ROW * row)
        for identifier, (x, row) in places.items()
    }  # fmt: skip
    size = f'width="{width}" height="{height}"'
    title = f"epoch {view.epoch} as {escape(view.node)} sees it: {len(view.vertices)} events"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">',
        f'<rect {size} fill="#fdfdfb"/>',
        f'<text x="{MARGIN}" y="20" font-size="14">{title}, {view.closed_round} rounds closed</text>',
    ]
    lines += _legend(height)
    lines += _columns(view, height)
    lines += [line for each in view.vertices for line in _lines(each, points)]
    lines += [line for each in view.vertices for line in _disc(each, points[each.event.id], view)]
    return "\n".join([*lines, "</svg>", ""])


def _lay_out(view: View) -> dict[bytes, tuple[int, int]]:
    """By event: how far right of its creator's first column, in points, and its row."""
    columns = {name: COLUMN * place for place, name in enumerate(view.leaders)}
    heads: dict[bytes | None, int] = {}
    places: dict[bytes, tuple[int, int]] = {}
    lanes: dict[bytes, int] = {}
    for vertex in view.vertices:
        event = vertex.event
        parents = [each for each in (event.self_parent, *event.other_parents) if each in places]
        row = 1 + max((places[each][1] for each in parents), default=-1)
        siblings = heads.get(event.self_parent, 0) if event.self_parent is not None else 0
        lane = lanes.get(event.self_parent, 0) + siblings if event.self_parent is not None else 0
        if event.self_parent is not None:
            heads[event.self_parent] = siblings + 1
        lanes[event.id] = lane
        places[event.id] = columns[vertex.creator] + 2 * RADIUS * lane, row
    return places


def _columns(view: View, height: int) -> Iterator[str]:
    for place, (name, weight) in enumerate(view.leaders.items()):
        x = MARGIN + COLUMN // 2 + COLUMN * place
        yield f'<line x1="{x}" y1="{MARGIN - 20}" x2="{x}" y2="{height - MARGIN + 14}" stroke="#e4e4de"/>'
        yield f'<text x="{x}" y="{height - MARGIN + 32}" text-anchor="middle">{escape(name)}, weight {weight}</text>'


def _lines(vertex: Vertex, points: Mapping[bytes, tuple[int, int]]) -> Iterator[str]:
    event = vertex.event
    x, y = points[event.id]
    for parent in (event.self_parent, *event.other_parents):
        if parent is not None and parent in points:
            other_x, other_y = points[parent]
            style = (
                f'stroke="{STROKE}" stroke-width="2"' if parent == event.self_parent else 'stroke="#b8c4d0"'
            )  # fmt: skip
            yield f'<line x1="{x}" y1="{y}" x2="{other_x}" y2="{other_y}" {style}/>'


def _disc(vertex: Vertex, point: tuple[int, int], view: View) -> Iterator[str]:
    x, y = point
    stroke, wide = (FORK, 3) if vertex.is_fork else (STROKE, 2 if vertex.is_witness else 1)
    radius = RADIUS if vertex.is_witness else RADIUS - 3
    yield (
        f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{fill_of(vertex)}" stroke="{stroke}" stroke-width="{wide}">'
        f"<title>{escape(_words(vertex, view))}</title></circle>"
    )
    if vertex.is_witness:
        yield f'<text x="{x + RADIUS + 4}" y="{y + 4}" fill="#555">r{vertex.round}</text>'


def _legend(height: int) -> Iterator[str]:
    entries = [
        *((f"{fame} witness", color) for fame, color in FILLS.items()),
        ("ordered", ORDERED),
        ("waiting", WAITING),
    ]
    x, y = MARGIN - 20, height - 14
    for words, color in entries:
        yield f'<circle cx="{x}" cy="{y - 4}" r="6" fill="{color}" stroke="{STROKE}"/>'
        yield f'<text x="{x + 12}" y="{y}">{words}</text>'
        x += 40 + 6 * len(words)
