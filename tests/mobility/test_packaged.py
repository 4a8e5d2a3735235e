"""The packaged data is what its NOTICE says."""

from __future__ import annotations

import itertools
import json
from collections import Counter

from bac.mobility import packaged
from bac.mobility.packaged import DATA


def test_the_hamburg_cut_covers_the_whole_window_in_under_a_megabyte() -> None:
    assert (DATA / "hamburg_trace.csv.gz").stat().st_size + (DATA / "hamburg_vehicles.csv.gz").stat().st_size <= 10**6
    fixes = list(packaged.hamburg_fixes())
    counts = Counter(fix.vehicle for fix in fixes)
    assert (len(fixes), len(counts)) == (57_177, 2_272)
    assert (fixes[0].time_us, fixes[-1].time_us) == (300_000_000, 1_499_000_000)
    last: dict[str, int] = {}
    for fix in fixes:
        assert fix.time_us - last.get(fix.vehicle, fix.time_us) <= packaged.HAMBURG_GAP_US
        last[fix.vehicle] = fix.time_us
    assert all(fix.battery_wh is not None and fix.velocity_cm_s is not None for fix in fixes)


def test_every_second_of_hamburg_has_its_cars() -> None:
    present = [len(fixes) for _, fixes in packaged.hamburg_ticks()]
    assert (len(present), min(present), max(present), sum(present)) == (1200, 275, 422, 425_027)


def test_no_hamburg_car_is_driven_faster_than_the_trace_says_or_overcharged() -> None:
    batteries = packaged.hamburg_batteries()
    assert len(batteries) == 2_272
    for _, fixes in packaged.hamburg_ticks(10_000_000):
        for fix in fixes:
            assert fix.velocity_cm_s is not None
            # The trace's top speed is 19.4 m/s, six decimals of a degree 11 cm.
            assert fix.velocity_cm_s[0] ** 2 + fix.velocity_cm_s[1] ** 2 <= 2_000**2
            assert fix.battery_wh is not None
            assert 0 < fix.battery_wh <= batteries[fix.vehicle].capacity_wh


def test_austin_on_a_common_clock() -> None:
    fixes = list(packaged.austin_fixes())
    assert (len(fixes), len({fix.vehicle for fix in fixes})) == (19_823, 321)
    present = [len(at) for _, at in packaged.austin_ticks(60_000_000)]
    assert len(present) == 119
    assert max(present) == 288


def test_stations_lie_in_their_region() -> None:
    hamburg, austin = packaged.hamburg_stations(), packaged.austin_stations()
    assert (len(hamburg), len(austin)) == (399, 589)
    assert len({station.id for station in [*hamburg, *austin]}) == 988
    inside = [s for s in hamburg if -188_769 <= s.x_cm <= 204_567 and -190_406 <= s.y_cm <= 107_740]
    assert len(inside) == 59


def test_prices_are_exact_and_hourly() -> None:
    hours = packaged.german_day_ahead()
    assert len(hours) == 8_784
    assert all(after - before == 3_600_000_000 for (before, _), (after, _) in itertools.pairwise(hours))
    prices = [price for _, price in hours]
    assert (min(prices), max(prices), sum(price < 0 for price in prices)) == (-83_940, 200_040, 298)


def test_every_file_of_data_has_its_terms_in_the_notice() -> None:
    notice = (DATA / "NOTICE.md").read_text()
    names = [path.name for path in DATA.iterdir() if path.name != "NOTICE.md"]
    assert len(names) == 10
    assert [name for name in names if f"`{name}`" not in notice] == []
    for name in names:
        if name.endswith(".json"):
            assert json.loads((DATA / name).read_text())["schedule"]
