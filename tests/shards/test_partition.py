"""Splits: sizes, least links lost, streams that part, electorates that qualify."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shards import Params, Report, decide_split
from tests.shards.drawn import SMALL, crowd, drawn_towns, report, town

PARAMS = Params(max_size=16, min_size=4)


def lost(reports: list[Report], stay: tuple[bytes, ...], params: Params) -> int:
    """Links across a cut: pairs in range now, counted once per look-ahead instant in range."""
    total = 0
    for i, a in enumerate(reports):
        for b in reports[:i]:
            if (a.id in stay) == (b.id in stay):
                continue
            near = [
                (a.x_cm + a.vx_cm_s * t - b.x_cm - b.vx_cm_s * t) ** 2
                + (a.y_cm + a.vy_cm_s * t - b.y_cm - b.vy_cm_s * t) ** 2
                <= params.range_cm**2
                for t in (0, *params.look_ahead_s)
            ]
            total += sum(near[1:]) if near[0] else 0
    return total


@settings(max_examples=150)
@given(drawn_towns(60), st.randoms(use_true_random=False))
def test_halves_partition_the_members_within_bounds_in_any_order(reports: list[Report], rng: random.Random) -> None:
    """SH-8"""
    split = decide_split(reports, SMALL)
    shuffled = reports[:]
    rng.shuffle(shuffled)
    assert decide_split(shuffled, SMALL) == split
    if len(reports) <= SMALL.max_size:
        assert split is None
        return
    assert split is not None
    assert sorted(split.stay + split.leave) == sorted(r.id for r in reports)
    assert min(len(split.stay), len(split.leave)) >= max(SMALL.min_size, len(reports) // 4)
    assert (len(split.stay), split.leave) >= (len(split.leave), split.stay)


def test_the_gap_between_two_crowds_is_cut() -> None:
    """SH-8"""
    left, right = crowd("a", 9, 0), crowd("b", 8, 1_000)
    split = decide_split(left + right, PARAMS)
    assert split is not None
    assert split.stay == tuple(r.id for r in left)
    assert lost(left + right, split.stay, PARAMS) == 0


def test_streams_that_drive_apart_are_parted_though_they_mix() -> None:
    """SH-8: location and velocity: two columns pass each other on the same street."""
    east = [report(f"e{i:02}", i * 30, 0, 20) for i in range(9)]
    west = [report(f"w{i:02}", i * 30 + 15, 5, -20) for i in range(8)]
    split = decide_split(east + west, PARAMS)
    assert split is not None
    assert {split.stay, split.leave} == {tuple(r.id for r in east), tuple(r.id for r in west)}


def test_no_straight_cut_loses_fewer_links_for_its_sizes() -> None:
    """SH-8: compared with every allowed vertical and horizontal cut."""
    rng = random.Random(3)
    for _ in range(20):
        reports = town(rng, 18, 1_500)
        split = decide_split(reports, PARAMS)
        assert split is not None
        ratio = lost(reports, split.stay, PARAMS) / (len(split.stay) * len(split.leave))
        for axis in ("x_cm", "y_cm"):
            line = sorted(reports, key=lambda r: (getattr(r, axis), r.id))
            for k in range(4, 15):
                half = tuple(r.id for r in line[:k])
                assert ratio <= lost(reports, half, PARAMS) / (k * (18 - k)) + 1e-9


def test_a_shard_far_too_large_is_halved_across_its_longer_side() -> None:
    """SH-8"""
    reports = [report(f"v{i:03}", i * 100) for i in range(64)]
    split = decide_split(reports, PARAMS)
    assert split is not None
    assert (split.stay, split.leave) == (tuple(r.id for r in reports[:32]), tuple(r.id for r in reports[32:]))


def test_all_at_one_place_can_still_be_cut() -> None:
    """SH-8: ties end at ids."""
    split = decide_split([report(f"v{i:02}", 5, 5) for i in range(17)], PARAMS)
    assert split is not None
    assert {len(split.stay), len(split.leave)} == {8, 9}


def test_both_halves_qualify_or_nothing_is_split() -> None:
    """SH-9: at least four voters and the least units on both sides; the heavier half keeps the chain."""
    left, right = crowd("a", 9, 0), crowd("b", 8, 1_000)
    params = Params(max_size=16, min_size=4, units_min=100)
    units = {r.id: 30 for r in left} | {r.id: 40 for r in right}
    split = decide_split(left + right, params, units)
    assert split is not None
    assert split.stay == tuple(r.id for r in right)
    for poor in (
        {r.id: 1000 for r in left} | {r.id: 1000 for r in right[:1]} | {left[8].id: 0},
        {r.id: 1 for r in left} | {r.id: 1000 for r in right[:3]},
        {r.id: 5 for r in left + right},
        {},
    ):
        split = decide_split(left + right, params, poor)
        if split is not None:
            for half in (split.stay, split.leave):
                assert sum(poor.get(id_, 0) > 0 for id_ in half) >= 4
                assert sum(poor.get(id_, 0) for id_ in half) >= 100
    assert decide_split(left + right, params, {r.id: 1000 for r in left[:7]}) is None


@settings(max_examples=100)
@given(drawn_towns(30), st.lists(st.sampled_from([0, 0, 1, 5]), min_size=30, max_size=30))
def test_whatever_the_units_both_halves_qualify(reports: list[Report], weights: list[int]) -> None:
    """SH-9"""
    units = {r.id: w for r, w in zip(reports, weights, strict=False)}
    params = Params(max_size=8, min_size=2, units_min=6)
    split = decide_split(reports, params, units)
    if split is not None:
        for half in (split.stay, split.leave):
            assert sum(units[id_] > 0 for id_ in half) >= params.voters_min
            assert sum(units[id_] for id_ in half) >= params.units_min


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"min_size": 0}, "min_size must be positive"),
        ({"rounds": 0}, "rounds must be positive"),
        ({"handover_cost": -1}, "handover_cost must not be negative"),
        ({"max_size": 15, "min_size": 8}, "max_size must be at least twice min_size"),
        ({"region_cm": (0, 0, 0, 1)}, "region_cm must be west, south, east, north"),
    ],
)
def test_parameters_that_make_no_sense(change: dict[str, int], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Params(**change)  # type: ignore[arg-type]  # one of the values is a tuple


def test_look_ahead_instants_ascend_from_now_on() -> None:
    for instants in ((), (-1, 0), (0, 0), (10, 0)):
        with pytest.raises(ValueError, match="look_ahead_s must be ascending"):
            Params(look_ahead_s=instants)
