"""Attacks on nodes in processes: what their peers notice. Latency of light load without and under each, as a ratio.

The attacks: a member that sends valid messages at a hundred times the rate of the others and reads nothing; a thousand
idle connections; garbage. While all of them run, a newcomer joins through the attacked node.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Final, TypeAlias

import trio

from bac.node import network, processes
from bac.node.framing import Kind, frame
from bac.node.network import Network
from bac.node.transport import Stream
from bac.types import Micros, NodeId
from bac.wire.codec import encode
from bac.wire.sync import TransactionBatch
from bench.record import Result, Setting, at_most
from bench.suite_node import ACCOUNTS, Load, account_key, nonce_of, transfer, under_load
from tests.node.attacker import idle_connections, misbehave, throw_garbage

NODES: Final = 5
RATE: Final = 10
SECONDS: Final = 20
TIMES: Final = 100
IDLE: Final = 1_000
WRITES: Final = 20
"""Of the loud member, per second."""
LOUD: Final = "n06"
VICTIM: Final = "n00"

Counter: TypeAlias = Any
"""A number that processes share."""


def messages_per_second(made: Network) -> float:
    """What one node sends to another, under the light load: inputs per second and peer."""
    before = _inputs(made)
    began = time.monotonic()
    under_load(made, RATE, SECONDS / 2)
    return (_inputs(made) - before) / (time.monotonic() - began) / (NODES - 1)


def _inputs(made: Network) -> int:
    (status,) = processes.status(made, [VICTIM])
    return 0 if status.report is None else int(status.report["tally"]["inputs"])


@contextmanager
def attacks(made: Network, content: bytes, rate: float) -> Iterator[Counter]:
    """All attacks, from a process of their own; counts the loud member's messages."""
    context = multiprocessing.get_context("spawn")
    sent, ready = context.Value("q", 0), context.Event()
    attacker = context.Process(target=_attack, args=(made.path, content, rate, sent, ready))
    attacker.start()
    try:
        ready.wait()
        yield sent
    finally:
        attacker.kill()
        attacker.join()


def _attack(path: Path, content: bytes, rate: float, sent: Counter, ready: Event) -> None:
    made = network.load(path)
    victim = made.home(VICTIM)

    async def speak(stream: Stream) -> None:
        share = max(1, round(rate / WRITES))
        while True:
            await stream.write(frame(Kind.MESSAGE, content) * share)
            with sent.get_lock():
                sent.value += share
            ready.set()
            await trio.sleep(1 / WRITES)

    with idle_connections(victim, IDLE):
        throw_garbage(victim, 64)
        trio.run(misbehave, made.secrets(made.home(LOUD)), victim, speak, [])


def measure(made: Network) -> tuple[Load, Load, float, float, float]:
    """Load without and under the attacks, seconds until the newcomer is in, usual and loud messages per second."""
    usual = messages_per_second(made)
    quiet = under_load(made, RATE, SECONDS)
    key = account_key(0)
    member = made.member(made.home(VICTIM))
    nonce = nonce_of(made, NodeId(key.public)) + 100  # valid, and not to be decided before the attack is over
    content = encode(TransactionBatch((transfer(member.network, key, nonce, NodeId(key.public)),)))
    with attacks(made, content, TIMES * usual) as sent:
        began, before = time.monotonic(), sent.value
        noisy = under_load(made, RATE, SECONDS)
        pace = (sent.value - before) / (time.monotonic() - began)
        began = time.monotonic()
        newcomer = processes.add(made, via=VICTIM)
        processes.wait(made, 60, [*processes.present(made), newcomer])
        joined = time.monotonic() - began
    return quiet, noisy, joined, usual, pace


def run() -> tuple[dict[str, Setting], list[Result]]:
    """The figures."""
    with tempfile.TemporaryDirectory() as directory:
        options = {"accounts": [account_key(place).public.hex() for place in range(ACCOUNTS)]}
        now = Micros(time.time_ns() // 1000)
        made = network.init(Path(directory) / "net", nodes=NODES, spares=2, now=now, options=options)
        processes.up(made)
        try:
            processes.wait(made, 60, commits=1)
            quiet, noisy, joined, usual, pace = measure(made)
        finally:
            processes.down(made)
    results = [
        Result("messages of a peer, usual", usual, "1/s"),
        Result("messages of the loud member", pace, "1/s"),
        Result("p50 without attacks", quiet.quantile(0.5), "ms"),
        Result("p50 under attack", noisy.quantile(0.5), "ms"),
        at_most("p50 under attack / without", noisy.quantile(0.5) / quiet.quantile(0.5), "1", 1.5),
        at_most("p99 under attack / without", noisy.quantile(0.99) / quiet.quantile(0.99), "1", 2),
        at_most("lost", quiet.lost + noisy.lost, "tx", 0),
        at_most("a newcomer is in, under attack", joined, "s", 20),
    ]
    return {"engine": "basic-bac", "nodes": NODES, "rate": RATE, "times": TIMES, "idle_connections": IDLE}, results
