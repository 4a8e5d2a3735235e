"""``python -m hashgraph replay``: what the definitions make of a trace, and one line for each malformed one."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hashgraph import Event
from tests.hashgraph.drawn import Style, draw
from tests.hashgraph.naive import Naive


def replay(tmp_path: Path, trace: object, hash_seed: str = "0") -> subprocess.CompletedProcess[str]:
    path = tmp_path / "trace.json"
    path.write_text(trace if isinstance(trace, str) else json.dumps(trace))
    return subprocess.run(
        [sys.executable, "-m", "hashgraph", "replay", str(path)],
        capture_output=True, text=True, check=False, env={"PYTHONHASHSEED": hash_seed},
    )  # fmt: skip


def pack(event: Event) -> dict[str, Any]:
    return {
        "id": event.id.hex(),
        "creator": event.creator.decode(),
        "self_parent": event.self_parent and event.self_parent.hex(),
        "other_parents": [parent.hex() for parent in event.other_parents],
        "time": event.time_us,
        "payload": [part.hex() for part in event.payload],
        "sig": event.signature.hex(),
    }


def drawn_trace() -> tuple[dict[str, Any], Naive]:
    members, events = draw(Style(4, 24, 1, 0.3, 50, 3, 0.0, 0.0), random.Random(11))
    names = {name.decode(): weight for name, weight in members.items()}
    trace = {"members": names, "coin_period": 3, "events": [pack(event) for event in events]}
    return trace, Naive(members, events, 3)


def test_a_replay_prints_what_the_twin_says_whatever_the_hash_seed(tmp_path: Path) -> None:
    trace, twin = drawn_trace()
    done = [replay(tmp_path, trace, seed) for seed in ("1", "2")]
    assert done[0].returncode == 0, done[0].stderr
    assert done[0].stdout == done[1].stdout
    result = json.loads(done[0].stdout)
    assert set(result) == {"order", "round", "witness", "famous", "received", "timestamp"}
    assert result["order"] == [identity.hex() for identity in twin.order]
    assert result["round"] == {identity.hex(): number for identity, number in twin.round.items()}
    assert set(result["witness"]) == {identity.hex() for identity in twin.famous}
    assert result["famous"] == {identity.hex(): fame for identity, fame in twin.famous.items()}
    assert result["received"] == {identity.hex(): number for identity, number in twin.received.items()}
    assert result["timestamp"] == {identity.hex(): time_us for identity, time_us in twin.timestamp.items()}
    assert result["order"]
    assert None in result["famous"].values()


def small() -> dict[str, Any]:
    first: dict[str, Any] = {
        "id": "a1",
        "creator": "A",
        "self_parent": None,
        "other_parents": [],
        "time": 1,
        "payload": [],
        "sig": "00",
    }
    second = {**first, "id": "a2", "self_parent": "a1", "time": 2}
    rival = {**first, "id": "b1", "creator": "B"}
    return {"members": {"A": 1, "B": 1}, "coin_period": 10, "events": [first, rival, second]}


def test_ids_are_printed_as_given(tmp_path: Path) -> None:
    trace = small()
    trace["events"][0]["id"] = "A1"
    done = replay(tmp_path, trace)
    assert done.returncode == 0
    assert set(json.loads(done.stdout)["round"]) == {"A1", "b1", "a2"}


@pytest.mark.parametrize(
    ("event", "field", "value", "words"),
    [
        (2, "self_parent", "99", "event 2 (a2): unknown parent 99"),
        (2, "other_parents", ["98"], "event 2 (a2): unknown parent 98"),
        (1, "creator", "C", "event 1 (b1): unknown creator"),
        (2, "self_parent", "b1", "event 2 (a2): self-parent of another creator"),
        (2, "time", 1, "event 2 (a2): time not above the self-parent's"),
        (2, "id", "a1", "event 2 (a1): repeated id"),
        (2, "sig", "0000", "event 2 (a2): signature of another length"),
        (2, "other_parents", ["b1", "b1"], "event 2 (a2): repeated other-parent"),
        (2, "time", "soon", "event 2: field 'time' is not of type int"),
        (2, "time", True, "event 2: field 'time' is not of type int"),
        (2, "id", "x\nz", "event 2: id is not hexadecimal"),
        (2, "id", "a2\n", "event 2: id is not hexadecimal"),
        (2, "self_parent", 7, "event 2 (a2): self_parent is not hexadecimal"),
        (2, "other_parents", [None], "event 2 (a2): other_parents is not hexadecimal"),
        (2, "sig", "0", "event 2 (a2): sig is not hexadecimal"),
        (2, "time", 2**63, "event 2 (a2): time not within 64 bits"),
        (2, "payload", None, "event 2: field 'payload' is not of type list"),
    ],
)
def test_a_malformed_event_is_named(tmp_path: Path, event: int, field: str, value: object, words: str) -> None:
    trace = small()
    trace["events"][event][field] = value
    assert_refused(replay(tmp_path, trace), words)


@pytest.mark.parametrize("field", ["id", "creator", "self_parent", "other_parents", "time", "payload", "sig"])
def test_a_missing_field_is_named(tmp_path: Path, field: str) -> None:
    trace = small()
    del trace["events"][1][field]
    assert_refused(replay(tmp_path, trace), f"event 1: missing field '{field}'")


@pytest.mark.parametrize(
    ("trace", "words"),
    [
        ({**small(), "members": {"A": 0, "B": 1}}, "positive"),
        ({**small(), "members": {"A": "1"}}, "positive"),
        ({**small(), "members": {}}, "members"),
        ({**small(), "coin_period": 2}, "coin_period"),
        ({"members": {"A": 1}}, "missing field 'events'"),
        ([], "missing field 'members'"),
        ("{", "not readable as JSON"),
        ("[" * 100_000, "not readable as JSON"),
        ("1" * 5000, "not readable as JSON"),
    ],
)
def test_a_malformed_trace_is_refused(tmp_path: Path, trace: object, words: str) -> None:
    assert_refused(replay(tmp_path, trace), words)


def test_a_trace_that_is_not_there_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hashgraph", "replay", str(tmp_path / "none")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert_refused(done, "not readable")


def assert_refused(done: subprocess.CompletedProcess[str], words: str) -> None:
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert words in done.stderr
