"""Committees: roles, priority, succession, the cap, filling up, clipping."""

from __future__ import annotations

import hashlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from election.committee import Claim, CommitteeParams, compute_committee
from election.electorate import clip
from election.seed import Role

SEED = bytes(32)
P, CP = Role.PRIMARY, Role.CANDIDATE


def identity(i: int) -> bytes:
    return bytes([i]) * 32


def output(i: int, role: Role) -> bytes:
    return hashlib.sha512(bytes([i, role])).digest()


def claim(i: int, role: Role, wins: int = 1) -> Claim:
    return Claim(identity(i), role, output(i, role), wins)


def electorate(n: int) -> dict[bytes, int]:
    return {identity(i): 10 for i in range(n)}


def priority(i: int, role: Role, wins: int = 1) -> bytes:
    """The lowest hash of output ‖ sub-user index, as written down."""
    tag = b"bac priority 1\0\0"
    return min(hashlib.sha256(tag + output(i, role) + k.to_bytes(8, "big")).digest() for k in range(wins))


@st.composite
def claim_sets(draw: st.DrawFn) -> list[Claim]:
    keys = draw(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(Role)), unique=True, max_size=14))
    return [claim(i, role, draw(st.integers(1, 30))) for i, role in keys]


def test_priority_is_the_lowest_hash_over_the_sub_users() -> None:
    """EL-50: more elected units can only bring the priority down."""
    for wins in (1, 2, 7, 40):
        assert claim(3, CP, wins).priority == priority(3, CP, wins)
    assert claim(3, CP, 40).priority <= claim(3, CP, 7).priority <= claim(3, CP).priority


def test_the_best_primary_winner_leads_and_the_others_follow_by_priority() -> None:
    """EL-51: a better CANDIDATE does not displace P."""
    claims = [claim(0, P), claim(1, P), *[claim(i, CP) for i in range(2, 9)]]
    committee = compute_committee(claims, electorate(10), SEED)
    first = min((0, 1), key=lambda i: priority(i, P))
    others = {i: priority(i, P if i < 2 else CP) for i in range(9) if i != first}
    assert min(others.values()) < priority(first, P)
    assert committee.primary == identity(first)
    assert committee.candidates == tuple(identity(i) for i in sorted(others, key=lambda i: others[i]))


def test_without_a_primary_winner_the_first_candidate_leads() -> None:
    """EL-52."""
    claims = [claim(i, CP, 3) for i in range(6)]
    committee = compute_committee(claims, electorate(6), SEED)
    assert committee.primary == identity(min(range(6), key=lambda i: priority(i, CP, 3)))


def test_weight_is_what_was_won_in_both_roles() -> None:
    """EL-53."""
    claims = [claim(0, P, 2), claim(0, CP, 3), *[claim(i, CP, 5) for i in range(1, 5)]]
    assert set(compute_committee(claims, electorate(5), SEED).weights.values()) == {5}


def test_weights_are_clipped() -> None:
    """EL-53: nobody leads with more than a quarter of the weight."""
    claims = [claim(0, P, 90), *[claim(i, CP, 4) for i in range(1, 6)]]
    weights = compute_committee(claims, electorate(6), SEED).weights
    assert weights[identity(0)] == 20 // 3
    assert 4 * max(weights.values()) <= sum(weights.values())


def test_only_the_first_leaders_by_priority_lead() -> None:
    """EL-54: the primary is always among them."""
    claims = [claim(0, P), *[claim(i, CP) for i in range(1, 20)]]
    committee = compute_committee(claims, electorate(20), SEED, CommitteeParams(max_leaders=5))
    ranked = sorted(range(1, 20), key=lambda i: priority(i, CP))
    assert [member for member, _ in committee.members] == [identity(i) for i in (0, *ranked[:4])]


def test_winners_outside_the_electorate_are_dropped() -> None:
    """EL-55: proven culprits and leavers, with no units left, do not lead."""
    voters = {**electorate(6), identity(0): 0}
    committee = compute_committee([claim(i, P) for i in range(9)], voters, SEED)
    assert set(committee.weights) == {identity(i) for i in range(1, 6)}


@pytest.mark.parametrize("winners", [0, 1, 2, 3])
def test_fewer_than_four_winners_are_filled_up_with_all_voters(winners: int) -> None:
    """EL-56: all of the electorate, winners first, the others with weight 1 in an order drawn from the seed."""
    committee = compute_committee([claim(i, CP) for i in range(winners)], electorate(9), SEED)
    assert set(committee.weights) == set(electorate(9))
    assert {member for member, _ in committee.members[:winners]} == {identity(i) for i in range(winners)}
    assert set(committee.weights.values()) == {1}
    orders = {tuple(compute_committee([], electorate(9), bytes([k]) * 32).weights) for k in range(20)}
    assert len(orders) == 20


def test_filling_up_stops_at_the_cap() -> None:
    """EL-56: a hashgraph of hundreds would stand still."""
    committee = compute_committee([claim(7, P)], electorate(100), SEED, CommitteeParams(max_leaders=8))
    assert committee.primary == identity(7)
    assert len(committee.members) == 8


def test_four_winners_are_enough() -> None:
    """EL-56."""
    assert len(compute_committee([claim(i, CP) for i in range(4)], electorate(9), SEED).members) == 4


def test_a_tiny_network_has_a_committee() -> None:
    """EL-56: fewer than four voters lead together."""
    assert len(compute_committee([], electorate(3), SEED).members) == 3
    with pytest.raises(ValueError, match="empty"):
        compute_committee([], {identity(0): 0}, SEED)


@given(claim_sets(), st.integers(0, 2**32))
@settings(max_examples=100)
def test_the_order_of_claims_and_repetition_make_no_difference(claims: list[Claim], shuffle: int) -> None:
    """EL-57: the committee is a function of the set of claims."""
    voters = electorate(10)
    shuffled = claims + claims[: len(claims) // 2]
    random.Random(shuffle).shuffle(shuffled)
    reordered = dict(reversed(voters.items()))
    assert compute_committee(shuffled, reordered, SEED) == compute_committee(claims, voters, SEED)


@given(claim_sets())
@settings(max_examples=100)
def test_every_committee_can_work(claims: list[Claim]) -> None:
    """EL-53: four distinct members at least, nobody above a quarter, weights as the clipped sums."""
    committee = compute_committee(claims, electorate(10), SEED)
    total = sum(weight for _, weight in committee.members)
    assert len(committee.weights) == len(committee.members) >= 4
    assert all(0 < 4 * weight <= total for _, weight in committee.members)
    won: dict[bytes, int] = {}
    for one in claims:
        won[one.identity] = won.get(one.identity, 0) + one.wins
    assert committee.weights == clip({member: won.get(member, 1) for member in committee.weights})


def test_contradicting_claims_are_the_caller_s_mistake() -> None:
    """EL-57: a verified output is unique, so two cannot both have been verified."""
    other = Claim(identity(0), P, output(1, P), 1)
    with pytest.raises(ValueError, match="differently"):
        compute_committee([claim(0, P), other], electorate(5), SEED)


def test_bad_values() -> None:
    """EL-58."""
    with pytest.raises(ValueError, match="at least one elected unit"):
        claim(0, P, 0)
    with pytest.raises(ValueError, match="64 bytes"):
        Claim(identity(0), P, bytes(32), 1)
    for bad in ({"tau_primary": 0}, {"tau_candidate": 0}, {"max_leaders": 3}):
        with pytest.raises(ValueError, match=r"one unit|room"):
            CommitteeParams(**bad)
    assert CommitteeParams().tau(P) + CommitteeParams().tau(CP) == 100
