"""Events per second from `insert` to ordered, by members; memory of a long run with cuts."""

from __future__ import annotations

import gc
import os
import resource
from collections.abc import Iterable
from pathlib import Path

from bench.histories import FORKS_EACH, gossip, member_ids
from bench.record import Result, Setting, at_least, at_most, best_of, cpu_seconds
from hashgraph import Event, Hashgraph

SEED = 1
PAYLOAD_BYTES = 32
ROUNDS = 5
ASKED = {4: 100_000, 16: 30_000, 32: 10_000, 64: 3_000}  # events/s by members
EVENTS = {4: 100_000, 16: 60_000, 32: 30_000, 64: 20_000}
LONG_RUN = 1_000_000
LONG_MEMBERS = 16
CUT_EVERY = 200  # rounds


def run() -> tuple[dict[str, Setting], list[Result]]:
    """The figures of docs/spec/hashgraph.md."""
    settings: dict[str, Setting] = {
        "seed": SEED,
        "payload_bytes": PAYLOAD_BYTES,
        "best_of": ROUNDS,
        "clock": "CPU time of one process; ids and signatures are made before",
        "history": "random exchanges, one other-parent",
        "forks_each": FORKS_EACH,
    }
    results = []
    for members, asked in ASKED.items():
        results.append(at_least(f"ordering, {members} members", _rate(members, 0), "events/s", asked))
    for members in ASKED:
        forkers = (members - 1) // 3
        results.append(Result(f"ordering, {members} members, {forkers} fork", _rate(members, forkers), "events/s"))
    return settings, [*results, *_long_run()]


def _rate(members: int, forkers: int) -> float:
    weights = dict.fromkeys(member_ids(members), 1)
    events = list(gossip(members, EVENTS[members], SEED, bytes(PAYLOAD_BYTES), forkers))
    gc.collect()
    gc.freeze()  # the history is not the library's garbage

    def order() -> None:
        graph = Hashgraph(weights)
        ordered = sum(len(graph.insert(event)) for event in events)
        assert ordered > len(events) * 4 // 5, "nearly all must come out"

    seconds = best_of(ROUNDS, lambda: cpu_seconds(order))
    gc.unfreeze()
    return len(events) / seconds


def _long_run() -> Iterable[Result]:
    graph = Hashgraph(dict.fromkeys(member_ids(LONG_MEMBERS), 1))
    history = gossip(LONG_MEMBERS, LONG_RUN, SEED, bytes(PAYLOAD_BYTES))
    cut, marks, most = 0, list[int](), 0

    def insert(events: Iterable[Event]) -> None:
        nonlocal cut, most
        for number, event in enumerate(events, start=1):
            graph.insert(event)
            if graph.closed_round >= cut + CUT_EVERY:
                graph.cut(graph.closed_round - 1)
                cut = graph.closed_round
                most = max(most, _resident_kib())
            if number == LONG_RUN // 10:
                marks.append(max(most, _resident_kib()))

    seconds = cpu_seconds(lambda: insert(history))
    growth = 100 * (max(most, _resident_kib()) / marks[0] - 1)
    yield at_most("memory growth after the first 100,000 of a million", growth, "%", 10)
    yield Result("resident memory at the end", _resident_kib() / 1024, "MiB")
    yield Result("a million events, made, ordered and cut", LONG_RUN / seconds, "events/s")


def _resident_kib() -> int:
    status = Path(f"/proc/{os.getpid()}/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize() // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
