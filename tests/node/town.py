"""A network of real processes for tests: transfers to submit, and the simulator's checks over stores and proofs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from bac.baselines.basic.ground import lay
from bac.baselines.basic_bac import BasicBac
from bac.client import Client, Final, TimedOut, Unreachable
from bac.crypto.ed25519 import Ed25519KeyPair
from bac.crypto.production import Production
from bac.finality.site import Block
from bac.genesis import load_genesis
from bac.node import network, processes
from bac.node.authority import DAY, Authority
from bac.node.keyfile import RANDOM
from bac.node.ledger_engine import BLOCK_BYTES_MAX, SHARD
from bac.node.network import Network
from bac.node.store import Owner, Store
from bac.params import PRESETS
from bac.sim.basic import BasicOracle
from bac.sim.checks.court import Court
from bac.sim.checks.jury import Jury
from bac.sim.facts import Committed, Restarted
from bac.types import Hash, Micros, NodeId
from bac.wire.block import ConfirmationProof
from bac.wire.codec import decode, encode
from bac.wire.transactions import (
    SignedTransaction,
    Transaction,
    Transfer,
    decode_transaction,
    transaction_preimage,
)

PARAMS = PRESETS["default"]
FOREVER = Micros(2**60)
PATIENCE = 60.0


def until(holds: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Waits for a condition; the patience is for the slowest machine."""
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@dataclass
class Payer:
    """An account outside of the network's members, and its transfers."""

    keys: Ed25519KeyPair
    name: Hash
    nonce: int = 0

    @classmethod
    def of(cls, place: int, name: Hash) -> Payer:
        return cls(Ed25519KeyPair.from_seed(sha256(f"payer {place}".encode()).digest()), name)

    def transfer(self, recipient: bytes, amount: int = 10_000, fee: int = 20_000) -> bytes:
        content = encode(
            Transaction(
                self.name, SHARD, NodeId(self.keys.public), self.keys.public, self.nonce, fee, FOREVER,
                Transfer(NodeId(recipient), amount),
            )
        )  # fmt: skip
        self.nonce += 1
        signature = self.keys.sign(transaction_preimage(self.name, SHARD, content))
        return encode(SignedTransaction(content, signature))


@dataclass
class Town:
    """A running network."""

    net: Network
    payer: Payer
    accepted: list[bytes] = field(default_factory=list)

    def client(self, name: str, timeout: float = 20.0) -> Client:
        return Client(self.net.home(name).path, timeout)

    def pay(self, name: str, count: int) -> list[bytes]:
        """Has `count` transfers accepted by a node; their ids."""
        recipient = self.net.home("n00").identity
        transfers = [self.payer.transfer(recipient) for _ in range(count)]
        with self.client(name) as client:
            receipts = client.submit(transfers)
        assert [receipt.code for receipt in receipts] == [""] * count
        self.accepted += [receipt.id for receipt in receipts]
        return [receipt.id for receipt in receipts]

    def wait_final(self, name: str, ids: Iterable[bytes], patience: float = PATIENCE) -> list[Final]:
        with self.client(name) as client:
            return [client.wait(each, patience) for each in ids]

    def wait_settled(self, name: str, patience: float = PATIENCE) -> None:
        """Returns when the node's state has every transfer so far: it may have taken the state without the blocks."""

        def is_settled() -> bool:
            with self.client(name) as client:
                account = client.query("account", owner=self.payer.keys.public)
            return account is not None and account["nonce"] >= self.payer.nonce

        until(is_settled, f"{name} has caught up", patience)

    def finals(self, name: str, ids: Iterable[bytes]) -> dict[bytes, str]:
        """The codes of those that the node knows to be final."""
        with self.client(name) as client:
            found = [client.final(each) for each in ids]
        return {each.id: each.code for each in found if each is not None}

    def reported(self, name: str) -> dict[int, bytes]:
        """Every commit that the node has reported, by number."""
        found: dict[int, bytes] = {}
        with self.client(name) as client:
            while page := client.query("commits", first=len(found) + 1):
                found.update({each["commit"]: sha256(each["block"]).digest() for each in page})
        return found

    def commits(self, name: str) -> int:
        try:
            with self.client(name, 2.0) as client:
                return int(client.query("status")["commits"])
        except (Unreachable, TimedOut):
            return -1

    def wait_connected(self, names: Iterable[str]) -> None:
        processes.wait(self.net, PATIENCE, list(names))


def now() -> Micros:
    return Micros(time.time_ns() // 1000)


def authority_of(path: Path) -> Authority:
    """A new authority, for a network that will be made in the directory."""
    return Authority.create(path / "ca", "bac", network.new_passphrase(path), now(), Micros(now() + 3650 * DAY), RANDOM)


@contextmanager
def town(
    path: Path, nodes: int, spares: int = 0, engine: str = "basic-bac", params: str = "default",
    ca: Authority | None = None, **settings: int | float,
) -> Iterator[Town]:  # fmt: skip
    """A network, up and connected; no process of it is left afterwards."""
    key = Payer.of(0, Hash(bytes(32))).keys.public
    net = network.init(
        path, nodes=nodes, spares=spares, now=now(), options={"accounts": [key.hex()], "params": params},
        settings=settings, engine=engine, ca=ca,
    )  # fmt: skip
    payer = Payer.of(0, net.member(net.home("n00")).network)
    processes.up(net)
    try:
        processes.wait(net, PATIENCE)
        yield Town(net, payer)
    finally:
        everybody = network.load(path)  # those who came later, too
        processes.down(everybody)
        assert all(processes.pid_of(home) is None for home in everybody.homes.values()), "no process is left"


def judge(net: Network, honest: Iterable[str]) -> None:
    """The simulator's checks over what the stores of stopped nodes hold: every commit with its proof, every restart."""
    genesis = load_genesis(net.genesis, PARAMS)
    shard = genesis.shards[0]
    member = net.member(net.home("n00"))
    trial: Any = SimpleNamespace(
        network=member.network, suite=Production(shard.scheme.suite_name), genesis_block=genesis, params=PARAMS,
        ground=lay(genesis, shard, PARAMS, kind=BasicBac.ELECTORATE), NODE=BasicBac,
    )  # fmt: skip
    oracle = BasicOracle(trial)
    names = list(net.homes)
    court = Court(oracle, tuple(home.identity for home in net.homes.values()), [names.index(each) for each in honest])
    jury = Jury(court)
    stores = {name: _open(net, name) for name in honest}
    try:
        pages = {name: store.commits(1, 1 << 30) for name, store in stores.items()}
        longest = max(map(len, pages.values()))
        for place in range(longest):
            for name, commits in pages.items():
                if place < len(commits):
                    block = decode(Block, commits[place].block, BLOCK_BYTES_MAX)
                    proof = decode(ConfirmationProof, commits[place].proof)
                    jury.observe(Committed(Micros(place), names.index(name), block, proof))
        for name, store in stores.items():
            protocol = net.member(net.home(name)).construct(Random(0), store.log, store)
            jury.observe(Restarted(Micros(longest), names.index(name), True, protocol))
        for verdict in jury.finish(longest):
            assert verdict.holds, (verdict.check, verdict.violations)
            if verdict.check in {"agreement", "prefix", "same state", "conservation", "durability"}:
                assert verdict.examined, f"{verdict.check} examined nothing"
    finally:
        for store in stores.values():
            store.close()


def _open(net: Network, name: str) -> Store:
    home = net.home(name)
    member = net.member(home)
    return Store(home.store, Owner(member.network, member.engine, member.identity))


def id_of(data: bytes) -> bytes:
    return decode_transaction(data).id
