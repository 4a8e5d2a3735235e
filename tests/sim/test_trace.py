"""The trace: the name of a run, its file, its replay."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bac.protocol import Accuse, Commit, Persist, SetTimer
from bac.sim.broadcast.trial import EchoTrial
from bac.sim.replay import replay
from bac.sim.report import describe
from bac.sim.run import run, simulate
from bac.sim.trace import Kind, Trace, effect_payload, read, send_payload, split_send
from bac.sim.trial import Attacked
from bac.types import Micros
from tests.sim import mutants
from tests.sim.mutants import mutant
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
