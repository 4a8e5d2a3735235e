"""The channel: equations (3) to (5), as advice."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shards.channel import RSU_RANGE_M, SINR_MIN_DB, Channel, decibel, distance_m
from tests.shards.drawn import report

CHANNEL = Channel()


def test_distance_is_euclidean() -> None:
    """SH-15: equation (3)"""
    assert distance_m(report("a", 30, -40), report("b", 0, 0)) == 50.0


def test_sinr_is_signal_over_interference_and_noise() -> None:
    """SH-15: equation (4)"""
    quiet = CHANNEL.sinr(100)
    assert quiet == pytest.approx(CHANNEL.power_w * CHANNEL.gain(100) / CHANNEL.noise_w)
    assert CHANNEL.sinr(100, [100]) == pytest.approx(1 / (1 + 1 / quiet))
    assert decibel(CHANNEL.sinr(10, [20])) == pytest.approx(27 * math.log10(2), abs=0.1)


def test_rate_is_shannons_with_a_gap() -> None:
    """SH-15: equation (5)"""
    assert CHANNEL.rate_bps(100) == pytest.approx(10e6 * math.log2(1 + CHANNEL.sinr(100)))
    gapped = Channel(sinr_gap=CHANNEL.sinr(100))
    assert gapped.rate_bps(100) == pytest.approx(10e6)


def test_a_road_side_unit_is_heard_to_its_range_without_interference() -> None:
    """SH-15: the defaults agree with the paper's 300 m and 5 dB."""
    assert decibel(CHANNEL.sinr(RSU_RANGE_M)) > SINR_MIN_DB


@settings(max_examples=200)
@given(st.floats(1, 5000), st.floats(1, 5000), st.lists(st.floats(1, 5000), max_size=4))
def test_further_is_never_better_and_interference_never_helps(near: float, far: float, others: list[float]) -> None:
    """SH-15"""
    near, far = sorted((near, far))
    assert CHANNEL.sinr(near, others) >= CHANNEL.sinr(far, others)
    assert CHANNEL.rate_bps(near, others) <= CHANNEL.rate_bps(near, others[:1]) <= CHANNEL.rate_bps(near)


def test_what_is_no_distance_or_ratio() -> None:
    with pytest.raises(ValueError, match="distance -1 m is negative"):
        CHANNEL.gain(-1)
    with pytest.raises(ValueError, match="ratio 0 is not positive"):
        decibel(0)
    assert CHANNEL.gain(0) == CHANNEL.gain(1) == CHANNEL.gain_1m
