"""The trace: the name of a run, its file, its replay."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from bac.errors import Code, Rejected
from bac.protocol import Accuse, Commit, Effect, Persist, Send, SetTimer
from bac.sim.broadcast.trial import EchoTrial
from bac.sim.latency import Latency
from bac.sim.replay import replay
from bac.sim.report import describe
from bac.sim.run import run, simulate
from bac.sim.trace import Kind, Trace, effect_payload, read, send_payload, split_send
from bac.sim.trial import Attacked
from bac.types import Micros
from tests.sim import mutants
from tests.sim.echo import Heard, Say, Word, ids
from tests.sim.mutants import mutant
from tests.sim.thin import Script, simulation
from tests.sim.worlds import CRASHES, lossy, world

ROOT = Path(__file__).parents[2]
TROUBLED = world(
    faults=CRASHES, links=lossy(20), attacks=((3, ("replay", "forged", "delay")),), input_us=50, persist_us=1_000
)


def written() -> bytes:
    """The file of a run with everything in it."""
    sink = io.BytesIO()
    simulate(TROUBLED, EchoTrial, sink=sink)
    return sink.getvalue()


def test_the_hash_names_the_file_and_does_not_depend_on_writing() -> None:
    """SI-33."""
    data = written()
    assert simulate(TROUBLED, EchoTrial).trace_hash == hashlib.sha256(data).digest()
    records = list(read(io.BytesIO(data)))
    assert records[0].kind is Kind.WORLD
    assert records[0].payload == describe(TROUBLED)
    assert {record.kind for record in records} >= set(Kind) - {Kind.ACCUSE, Kind.MALFORMED}


def test_a_trace_has_every_input_and_effect_in_order() -> None:
    """SI-33: every message handed over was sent before; times never fall; what a node is given it is given while up."""
    sent: set[int] = set()
    up: set[int] = set()
    last = 0
    for record in read(io.BytesIO(written())):
        assert record.time >= last
        last = record.time
        match record.kind:
            case Kind.SEND:
                assert record.number not in sent
                sent.add(record.number)
            case Kind.MESSAGE:
                assert record.number in sent
            case Kind.CONSTRUCT:
                up.add(record.node)
            case Kind.CRASH:
                up.remove(record.node)
            case _:
                pass
        assert record.kind in {Kind.WORLD, Kind.CRASH} or record.node in up


def test_records_read_back_as_written_and_a_cut_file_is_noticed() -> None:
    """SI-33."""
    sink = io.BytesIO()
    trace = Trace(sink)
    trace.record(Kind.TIMER, 5, 3, 7, payload=b"beat")
    trace.record(Kind.MESSAGE, 2**40, 499, 2**41, 2**33)
    trace.flush()
    first, second = read(io.BytesIO(sink.getvalue()))
    assert (first.kind, first.time, first.node, first.now, first.payload) == (Kind.TIMER, 5, 3, 7, b"beat")
    assert (second.time, second.node, second.now, second.number) == (2**40, 499, 2**41, 2**33)
    for size in range(len(sink.getvalue())):
        if size not in {12, 12 + 33 + 4}:  # the ends of magic and first record
            with pytest.raises(ValueError, match="trace"):
                list(read(io.BytesIO(sink.getvalue()[:size])))


def test_effects_have_one_encoding_each() -> None:
    """SI-33: golden bytes, so that old traces stay readable."""
    encode = str.encode
    assert effect_payload(Persist(b"k", b"v"), encode) == (Kind.PERSIST, bytes.fromhex("92c4016bc40176"))  # type: ignore[arg-type]
    assert effect_payload(Persist(b"k", None), encode) == (Kind.PERSIST, bytes.fromhex("92c4016bc0"))  # type: ignore[arg-type]
    assert effect_payload(SetTimer("t", Micros(300)), encode) == (Kind.SET_TIMER, bytes.fromhex("92a174cd012c"))  # type: ignore[arg-type]
    assert effect_payload(Commit("b", "p"), encode) == (Kind.COMMIT, bytes.fromhex("92c40162c40170"))  # type: ignore[arg-type]
    assert effect_payload(Accuse("e"), encode) == (Kind.ACCUSE, b"e")  # type: ignore[arg-type]
    assert send_payload((1, 500), b"m") == bytes.fromhex("0200000001000000f4010000") + b"m"
    assert split_send(send_payload((1, 500), b"m")) == ((1, 500), b"m")


A, B, C = ids(3)
SCRIPT: list[Effect] = [
    Persist(b"k", b"v"),
    Send((B, C), Say(1, "x")),
    SetTimer("t", Micros(10**9)),
    Commit(Heard(1), Heard(2)),
    Accuse(Heard(3)),
]
CHANGED: list[tuple[int, Effect]] = [
    (0, Persist(b"k", b"w")),
    (0, Persist(b"k", None)),
    (1, Send((B, C), Say(1, "y"))),
    (1, Send((C, B), Say(1, "x"))),
    (2, SetTimer("t", Micros(10**9 + 1))),
    (3, Commit(Heard(9), Heard(2))),
    (3, Commit(Heard(1), Heard(9))),
    (4, Accuse(Heard(9))),
]


def digest(
    effects: Sequence[Effect], *, latency_us: int = 1_000, asked_us: int = 5, answer: Sequence[Effect] = ()
) -> bytes:
    def refuse(word: Word, now: int) -> Sequence[Effect]:
        raise Rejected(Code.OVERSIZED, word.text)

    subject = Script({"start": lambda _, now: effects}, {"message": lambda _, now: answer}, {"transaction": refuse})
    made = simulation(subject, Latency.constant(latency_us))
    made.submit(2, Word("no"), asked_us)
    made.advance(5_000)
    return made.trace.digest()


def test_whatever_changes_in_a_run_changes_its_hash() -> None:
    """SI-33: any part of any effect, the time of a delivery or of a request, an answer; no two are alike."""
    digests = [
        digest(SCRIPT),
        digest(SCRIPT, latency_us=1_001),
        digest(SCRIPT, asked_us=6),
        digest(SCRIPT, answer=[Persist(b"a", b"")]),
        *(digest([*SCRIPT[:place], effect, *SCRIPT[place + 1 :]]) for place, effect in CHANGED),
    ]
    assert len(set(digests)) == len(digests)
    assert digest(SCRIPT) == digests[0]


@pytest.mark.parametrize("node", range(4))
def test_any_node_replays_from_its_inputs_alone(node: int) -> None:
    """SI-34: crashes, restarts, costs, attackers: a fresh object does the same, byte for byte."""
    replayed = replay(read(io.BytesIO(written())), Attacked(EchoTrial(TROUBLED), TROUBLED), seed=7, node=node)
    assert replayed.divergence is None
    assert replayed.inputs > 50
    assert replayed.effects > 50


def test_a_replay_names_the_first_difference() -> None:
    """SI-34: another protocol, another seed, a node that does more, a node that does less."""
    data = written()

    def divergence(factory: type[EchoTrial], seed: int = 7) -> str | None:
        return replay(read(io.BytesIO(data)), Attacked(factory(TROUBLED), TROUBLED), seed=seed, node=0).divergence

    assert "instead of" in str(divergence(mutant(mutants.Mute)))
    assert "instead of SET_TIMER" in str(divergence(EchoTrial, seed=8))
    assert "also does" in str(divergence(mutant(mutants.Slanderer)))
    assert "instead of PERSIST" in str(divergence(mutant(mutants.Careless)))


@pytest.mark.parametrize("seed", range(3))
def test_repeated_runs_have_one_hash(seed: int) -> None:
    """SI-30."""
    assert run(seed, EchoTrial).trace_hash == run(seed, EchoTrial).trace_hash


def test_two_processes_with_different_hash_seeds_have_one_hash() -> None:
    """SI-30: Python's own hashes differ between them, the trace does not."""
    program = (
        "from bac.sim.broadcast.trial import EchoTrial; from bac.sim.run import run;"
        "print(hash('x'), *(run(seed, EchoTrial).trace_hash.hex() for seed in range(6)))"
    )
    own, other = (
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        ).stdout.split()
        for seed in ("1", "2")
    )  # fmt: skip
    assert own[0] != other[0]
    assert own[1:] == other[1:]
    assert own[1:] == [run(seed, EchoTrial).trace_hash.hex() for seed in range(6)]
    assert len(set(own[1:])) == 6


def test_another_seed_is_another_run() -> None:
    """SI-30."""
    assert len({run(seed, EchoTrial).trace_hash for seed in range(5)}) == 5
