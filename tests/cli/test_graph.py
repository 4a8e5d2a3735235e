"""`bac graph`: what is drawn of a graph that a node has given; forks among it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Tree

import pytest

from bac.cli.graph import view_of
from bac.cli.graphdrawing import FILLS, FORK, draw_dot, draw_svg
from bac.node.network import load
from tests.cli.archived import write

NAMES = ("n00", "n01", "n02", "n03")


def said(identities: list[bytes], rounds: int, *, forks: bool) -> dict[str, Any]:
    """A node's answer: four leaders tell everybody everything, turn by turn; the first one forks if `forks`."""
    events: list[dict[str, Any]] = []
    tips: dict[bytes, bytes] = {}

    def add(creator: bytes, others: list[bytes], parent: bytes | None, *, mark: int = 0) -> bytes:
        number = len(events)
        identifier = bytes([number // 250 + 1, number % 250, mark]) * 10 + b"ev"
        events.append(
            {
                "id": identifier, "creator": creator, "self_parent": parent, "other_parents": others,
                "time_us": 1_000_000 + 1000 * number, "items": number % 3, "signature": bytes([number % 251]) * 64,
            }
        )  # fmt: skip
        return identifier

    for turn in range(rounds):
        for place, creator in enumerate(identities):
            others = [tips[each] for each in identities if each != creator and each in tips] if turn else []
            parent = tips.get(creator)
            tips[creator] = add(creator, others, parent)
            if forks and turn == 1 and place == 0:
                add(creator, others, parent, mark=9)
    members = [{"identity": identity, "weight": 10 + place} for place, identity in enumerate(identities)]
    return {"epoch": 7, "closed_round": 0, "members": members, "events": events}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return write(tmp_path / "net")


def test_rounds_witnesses_and_fame_follow_from_the_events(place: Path) -> None:
    """Computed here, by the definitions, from parents, creators, times and signatures alone."""
    network = load(place)
    identities = [bytes(home.identity) for home in network.homes.values()][:4]
    view = view_of(said(identities, 12, forks=False), "n00", network)
    assert list(view.leaders) == list(NAMES)
    assert view.closed_round >= 2
    assert len(view.vertices) == 48
    witnesses = [each for each in view.vertices if each.is_witness]
    assert {each.fame for each in witnesses} == {"famous", "undecided"}
    assert all(each.fame is None for each in view.vertices if not each.is_witness)
    assert [each.name for each in view.vertices[:5]] == ["n00.1", "n01.1", "n02.1", "n03.1", "n00.2"]
    received = [each.received for each in view.vertices if each.received is not None]
    assert max(received) == view.closed_round
    assert not any(each.is_fork for each in view.vertices)


def test_the_picture_shows_every_event_and_every_fork(place: Path) -> None:
    network = load(place)
    identities = [bytes(home.identity) for home in network.homes.values()][:4]
    view = view_of(said(identities, 6, forks=True), "n01", network)
    assert [each.name for each in view.vertices if each.is_fork] == ["n00.2", "n00.3"]
    root = Tree.fromstring(draw_svg(view))
    space = "{http://www.w3.org/2000/svg}"
    discs = [each for each in root.iter(f"{space}circle") if each.find(f"{space}title") is not None]
    assert len(discs) == len(view.vertices) == 25
    forked = [each for each in discs if each.get("stroke") == FORK]
    titles = [each.findtext(f"{space}title") or "" for each in forked]
    assert len(forked) == 2
    assert all("forked" in title for title in titles)
    points = {(each.get("cx"), each.get("cy")) for each in discs}
    assert len(points) == len(discs), "no event hides another"
    famous = [each for each in discs if each.get("fill") == FILLS["famous"]]
    assert len(famous) == sum(each.fame == "famous" for each in view.vertices)


def test_dot_has_a_node_for_every_event_and_an_edge_for_every_parent(place: Path) -> None:
    network = load(place)
    identities = [bytes(home.identity) for home in network.homes.values()][:4]
    view = view_of(said(identities, 5, forks=True), "n01", network)
    text = draw_dot(view)
    parents = sum(
        len(each.event.other_parents) + (each.event.self_parent is not None) for each in view.vertices
    )  # fmt: skip
    assert len(re.findall(r" -> ", text)) == parents
    assert len(re.findall(r"label=\"n\d\d\.\d+", text)) == len(view.vertices)
    assert text.count("subgraph cluster_") == 4
    assert text.count("{") == text.count("}")
