"""Ten thousand epochs of units, draws and committees, the random function replaced by a keyed hash.

The long form runs all of them; the ordinary one fewer, with the same checks. Every draw is fixed by its seed.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from scipy.stats import chi2

from election.committee import Claim, CommitteeParams, compute_committee
from election.electorate import clip
from election.reputation import endowed, evaluate, newcomer
from election.seed import Role, next_seed, sortition_input
from election.sortition import select
from election.standing import SCALE, Epoch, Evidence, Formula, ReputationParams, Standing

SHARD = b"hamburg"
SIZES = CommitteeParams(tau_primary=4, tau_candidate=16, max_leaders=32)
PARAMS = ReputationParams()
DUTIES = 8
SURE = 1e-4
"""Below this chance a deviation counts as one."""

EPOCHS = [pytest.param(500, id="500"), pytest.param(10_000, id="10000", marks=pytest.mark.long)]


def beta_of(name: bytes, seed: bytes, role: Role, epoch: int) -> bytes:
    """In the place of the random function's output: a hash keyed by the identity's secret."""
    alpha = sortition_input(seed, role, SHARD, epoch)
    return hashlib.blake2b(alpha, key=name, person=b"long run").digest()


def name_of(number: int) -> bytes:
    return hashlib.sha256(b"long run %d" % number).digest()


@dataclass
class Count:
    """How often something fell to each, against how often it should have, with the variance of the difference."""

    seen: dict[bytes, int] = field(default_factory=dict)
    expected: dict[bytes, float] = field(default_factory=dict)
    variance: dict[bytes, float] = field(default_factory=dict)

    def add(self, name: bytes, seen: int, trials: int, chance: float) -> None:
        self.seen[name] = self.seen.get(name, 0) + seen
        self.expected[name] = self.expected.get(name, 0) + trials * chance
        self.variance[name] = self.variance.get(name, 0) + trials * chance * (1 - chance)

    def likelihood(self, names: Sequence[bytes]) -> float:
        """The chance that independent draws deviate at least as much, by chi-square with one degree for each name."""
        squares = sum((self.seen[name] - self.expected[name]) ** 2 / self.variance[name] for name in names)
        return float(chi2.sf(squares, len(names)))


@dataclass
class Town:
    """A shard whose members are present by chance, each with its own; `params` make units of it."""

    chance: random.Random
    presence: dict[bytes, float]
    standings: dict[bytes, Standing]
    params: ReputationParams = PARAMS
    seed: bytes = bytes(32)
    epoch: int = 0
    seats: Count = field(default_factory=Count)
    primaries: Count = field(default_factory=Count)

    def live(self, proofs: dict[bytes, tuple[int, ...]] | None = None) -> dict[bytes, int]:
        """One epoch; the units by which it was drawn."""
        electorate = clip({name: standing.units for name, standing in self.standings.items() if standing.units})
        self.draw(electorate)
        facts = Epoch(self.epoch, sum(electorate.values()))
        for name, standing in self.standings.items():
            done = sum(self.chance.random() < self.presence[name] for _ in range(DUTIES))
            in_time = done if name in electorate else 0
            evidence = Evidence(DUTIES, in_time, done - in_time, 0, (proofs or {}).get(name, ()))
            self.standings[name] = evaluate(standing, evidence, facts, self.params)
        self.epoch += 1
        return electorate

    def draw(self, electorate: dict[bytes, int]) -> None:
        """Both roles, the committee, the next seed."""
        total, claims = sum(electorate.values()), []
        for role in Role:
            for name, units in electorate.items():
                beta = beta_of(name, self.seed, role, self.epoch)
                wins = select(beta, units, SIZES.tau(role), total)
                self.seats.add(name, wins, units, SIZES.tau(role) / total)
                claims += [Claim(name, role, beta, wins)] if wins else []
        committee = compute_committee(claims, electorate, self.seed, SIZES)
        for name, units in electorate.items():
            self.primaries.add(name, int(name == committee.primary), 1, units / total)
        self.seed = next_seed(beta_of(committee.primary, self.seed, Role.PRIMARY, self.epoch + 2**32))


def town(seed: int, presence: Sequence[float]) -> Town:
    names = [name_of(number) for number in range(len(presence))]
    return Town(
        random.Random(seed), dict(zip(names, presence, strict=True)), {name: endowed(SCALE, PARAMS) for name in names}
    )


@pytest.mark.parametrize("epochs", EPOCHS)
def test_seats_are_in_proportion_to_units(epochs: int) -> None:
    """EL-10, EL-51, EL-110: seats won, and turns as primary, by chi-square, while units move with presence."""
    here = town(1, [1 - number / 20 for number in range(12)])
    for _ in range(epochs):
        here.live()
    names = list(here.standings)
    assert here.seats.likelihood(names) > SURE
    assert here.primaries.likelihood(names) > SURE
    assert here.seats.seen[names[0]] > here.seats.seen[names[11]]
    assert min(here.seats.expected.values()) > 50
    others = Count(here.seats.seen, dict.fromkeys(names, 20 * epochs / 12), here.seats.variance)
    assert others.likelihood(names) < SURE  # equal shares would not pass


@pytest.mark.parametrize("epochs", EPOCHS)
def test_splitting_units_gains_nothing(epochs: int) -> None:
    """EL-14: five identities with a fifth each win as many seats as one with all of it, and lead as often."""
    honest = {name_of(number): 50_000 for number in range(8)}
    whole, parts = name_of(90), [name_of(100 + number) for number in range(5)]
    here = Town(random.Random(2), {}, {})
    for _ in range(epochs):
        here.draw(honest | {whole: 50_000} | dict.fromkeys(parts, 10_000))
        here.epoch += 1
    for count in (here.seats, here.primaries):
        assert count.likelihood([whole, *parts]) > SURE
        split = sum(count.seen[name] for name in parts)
        spread = (count.variance[whole] + sum(count.variance[name] for name in parts)) ** 0.5
        assert abs(split - count.seen[whole]) < 4 * spread
        assert sum(count.expected[name] for name in parts) == pytest.approx(count.expected[whole])


@pytest.mark.parametrize("epochs", EPOCHS)
@pytest.mark.parametrize("formula", Formula)
def test_invented_identities(epochs: int, formula: Formula) -> None:
    """EL-72, EL-78: idle ones win nothing; by the paper's formula they have what it takes to capture a committee."""
    params = replace(PARAMS, formula=formula, prior=2 if formula is Formula.PARTICIPATION else 0)
    here = town(3, [0.9] * 10)
    here.params = params
    sybils = [name_of(200 + number) for number in range(10)]
    here.presence |= dict.fromkeys(sybils, 0.0)
    here.standings |= dict.fromkeys(sybils, newcomer(params))
    for _ in range(epochs // 5):
        here.live()
    won, led = (sum(count.seen.get(name, 0) for name in sybils) for count in (here.seats, here.primaries))
    share = sum(here.standings[name].units for name in sybils) / sum(each.units for each in here.standings.values())
    if formula is Formula.PARTICIPATION:
        assert (won, led, share) == (0, 0, 0)
    else:
        assert share == pytest.approx(1 / 3, abs=0.01)  # ten idle ones, with ε each, beside ten present ones
        assert min(won, led) > 0


def first_epoch_with_units(here: Town, name: bytes, limit: int) -> int:
    """How many epochs it takes until `name` has units."""
    for count in range(limit):
        if here.standings[name].units:
            return count
        here.live()
    raise AssertionError("no units")


@pytest.mark.parametrize("epochs", EPOCHS)
def test_newcomers_and_culprits_reach_their_first_unit(epochs: int) -> None:
    """EL-72, EL-73, EL-76: a newcomer after its first epoch of duties, a culprit one epoch after its probation.

    Half of what they will have they have eight epochs later: π is a mean over eight.
    """
    here = town(4, [0.95] * 9)
    regular, culprit = name_of(0), name_of(1)
    here.presence[culprit] = 1.0
    for number in range(epochs // 250):
        arrived = name_of(300 + number)
        here.presence[arrived] = 1.0
        here.standings[arrived] = newcomer(PARAMS)
        assert first_epoch_with_units(here, arrived, 3) == 1
        for _ in range(7):
            here.live()
        assert SCALE // 2 < here.standings[arrived].units < SCALE * 3 // 4
        del here.standings[arrived]
        here.live({culprit: (here.epoch - 2,)})
        assert here.standings[culprit].units == 0
        assert first_epoch_with_units(here, culprit, 99) == PARAMS.probation_epochs + 1
        for _ in range(120):
            here.live()
        assert here.standings[culprit].units > SCALE * 9 // 10
        assert here.standings[regular].units > SCALE * 8 // 10
