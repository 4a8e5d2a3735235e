"""Real traffic: ours against the rivals on the packaged traces."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from bench.rivals_shards import KMeans, grid
from bench.suite_shards import SIZES, Ours, compare, is_better, params_for, read_ticks, run_assigner
from shards import Params, assign
from tests.shards.drawn import crowd, report


def test_ours_beats_grid_and_k_means_on_four_minutes_of_hamburg() -> None:
    """SH-4 to SH-8: fewer handovers, no lower share of links inside, longer lifetime, at the default size."""
    rows = compare(read_ticks("Hamburg", end_us=540_000_000), 64)
    ours = rows["ours"]
    assert ours.largest <= 64
    assert abs(ours.mean_shards - rows["k-means"].mean_shards) <= 1
    for rival in ("k-means", "grid"):
        assert rows[rival].largest <= 64
        assert is_better(ours, rows[rival]), rival
    assert not is_better(ours, ours)


def test_sparse_traffic_stays_in_one_piece() -> None:
    """SH-5: twenty minutes of Austin's buses, with strays and (a ratio that nobody reaches) without."""
    ticks = read_ticks("Austin", end_us=1_200_000_000)
    quality, _ = run_assigner(ticks, Ours(params_for(64)))
    scattered, _ = run_assigner(ticks, Ours(replace(params_for(64), stray_ratio=10**9)))
    assert quality.largest <= 64
    assert quality.intra_share > scattered.intra_share + 0.1
    assert quality.handovers_per_hour < 6


@pytest.mark.long
@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("size", SIZES)
def test_ours_beats_grid_and_k_means_on_all_of_hamburg(size: int, every: int) -> None:
    """SH-4 to SH-8: decided every 5 s and every 15 s."""
    rows = compare(read_ticks("Hamburg"), size, every)
    for rival in ("k-means", "grid"):
        assert rows[rival].largest <= size
        assert is_better(rows["ours"], rows[rival]), rival


def test_a_kept_street_is_assigned_as_ever() -> None:
    """SH-7, SH-10: four cars stand at a light, four come up to them; two drive off, the rest closes into one."""
    params = Params(max_size=6, min_size=3)
    standing = [report(f"s{i}", i * 10) for i in range(4)]
    coming = [report(f"c{i}", 600 + i * 10, 0, -15) for i in range(4)]
    first = assign([*standing, *coming], None, params)
    assert first.members() == {0: [b"c0", b"c1", b"c2", b"c3"], 1: [b"s0", b"s1", b"s2", b"s3"]}
    arrived = [report(f"c{i}", 100 + i * 10) for i in range(4)]
    second = assign([*standing, *arrived], first, params)
    assert second.shard_of == first.shard_of
    third = assign([*standing[:2], *arrived], second, params)
    assert third.members() == {0: [b"c0", b"c1", b"c2", b"c3", b"s0", b"s1"]}


def test_the_rivals_do_what_they_are_called() -> None:
    """K-means finds two crowds, keeps their names as they drift and the maximum size as they meet."""
    left, right = crowd("a", 9, 0), crowd("b", 9, 2_000)
    rival = KMeans(max_size=10, seed=1)
    first = rival.step([*left, *right], 2)
    assert {first[r.id] for r in left} != {first[r.id] for r in right}
    assert len(set(first.values())) == 2
    drifted = rival.step([*crowd("a", 9, 300), *crowd("b", 9, 1_800)], 2)
    assert drifted == first
    met = rival.step([*crowd("a", 9, 1_000), *crowd("b", 9, 1_010)], 2)
    assert max(Counter(met.values()).values()) <= 10
    assert len(set(rival.step([*left, *right], 4).values())) == 3
    assert len(set(grid([report("a", 10), report("b", 90), report("c", 110), report("d", -10)], 10_000).values())) == 3
