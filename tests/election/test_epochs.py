"""Epoch after epoch, with real draws: electorate, committee, seed, duties, units, and round again."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from dataclasses import dataclass

import pytest

from election import vrf
from election.committee import Claim, Committee, CommitteeParams, compute_committee
from election.draw import Lottery, check_draw, draw
from election.duties import duty_offsets
from election.electorate import next_electorate
from election.rating import Outcome, RatingParams, Ratings, Trade
from election.rating import evaluate as rate
from election.recovery import recovery_proposer
from election.reputation import endowed, evaluate, newcomer
from election.seed import Role, fallback_seed, next_seed, seed_input
from election.standing import SCALE, Epoch, Evidence, ReputationParams

SHARD = b"hamburg"
PARAMS = ReputationParams()
SIZES = CommitteeParams(tau_primary=4, tau_candidate=16, max_leaders=8)


@dataclass
class Shard:
    """Ten genesis identities and two newcomers, of which each is present with a chance of its own."""

    chance: random.Random
    seed: bytes = bytes(32)

    def __post_init__(self) -> None:
        self.names = [hashlib.sha256(bytes([i])).digest() for i in range(12)]
        self.secrets = {name: hashlib.sha256(b"vrf" + name).digest() for name in self.names}
        self.presence = {name: 1 - i / 24 for i, name in enumerate(self.names)}
        self.standings = {name: endowed(SCALE, PARAMS) for name in self.names[:10]}
        self.standings.update({name: newcomer(PARAMS) for name in self.names[10:]})
        self.electorate = next_electorate(self.units(), {}, [], [], 4)

    def units(self) -> dict[bytes, int]:
        return {name: standing.units for name, standing in self.standings.items()}

    def elect(self, epoch: int) -> Committee:
        """Draws for both roles; all present members hear all claims, in any order."""
        total, claims = sum(self.electorate.values()), []
        for name, units in self.electorate.items():
            for role in Role:
                lottery = Lottery(self.seed, role, SHARD, epoch, SIZES.tau(role), total)
                proof, own = draw(lottery, name, self.secrets[name], units)
                assert check_draw(lottery, name, vrf.public_key(self.secrets[name]), units, proof) == own
                claims += [own] if own else []
        mixed: list[Claim] = self.chance.sample(claims, len(claims))
        committee = compute_committee(claims, self.electorate, self.seed, SIZES)
        assert compute_committee(mixed, self.electorate, self.seed, SIZES) == committee
        return committee

    def reseed(self, primary: bytes, epoch: int) -> None:
        alpha = seed_input(self.seed, SHARD, epoch + 1)
        if self.chance.random() < self.presence[primary]:
            proof = vrf.prove(self.secrets[primary], alpha)
            self.seed = next_seed(vrf.verify(vrf.public_key(self.secrets[primary]), alpha, proof))
        else:
            self.seed = fallback_seed(self.seed, SHARD, epoch + 1)

    def work(self, epoch: int, recovered: bool) -> None:
        """Everybody's duties at the same drawn heights, then units, then the next electorate."""
        heights = duty_offsets(self.seed, 40)
        facts = Epoch(epoch, sum(self.electorate.values()), recovered)
        for name, standing in self.standings.items():
            done = sum(self.chance.random() < self.presence[name] for _ in heights)
            in_time = done if name in self.electorate else 0
            evidence = Evidence(len(heights), in_time, done - in_time)
            self.standings[name] = evaluate(standing, evidence, facts, PARAMS)
        self.electorate = next_electorate(self.units(), self.electorate, [], [], 4)


def live(epochs: int, seed: int) -> tuple[Shard, dict[bytes, int]]:
    shard = Shard(random.Random(seed))
    led: dict[bytes, int] = {}
    for epoch in range(epochs):
        committee = shard.elect(epoch)
        total = sum(weight for _, weight in committee.members)
        assert 4 <= len(committee.members) <= SIZES.max_leaders
        assert all(4 * weight <= total for _, weight in committee.members)
        assert recovery_proposer(shard.seed, 1, shard.electorate) in shard.electorate
        led[committee.primary] = led.get(committee.primary, 0) + 1
        before = shard.seed
        shard.reseed(committee.primary, epoch)
        assert shard.seed != before
        shard.work(epoch, recovered=shard.chance.random() < 0.05)
        assert all(4 * units <= sum(shard.electorate.values()) for units in shard.electorate.values())
    return shard, led


def test_forty_epochs() -> None:
    """EL-110: every epoch has an electorate and a committee; newcomers come to vote and to lead."""
    shard, led = live(40, 1)
    assert set(shard.electorate) == set(shard.names)
    assert len(led) > 6
    assert shard.standings[shard.names[0]].units > shard.standings[shard.names[9]].units > SCALE // 3


@pytest.mark.long
def test_a_thousand_epochs() -> None:
    """EL-110: who is present more leads more, in proportion to its units; nobody is shut out."""
    shard, led = live(1000, 2)
    total = sum(shard.units().values())
    for name in shard.names:
        expected = 1000 * shard.units()[name] / total
        assert abs(led[name] - expected) < 6 * expected**0.5


TRACE = """
import hashlib, random
from tests.election.test_epochs import live, ratings_of_a_day
shard, led = live(6, 3)
parts = [shard.seed, repr(list(shard.electorate.items())), repr(shard.standings), repr(led), repr(ratings_of_a_day())]
print(hashlib.sha256(repr(parts).encode()).hexdigest())
"""


def ratings_of_a_day() -> Ratings:
    draw, ratings = random.Random(4), Ratings()
    names = [bytes([i]) * 32 for i in range(6)]
    for epoch in range(8):
        trades = {
            Trade(bytes([epoch, i]), (names[a], names[b]), Outcome.DELIVERED, metered=draw.random() < 0.5, stars=(5, 2))
            for i, (a, b) in enumerate(draw.sample(range(6), 2) for _ in range(9))
        }
        ratings = rate(ratings, trades, RatingParams())
    return ratings


def test_the_same_run_under_any_hash_seed() -> None:
    """EL-111: results depend neither on PYTHONHASHSEED nor on the order of sets."""
    digests = {
        subprocess.run(
            [sys.executable, "-c", TRACE], env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }  # fmt: skip
    assert len(digests) == 1
    assert len(digests.pop().strip()) == 64


def test_the_public_names_are_there() -> None:
    """EL-112: the package offers its modules, and draws in neither SciPy nor NumPy."""
    program = "import sys, election; print(election.vrf.PublicKey.__name__, {'scipy', 'numpy'} & {*sys.modules})"
    environment = {"PYTHONPATH": ":".join(sys.path)}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "PublicKey set()"
