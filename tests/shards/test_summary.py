"""Summaries: means, bounds, and links predicted from cells alone."""

from __future__ import annotations

import random
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given, settings

from shards import Params, Report, summarise
from shards.summary import Field, Summary
from tests.shards.drawn import crowd, drawn_towns, report, town

PARAMS = Params()


def naive_links(vehicle: Report, summaries: list[Summary], own: int, params: Params) -> dict[int, int]:
    """SH-14 by its words: every cell of every shard, every instant."""
    links: dict[int, int] = {}
    side, reach = params.cell_cm, -(-params.range_cm // params.cell_cm)
    column, row = vehicle.x_cm // side, vehicle.y_cm // side
    for summary in summaries:
        for cell in summary.cells:
            if max(abs(cell.column - column), abs(cell.row - row)) > reach:
                continue
            size = cell.size - (summary.shard == own and (cell.column, cell.row) == (column, row))
            for t in params.look_ahead_s:
                dx = cell.x_cm + cell.vx_cm_s * t - vehicle.x_cm - vehicle.vx_cm_s * t
                dy = cell.y_cm + cell.vy_cm_s * t - vehicle.y_cm - vehicle.vy_cm_s * t
                if dx * dx + dy * dy <= params.range_cm**2:
                    links[summary.shard] = links.get(summary.shard, 0) + size
    return {shard: count for shard, count in links.items() if count}


@settings(max_examples=100)
@given(drawn_towns())
def test_links_by_place_equal_links_by_search(reports: list[Report]) -> None:
    """SH-14"""
    parts = {k: [r for i, r in enumerate(reports) if i % 3 == k] for k in range(3)}
    summaries = [summarise(k, part, PARAMS) for k, part in parts.items() if part]
    field = Field(summaries, PARAMS)
    for k, part in parts.items():
        for vehicle in part:
            expected = naive_links(vehicle, summaries, k, PARAMS)
            assert field.links(vehicle, k) == expected
            around = naive_links(vehicle, summaries, k, Params(range_cm=30_000, look_ahead_s=(0,)))
            if field.is_settled(vehicle, k):
                assert {*expected} == {*around, k} == {k}


@settings(max_examples=100)
@given(drawn_towns())
def test_means_are_rounded_down_and_order_does_not_matter(reports: list[Report]) -> None:
    """SH-14"""
    summary = summarise(7, reports, PARAMS)
    assert summarise(7, reports[::-1], PARAMS) == summary
    count = len(reports)
    assert (summary.shard, summary.count) == (7, count)
    assert summary.x_cm == floor(Fraction(sum(r.x_cm for r in reports), count))
    assert summary.vy_cm_s == floor(Fraction(sum(r.vy_cm_s for r in reports), count))
    assert sum(cell.size for cell in summary.cells) == count
    assert [cell[:2] for cell in summary.cells] == sorted({(r.x_cm // 15_000, r.y_cm // 15_000) for r in reports})
    west, south, east, north = summary.bounds
    assert all(west <= r.x_cm // 15_000 <= east and south <= r.y_cm // 15_000 <= north for r in reports)


def test_a_summary_needs_a_member() -> None:
    with pytest.raises(ValueError, match="shard 3 has no members"):
        summarise(3, [], PARAMS)


def test_meeting_traffic_counts_less_than_traffic_alongside() -> None:
    """SH-14: the reason for the look-ahead. In 10 s two cars that meet at 20 m/s each are 400 m further."""
    own = report("me", 0, vx_m_s=20)
    alongside = summarise(1, [report("b", 50, vx_m_s=20)], PARAMS)
    meeting = summarise(2, [report("c", 50, vx_m_s=-20)], PARAMS)
    assert Field([alongside, meeting], PARAMS).links(own) == {1: 3, 2: 2}


def test_a_vehicle_is_no_link_of_itself() -> None:
    """SH-14"""
    alone = report("a", 0)
    assert Field([summarise(0, [alone], PARAMS)], PARAMS).links(alone, 0) == {}
    both = [alone, report("b", 10)]
    assert Field([summarise(0, both, PARAMS)], PARAMS).links(alone, 0) == {0: 3}


def test_prediction_from_cells_is_close_to_the_pairs_themselves() -> None:
    """SH-14: over a drawn town the predicted links are within 5 % of the true pairs in range now."""
    reports = town(random.Random(1), 400)
    params = Params(look_ahead_s=(0,))
    field = Field([summarise(0, reports, params)], params)
    predicted = sum(field.links(r, 0).get(0, 0) for r in reports)
    pairs = sum(
        (a.x_cm - b.x_cm) ** 2 + (a.y_cm - b.y_cm) ** 2 <= params.range_cm**2
        for a in reports for b in reports if a is not b
    )  # fmt: skip
    assert abs(predicted - pairs) <= pairs / 20


def test_standing_apart_is_settled_only_among_ones_own() -> None:
    """SH-5: who sees nobody of another shard and has a link decides nothing; who has no link may be a stray."""
    here, there = crowd("a", 4, 0), crowd("b", 4, 10_000)
    lone = report("z", 5_000)
    field = Field([summarise(0, [*here, lone], PARAMS), summarise(1, there, PARAMS)], PARAMS)
    assert field.is_settled(here[0], 0)
    assert not field.is_settled(lone, 0)
    assert not field.is_settled(there[0], 0)
