"""Election: VRF against the machine's Ed25519, sortition per draw, evaluation of an epoch, assembly of a committee."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from itertools import cycle

from nacl.signing import SigningKey

from bench.record import Result, Setting, at_most, best_of, cpu_seconds
from election import vrf
from election.committee import Claim, CommitteeParams, compute_committee
from election.explain import explain
from election.recovery import recovery_proposer
from election.reputation import endowed, evaluate
from election.risk import capture_chance
from election.seed import Role
from election.sortition import select
from election.standing import SCALE, Epoch, Evidence, ReputationParams

SEED = 11
ROUNDS = 15
INPUTS = 64
LOW_MEAN = (
    (1, 20, 2_000), (1_000, 20, 10**6), (10_000, 100, 10**6), (65_536, 100, 100 * 65_536), (10**6, 1, 10**9),
    (10**6, 1_000, 10**9), (10**6, 2, 10**6), (10**6, 2_000, 10**9), (3, 2, 3),
)  # fmt: skip
HIGH_MEAN = (
    (10**6, 20, 10**6), (10**6, 20_000, 10**9), (10**5, 200, 10**6), (10**5, 20, 10**5), (1_000, 20, 1_000),
    (100, 20, 100), (21, 20, 21), (20, 1_999, 2_000),
)  # fmt: skip


def run() -> tuple[dict[str, Setting], list[Result]]:
    """The figures; CPU time of this process, each the best of several rounds."""
    settings: dict[str, Setting] = {"seed": SEED, "rounds": ROUNDS, "vrf_inputs": INPUTS, "clock": "process CPU"}
    return settings, [*_vrf(), *_sortition(), *_reputation(), *_committee(100), *_committee(2_000), *_risk()]


def _microseconds(work: Callable[[], object], calls: int, rounds: int = ROUNDS) -> float:
    """CPU µs per call, where one `work` makes `calls` of them."""
    return 1e6 * best_of(rounds, lambda: cpu_seconds(work)) / calls


def _vrf() -> list[Result]:
    """One verification on average over inputs, that is over the tries until a point is found."""
    draw = random.Random(SEED)
    secret = draw.randbytes(32)
    public = vrf.PublicKey(vrf.public_key(secret))
    proven = [(alpha, vrf.prove(secret, alpha)) for alpha in (draw.randbytes(90) for _ in range(INPUTS))]
    key = SigningKey(secret)
    signed = [(key.sign(alpha * 2).signature, alpha * 2) for alpha, _ in proven]

    def verify() -> None:
        for alpha, proof in proven:
            vrf.verify(public, alpha, proof)

    def ed25519() -> None:
        for signature, message in signed:
            key.verify_key.verify(message, signature)

    pairs = [(cpu_seconds(verify), cpu_seconds(ed25519)) for _ in range(ROUNDS)]
    verify_us, ed25519_us = (1e6 * min(times) / INPUTS for times in zip(*pairs, strict=True))
    prove_us = _microseconds(lambda: [vrf.prove(secret, alpha) for alpha, _ in proven], INPUTS)
    return [
        at_most("VRF verification / Ed25519 verification", verify_us / ed25519_us, "ratio", 8),
        Result("VRF verification", verify_us, "us"),
        Result("Ed25519 verification (libsodium, 180 bytes)", ed25519_us, "us"),
        Result("VRF proof", prove_us, "us"),
        Result("VRF self-test", _microseconds(vrf.self_test, 1), "us"),
    ]


def _sortition() -> list[Result]:
    low, high = (max(_draw_us(*case) for case in cases) for cases in (LOW_MEAN, HIGH_MEAN))
    return [
        at_most("sortition, worst of means up to 2, units up to 1e6", low, "us/draw", 10),
        at_most("sortition, worst of means up to 20, units up to 1e6", high, "us/draw", 20),
        Result("sortition, one EV of 100 with 65,536 units, weight 100", _draw_us(65_536, 100, 6_553_600), "us/draw"),
        Result("sortition, mean 1000 of 1e6 units", _draw_us(10**6, 1_000, 10**6, 40), "us/draw"),
    ]


def _draw_us(units: int, tau: int, total: int, draws: int = 1_000) -> float:
    draw = random.Random(SEED)
    outputs = [draw.randbytes(64) for _ in range(draws)]
    return _microseconds(lambda: [select(beta, units, tau, total) for beta in outputs], draws)


def _reputation() -> list[Result]:
    draw, params = random.Random(SEED), ReputationParams()
    epoch = Epoch(40, 200 * SCALE)
    evidence = [Evidence(8, done, draw.randrange(9 - done)) for done in (draw.randrange(9) for _ in range(200))]
    standings = [endowed(SCALE, params)] * 200
    for _ in range(10):
        standings = [evaluate(*case, epoch, params) for case in zip(standings, evidence, strict=True)]
    cases = list(zip(standings, evidence, strict=True))
    return [
        Result(
            "reputation, evaluation of an epoch",
            _microseconds(lambda: _each(evaluate, cases, epoch, params), 200),
            "us/EV",
        ),
        Result(
            "reputation, explanation of an epoch",
            _microseconds(lambda: _each(explain, cases, epoch, params), 200),
            "us/EV",
        ),
    ]


def _each(function: Callable[..., object], cases: Sequence[tuple[object, object]], *rest: object) -> None:
    for case in cases:
        function(*case, *rest)


def _committee(voters: int) -> list[Result]:
    """A shard with a claim for every tenth voter, sixty at least."""
    names = [hashlib.sha256(bytes([i % 256, i // 256])).digest() for i in range(voters)]
    roles = cycle((Role.CANDIDATE, Role.CANDIDATE, Role.PRIMARY))
    winners = names[: max(60, voters // 10)]
    claims = [Claim(name, next(roles), name + name, 1 + i % 2) for i, name in enumerate(winners)]
    electorate = dict.fromkeys(names, SCALE)
    committee_us = _microseconds(lambda: compute_committee(claims, electorate, names[0], CommitteeParams()), 1)
    proposer_us = _microseconds(lambda: recovery_proposer(names[0], 1, electorate), 1)
    return [
        Result(f"committee of {voters} voters, {len(claims)} claims", committee_us, "us"),
        Result(f"recovery proposer among {voters} voters", proposer_us, "us"),
    ]


def _risk() -> list[Result]:
    return [
        Result(f"chance of capture, weight {tau}, 20 % dishonest", 100 * capture_chance(tau, 0.2), "%")
        for tau in (20, 50, 100)
    ]
