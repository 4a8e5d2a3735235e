"""WI-29: one interface, two makers; and the wrappers that drivers put around either."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bac.crypto import batch
from bac.crypto.cache import Cached
from bac.crypto.keys import NodeSecrets, derive, next_seed
from bac.crypto.metered import MEASURED, Cost, Meter, Metered
from bac.crypto.production import Production, quorum_scheme
from bac.crypto.standin import StandIn
from bac.crypto.suite import Suite
from bac.protocol import Verifier
from tests.crypto.schemes import MASTER, seed

ROOT = Path(__file__).parent.parent.parent
MAKERS: dict[str, Callable[[], Suite]] = {
    "real": lambda: Production("bls"),
    "real list": lambda: Production("ed25519-list"),
    "stand-in": lambda: StandIn(MASTER, "bls"),
    "cached": lambda: Cached(Production("bls")),
    "metered": lambda: Metered(StandIn(MASTER, "bls"), Meter()),
    "cached metered": lambda: Cached(Metered(StandIn(MASTER, "bls"), Meter())),
}


@pytest.fixture(params=MAKERS)
def suite(request: pytest.FixtureRequest) -> Suite:
    return MAKERS[request.param]()


def test_signatures(suite: Suite) -> None:
    """WI-29: a protocol sees the same shapes and verdicts whoever made the suite."""
    pair, other = suite.key_pair(seed("a")), suite.key_pair(seed("b"))
    signature = pair.sign(b"m")
    assert (len(pair.public), len(signature)) == (32, 64)
    assert suite.key_pair(seed("a")).sign(b"m") == signature
    assert suite.is_valid_public(pair.public)
    assert not suite.is_valid_public(pair.public[:-1])
    verifier: Verifier = suite
    assert verifier.verify(pair.public, b"m", signature)
    assert verifier.verify(pair.public, b"m", signature)
    for public, message, claim in (
        (other.public, b"m", signature), (pair.public, b"n", signature), (pair.public, b"m", signature[:-1]),
        (pair.public, b"m", bytes(64)), (b"", b"m", signature), (pair.public, b"m", b""),
    ):  # fmt: skip
        assert not verifier.verify(public, message, claim)


def test_the_random_function(suite: Suite) -> None:
    """WI-29: one output per key and input, shown by a proof of 80 bytes, and by nothing else."""
    pair, other = suite.vrf_key_pair(seed("a")), suite.vrf_key_pair(seed("b"))
    proof = pair.prove(b"alpha")
    output = suite.vrf_output(pair.public, b"alpha", proof)
    assert output is not None
    assert (len(pair.public), len(proof), len(output)) == (32, 80, 64)
    assert suite.vrf_output(other.public, b"alpha", other.prove(b"alpha")) != output
    assert suite.vrf_output(pair.public, b"beta", pair.prove(b"beta")) != output
    for public, alpha, claim in (
        (other.public, b"alpha", proof), (pair.public, b"beta", proof), (pair.public, b"alpha", proof[:-1]),
        (pair.public, b"alpha", bytes(80)), (b"", b"alpha", proof), (pair.public, b"alpha", b""),
    ):  # fmt: skip
        assert suite.vrf_output(public, alpha, claim) is None


def test_signing_and_random_function_do_not_share_a_key(suite: Suite) -> None:
    """WI-27: the seeds of a node differ, so its keys do."""
    secrets = NodeSecrets.from_root(seed("node"))
    assert suite.key_pair(secrets.signing).public != suite.vrf_key_pair(secrets.vrf).public


def test_seeds_have_32_bytes(suite: Suite) -> None:
    """WI-27: anything else is the caller's mistake."""
    for use in (suite.key_pair, suite.vrf_key_pair):
        with pytest.raises(ValueError, match="32 bytes"):
            use(b"short")


def test_the_random_function_is_the_rfcs() -> None:
    """WI-29: the real suite answers with the outputs of RFC 9381."""
    vectors = json.loads((ROOT / "tests" / "vectors" / "rfc9381_vectors.json").read_text())
    suite = Production("bls")
    suite_3 = [vector for vector in vectors if vector["suite"] == 3]
    assert len(suite_3) == 3
    for vector in suite_3:
        pair = suite.vrf_key_pair(bytes.fromhex(vector["sk"]))
        alpha, proof = bytes.fromhex(vector["alpha"]), bytes.fromhex(vector["pi"])
        assert (pair.public.hex(), pair.prove(alpha)) == (vector["pk"], proof)
        assert suite.vrf_output(pair.public, alpha, proof) == bytes.fromhex(vector["beta"])


def test_what_was_used_has_a_name() -> None:
    """WI-29: every record names it; wrappers keep the name of what is inside."""
    names = {name: make().name for name, make in MAKERS.items()}
    assert names["real"] == names["cached"] == "Ed25519, ECVRF (libsodium), bls"
    assert names["stand-in"] == names["cached metered"] == "stand-in (keyed BLAKE2b) for Ed25519, ECVRF, bls"
    assert names["real list"] != names["real"]


def test_there_are_two_schemes() -> None:
    """WI-24: and no third."""
    for make in (quorum_scheme, Production, lambda name: StandIn(MASTER, name)):
        with pytest.raises(ValueError, match="unknown certificate scheme 'rsa'"):
            make("rsa")


def test_the_stand_in_cannot_be_forged_with_ones_own_keys() -> None:
    """WI-29: a key pair holds its own secret only; nothing of it, nor of what was seen, signs for another."""
    world = StandIn(MASTER, "bls")
    own, victim = world.key_pair(seed("own")), world.key_pair(seed("victim"))
    assert not hasattr(own, "__dict__")
    seen = [victim.sign(bytes((number,))) for number in range(20)]
    tries = [*seen, own.sign(b"m"), own.secret + own.public, victim.public * 2, own.secret * 2]
    assert not any(world.verify(victim.public, b"m", each) for each in tries)
    forged = type(own)(victim.public, own.secret)
    assert not world.verify(victim.public, b"m", forged.sign(b"m"))
    share = world.quorum.sign(seed("own"), b"m")
    assert not world.quorum.verify(world.quorum.public_of(seed("victim")), b"m", share)


def test_the_stand_ins_signatures_can_be_repeated_and_belong_to_their_world() -> None:
    """WI-29: another master secret is another world; the same one, in any process, is the same world."""
    world, same, other = StandIn(MASTER, "bls"), StandIn(MASTER, "bls"), StandIn(seed("other"), "bls")
    pair = world.key_pair(seed("a"))
    assert same.verify(pair.public, b"m", pair.sign(b"m"))
    assert not other.verify(pair.public, b"m", pair.sign(b"m"))
    code = (
        "from bac.crypto.standin import StandIn\n"
        "world = StandIn(bytes(range(32)), 'bls')\n"
        "print(world.key_pair(bytes(32)).sign(b'm').hex(), world.quorum.sign(bytes(32), b'm').hex())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env={"PYTHONHASHSEED": each}, capture_output=True, check=True
        ).stdout
        for each in ("1", "2")
    }
    here = world.key_pair(bytes(32)).sign(b"m").hex() + " " + world.quorum.sign(bytes(32), b"m").hex() + "\n"
    assert outputs == {here.encode()}


# ------------------------------------------------------------------------------------------- cost


def test_calls_are_counted_and_charged() -> None:
    """WI-30: each kind of call, with the measured time, per signer where it depends on them."""
    meter = Meter()
    suite = Metered(StandIn(MASTER, "bls"), meter)
    pair, vrf, quorum = suite.key_pair(seed("a")), suite.vrf_key_pair(seed("a")), suite.quorum
    assert meter.take_ns() == 0
    suite.verify(pair.public, b"m", pair.sign(b"m"))
    assert meter.take_ns() == 15_600 + 40_400
    suite.vrf_output(vrf.public, b"m", vrf.prove(b"m"))
    assert meter.take_ns() == 185_000 + 304_000
    shares = [quorum.sign(seed(each), b"m") for each in range(4)]
    publics = [quorum.public_of(seed(each)) for each in range(4)]
    assert meter.take_ns() == 4 * 837_000
    quorum.fast_aggregate_verify(publics, b"m", quorum.aggregate(shares))
    assert meter.take_ns() == 4 * 125_000 + 1_640_000 + 4 * 650
    quorum.verify(publics[0], b"m", shares[0])
    quorum.pop_verify(publics[0], quorum.pop_prove(seed(0)))
    suite.is_valid_public(pair.public)
    assert meter.take_ns() == 1_581_000 + 837_000 + 1_581_000 + 31_100
    assert meter.take_ns() == 0
    assert meter.counts == Counter(
        {"bls.sign": 4, "sign": 1, "verify": 1, "vrf-prove": 1, "vrf-verify": 1, "bls.aggregate": 1, "key-check": 1,
         "bls.fast-aggregate-verify": 1, "bls.verify": 1, "bls.pop-prove": 1, "bls.pop-verify": 1}
    )  # fmt: skip


def test_every_kind_of_both_schemes_has_a_cost() -> None:
    """WI-30: whole nanoseconds; a remembered signature is not charged."""
    functions = ("sign", "verify", "aggregate", "fast-aggregate-verify", "pop-prove", "pop-verify")
    kinds = {f"{scheme}.{function}" for scheme in ("bls", "ed25519-list") for function in functions}
    assert set(MEASURED) == kinds | {"sign", "verify", "key-check", "vrf-prove", "vrf-verify"}
    assert all(cost.call_ns + cost.each_ns > 0 for cost in MEASURED.values())
    meter = Meter({"sign": Cost(1), "verify": Cost(10)})
    suite = Cached(Metered(StandIn(MASTER, "bls"), meter))
    pair = suite.key_pair(seed("a"))
    signature = pair.sign(b"m")
    assert all(suite.verify(pair.public, b"m", signature) for _ in range(5))
    assert meter.take_ns() == 11


# ------------------------------------------------------------------------------------------- cache, batches


class Counting(StandIn):
    """A stand-in that counts its verifications."""

    def __init__(self) -> None:
        super().__init__(MASTER, "bls")
        self.verified = 0

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        self.verified += 1
        return super().verify(public, message, signature)


def claims_of(suite: Suite, count: int) -> list[batch.Claim]:
    pairs = [suite.key_pair(seed(number)) for number in range(count)]
    return [(pair.public, bytes((number,)), pair.sign(bytes((number,)))) for number, pair in enumerate(pairs)]


def test_good_signatures_are_remembered_bad_ones_are_not() -> None:
    """WI-28: for exactly these bytes."""
    inner = Counting()
    cached = Cached(inner)
    (public, message, signature), *_ = claims_of(inner, 1)
    assert [cached.verify(public, message, signature) for _ in range(3)] == [True] * 3
    assert inner.verified == 1
    assert [cached.verify(public, message, bytes(64)) for _ in range(3)] == [False] * 3
    assert inner.verified == 4
    # The border between key, signature and message cannot be moved.
    joined = public + signature + message
    assert not cached.verify(joined[:31], joined[95:], joined[31:95])
    assert not cached.verify(joined[:32], joined[97:], joined[32:97])
    assert len(cached) == 1
    # What cannot be a signature is not remembered, even if somebody says that it is good.
    cached.learn(public, message, signature[:63])
    assert not cached.verify(b"", message, b"")
    assert len(cached) == 1


def test_the_cache_is_bounded() -> None:
    """WI-28: the oldest is forgotten first, and is verified again."""
    inner = Counting()
    cached = Cached(inner, capacity=3)
    claims = claims_of(inner, 5)
    assert all(cached.verify(*claim) for claim in claims)
    assert len(cached) == 3
    assert [cached.knows(*claim) for claim in claims] == [False, False, True, True, True]
    assert cached.verify(*claims[0])
    assert inner.verified == 6
    with pytest.raises(ValueError, match="at least one"):
        Cached(inner, capacity=0)


def test_what_was_found_good_before_the_last_turn_is_forgotten() -> None:
    """WI-28: the oldest first, whichever side of a turn it is on; the bound is on both together."""
    inner = Counting()
    cached = Cached(inner, capacity=3)
    claims = claims_of(inner, 5)
    assert all(cached.verify(*claim) for claim in claims[:2])
    cached.turn()
    assert all(cached.verify(*claim) for claim in claims[:3])
    assert inner.verified == 3
    cached.turn()
    assert [cached.knows(*claim) for claim in claims[:3]] == [False, False, True]
    assert all(cached.verify(*claim) for claim in claims[3:])
    assert len(cached) == 3
    assert cached.verify(*claims[0])
    assert [cached.knows(*claim) for claim in claims] == [True, False, False, True, True]
    for _ in range(2):
        cached.turn()
    assert len(cached) == 0


@pytest.mark.parametrize("threads", [0, 2])
def test_a_batch_says_what_single_calls_say(threads: int) -> None:
    """WI-28: by the built-in map and by an executor's; in order; each distinct claim once; the cache is warm after."""
    inner = Counting()
    cached = Cached(inner)
    claims = claims_of(inner, 50)
    claims[7] = (claims[7][0], b"other", claims[7][2])
    asked = [*claims, claims[0], claims[7]]
    if threads:
        with ThreadPoolExecutor(threads) as pool:
            verdicts = batch.warm(cached, asked, pool.map)
    else:
        verdicts = batch.warm(cached, asked)
    assert verdicts == [inner.verify(*claim) for claim in asked]
    assert inner.verified == 50 + len(asked)
    assert all(cached.knows(*claim) for claim, good in zip(asked, verdicts, strict=True) if good)
    assert batch.warm(cached, claims[:5]) == [True] * 5
    assert inner.verified == 50 + len(asked)
    assert batch.warm(cached, []) == []


def test_work_is_handed_over_in_pieces() -> None:
    """WI-28: the driver's map gets chunks, long against the cost of handing over."""
    inner = Counting()
    sizes: list[int] = []

    def mapper(function: Callable[[Any], Any], arguments: Iterable[Any]) -> Iterable[Any]:
        for argument in arguments:
            sizes.append(len(argument))
            yield function(argument)

    assert all(batch.warm(Cached(inner), claims_of(inner, 40), mapper))
    assert sizes == [16, 16, 8]


# ------------------------------------------------------------------------------------------- seeds


def test_seeds_are_apart() -> None:
    """WI-27: one per purpose, none of which shows the root or another."""
    root = seed("root")
    secrets = NodeSecrets.from_root(root)
    seeds = {secrets.signing, secrets.vrf, secrets.acknowledgement, root, derive(root, "a"), derive(root, "b")}
    assert len(seeds) == 6
    assert all(len(each) == 32 for each in seeds)
    assert NodeSecrets.from_root(root) == secrets
    assert root.hex() not in repr(secrets)
    with pytest.raises(ValueError, match="32 bytes"):
        derive(b"short", "a")


def test_the_chain_of_acknowledgement_seeds_runs_forward() -> None:
    """WI-27: what follows an erased seed is known from the next one; what came before is not to be had."""
    first = NodeSecrets.from_root(seed("root")).acknowledgement
    chain = [next_seed(first, epoch) for epoch in range(5)]
    assert chain[0] == first
    assert len(set(chain)) == 5
    assert next_seed(chain[2], 2) == chain[4]
    with pytest.raises(ValueError, match="forward only"):
        next_seed(first, -1)


def test_a_full_cache_is_filled_from_two_threads() -> None:
    """A driver verifies ahead on a thread while the protocol verifies: what one forgets the other may forget, too."""
    cached = Cached(StandIn(b"s" * 32, "ed25519-list"), 1)

    def fill(part: int) -> None:
        for number in range(20_000):
            cached.learn(bytes(32), number.to_bytes(8, "big") + bytes((part,)), bytes(64))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(fill, range(4))) == [None] * 4
    finally:
        sys.setswitchinterval(interval)
    assert len(cached) == 1


def test_an_acknowledgement_is_verified_once_and_its_certificates_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """WI-28: signatures in a list are remembered like others; a bad one never is."""
    suite = Cached(Production("ed25519-list"))
    judged: list[bytes] = []
    inner = suite.inner.verify

    def verify(public: bytes, message: bytes, signature: bytes) -> bool:
        judged.append(signature)
        return inner(public, message, signature)

    monkeypatch.setattr(suite.inner, "verify", verify)
    seeds = [bytes([place]) * 32 for place in range(3)]
    publics = [suite.quorum.public_of(seed) for seed in seeds]
    given = [suite.quorum.sign(seed, b"ballot") for seed in seeds]
    assert all(suite.quorum.verify(public, b"ballot", each) for public, each in zip(publics, given, strict=True))
    assert suite.quorum.fast_aggregate_verify(publics, b"ballot", suite.quorum.aggregate(given))
    assert judged == given
    for _ in range(2):
        assert not suite.quorum.fast_aggregate_verify(publics[:2], b"ballot", suite.quorum.aggregate(given[1:]))
    assert len(judged) == 5
