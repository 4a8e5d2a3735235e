"""What one of four leaders of BAC 2.0 costs per transaction, all in but network and disk, in Ed25519 verifications.

Four replicas with real cryptography run in one process, on a clock and a network of their own; everything that the
first of them is given is written down. Then a fresh process makes that replica again and gives it the same: bytes are
decoded, handlers called, what is sent, stored and reported is encoded. Only this is measured. Same construction and
same inputs give the same effects, so the second run is the first one's.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random
from typing import Any, Final

from bac.crypto.ed25519 import Ed25519KeyPair, verify
from bac.crypto.keys import NodeSecrets
from bac.node.engines import BAC
from bac.node.ledger_engine import LedgerMember
from bac.protocol import Commit, Persist, Protocol, Send, SetTimer
from bac.types import Micros, NodeId
from bench.record import Result, Setting, at_most
from bench.suite_node import ACCOUNTS, SEED, account_key, transfer

LEADERS: Final = 4
DELAY_US: Final = 2_000
PER_EVENT: Final = 100
EVENTS: Final = 60
PAUSE_US: Final = 25_000
"""T_batch of the default parameters: so many transactions as come in meanwhile go into one event."""
BEGIN_US: Final = 1_000_000
ROUNDS: Final = 3


@dataclass(frozen=True, slots=True)
class Input:
    """What a replica is given: a peer's bytes, a client's (no sender), or a timer (no bytes)."""

    now: Micros
    sender: NodeId | None = None
    data: bytes = b""
    timer: str = ""


class Memory:
    """A store that is no disk."""

    def __init__(self) -> None:
        self._records: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """As the contract's."""
        return self._records.get(key)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """As the contract's."""
        yield from [(key, self._records[key]) for key in sorted(self._records) if key.startswith(prefix)]

    def write(self, effect: Persist) -> None:
        """Performs it."""
        if effect.record is None:
            self._records.pop(effect.key, None)
        else:
            self._records[effect.key] = effect.record


@dataclass(slots=True)
class Seat:
    """One replica, and what it has led to.

    Attributes:
        member: its engine's view.
        protocol: the replica.
        given: all inputs, in order.
        decided: transactions in blocks that it reported.
    """

    member: LedgerMember
    protocol: Protocol
    store: Memory
    given: list[Input] = field(default_factory=list)
    decided: int = 0

    def start(self, now: Micros) -> Sequence[Any]:
        """As the contract's."""
        return self._perform(self.protocol.start(now))

    def take(self, each: Input) -> Sequence[Any]:
        """Gives it one input, as a driver does; the messages and timers that follow."""
        if each.timer:
            effects = self.protocol.on_timer(each.timer, each.now)
        elif each.sender is None:
            transaction = self.member.verify_transaction(self.member.read_transaction(each.data))
            effects = self.protocol.on_transaction(transaction, each.now)
        else:
            effects = self.protocol.on_message(each.sender, self.member.decode(each.data), each.now)
        return self._perform(effects)

    def _perform(self, effects: Sequence[Any]) -> Sequence[Any]:
        found: list[Any] = []
        for effect in effects:
            match effect:
                case Persist():
                    self.store.write(effect)
                case Send(to, message):
                    found.append((to, self.member.encode(message)))
                case SetTimer():
                    found.append(effect)
                case Commit(block, proof):
                    self.member.encode(block)
                    self.member.encode(proof)
                    self.decided += len(list(self.member.outcomes(block, self.protocol)))
        return found


def secrets_of(place: int) -> NodeSecrets:
    """The secrets of a leader."""
    return NodeSecrets(*(bytes((kind, place)) * 16 for kind in range(3)))


def found() -> bytes:
    """A genesis with four members and many accounts."""
    options: Mapping[str, Any] = {
        "authority": account_key(-1).public.hex(), "time_us": 0,
        "accounts": [account_key(place).public.hex() for place in range(ACCOUNTS)],
    }  # fmt: skip
    return BAC.found([secrets_of(place) for place in range(LEADERS)], options)


def seat(genesis: bytes, place: int) -> Seat:
    """A replica that has seen nothing yet."""
    member, store = BAC.join(genesis, secrets_of(place)), Memory()
    return Seat(member, member.construct(Random(place), (), store), store)


class World:
    """Four replicas, a clock, and a network in which everything takes `DELAY_US`."""

    def __init__(self, genesis: bytes) -> None:
        self.seats = [seat(genesis, place) for place in range(LEADERS)]
        self._places = {each.member.identity: place for place, each in enumerate(self.seats)}
        self._due: list[tuple[int, int, int, Input]] = []
        self._timers: list[dict[str, Micros]] = [{} for _ in self.seats]
        self._count = 0
        for place, each in enumerate(self.seats):
            self._act(place, each.start(Micros(0)), Micros(0))

    def hand_in(self, place: int, data: bytes, at: int) -> None:
        """A client's transaction."""
        self._push(at, place, Input(Micros(at), None, data))

    def run(self, until: int) -> None:
        """Lets time pass, or all be decided."""
        while self._due and self._due[0][0] <= until:
            _, _, place, each = heappop(self._due)
            if each.timer and self._timers[place].get(each.timer) != each.now:
                continue  # it was set again
            self.seats[place].given.append(each)
            self._act(place, self.seats[place].take(each), each.now)

    def _act(self, place: int, effects: Sequence[Any], now: Micros) -> None:
        for effect in effects:
            if isinstance(effect, SetTimer):
                at = Micros(max(now, effect.at))
                self._timers[place][effect.timer] = at
                self._push(at, place, Input(at, timer=effect.timer))
                continue
            to, data = effect
            for peer in to:
                if peer in self._places:
                    at = Micros(now + DELAY_US)
                    self._push(at, self._places[peer], Input(at, self.seats[place].member.identity, data))

    def _push(self, at: int, place: int, each: Input) -> None:
        self._count += 1
        heappush(self._due, (at, self._count, place, each))


def written_down() -> tuple[bytes, list[Input], int]:
    """Genesis, what the first leader was given, and how many transactions it saw decided."""
    genesis = found()
    world = World(genesis)
    name, count = world.seats[0].member.network, LEADERS * PER_EVENT * EVENTS
    for number in range(count):
        account, nonce = number % ACCOUNTS, number // ACCOUNTS
        data = transfer(name, account_key(account), nonce, NodeId(account_key((account + 1) % ACCOUNTS).public))
        world.hand_in(account % LEADERS, data, BEGIN_US + PAUSE_US * (number // (LEADERS * PER_EVENT)))
    world.run(BEGIN_US + PAUSE_US * EVENTS + 3_000_000)
    assert world.seats[0].decided >= count, "all were confirmed"
    return genesis, world.seats[0].given, count


def replay(genesis: bytes, given: Sequence[Input]) -> tuple[float, int]:
    """CPU seconds of one leader for all that, and what it saw decided; in a process that has seen nothing of it."""
    one = seat(genesis, 0)
    one.start(Micros(0))
    began = time.process_time()
    for each in given:
        one.take(each)
    return time.process_time() - began, one.decided


def verification_us() -> float:
    """One Ed25519 verification by libsodium, of as many bytes as a transfer's signature covers."""
    pair = Ed25519KeyPair.from_seed(bytes(32))
    message = bytes(180)
    signature = pair.sign(message)
    began = time.process_time()
    for _ in range(5_000):
        verify(pair.public, message, signature)
    return 1e6 * (time.process_time() - began) / 5_000


def run() -> tuple[dict[str, Setting], list[Result]]:
    """The suite."""
    genesis, given, count = written_down()
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        runs = [(verification_us(), *pool.apply(replay, (genesis, given))) for _ in range(ROUNDS)]
    assert all(decided >= count for _, _, decided in runs), "the second run is the first one's"
    one_us, seconds = min(one for one, _, _ in runs), min(seconds for _, seconds, _ in runs)
    each_us = 1e6 * seconds / count
    results = [
        Result("one verification by libsodium", one_us, "µs"),
        Result("one leader of four, per transaction", each_us, "µs"),
        at_most("the same in verifications", each_us / one_us, "1", 3),
        Result("transactions that one core can lead", 1e6 / each_us, "1/s"),
    ]
    config: dict[str, Setting] = {
        "seed": SEED, "leaders": LEADERS, "accounts": ACCOUNTS, "transactions": count, "per event": PER_EVENT,
        "delay_us": DELAY_US, "bytes": len(transfer(BAC.join(genesis, secrets_of(0)).network, account_key(0), 0,
                                                    NodeId(account_key(1).public))),
    }  # fmt: skip
    return config, results
