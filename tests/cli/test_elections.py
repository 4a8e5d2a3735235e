"""Committee, graph, evidence and reputation of a running network: four real processes that elect."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bac.cli.times import now
from bac.node import processes
from bac.node.network import init
from tests.cli.console import Console


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The directory of a network that is some epochs old."""
    directory = tmp_path_factory.mktemp("electing")
    network = init(directory / "net", nodes=4, now=now(), engine="bac", options={"params": "minimal"})
    try:
        processes.up(network)
        processes.wait(network, 60, commits=26)
        yield directory
    finally:
        processes.down(network)


@pytest.fixture
def town(console: Console, place: Path, monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.chdir(place)
    return console


def test_who_leads_now_and_who_led(town: Console) -> None:
    rows = town.data("committee", "show")
    assert sorted(row["name"] for row in rows) == ["n00", "n01", "n02", "n03"]
    assert rows[0]["role"] == "primary"
    assert sum(row["share"] for row in rows) == pytest.approx(1)
    epoch = rows[0]["epoch"]
    assert epoch >= 2
    for number in (1, epoch - 1):
        shown = town.data("committee", "show", "--epoch", str(number))
        verified = town.data("committee", "verify", "--epoch", str(number))
        assert [row["place"] for row in shown] == list(range(4))
        placed = {row["identity"]: row["place"] for row in verified if row["place"] is not None}
        assert placed == {row["identity"]: row["place"] for row in shown}
        assert {(row["seed"], row["verdict"]) for row in verified} == {(shown[0]["seed"], "holds")}
    ran = town("committee", "show", "--epoch", "99999", "--json")
    assert (ran.status, ran.error["code"]) == (4, "not-found")


def test_how_often_everybody_led(town: Console) -> None:
    rows = town.data("committee", "stats")
    whole = rows[-1]
    assert whole["name"] == "all"
    assert sum(row["primary"] for row in rows[:-1]) == whole["primary"] == whole["epochs"] >= 2
    assert sum(row["expected"] for row in rows[:-1]) == pytest.approx(whole["epochs"])
    assert 0 <= whole["chance"] <= 1


def test_what_a_node_says_of_a_reputation_is_what_follows_from_the_blocks(town: Console) -> None:
    """RP-110: from the stores of nodes that are running; on record is what the history says of the epoch before."""
    listed = town.data("reputation", "list")
    assert [row["name"] for row in sorted(listed, key=lambda row: str(row["name"]))] == ["n00", "n01", "n02", "n03"]
    shown = town.data("reputation", "show", listed[0]["identity"][:10])
    assert shown["participation"] > 0
    history = {row["epoch"]: row for row in town.data("reputation", "history", shown["name"], "--last", "1000")}
    before = history[shown["epoch"] - 1]
    assert (before["units"], before["probation_epochs"]) == (shown["units"], 0)
    for name in ("n00", "n01", "n02", "n03"):
        row = town.data("reputation", "verify", "--via", name)
        assert row["verdict"] == "holds"
        assert row["epochs"] >= 2


def test_what_would_be(town: Console) -> None:
    """RP-118: who does its duties keeps its units, who misses them loses some each epoch, a convict has none."""
    kept = town.data("reputation", "whatif", "n01", "--epochs", "8")
    missed = town.data("reputation", "whatif", "n01", "--epochs", "8", "--miss")
    convicted = town.data("reputation", "whatif", "n01", "--epochs", "8", "--convicted")
    assert [len(each) for each in (kept, missed, convicted)] == [8, 8, 8]
    assert kept[-1]["units"] > missed[-1]["units"] > convicted[-1]["units"] == 0
    for row in (*kept, *missed, *convicted):
        assert sum(row["causes"].values()) == row["change_units"]
    some = town.data("reputation", "whatif", "n01", "--epochs", "8", "--do", "1")
    assert some[-1]["done"] == 1
    assert town("reputation", "whatif", "n01", "--do", "99").status == 2


def test_the_graph_as_a_leader_sees_it(town: Console) -> None:
    ran = town("graph", "show", "--last", "1000", "--json")
    assert ran.status == 0, ran.err
    rows = ran.data
    witnesses = [row for row in rows if row["witness"]]
    assert {row["round"] for row in witnesses} >= {1}
    assert {row["fame"] for row in rows if not row["witness"]} <= {None}
    known = {row["name"] for row in rows}
    assert all(set(row["parents"]) <= known for row in rows)
    for form in ("svg", "dot"):
        row = town.data("graph", "export", "--out", f"graph.{form}")
        assert Path(f"graph.{form}").stat().st_size == row["size_bytes"] > 1000
        assert row["leaders"] == 4
    assert town("graph", "export", "--out", "graph.png").status == 2


def test_nothing_was_proven_against_anybody(town: Console) -> None:
    assert town.data("evidence", "list") == []
    assert town("evidence", "verify").status == 0


def test_an_export_of_a_running_node_is_whole(town: Console) -> None:
    """RP-110."""
    made = town.data("net", "export", "--out", "whole.bac", "--via", "n02")
    ran = town("reputation", "verify", "--chain", "whole.bac", "--json")
    assert json.loads(ran.out)["data"]["blocks"] == made["blocks"]
