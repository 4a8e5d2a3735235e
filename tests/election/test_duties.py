"""Duties: a fixed number, drawn once for all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from election.duties import DUTIES_PER_EPOCH, duty_offsets, leader_duties

SEED = bytes(range(32))


@given(st.binary(min_size=32, max_size=32), st.integers(0, 200), st.integers(0, 20))
@settings(max_examples=80)
def test_duties_are_distinct_heights_of_the_epoch(seed: bytes, length: int, duties: int) -> None:
    """EL-63: ascending, as many as asked, all heights where there are fewer."""
    offsets = duty_offsets(seed, length, duties)
    assert list(offsets) == sorted(set(offsets))
    assert len(offsets) == min(length, duties)
    assert set(offsets) <= set(range(length))


def test_duties_are_spread_and_change_with_the_seed() -> None:
    """EL-63: every height of an epoch is a duty in its turn."""
    drawn = [duty_offsets(bytes([k]) * 32, 40) for k in range(200)]
    assert len(set(drawn)) == 200
    often = [sum(height in offsets for offsets in drawn) for height in range(40)]
    assert 15 < min(often) <= max(often) < 70


def test_a_longer_epoch_does_not_unmake_a_duty_by_renaming_heights() -> None:
    """EL-63: a height that is drawn among more heights was drawn among fewer."""
    short, long = duty_offsets(SEED, 30), duty_offsets(SEED, 60)
    assert {height for height in long if height < 30} <= set(short)


@pytest.mark.parametrize(
    ("witnesses", "rounds", "done"), [(40, 40, 8), (39, 40, 7), (20, 40, 4), (0, 40, 0), (0, 0, 0)]
)
def test_witnesses_scale_to_duties(witnesses: int, rounds: int, done: int) -> None:
    """EL-64: a leader earns no more than a consensus node, rounded down."""
    assert leader_duties(witnesses, rounds) == done <= DUTIES_PER_EPOCH


def test_more_witnesses_than_rounds_are_a_mistake() -> None:
    """EL-64."""
    with pytest.raises(ValueError, match="witnesses"):
        leader_duties(5, 4)
