"""Ledger: authenticated state, intake of transfers in units of one signature check, execution, proofs, snapshots."""

from __future__ import annotations

import random
from collections.abc import Callable

from nacl.bindings import crypto_sign_open

from bac.crypto.production import Production
from bac.intake import Intake
from bac.ledger.block import BlockContext, Roles
from bac.ledger.disclosure import StateProof, disclose, prove
from bac.ledger.execution import Ledger
from bac.ledger.records import Account, Answer, account_key, pack
from bac.ledger.snapshot import Chunk, Restoration, cut_chunk
from bac.ledger.state import State, initial_state
from bac.ledger.trie import Trie
from bac.params import DEFAULT
from bac.types import Hash, Height, Micros, NodeId, Units
from bac.wire.codec import decode, encode
from bac.wire.transactions import SignedTransaction, Transaction, Transfer, transaction_preimage
from bench.record import Result, Setting, at_most, best_of, cpu_seconds

SEED = 5
ACCOUNTS = 100_000
CHANGES = 500
SIGNERS = 250
VOTERS = 100
ROUNDS = 15
NETWORK = Hash(b"n" * 32)
SHARD = 1
START = Micros(1)


def run() -> tuple[dict[str, Setting], list[Result]]:
    """The figures; CPU time of this process, each the best of several rounds."""
    settings: dict[str, Setting] = {
        "seed": SEED, "rounds": ROUNDS, "accounts": ACCOUNTS, "changes_per_block": CHANGES, "signers": SIGNERS,
        "voters_paid": VOTERS, "clock": "process CPU",
    }  # fmt: skip
    draw = random.Random(SEED)
    return settings, [*_trie(draw), *_transfers(draw), *_snapshot(draw)]


def _least(work: Callable[[], object], calls: int, rounds: int = ROUNDS) -> float:
    """CPU µs per call, where one `work` makes `calls` of them."""
    return 1e6 * best_of(rounds, lambda: cpu_seconds(work)) / calls


def _account(draw: random.Random) -> bytes:
    """An account that has been used often: with all the answers that are kept."""
    answers = tuple(Answer(Hash(draw.randbytes(32)), None) for _ in range(DEFAULT.answers_kept))
    return pack(Account(draw.randrange(10**12), draw.randrange(10**6), answers))


def _state(draw: random.Random) -> tuple[Trie, list[bytes]]:
    keys = [account_key(draw.randbytes(32)) for _ in range(ACCOUNTS)]
    return Trie().updated({key: _account(draw) for key in keys}), keys


def _trie(draw: random.Random) -> list[Result]:
    trie, keys = _state(draw)
    # each batch once: neither its nodes nor its records are in any cache
    batches: list[dict[bytes, bytes | None]] = [
        {key: _account(draw) for key in draw.sample(keys, CHANGES)} for _ in range(ROUNDS)
    ]
    some = draw.sample(keys, CHANGES)
    proofs = [encode(prove(trie, [key])) for key in some]
    update = _least(lambda: trie.updated(batches.pop()), CHANGES)
    return [
        at_most("state: per changed account, root included", update, "µs", 20),
        Result("state: read of one account", _least(lambda: [trie.get(key) for key in some], CHANGES), "µs"),
        Result("state: making one proof", _least(lambda: [prove(trie, [key]) for key in some], CHANGES), "µs"),
        Result(
            "state: decoding and checking one proof",
            _least(lambda: [disclose(decode(StateProof, data), trie.root) for data in proofs], CHANGES),
            "µs",
        ),
        Result("state: one proof", sum(map(len, proofs)) / len(proofs), "bytes"),
    ]


class _Market:
    """A ledger of many accounts, and a block of signed transfers between them."""

    def __init__(self, draw: random.Random) -> None:
        self.suite = Production("ed25519-list")
        pairs = [self.suite.key_pair(draw.randbytes(32)) for _ in range(SIGNERS)]
        names = [NodeId(pair.public) for pair in pairs]
        others = [NodeId(draw.randbytes(32)) for _ in range(ACCOUNTS - SIGNERS)]
        self.state: State = initial_state(dict.fromkeys([*names, *others], 10**9), {}, START)
        self.ledger = Ledger(NETWORK, SHARD, DEFAULT)
        self.claims: list[tuple[bytes, bytes]] = []
        self.received: list[bytes] = []
        for number in range(CHANGES):
            pair, name = pairs[number % SIGNERS], names[number % SIGNERS]
            operation = Transfer(draw.choice(others), 10**6)
            content = encode(
                Transaction(NETWORK, SHARD, name, name, number // SIGNERS, 10_000, Micros(2**60), operation)
            )
            preimage = transaction_preimage(NETWORK, SHARD, content)
            signature = pair.sign(preimage)
            self.claims.append((signature + preimage, pair.public))
            self.received.append(encode(SignedTransaction(content, signature)))
        self.intake = Intake(NETWORK, SHARD, bytes(32), self.suite, lambda _: None)
        self.verified = [self.intake.transaction(data) for data in self.received]
        voters = tuple((name, Units(65_536)) for name in others[:VOTERS])
        self.paid = Roles(names[0], tuple((name, 3) for name in names[:32]), voters)

    def apply(self, roles: Roles) -> None:
        """Executes the block."""
        block = BlockContext(0, Height(1), Micros(2), NETWORK, roles)
        execution = self.ledger.apply(self.state, block, self.verified)
        assert all(receipt.code is None for receipt in execution.receipts)

    def take_in(self) -> None:
        """The whole way: bytes received (each twice, as gossip brings them), judged once, executed."""
        seen: set[bytes] = set()
        for data in [*self.received, *self.received]:
            if data not in seen:
                seen.add(data)
                self.intake.transaction(data)
        self.apply(Roles())

    def verify(self) -> None:
        """The signatures alone, by the library alone."""
        for signed, public in self.claims:
            crypto_sign_open(signed, public)


def _transfers(draw: random.Random) -> list[Result]:
    market = _Market(draw)
    one = _least(market.verify, CHANGES)
    whole = _least(market.take_in, CHANGES)
    return [
        Result("transfer", sum(map(len, market.received)) / CHANGES, "bytes"),
        Result("one verification by libsodium", one, "µs"),
        Result("intake per transfer: decode, dedupe, verify, apply, root", whole, "µs"),
        at_most("intake per transfer, in verifications", whole / one, "1", 2.5),
        Result("apply per transfer, root included", _least(lambda: market.apply(Roles()), CHANGES), "µs"),
        Result("the same, with all roles paid", _least(lambda: market.apply(market.paid), CHANGES), "µs"),
    ]


def _snapshot(draw: random.Random) -> list[Result]:
    trie, _ = _state(draw)
    chunks: list[bytes] = []

    def cut() -> None:
        chunks.clear()
        start: bytes | None = bytes(32)
        while start is not None:
            chunk = cut_chunk(trie, start)
            chunks.append(encode(chunk))
            start = chunk.end or None

    def restore() -> None:
        restoration = Restoration(trie.root)
        for data in chunks:
            restoration.add(decode(Chunk, data))
        assert restoration.trie().root == trie.root

    cutting, restoring = best_of(3, lambda: cpu_seconds(cut)), best_of(3, lambda: cpu_seconds(restore))
    size = sum(map(len, chunks))
    return [
        Result("snapshot: size", size / 2**20, "MiB"),
        Result("snapshot: largest chunk", max(map(len, chunks)), "bytes"),
        Result("snapshot: cutting", size / 2**20 / cutting, "MiB/s"),
        Result("snapshot: checking and rebuilding", size / 2**20 / restoring, "MiB/s"),
        Result("snapshot: accounts rebuilt", ACCOUNTS / restoring, "1/s"),
    ]
