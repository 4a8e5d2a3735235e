"""The draw of recovery proposers: in proportion to units, and out of anybody's control."""

from __future__ import annotations

import hashlib
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from election.recovery import recovery_proposer

SEED = bytes(range(32))
VOTERS = {bytes([i]) * 32: units for i, units in enumerate((100, 100, 200, 400))}


def by_definition(seed: bytes, view: int, electorate: dict[bytes, int]) -> bytes:
    total, tag = sum(electorate.values()), b"bac recover 1\0\0\0"
    tickets = {
        hashlib.sha256(tag + seed + view.to_bytes(8, "big") + identity + k.to_bytes(8, "big")).digest(): identity
        for identity, units in electorate.items()
        for k in range(16 * len(electorate) * units // total)
    }
    return tickets[min(tickets)]


@given(st.binary(min_size=32, max_size=32), st.integers(1, 20), st.lists(st.integers(1, 900), min_size=1, max_size=7))
@settings(max_examples=60)
def test_the_lowest_ticket_wins(seed: bytes, view: int, units: list[int]) -> None:
    """EL-61: H(seed ‖ "recover" ‖ view ‖ identity ‖ k), k below ⌊16·n·units/U⌋, whatever the order of the mapping."""
    voters = {bytes([i]) * 32: count for i, count in enumerate(units)}
    assert recovery_proposer(seed, view, voters) == by_definition(seed, view, voters)
    assert recovery_proposer(seed, view, dict(reversed(voters.items()))) == by_definition(seed, view, voters)


def test_units_count() -> None:
    """EL-61: 2,000 views, each member within five deviations of its share."""
    seen = Counter(recovery_proposer(SEED, view, VOTERS) for view in range(1, 2001))
    for identity, units in VOTERS.items():
        expected = 2000 * units / 800
        assert abs(seen[identity] - expected) < 5 * expected**0.5


def test_own_units_move_own_tickets_only() -> None:
    """EL-62: as a member gives up units step by step, few proposers can be had, where a modulus would offer all."""
    whale = bytes([3]) * 32
    for view in range(1, 60):
        others = {identity: units for identity, units in VOTERS.items() if identity != whale}
        proposers = {recovery_proposer(SEED, view, {**others, whale: 400 - step}) for step in range(26)}
        assert len(proposers - {whale}) <= 2


def test_only_the_eligible_propose() -> None:
    """EL-61: tickets are counted over all of V, and nobody eligible means no proposer."""
    small = bytes([0]) * 32
    assert {recovery_proposer(SEED, view, VOTERS, [small]) for view in range(1, 9)} == {small}
    assert recovery_proposer(SEED, 1, VOTERS, []) is None
    assert recovery_proposer(SEED, 1, {**VOTERS, bytes(32): 0, b"z" * 32: 10**6}, [small]) is None
