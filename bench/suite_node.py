"""Basic BAC in real processes on this machine: confirmed transactions per second, latency, idle cost, start-up, memory.

Each node is a process; every voter verifies and executes everything, and nothing is confirmed before it is durable. The
load generators are processes of their own beside the nodes. All share the cores of one machine: rates stand beside the
CPU that all nodes and the generators spend per confirmed transaction.
"""

from __future__ import annotations

import multiprocessing
import os
import select
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from heapq import heappop, heappush
from pathlib import Path
from typing import Final

from bac.client import Client, TimedOut
from bac.crypto.ed25519 import Ed25519KeyPair
from bac.node import network, processes
from bac.node.network import Network
from bac.node.requests import SUBMITTED_MAX, Notice, Submitted
from bac.types import Hash, Micros, NodeId
from bac.wire.codec import Domain, encode, hash_of
from bac.wire.transactions import (
    SignedTransaction,
    Transaction,
    Transfer,
    transaction_preimage,
)
from bench.record import Result, Setting, at_least, at_most

SEED: Final = 1
ACCOUNTS: Final = 512
FOREVER: Final = Micros(2**60)
FEE: Final = 20_000
CAREFUL_MIN: Final = 16
PAUSE: Final = 0.05
TICK: Final = 0.005
PATIENCE: Final = 30.0
SUSTAINED: Final = 0.9
OFFERED: Final = 1.04
_CLOCK: Final = os.sysconf("SC_CLK_TCK")


def account_key(place: int) -> Ed25519KeyPair:
    """The key of the account with this place."""
    return Ed25519KeyPair.from_seed(sha256(f"account {SEED} {place}".encode()).digest())


def transfer(network_name: Hash, key: Ed25519KeyPair, nonce: int, recipient: NodeId) -> bytes:
    """A signed transfer, about 250 bytes."""
    content = encode(
        Transaction(network_name, 0, NodeId(key.public), key.public, nonce, FEE, FOREVER, Transfer(recipient, 1_000))
    )
    return encode(SignedTransaction(content, key.sign(transaction_preimage(network_name, 0, content))))


def transaction_id(data: bytes) -> bytes:
    """Under which a transaction is reported."""
    return hash_of(Domain.TRANSACTION_ID, data)


@dataclass(frozen=True, slots=True)
class Load:
    """What was measured under load; times in seconds."""

    confirmed: int
    seconds: float
    latencies: list[float]
    busy: int
    lost: int
    doubled: int
    cpu: float

    @property
    def rate(self) -> float:
        """Confirmed transactions per second."""
        return self.confirmed / self.seconds

    def quantile(self, share: float) -> float:
        """Latency in ms that `share` of the transactions did not exceed."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


@contextmanager
def running(nodes: int, engine: str = "basic-bac", params: str = "default") -> Iterator[Network]:
    """A network of so many nodes, up and connected; gone afterwards."""
    with tempfile.TemporaryDirectory() as directory:
        made = network.init(
            Path(directory) / "net",
            nodes=nodes,
            now=Micros(time.time_ns() // 1000),
            engine=engine,
            options={"params": params, "accounts": [account_key(place).public.hex() for place in range(ACCOUNTS)]},
        )
        processes.up(made)
        try:
            processes.wait(made, 60, commits=1)
            yield made
        finally:
            processes.down(made)


def cpu_of(made: Network) -> float:
    """CPU seconds of all nodes so far."""
    pids = [processes.pid_of(home) for home in made.homes.values()]
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids if pid is not None]
    return sum(int(each[11]) + int(each[12]) for each in fields) / _CLOCK


def pss_mib(pid: int) -> float:
    """Memory of a process, what it shares with others counted in parts."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def under_load(made: Network, rate: float, seconds: float) -> Load:
    """Submits `rate` transfers per second for `seconds`, and follows what is confirmed until nothing is missing."""
    name = made.member(next(iter(made.homes.values()))).network
    count = int(rate * seconds)
    keys = [account_key(place) for place in range(ACCOUNTS)]
    base = [nonce_of(made, NodeId(key.public)) for key in keys]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        prepared = pool.starmap(
            _prepare, [(name, place, base[place], _share(count, place)) for place in range(ACCOUNTS)], chunksize=8
        )
    order = [prepared[n % ACCOUNTS][n // ACCOUNTS] for n in range(count)]
    began_cpu = cpu_of(made)
    load = _Load(made, order, rate)
    load.run()
    return Load(
        confirmed=len(load.seen),
        seconds=max(load.last - load.began, 1e-9),
        latencies=load.latencies,
        busy=load.busy,
        lost=count - len(load.seen),
        doubled=sum(times > 1 for times in load.seen.values()),
        cpu=cpu_of(made) - began_cpu,
    )


def _share(count: int, place: int) -> int:
    return (count - place + ACCOUNTS - 1) // ACCOUNTS


def _prepare(name: Hash, place: int, base: int, count: int) -> list[bytes]:
    key, recipient = account_key(place), NodeId(account_key((place + 1) % ACCOUNTS).public)
    return [transfer(name, key, base + nonce, recipient) for nonce in range(count)]


def nonce_of(made: Network, owner: NodeId) -> int:
    """The next nonce of an account, as the first node knows it."""
    with Client(made.home("n00").path) as client:
        return int(client.query("account", owner=owner)["nonce"])


@dataclass(slots=True)
class _Lane:
    """What goes to one node: in order, as fast as it is due, and carefully after the node has said "busy"."""

    client: Client
    waiting: list[int] = field(default_factory=list)
    careful: int = 0
    not_before: float = 0.0

    def take(self, now: float) -> list[int]:
        """What to submit now."""
        if now < self.not_before:
            return []
        count = min(self.careful or SUBMITTED_MAX, SUBMITTED_MAX, len(self.waiting))
        return [heappop(self.waiting) for _ in range(count)]

    def answered(self, refused: list[int], now: float) -> None:
        """Fewer at a time after a refusal, more after none."""
        for place in refused:
            heappush(self.waiting, place)
        if refused:
            self.careful = max(CAREFUL_MIN, (self.careful or SUBMITTED_MAX) // 2)
            self.not_before = now + PAUSE
        elif self.careful:
            self.careful = 0 if not self.waiting else min(SUBMITTED_MAX, 2 * self.careful)


class _Load:
    """Open loop: each account speaks to one node; what is refused as too much is submitted again, in its order."""

    def __init__(self, made: Network, order: list[bytes], rate: float) -> None:
        self._lanes = [_Lane(Client(made.homes[each].path, 10)) for each in processes.present(made)]
        self._lanes[0].client.subscribe()
        for lane in self._lanes:
            lane.client.settimeout(0.0005)
        self._order, self._rate = order, rate
        self._places = {transaction_id(data): place for place, data in enumerate(order)}
        self._due = 0
        self.seen: dict[bytes, int] = {}
        self.latencies: list[float] = []
        self.busy = 0
        self.began = self.last = time.monotonic()

    def run(self) -> None:
        """Submits all, and follows what is confirmed until nothing is missing or nothing has come for long."""
        while len(self.seen) < len(self._order) and time.monotonic() - self.last < PATIENCE:
            self._submit()
            ready, _, _ = select.select([lane.client for lane in self._lanes], [], [], self._pause())
            for lane in self._lanes:
                if lane.client in ready:
                    self._listen(lane)
        for lane in self._lanes:
            lane.client.close()

    def _pause(self) -> float:
        """Until something is due, at most `TICK`."""
        soon = self.began + self._due / self._rate - time.monotonic()
        return TICK if self._due == len(self._order) else min(TICK, max(0.0005, soon))

    def _submit(self) -> None:
        now = time.monotonic()
        due = min(len(self._order), 1 + int((now - self.began) * self._rate))
        for place in range(self._due, due):
            heappush(self._lanes[place % len(self._lanes)].waiting, place)
        self._due = due
        for lane in self._lanes:
            if batch := lane.take(now):
                lane.client.settimeout(10)
                lane.client.send([self._order[place] for place in batch])
                lane.client.settimeout(0.0005)

    def _listen(self, lane: _Lane) -> None:
        try:
            while True:
                answer = lane.client.receive()
                if isinstance(answer, Submitted):
                    refused = [self._places[each.id] for each in answer.receipts if each.code]
                    self.busy += len(refused)
                    lane.answered(refused, time.monotonic())
                elif isinstance(answer, Notice):
                    self._confirm(answer)
        except TimedOut:
            return

    def _confirm(self, notice: Notice) -> None:
        now = time.monotonic()
        for each, _ in notice.outcomes:
            if each not in self._places:
                continue  # a node's own: it announces keys
            self.seen[each] = self.seen.get(each, 0) + 1
            if self.seen[each] == 1:
                self.last = now
                self.latencies.append(now - self.began - self._places[each] / self._rate)


def most(made: Network, asked: float, seconds: float) -> Load:
    """The load at the highest of some lower rates that the network keeps up with, else at the lowest."""
    load = None
    for share in (0.85, 0.65, 0.45, 0.25):
        load = under_load(made, share * asked, seconds)
        if load.rate >= SUSTAINED * share * asked:
            break
    assert load is not None, "there are rates to try"
    return load


def idle_share(made: Network, seconds: float) -> float:
    """Share of one core that a node uses while nothing is asked of it, in %."""
    before = cpu_of(made)
    time.sleep(seconds)
    return 100 * (cpu_of(made) - before) / seconds / len(made.homes)


def alone_mib(made: Network) -> float:
    """Memory of a node that was started for itself, and shares its pages with nobody."""
    name, home = next(iter(made.homes.items()))
    processes.kill(home)
    processes.start(made, [name])
    processes.wait(made, 30)
    pid = processes.pid_of(home)
    assert pid is not None, "it answers"
    return pss_mib(pid)


def with_nodes(nodes: int, asked: float, seconds: float) -> list[Result]:
    """The figures of a network of this size; a little more is offered than asked, so that this can be reached."""
    name = f"{nodes} EVs: "
    offered = OFFERED * asked
    with running(nodes) as made:
        idle = idle_share(made, 10)
        full = under_load(made, offered, seconds)
        sustained = full if full.rate >= SUSTAINED * offered else most(made, asked, min(seconds, 10))
        half = under_load(made, sustained.rate / 2, min(seconds, 15))
        light = under_load(made, 10, 10)
    loads = (full, half, light)
    return [
        at_most(name + "idle, of a core per node", idle, "%", 2),
        at_least(name + f"confirmed for {seconds:g} s, {offered:g} offered", full.rate, "tx/s", asked),
        Result(name + "most that is confirmed as fast as it is offered", sustained.rate, "tx/s"),
        Result(name + "CPU of all nodes per transaction", 1000 * full.cpu / max(1, full.confirmed), "ms"),
        at_most(name + "lost", sum(load.lost for load in loads), "tx", 0),
        Result(name + "refused as too many, submitted again", sum(load.busy for load in loads), "tx"),
        at_most(name + "confirmed twice", sum(load.doubled for load in loads), "tx", 0),
        at_most(name + "p50 at half rate", half.quantile(0.5), "ms", 500),
        at_most(name + "p99 at half rate", half.quantile(0.99), "ms", 1500),
        at_most(name + "p50 at light load", light.quantile(0.5), "ms", 150),
    ]


def run() -> tuple[dict[str, Setting], list[Result]]:
    """The figures."""
    seconds = float(os.environ.get("BENCH_SECONDS", "60"))
    results = with_nodes(4, 2500, seconds) + with_nodes(8, 1200, seconds / 2)
    began = time.monotonic()
    with running(32) as made:
        up = time.monotonic() - began
        pids = [pid for home in made.homes.values() if (pid := processes.pid_of(home)) is not None]
        memory = statistics.mean(map(pss_mib, pids))
    with running(4) as made:
        alone = alone_mib(made)
    results += [
        at_most("32 nodes up and confirming", up, "s", 20),
        at_most("memory of each (PSS)", memory, "MiB", 45),
        at_most("memory of a node started for itself (PSS)", alone, "MiB", 45),
    ]
    return {"engine": "basic-bac", "seed": SEED, "accounts": ACCOUNTS, "load_seconds": seconds}, results
