"""A whole draw: proof, number elected, claim; and what a checker makes of it."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import pytest

from election import vrf
from election.committee import CommitteeParams, compute_committee
from election.draw import Lottery, check_draw, draw
from election.seed import Role

SEED = hashlib.sha256(b"seed").digest()
SECRETS = [hashlib.sha256(bytes([i])).digest() for i in range(12)]
NAMES = [bytes([i]) * 32 for i in range(12)]


def lottery(role: Role, tau: int = 6, total: int = 12_000) -> Lottery:
    return Lottery(SEED, role, b"hamburg", 7, tau, total)


def test_the_checker_finds_what_the_drawer_found() -> None:
    """EL-59: Algorithms 2 and 3 agree, for winners and for those who won nothing."""
    won = 0
    for name, secret in zip(NAMES, SECRETS, strict=True):
        proof, claim = draw(lottery(Role.PRIMARY), name, secret, 1000)
        assert check_draw(lottery(Role.PRIMARY), name, vrf.public_key(secret), 1000, proof) == claim
        won += claim is not None
    assert 0 < won < 12


@pytest.mark.parametrize("change", [{"seed": bytes(32)}, {"role": Role.CANDIDATE}, {"shard": b"austin"}, {"epoch": 8}])
def test_a_proof_belongs_to_one_lottery(change: dict[str, Any]) -> None:
    """EL-59: another seed, role, shard or epoch, and it is not valid."""
    proof, _ = draw(lottery(Role.PRIMARY), NAMES[0], SECRETS[0], 1000)
    other = dataclasses.replace(lottery(Role.PRIMARY), **change)
    with pytest.raises(vrf.InvalidProof):
        check_draw(other, NAMES[0], vrf.public_key(SECRETS[0]), 1000, proof)
    with pytest.raises(vrf.InvalidProof):
        check_draw(lottery(Role.PRIMARY), NAMES[1], vrf.public_key(SECRETS[1]), 1000, proof)


def test_an_expectation_above_all_units_elects_all_of_v() -> None:
    """EL-60: the expected weight is 100, or every unit where there are no more."""
    params = CommitteeParams()
    claims = []
    for name, secret in zip(NAMES[:6], SECRETS[:6], strict=True):
        lot = lottery(Role.CANDIDATE, params.tau(Role.CANDIDATE), 60)
        _, claim = draw(lot, name, secret, 10)
        assert claim is not None
        assert claim.wins == 10
        claims.append(claim)
    committee = compute_committee(claims, dict.fromkeys(NAMES[:6], 10), SEED)
    assert committee.weights == dict.fromkeys(committee.weights, 10)
    assert set(committee.weights) == set(NAMES[:6])


def test_units_buy_weight_in_proportion() -> None:
    """EL-60: over many epochs elected units follow units; seeded."""
    units = [100 * (i + 1) for i in range(4)]
    elected = [0] * 4
    for epoch in range(300):
        lot = Lottery(SEED, Role.CANDIDATE, b"S", epoch, 20, sum(units))
        for i in range(4):
            _, claim = draw(lot, NAMES[i], SECRETS[i], units[i])
            elected[i] += claim.wins if claim else 0
    for i in range(4):
        expected = 300 * 20 * units[i] / sum(units)
        assert abs(elected[i] - expected) < 5 * expected**0.5
