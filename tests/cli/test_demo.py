"""The demo: who is drawn, who sells to whom, and a run of real processes whose stores are judged."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from bac.cli.archive import accounts, beginning_of, open_chain
from bac.cli.demo.cast import FIRST_US, PAIR_US_MAX, TICK_US, Car, Part, Window, cut, draw, hearers, window_of
from bac.cli.demo.energy import DAY, Sale, cost_micro, energy_wh, find_sales, price_at
from bac.cli.demo.record import Plan, Record
from bac.cli.demo.verdict import judge
from bac.mobility.packaged import Battery, german_day_ahead
from bac.mobility.traces import Fix
from bac.node.network import Home, load
from bac.node.processes import pid_of
from tests.cli.console import Console
from tests.node.town import PATIENCE, until

MINUTE = Window(0, 20 * TICK_US)


def fix(vehicle: str, x_cm: int, at: int = 0, battery_wh: int | None = 20_000) -> Fix:
    return Fix(at, vehicle, x_cm, 0, (0, 0), battery_wh)


def on_road(spans: dict[str, tuple[int, int]], places: dict[str, int], last: int = 20) -> dict[int, dict[str, Fix]]:
    """Cars that stand somewhere from one tick to another."""
    return {
        tick * TICK_US: {
            name: fix(name, places[name], tick * TICK_US)
            for name, (since, until) in spans.items()
            if since <= tick <= until
        }
        for tick in range(last + 1)
    }


# ---------------------------------------------------------------- the draw


def test_the_cast_is_a_neighbourhood_with_comings_and_goings() -> None:
    crowd = {f"near{place}": (0, 20) for place in range(6)}
    lonely = {f"alone{place}": (0, 20) for place in range(9)}
    others = {"leaves": (0, 10), "left at once": (0, 2), "comes": (4, 20), "comes too": (9, 20), "comes late": (15, 20)}
    places = dict.fromkeys((*crowd, *others), 0) | {name: 10**6 * n for n, name in enumerate(lonely, 1)}
    cast = draw(on_road(crowd | lonely | others, places), MINUTE, 8)
    assert [car.vehicle for car in cast] == [*(f"near{n}" for n in range(5)), "leaves", "comes", "comes too"]
    assert [car.part for car in cast] == [Part.STAYS] * 5 + [Part.LEAVES] + [Part.ARRIVES] * 2
    assert cast[5] == Car("leaves", Part.LEAVES, 0, 10 * TICK_US)


def test_long_company_of_one_counts_for_less_than_that_of_many() -> None:
    """A pair counts for a minute at most once somebody is drawn: q meets two for 63 s each, p one for three minutes."""
    assert PAIR_US_MAX == 20 * TICK_US
    window = Window(0, 60 * TICK_US)
    places = {"a": 0, "b": 20_000, "c": 10_000, "p": -25_000, "leaves": 10**6, "x": 2 * 10**6, "y": 3 * 10**6}
    spans = dict.fromkeys("abcp", (0, 60)) | {"leaves": (0, 30), "x": (9, 60), "y": (9, 60)}
    ticks = on_road(spans, places, 60)
    for at, here in ticks.items():
        here["q"] = fix("q", 35_000 if at <= 20 * TICK_US else 5 * 10**6, at)
    assert [car.vehicle for car in draw(ticks, window, 8)] == ["a", "b", "c", "q", "p", "leaves", "x", "y"]


def test_a_window_with_too_few_cars_is_refused() -> None:
    ticks = on_road(dict.fromkeys("abcdefgh", (0, 20)), dict.fromkeys("abcdefgh", 0))
    with pytest.raises(ValueError, match="0 cars that leave"):
        draw(ticks, MINUTE, 8)
    with pytest.raises(ValueError, match="at least 8"):
        draw(ticks, MINUTE, 7)


def test_the_packaged_window_gives_sixteen_who_do_what_they_are_drawn_for() -> None:
    window = window_of(1, 150_000_000)
    ticks = cut(window)
    cast = draw(ticks, window, 16)
    assert cast == draw(cut(window), window, 16), "the rule knows no luck"
    assert len({car.vehicle for car in cast}) == 16
    for car in cast:
        present = [tick for tick in sorted(ticks) if car.vehicle in ticks[tick]]
        assert (present[0], present[-1]) == (car.first_us, car.last_us)
        assert (car.first_us == window.start_us) is (car.part is not Part.ARRIVES)
        assert (car.last_us == window.end_us) is (car.part is not Part.LEAVES)
    names = [car.vehicle for car in cast]
    witnessed = [len(hearers(name, here, names)) >= 2 for here in ticks.values() for name in names if name in here]
    assert sum(witnessed) > 0.8 * len(witnessed), "so most positions find two witnesses"


def test_windows_lie_within_the_trace() -> None:
    windows = [window_of(seed, 240_000_000) for seed in range(24)]
    assert windows[0].start_us == FIRST_US
    assert all(one.start_us < other.start_us for one, other in pairwise(windows))
    assert max(each.end_us for each in windows) <= 1_469_000_000, "with the longest gap after it"
    assert window_of(24, 240_000_000) == windows[0]


def test_hearers_are_those_in_range_the_nearest_first() -> None:
    here = {each.vehicle: each for each in (fix("a", 0), fix("b", 30_000), fix("c", -10), fix("d", 30_001))}
    assert hearers("a", here, ["d", "c", "b", "a", "gone"]) == ["c", "b"]
    assert hearers("gone", here, ["a"]) == []


# ---------------------------------------------------------------- the market

SIZES = {name: Battery("EV40", 40_000) for name in "abcd"} | {"big": Battery("EV80", 80_000)}


def test_the_fuller_sells_to_the_emptier() -> None:
    assert find_sales([fix("a", 0, battery_wh=10_000), fix("b", 5_000)], SIZES) == [Sale("b", "a")]
    assert find_sales([fix("a", 0), fix("b", 5_000, battery_wh=10_000)], SIZES) == [Sale("a", "b")]
    assert find_sales([fix("a", 0, battery_wh=24_000), fix("b", 0)], SIZES) == [Sale("a", "b")], "a tenth is enough"
    assert find_sales([fix("a", 0, battery_wh=23_999), fix("b", 0)], SIZES) == [], "less is not"
    assert find_sales([fix("a", 0), fix("big", 0)], SIZES) == [Sale("a", "big")], "by the share, not by the content"
    assert find_sales([fix("a", 0), fix("b", 10_001, battery_wh=1)], SIZES) == [], "out of reach"
    assert find_sales([fix("a", 0), fix("b", 0, battery_wh=None)], SIZES) == [], "unknown"


def test_each_is_in_one_transfer_and_the_nearest_go_first() -> None:
    near = [fix("a", 0, battery_wh=1), fix("b", 900), fix("c", 1_000, battery_wh=1), fix("d", 9_000)]
    assert find_sales(near, SIZES) == [Sale("b", "c"), Sale("d", "a")]
    assert find_sales(reversed(near), SIZES) == find_sales(near, SIZES)


def test_energy_and_its_price() -> None:
    assert energy_wh(3_600_000_000) == 11_000
    assert energy_wh(2 * TICK_US) == 18
    hours = german_day_ahead()
    assert price_at(DAY + 400_000_000, hours) == 82_710, "10⁻⁶ EUR per kWh, as the exchange has it"
    assert cost_micro(18, 82_710) == 1_488
    assert cost_micro(18, -5_000) == 0
    with pytest.raises(ValueError, match="no price"):
        price_at(0, hours)


# ---------------------------------------------------------------- real processes


def test_a_run_of_real_processes_holds_and_is_read_back_from_its_stores(console: Console) -> None:
    ran = console("demo", "--nodes", "8", "--seconds", "20", "--keep", "kept", "--json")
    assert ran.status == 0, ran.err
    row = ran.data
    assert [each["check"] for each in row["checks"] if each["verdict"] != "holds"] == []
    assert all(each["examined"] for each in row["checks"])
    assert row["confirmed"]["positions"] > 20
    assert row["confirmed"]["admissions"] == 2
    assert row["confirmed"]["leaves"] == 1
    assert 0 < row["latency_p50_us"] <= row["latency_p99_us"]
    assert sum(each["blocks"] for each in row["epochs"]) <= row["blocks"]
    (proof,) = (each for each in row["fall"] if each["cause"] == "proven fault")
    assert proof["change_units"] < 0
    assert proof["level_units"] == 0
    assert len(proof["evidence"]) == 1
    chain = open_chain(Path("kept/net"), None, None)
    assert len(list(accounts(chain, beginning_of(chain)))) == len(row["epochs"]), "anybody can recompute it"
    assert console("demo", "--keep", "kept").status == 2, "what was kept is not overwritten"
    _falsify(Path("kept"), {each["node"]: each for each in row["vehicles"]})


def _falsify(path: Path, vehicles: dict[str, dict[str, str]]) -> None:
    """The checks fail where the record is not as it should be."""
    network = load(path / "net")
    sybil = Home("sybil", load(path / "sybil").homes["sybil"].identity, path / "sybil" / "nodes" / "sybil")
    parts = {each["vehicle"]: Part(each["part"]) for each in vehicles.values()}
    named = {name: each["vehicle"] for name, each in vehicles.items()}
    playing = {part: tuple(name for name in named if parts[named[name]] is part) for part in Part}
    killed = next(name for name, each in vehicles.items() if each["remark"].startswith("killed"))
    plan = Plan(named, parts, playing[Part.STAYS][-1], killed, playing[Part.LEAVES], playing[Part.ARRIVES], ())
    assert _failing(Record(network, sybil, plan)) == []
    assert _failing(Record(network, sybil, replace(plan, troubles=("it rained",)))) == ["clean end"]
    assert "equivocation punished" in _failing(Record(network, sybil, replace(plan, traitor=playing[Part.STAYS][1])))
    assert _failing(Record(network, network.homes[killed], plan)) == ["arrivals and leavers", "stranger refused"]
    record = Record(network, sybil, plan)
    one, other = record.stores[killed][-2:]
    record.stores[killed][-1] = replace(other, hash=one.hash)
    assert _failing(record) == ["agreement"]
    (network.homes[killed].path / "promised.json").write_text('{"commit": 1, "block": "00"}')
    assert _failing(Record(network, sybil, plan)) == ["durability"]


def _failing(record: Record) -> list[str]:
    return [each.check for each in judge(record, *record.recount()) if each.verdict == "fails"]


def test_ctrl_c_leaves_no_process(tmp_path: Path) -> None:
    """While the network comes up, which is when it is hardest."""
    words = [
        sys.executable,
        "-c",
        "from bac.cli.main import main; main()",
        "demo",
        "--nodes",
        "8",
        "--keep",
        str(tmp_path / "kept"),
    ]
    command = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: bool(list(tmp_path.glob("kept/net/nodes/*/pid"))), "a node has a process")
        command.send_signal(signal.SIGINT)
        _, said = command.communicate(timeout=PATIENCE)
    finally:
        command.kill()
        command.wait()
    assert command.returncode == 130
    assert "interrupted" in said
    network = load(tmp_path / "kept" / "net")
    assert all(pid_of(home) is None for home in network.homes.values())


@pytest.mark.long
def test_the_whole_demo_holds(console: Console) -> None:
    """Sixteen vehicles, as `make demo` runs it."""
    ran = console("demo", "--json")
    assert ran.status == 0, ran.err
    assert len(ran.data["vehicles"]) == 16
    assert ran.data["directory"] is None
