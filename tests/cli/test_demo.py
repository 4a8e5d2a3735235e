"""The first look: a simulated shard of the real trace, judged by the checks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bac.cli import demo
from tests.cli.console import Console


def test_the_demo_confirms_transfers_of_a_real_shard(console: Console) -> None:
    ran = console("demo", "--seconds", "8", "--json")
    assert ran.status == 0
    rows = ran.data
    assert [row["epoch"] for row in rows] == list(range(len(rows)))
    assert len(rows) > 2
    assert sum(row["transactions"] for row in rows) > 50
    assert all(row["latency_median_us"] > 0 for row in rows if row["transactions"])
    assert console("demo", "--seconds", "8", "--json").data == rows, "same seed, same run"


def test_who_takes_part_stays_for_the_whole_demo() -> None:
    world = demo.make_world(8, 1)
    assert len(world.units) == demo.VEHICLES
    assert world.positions is not None
    assert all(None not in world.positions.at(second * 1_000_000) for second in range(9))


def test_a_violated_invariant_fails_the_demo(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, report = demo.play(5, 1)
    first = replace(report.verdicts[0], violations=("two blocks at height 3",))
    spoiled = replace(report, verdicts=(first, *report.verdicts[1:]))
    monkeypatch.setattr(demo, "play", lambda seconds, seed: (rows, spoiled))
    ran = console("demo", "--json")
    assert ran.status == 1
    assert "VIOLATED" in ran.err
