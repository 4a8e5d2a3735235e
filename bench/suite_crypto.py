"""Signatures, quorum schemes, codec and intake: what one call costs, beside the table that the simulator charges by.

Times are CPU time of this process, best of several rounds; the gain by threads is wall time.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from bac.crypto import batch, bls
from bac.crypto.bls import Bls
from bac.crypto.cache import Cached
from bac.crypto.ed25519_list import Ed25519List
from bac.crypto.metered import MEASURED
from bac.crypto.production import Production
from bac.crypto.standin import StandIn
from bac.crypto.suite import Suite
from bac.intake import Intake
from bac.proofs.merkle import compute_root
from bac.types import Hash, Height, Micros, NodeId
from bac.wire.codec import decode, encode
from bac.wire.event import Event, EventHeader, payload_hash
from bac.wire.header import Header, Kind, Rank
from bac.wire.signed import UNSIGNED, preimage, with_signature
from bac.wire.transactions import SignedTransaction, Transaction, Transfer, decode_transaction, transaction_preimage
from bench.record import Result, Setting, at_least, at_most, best_of, cpu_seconds

SEED = 4
ROUNDS = 7
NETWORK = Hash(bytes(range(32)))
SHARD = 7
SIZES = (4, 16, 40, 100, 500)


def run() -> tuple[dict[str, Setting], list[Result]]:
    """The settings and figures of the suite."""
    draw = random.Random(SEED)
    suite = Production("bls")
    verify_us, signatures = _signatures(suite, draw)
    results = [
        *signatures,
        *_stand_in(draw),
        *_batches(suite, draw),
        *_quorum(draw),
        *_codec(suite, draw),
        *_intake(suite, draw, verify_us),
    ]
    return {"seed": SEED, "rounds": ROUNDS, "message_bytes": 200, "suite": suite.name}, results


def _microseconds(work: Callable[[], object], calls: int) -> float:
    """CPU time of one call in µs: the best of `ROUNDS` rounds of `calls` calls."""

    def rounds() -> None:
        for _ in range(calls):
            work()

    return best_of(ROUNDS, lambda: cpu_seconds(rounds)) / calls * 1e6


def _beside_table(kind: str, measured_us: float, items: int = 0) -> Result:
    cost = MEASURED[kind]
    charged_us = (cost.call_ns + cost.each_ns * items) / 1000
    return Result(
        f"{kind}{f' of {items}' if items else ''}: measured / charged in simulation", measured_us / charged_us, "1"
    )


def _signatures(suite: Suite, draw: random.Random) -> tuple[float, list[Result]]:
    pair, vrf = suite.key_pair(draw.randbytes(32)), suite.vrf_key_pair(draw.randbytes(32))
    message = draw.randbytes(200)
    signature, proof = pair.sign(message), vrf.prove(message)
    verify_us = _microseconds(lambda: suite.verify(pair.public, message, signature), 200)
    sign_us = _microseconds(lambda: pair.sign(message), 200)
    prove_us = _microseconds(lambda: vrf.prove(message), 50)
    output_us = _microseconds(lambda: suite.vrf_output(vrf.public, message, proof), 50)
    cached = Cached(suite)
    cached.verify(pair.public, message, signature)
    return verify_us, [
        Result("Ed25519 verifications on one core", 1e6 / verify_us, "1/s"),
        Result("Ed25519 signatures on one core", 1e6 / sign_us, "1/s"),
        at_most("a remembered signature", _microseconds(lambda: cached.verify(pair.public, message, signature), 2000)
                / verify_us, "verifications", 0.1),
        _beside_table("verify", verify_us),
        _beside_table("sign", sign_us),
        _beside_table("vrf-prove", prove_us),
        _beside_table("vrf-verify", output_us),
    ]  # fmt: skip


def _stand_in(draw: random.Random) -> list[Result]:
    suite = StandIn(draw.randbytes(32), "bls")
    pair, message = suite.key_pair(draw.randbytes(32)), draw.randbytes(200)
    signature = pair.sign(message)
    each_us = _microseconds(lambda: suite.verify(pair.public, message, signature), 2000)
    return [Result("stand-in verifications on one core", 1e6 / each_us, "1/s")]


def _batches(suite: Production, draw: random.Random) -> list[Result]:
    """The same 512 signatures by the built-in map and by two threads, a cold cache each time."""
    pairs = [suite.key_pair(draw.randbytes(32)) for _ in range(512)]
    messages = [draw.randbytes(200) for _ in pairs]
    claims = [(pair.public, text, pair.sign(text)) for pair, text in zip(pairs, messages, strict=True)]

    def wall(mapper: batch.Mapper) -> float:
        start = time.perf_counter()
        assert all(batch.warm(Cached(suite), claims, mapper))
        return time.perf_counter() - start

    with ThreadPoolExecutor(2) as pool:
        ratios = sorted(wall(map) / wall(pool.map) for _ in range(ROUNDS))
    return [
        Result("batch of 512 by two threads: gain, median", ratios[ROUNDS // 2], "1"),
        Result("batch of 512 by two threads: gain, best", ratios[-1], "1"),
    ]


def _quorum(draw: random.Random) -> list[Result]:
    message = draw.randbytes(60)
    seeds = [draw.randbytes(32) for _ in range(max(SIZES))]

    def sign() -> bytes:
        bls._message_point.cache_clear()  # each message is new to a voter
        return Bls().sign(seeds[0], message)

    results = [_beside_table("bls.sign", _microseconds(sign, 5))]
    return results + [result for size in SIZES for result in _certificate(seeds[:size], message)]


def _certificate(seeds: list[bytes], message: bytes) -> list[Result]:
    """One certificate by both schemes."""
    summed, listed = Bls(), Ed25519List()
    keys, list_keys = [summed.public_of(seed) for seed in seeds], [listed.public_of(seed) for seed in seeds]
    shares = [summed.sign(seed, message) for seed in seeds]
    whole = summed.aggregate(shares)
    every = listed.aggregate([listed.sign(seed, message) for seed in seeds])

    def verify() -> bool:
        bls._message_point.cache_clear()
        return summed.fast_aggregate_verify(keys, message, whole)

    add_us = _microseconds(lambda: summed.aggregate(shares), 1)
    sum_us = _microseconds(verify, 3)
    list_us = _microseconds(lambda: listed.fast_aggregate_verify(list_keys, message, every), 1)
    name = f"certificate of {len(seeds)}:"
    return [
        Result(f"{name} BLS, verified", sum_us / 1000, "ms"),
        Result(f"{name} list, verified", list_us / 1000, "ms"),
        Result(f"{name} bytes of the list / of BLS", len(every) / len(whole), "1"),
        _beside_table("bls.aggregate", add_us, len(seeds)),
        _beside_table("bls.fast-aggregate-verify", sum_us, len(seeds)),
    ]


def _transfer(suite: Suite, draw: random.Random) -> bytes:
    pair = suite.key_pair(draw.randbytes(32))
    content = encode(
        Transaction(
            NETWORK, SHARD, NodeId(pair.public), pair.public, 5, 2000, Micros(2 * 10**15),
            Transfer(NodeId(draw.randbytes(32)), 10**6),
        )
    )  # fmt: skip
    return encode(SignedTransaction(content, pair.sign(transaction_preimage(NETWORK, SHARD, content))))


def _header(draw: random.Random) -> Header:
    one, two, three, four, five, six, seven = (Hash(draw.randbytes(32)) for _ in range(7))
    return Header(
        version=1,
        network=NETWORK,
        shard=SHARD,
        epoch=3,
        view=0,
        kind=Kind.ORDERED,
        height=Height(256),
        parent=one,
        round=24,
        time_us=Micros(10**15),
        transaction_root=two,
        evidence_root=three,
        state_root=four,
        committee_hash=five,
        electorate_root=six,
        justify=Rank(0, Height(255), seven),
        boundary=None,
    )


def _codec(suite: Suite, draw: random.Random) -> list[Result]:
    transfer, header = _transfer(suite, draw), encode(_header(draw))
    transfer_us = _microseconds(lambda: decode_transaction(transfer), 2000)
    header_us = _microseconds(lambda: decode(Header, header), 2000)
    items = [draw.randbytes(len(transfer)) for _ in range(500)]
    root_us = _microseconds(lambda: compute_root(items), 3)
    return [
        Result("transfer: bytes", len(transfer), "B"),
        Result("transfers read and written again, two layers and id", 1e6 / transfer_us, "1/s"),
        Result("header: bytes", len(header), "B"),
        at_least("headers read and written again", 1e6 / header_us, "1/s", 200_000),
        Result("Merkle root of 500 items, each", root_us / 500, "µs"),
    ]


def _intake(suite: Suite, draw: random.Random, verify_us: float) -> list[Result]:
    creator = suite.key_pair(draw.randbytes(32))
    intake = Intake(NETWORK, SHARD, creator.public, suite, lambda identity: identity)
    transfer = _transfer(suite, draw)
    payload = tuple(_transfer(suite, draw) for _ in range(20))
    unsigned = EventHeader(
        3, NETWORK, NodeId(creator.public), NETWORK, (NETWORK,), Micros(10**15), payload_hash(payload), UNSIGNED
    )
    event = encode(Event(with_signature(unsigned, creator.sign(preimage(unsigned, NETWORK, SHARD))), payload))
    transfer_us = _microseconds(lambda: intake.transaction(transfer), 200)
    event_us = _microseconds(lambda: intake.event(decode(Event, event)), 200)
    return [
        at_most("transfer: from bytes to verified", transfer_us / verify_us, "verifications", 1.25),
        at_most("event of 20 transfers: from bytes to verified", event_us / verify_us, "verifications", 1.5),
    ]
