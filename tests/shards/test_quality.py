"""Links and quality against naive twins, and by hand."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shards import Report
from shards.quality import Step, find_links, measure
from tests.shards.drawn import drawn_towns, report


def naive_links(reports: list[Report], range_cm: int) -> list[tuple[bytes, bytes]]:
    return sorted(
        (a.id, b.id)
        for a, b in itertools.product(reports, repeat=2)
        if a.id < b.id and (a.x_cm - b.x_cm) ** 2 + (a.y_cm - b.y_cm) ** 2 <= range_cm**2
    )


@settings(max_examples=150)
@given(drawn_towns(), st.sampled_from([1, 9_000, 30_000, 1_000_000]))
def test_links_are_all_pairs_within_range(reports: list[Report], range_cm: int) -> None:
    """SH-16"""
    assert find_links(reports, range_cm) == find_links(reports[::-1], range_cm) == naive_links(reports, range_cm)


def test_a_link_at_exactly_the_range_counts() -> None:
    """SH-16"""
    assert find_links([report("b", 0), report("a", -300)], 30_000) == [(b"a", b"b")]
    assert find_links([report("b", 0), report("a", -300.01)], 30_000) == []


NAMES = [b"a", b"b", b"c", b"d"]
PAIRS = list(itertools.combinations(NAMES, 2))
STEP = st.tuples(
    st.integers(1, 3),
    st.sets(st.sampled_from(NAMES)),
    st.sets(st.sampled_from(PAIRS)),
    st.dictionaries(st.sampled_from(NAMES), st.integers(0, 1)),
    st.lists(st.sampled_from(PAIRS), max_size=2),
)


@settings(max_examples=300)
@given(st.lists(STEP, max_size=8))
def test_quality_equals_its_definitions_second_by_second(
    rows: list[tuple[int, set[bytes], set[tuple[bytes, bytes]], dict[bytes, int], list[tuple[bytes, bytes]]]],
) -> None:
    """SH-16"""
    steps, now = [], 0
    for span, present, links, shards, trades in rows:
        now += span
        held = {v: s for v, s in shards.items() if v in present}
        inside = [pair for pair in sorted(links) if {*pair} <= present]
        steps.append(Step(now, sorted(present), inside, held, trades))
    quality = measure(steps)

    seconds = [s for one, two in itertools.pairwise(steps) for s in [one] * (two.time_us - one.time_us)]
    intra = [{(a, b) for a, b in s.links if a in s.shard_of and s.shard_of[a] == s.shard_of.get(b)} for s in seconds]
    assert quality.link_us == sum(len(s.links) for s in seconds)
    assert quality.intra_us == sum(len(pairs) for pairs in intra)
    assert quality.vehicle_us == sum(len(s.vehicles) for s in seconds)
    stretches = sum(pair in pairs for pairs in intra[:1] for pair in PAIRS)
    stretches += sum(pair in b and pair not in a for a, b in itertools.pairwise(intra) for pair in PAIRS)
    assert quality.intra_links == stretches
    assert quality.handovers == sum(
        one.shard_of[v] != two.shard_of[v]
        for one, two in itertools.pairwise(steps) for v in NAMES if v in one.shard_of and v in two.shard_of
    )  # fmt: skip
    assert quality.trades == sum(len(s.trades) for s in steps)
    sizes = [[list(s.shard_of.values()).count(k) for k in {*s.shard_of.values()}] for s in steps if s.shard_of]
    assert quality.largest == max((max(own) for own in sizes), default=0)
    assert quality.mean_shards == pytest.approx(sum(map(len, sizes)) / len(sizes) if sizes else 0)
    balances = [max(own) / (sum(own) / len(own)) for own in sizes]
    assert quality.mean_balance == pytest.approx(sum(balances) / len(sizes) if sizes else 0)


def test_the_ratios_by_hand() -> None:
    """SH-16: a and b are together for 20 s, then b goes to another shard; c arrives and leaves without a handover."""
    second = 1_000_000
    ab, bc = (b"a", b"b"), (b"b", b"c")
    steps = [
        Step(0, [b"a", b"b"], [ab], {b"a": 0, b"b": 0}, [ab]),
        Step(10 * second, [b"a", b"b", b"c"], [ab, bc], {b"a": 0, b"b": 0, b"c": 1}, [bc]),
        Step(20 * second, [b"a", b"b"], [ab], {b"a": 0, b"b": 1}),
        Step(30 * second, [b"a"], [], {b"a": 0}),
    ]
    quality = measure(steps)
    assert quality.intra_share == 20 / 40
    assert quality.lifetime_s == 20
    assert quality.handovers_per_hour == pytest.approx(3600 / 70)
    assert quality.trade_share == 0.5


def test_nothing_measured_is_zero_not_an_error() -> None:
    quality = measure([])
    assert (quality.intra_share, quality.lifetime_s, quality.handovers_per_hour) == (0, 0, 0)
    assert (quality.trade_share, quality.mean_shards, quality.mean_balance) == (0, 0, 0)


def test_times_must_ascend() -> None:
    with pytest.raises(ValueError, match="time does not ascend from 5 to 5 us"):
        measure([Step(5, [], [], {}), Step(5, [], [], {})])
