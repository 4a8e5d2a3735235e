"""Latencies, links, classes, cuts: what happens to messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bac.sim import seeds
from bac.sim.latency import ONE_Q16, SLOTS, Latency
from bac.sim.links import HOLD, Box, LinkClass, Links, Radio, Weather
from bac.sim.network import Network
from bac.sim.positions import Point, Straight
from tests.sim.thin import network

MS = 1_000


def test_a_table_holds_equally_likely_latencies() -> None:
    """SI-12: piecewise linear between knots, in integers."""
    assert set(Latency.constant(7).table()) == {7}
    table = Latency.uniform(0, 1024).table()
    assert list(table) == list(range(SLOTS))
    tailed = Latency.tailed(1_000, 5_000, 40_000, 90_000).table()
    assert list(tailed) == sorted(tailed)
    assert abs(tailed[SLOTS // 2] - 5_000) < 100
    assert sum(value > 40_000 for value in tailed) == SLOTS // 100
    assert Latency.uniform(10, 20).table(3) == tuple(3 * value for value in Latency.uniform(10, 20).table())


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(1, ONE_Q16 - 1), st.integers(0, 10**7)), max_size=6), st.integers(0, 10**7))
def test_any_rising_knots_make_a_rising_table_within_them(middle: list[tuple[int, int]], least: int) -> None:
    """SI-12."""
    probabilities = sorted({probability for probability, _ in middle})
    values = sorted(value for _, value in middle)[: len(probabilities)]
    knots = ((0, least), *((p, least + v) for p, v in zip(probabilities, values, strict=True)))
    latency = Latency((*knots, (ONE_Q16, least + 10**8)))
    table = latency.table()
    assert all(a <= b for a, b in pairwise(table))
    assert least <= table[0]
    assert table[-1] <= latency.most_us


@pytest.mark.parametrize(
    "knots",
    [(), ((0, 1),), ((1, 1), (ONE_Q16, 2)), ((0, 1), (5, 2)), ((0, 2), (ONE_Q16, 1)), ((0, -1), (ONE_Q16, 1))],
)
def test_knots_that_are_no_distribution_are_refused(knots: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ValueError, match="latency"):
        Latency(knots)


def test_every_link_draws_its_own_latency() -> None:
    """SI-12: one message, many arrivals, each with its own draw, latest first."""
    arrivals = network(200, Latency.uniform(0, 1_000_000)).route(0, range(1, 200), 100, 50)
    assert sorted(receiver for _, receiver in arrivals) == list(range(1, 200))
    assert arrivals == sorted(arrivals, reverse=True)
    assert len({time for time, _ in arrivals}) > 150


def test_draws_are_the_same_on_every_platform() -> None:
    """SI-9, SI-12: golden arrivals, by the plain way and by the one with troubles."""
    latency = Latency.tailed(1_000, 5_000, 40_000, 90_000)
    plain = [(3_933, 2), (3_121, 1), (2_699, 3)]
    doubled = [(45_295, 2), (22_841, 3), (8_173, 2), (7_327, 1), (4_902, 3), (2_699, 1)]
    assert network(4, latency).route(0, (1, 2, 3), 10, 0) == plain
    assert network(4, latency, duplicate_q16=40_000).route(0, (1, 2, 3), 10, 0) == doubled


def test_bandwidth_makes_messages_queue_at_their_sender() -> None:
    """SI-13: 1,000 bytes at 8 Mbit/s take 1 ms each; the queue drains; another sender has its own."""
    net = network(4, Latency.constant(10), bits_per_second=8_000_000)
    assert sorted(net.route(0, (1, 2, 3), 1_000, 0)) == [(1_010, 1), (2_010, 2), (3_010, 3)]
    assert net.route(0, (1,), 1_000, 500) == [(4_010, 1)]
    assert net.route(0, (1,), 1_000, 9_000) == [(10_010, 1)]
    assert net.route(1, (2,), 1_000, 0) == [(1_010, 2)]


def test_a_full_interface_drops() -> None:
    """SI-13: what would wait longer than the backlog is lost."""
    net = network(2, Latency.constant(0), bits_per_second=8_000_000, backlog_us=2_500)
    assert [len(net.route(0, (1,), 1_000, 0)) for _ in range(5)] == [1, 1, 1, 0, 0]
    assert net.lost == 2


def test_loss_duplication_and_reordering_come_as_often_as_asked() -> None:
    """SI-14: a quarter lost, of the rest a quarter doubled, an eighth held back by so many latencies."""
    quarter, eighth = ONE_Q16 // 4, ONE_Q16 // 8
    net = network(2, loss_q16=quarter, duplicate_q16=quarter, reorder_q16=eighth)
    kinds = Counter(tuple(sorted(time for time, _ in net.route(0, (1,), 10, 0))) for _ in range(20_000))
    ms, late = 1 * MS, (HOLD + 1) * MS
    assert set(kinds) == {(), (ms,), (ms, 2 * ms), (late,), (late, late + ms)}
    assert abs(kinds[()] - 5_000) < 300
    assert abs(kinds[(ms, 2 * ms)] + kinds[(late, late + ms)] - 3_750) < 300
    assert abs(kinds[(late,)] + kinds[(late, late + ms)] - 1_875) < 200


def test_a_fault_on_one_link_leaves_the_draws_of_the_others_alone() -> None:
    """SI-14: the same arrivals elsewhere, whether node 3 is cut off or not."""

    def arrivals(*, cut: bool) -> list[tuple[int, int]]:
        net = network(6, Latency.uniform(0, 10**6), loss_q16=6_000, duplicate_q16=6_000)
        if cut:
            net.cut(((3,), (0, 1, 2, 4, 5)))
        return [arrival for _ in range(50) for arrival in net.route(0, (1, 2, 3, 4, 5), 10, 0)]

    assert arrivals(cut=True) == [arrival for arrival in arrivals(cut=False) if arrival[1] != 3]


def reached(net: Network, sender: int, now: int = 0) -> set[int]:
    others = [node for node in range(6) if node != sender]
    return {receiver for _, receiver in net.route(sender, others, 10, now)}


def test_cuts_separate_groups_until_mended() -> None:
    """SI-16: groups, one-way cuts, nodes in no group, overlapping cuts."""
    net = network(6)
    groups = net.cut(((0, 1), (2, 3)))
    assert (reached(net, 0), reached(net, 2), reached(net, 5)) == ({1, 4, 5}, {3, 4, 5}, {0, 1, 2, 3, 4})
    one_way = net.cut(((4,), (0, 5)), one_way=True)
    assert (reached(net, 4), reached(net, 0)) == ({1, 2, 3}, {1, 4, 5})
    net.mend(groups)
    assert (reached(net, 4), reached(net, 0)) == ({1, 2, 3}, {1, 2, 3, 4, 5})
    net.mend(one_way)
    assert reached(net, 4) == {0, 1, 2, 3, 5}
    net.mend(one_way)  # mended already: nothing happens


def test_weather_adds_up_and_passes() -> None:
    """SI-14: loss on top of the link's own; latencies stretched by the product."""
    net = network(6)
    slow, slower = net.change_weather(Weather(stretch=5)), net.change_weather(Weather(stretch=2))
    assert {time for time, _ in net.route(0, (1, 2), 10, 0)} == {10 * MS}
    net.mend(slow)
    assert {time for time, _ in net.route(0, (1, 2), 10, 0)} == {2 * MS}
    net.change_weather(Weather(loss_q16=ONE_Q16))
    assert reached(net, 0) == set()
    net.mend(slower)
    net.heal()
    assert {time for time, _ in net.route(0, (1, 2), 10, 0)} == {1 * MS}


class Line:
    """Six nodes on a line, 100 m apart; node 5 is away; from second 10 on they are 1 km apart."""

    def at(self, time_us: int) -> list[Point | None]:
        step = 10_000 if time_us < 10_000_000 else 100_000
        return [*((step * node, 0) for node in range(5)), None]


def two_classes() -> Network:
    relay = LinkClass(latency=Latency.constant(50 * MS))
    fast = LinkClass(latency=Latency.constant(2 * MS), bits_per_second=1)
    radio = Radio(fast, ((10_000, 80_000_000), (25_000, 8_000_000)))
    return Network(6, Links(relay, radio), seeds.generator(1, "network"), Line())


def test_the_radio_serves_who_is_in_range_at_the_rate_of_the_distance() -> None:
    """SI-15: 100 m: 0.1 ms per 1,000 bytes; 200 m: 1 ms; further, or away: the relay."""
    arrivals = {receiver: time for time, receiver in two_classes().route(0, (1, 2, 3, 5), 1_000, 0)}
    assert arrivals == {1: 2 * MS + 100, 2: 2 * MS + 100 + 1 * MS, 3: 50 * MS, 5: 50 * MS}


def test_positions_are_asked_again_after_each_refresh() -> None:
    """SI-15: at second 10 everybody is out of range."""
    net = two_classes()
    assert sum(time < 9_950 * MS for time, _ in net.route(0, (1, 2, 3), 0, 9_900 * MS)) == 2
    assert [time for time, _ in net.route(0, (1, 2, 3), 0, 10_000 * MS)] == [10_050 * MS] * 3


def test_the_relay_fails_by_region_and_the_radio_does_not() -> None:
    """SI-15: nodes 0 to 2 lie in the region: among them the radio works, from and to outside nothing does."""
    net = two_classes()
    outage = net.fail_relay(Box(0, 0, 20_000, 0))
    assert (reached(net, 0), reached(net, 3), reached(net, 5)) == ({1, 2}, {1, 2, 4, 5}, {3, 4})
    net.mend(outage)
    assert reached(net, 5) == {0, 1, 2, 3, 4}


def test_healing_ends_everything_that_is_wrong_with_links() -> None:
    """SI-20: also what the link classes lose by themselves."""
    net = network(6, loss_q16=ONE_Q16)
    net.cut(((0,), (1, 2, 3, 4, 5)))
    assert reached(net, 1) == set()
    net.heal()
    assert [reached(net, node) for node in range(6)] == [set(range(6)) - {node} for node in range(6)]
    assert len(net.route(0, (1,), 10, 0)) == 1


def test_straight_vehicles_meet_again() -> None:
    square = Straight(1_000, ((0, 0), (900, 500)), ((10, 0), (200, -1_000)))
    assert list(square.at(0)) == [(0, 0), (900, 500)]
    assert list(square.at(1_000_000)) == [(10, 0), (100, 500)]
    assert list(square.at(500_000)) == [(5, 0), (0, 0)]


PLAIN = LinkClass(latency=Latency.constant(1))
IMPOSSIBLE: list[Callable[[], object]] = [
    lambda: LinkClass(latency=Latency.constant(1), loss_q16=ONE_Q16 + 1),
    lambda: LinkClass(latency=Latency.constant(1), bits_per_second=0),
    lambda: Radio(PLAIN, ((5, 1), (5, 2))),
    lambda: Radio(PLAIN, ((5, 0),)),
    lambda: Links(PLAIN, refresh_us=0),
    lambda: Weather(loss_q16=-1),
    lambda: Weather(stretch=0),
    lambda: network(2).fail_relay(Box(0, 0, 1, 1)),
    lambda: Network(2, Links(PLAIN, Radio(PLAIN, ((5, 1),))), seeds.generator(1)),
]


@pytest.mark.parametrize("make", IMPOSSIBLE)
def test_impossible_links_are_the_callers_fault(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        make()
