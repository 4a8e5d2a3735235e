"""Machines: work that takes time, clocks, timers, crashes; the order of events."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pytest

from bac.errors import Code, Rejected
from bac.protocol import Accuse, Commit, Effect, Persist, Send, SetTimer
from bac.sim import seeds
from bac.sim.facts import Accused, Committed, Fact, Refused, Restarted, Sent, Submitted
from bac.sim.latency import Latency
from bac.sim.simulation import Runaway, Simulation
from bac.sim.subject import Costs
from bac.sim.trace import Kind, Trace, read
from bac.types import Micros
from tests.sim.echo import Echoes, Heard, Said, Say, Word, ids
from tests.sim.thin import Answers, Pinging, Script, network, simulation

A, B, C = ids(3)


def say(to: tuple[Any, ...], number: int = 1) -> Send:
    return Send(to, Say(number, ""))


def test_equal_times_go_by_the_order_of_entry() -> None:
    """SI-8: (time, sequence)."""
    subject = Script(
        {"start": lambda _, now: [say((B,), 1), say((B,), 2)]}, {}, {"start": lambda _, now: [say((B,), 3)]}
    )
    made = simulation(subject)
    done: list[str] = []
    made.at(1_000, lambda time: done.append(f"{time} {len(subject.nodes[1].inputs)}"))
    made.advance(1_000)
    numbers = [content[1].number for handler, content, _ in subject.nodes[1].inputs if handler == "message"]
    assert numbers == [1, 2, 3]
    assert done == ["1000 4"], "entered last, done last"
    with pytest.raises(ValueError, match="past"):
        made.at(999, lambda time: None)


def test_each_node_and_incarnation_has_its_own_generator() -> None:
    """SI-9: derived by SHA-256 from the seed; the golden value holds on every platform and in every process."""
    subject = Script({}, {})
    made = simulation(subject)
    made.hosts[0].crash(0)
    made.hosts[0].construct(0)
    draws = [random.getrandbits(32) for _, random, _, _ in subject.built]
    assert draws == [seeds.generator(1, "node", *place).getrandbits(32) for place in ((0, 0), (1, 0), (0, 1))]
    assert len(set(draws)) == 3
    assert seeds.generator(1, "node", 0, 0).getrandbits(64) == 13107417260755853540
    assert seeds.digest(1, "key", 2).hex()[:16] == "0e8a9f115474a883"


def test_work_takes_time_and_what_arrives_meanwhile_waits() -> None:
    """SI-10: node B takes 100 µs per input: effects come at the end, inputs one after the other."""
    answers = {"message": lambda content, now: [Send((C,), Heard(content[1].number))]}
    subject = Script({"start": lambda _, now: [say((B,), n) for n in (1, 2, 3)]}, answers, {})
    made = Simulation(subject, network(3), seed=1, costs=Costs(input_us=100))
    made.start()
    made.advance(10_000)
    assert [now for handler, _, now in subject.nodes[1].inputs] == [0, 1_100, 1_200, 1_300]
    assert [(content[1].number, now) for handler, content, now in subject.nodes[2].inputs if handler == "message"] == [
        (1, 2_200), (2, 2_300), (3, 2_400),
    ]  # fmt: skip


def test_cryptography_and_records_are_charged_and_slowness_multiplies() -> None:
    """SI-10: 1.5 µs of crypto twice are 3 µs; two records cost 40 µs; a node slowed by 10 takes ten times as long."""
    due = [0]

    def work(content: Any, now: int) -> Sequence[Effect]:
        due[0] += 1_500
        return [Persist(b"a", b""), Persist(b"b", b""), Send((B,), Heard(1))]

    def charge_ns() -> int:
        spent, due[0] = due[0], 0
        return spent

    subject = Script({"transaction": work}, {})
    made = Simulation(subject, network(2), seed=1, costs=Costs(persist_us=20, charge_ns=charge_ns))
    made.start()
    for at in (0, 1_000):
        made.submit(0, Word("x"), at)
    made.advance(5_000)
    made.hosts[0].slow_down(10)
    made.submit(0, Word("x"), 10_000)
    made.advance(20_000)
    assert [now for handler, _, now in subject.nodes[1].inputs if handler == "message"] == [1_041, 2_042, 11_415]
    with pytest.raises(ValueError, match="factor"):
        made.hosts[0].slow_down(0)


def test_a_full_inbox_drops(monkeypatch: pytest.MonkeyPatch) -> None:
    """SI-10: every queue has a cap."""
    monkeypatch.setattr("bac.sim.host.INBOX_MAX", 3)
    subject = Script({"start": lambda _, now: [say((B,), n) for n in range(10)]}, {})
    made = Simulation(subject, network(2), seed=1, costs=Costs(input_us=1_000_000))
    made.start()
    made.advance(60_000_000)
    assert made.tally()["missed: inbox full"] == 6
    assert made.delivered == 4


def test_both_ways_of_arrival_leave_the_same_trace() -> None:
    """SI-10: free work by the short way, and through the host (its clock was set to what it was), byte for byte."""

    def digest(*, short: bool) -> bytes:
        made = simulation(Pinging(7), Latency.uniform(10, 5_000))
        for host in made.hosts if not short else ():
            host.set_clock(0, 0, 0)
        made.advance(100_000)
        assert made.delivered > 500
        return made.trace.digest()

    assert digest(short=True) == digest(short=False)


def test_a_crash_after_a_persist_keeps_that_record_and_drops_the_rest() -> None:
    """SI-1, SI-18: for every place of the crash."""
    for persists in range(4):
        effects = [Persist(b"1", b"x"), say((B,), 1), Persist(b"2", b"x"), say((B,), 2), Persist(b"3", b"x")]
        subject = Script({"transaction": lambda _, now, effects=effects: effects}, {})
        made = simulation(subject)
        made.hosts[0].arm_crash(0, persists)
        made.submit(0, Word("go"), 0)
        made.advance(10_000)
        numbers = [content[1].number for handler, content, _ in subject.nodes[1].inputs if handler == "message"]
        assert numbers == [n for n in (1, 2) if n < persists]
        assert [key for key, _ in made.hosts[0].disk.scan(b"")] == [b"1", b"2", b"3"][:persists]
        assert made.hosts[0].protocol is None


def test_a_crash_forgets_timers_inbox_and_work() -> None:
    """SI-5, SI-18: nothing of the life before reaches the next one, whose records are all that was persisted."""
    answers: Answers = {
        "start": lambda _, now: [SetTimer("t", Micros(now + 5_000)), Persist(b"k", b"v")],
        "transaction": lambda _, now: [Persist(b"never", b"")],
    }
    subject = Script(answers)
    made = Simulation(subject, network(1), seed=1, costs=Costs(input_us=100))
    made.start()
    for _ in range(3):
        made.submit(0, Word("x"), 1_000)
    made.at(1_050, made.hosts[0].crash)
    made.at(4_000, made.hosts[0].construct)
    made.at(6_000, made.hosts[0].crash)
    made.submit(0, Word("x"), 7_000)
    made.advance(20_000)
    assert subject.nodes[0].inputs == [("start", None, 4_000)]
    assert subject.built[1][2] == (Persist(b"k", b"v"),)
    assert made.tally()["missed: down"] == 1


def test_a_wiped_node_starts_from_nothing() -> None:
    """SI-18."""
    subject = Script({"start": lambda _, now: [Persist(b"k", b"v")]})
    made = simulation(subject)
    made.hosts[0].crash(0)
    made.hosts[0].construct(0, wipe=True)
    assert subject.built[1][2] == ()


def test_facts_come_in_order() -> None:
    """SI-31: what the checks are told."""
    block, proof = Said(A, 1, "x"), Echoes((B,))
    effects: list[Effect] = [Persist(b"k", b""), Send((B,), Heard(1)), Commit(block, proof), Accuse(Heard(2))]

    def answer(word: Word, now: int) -> Sequence[Effect]:
        if word.text == "bad":
            raise Rejected(Code.OVERSIZED, "no")
        return effects

    subject = Script({"transaction": answer}, {})
    facts: list[Fact] = []
    made = simulation(subject, observer=facts.append)
    made.submit(0, Word("go"), 5)
    made.submit(0, Word("bad"), 6)
    made.at(7, made.hosts[0].crash)
    made.submit(0, Word("down"), 8)
    made.at(9, made.hosts[0].construct)
    made.advance(100)
    assert facts == [
        Submitted(Micros(5), 0, Word("go")),
        Sent(Micros(5), 0, Heard(1)),
        Committed(Micros(5), 0, block, proof),
        Accused(Micros(5), 0, Heard(2)),
        Submitted(Micros(6), 0, Word("bad")),
        Refused(Micros(6), 0, Word("bad")),
        Restarted(Micros(9), 0, True, subject.nodes[0]),
    ]


def test_rejected_inputs_are_counted_by_code_and_stand_in_the_trace() -> None:
    """SI-3, SI-33."""

    def refuse(_: Any, now: int) -> Sequence[Effect]:
        raise Rejected(Code.BAD_SIGNATURE, "no", A)

    subject = Script({"start": lambda _, now: [say((B,))]}, {"message": refuse})
    sink = io.BytesIO()
    made = simulation(subject, trace=Trace(sink))
    made.advance(5_000)
    made.trace.flush()
    sink.seek(0)
    assert [record.kind for record in read(sink)][-2:] == [Kind.MESSAGE, Kind.REJECTED]
    assert made.tally()["rejected: bad-signature"] == 1
    assert made.delivered == 0


def test_no_node_sends_to_itself_and_unknown_recipients_are_skipped() -> None:
    """SI-7."""
    stranger = ids(9)[8]
    subject = Script({"start": lambda _, now: [say((stranger, B))]}, {})
    simulation(subject).advance(5_000)
    with pytest.raises(AssertionError, match="itself"):
        simulation(Script({"start": lambda _, now: [say((A,))]}))


def test_what_a_protocol_raises_passes_with_a_note_of_time_and_seed() -> None:
    """SI-8: a broken invariant stops the run."""

    def break_down(_: Any, now: int) -> Sequence[Effect]:
        raise AssertionError("broken")

    made = simulation(Script({"start": lambda _, now: [say((B,))]}, {"message": break_down}))
    with pytest.raises(AssertionError, match="broken") as caught:
        made.advance(5_000)
    assert caught.value.__notes__ == ["in the simulation of seed 1 at 1000 us"]


def test_what_is_no_effect_is_refused() -> None:
    made = Simulation(Script({"start": lambda _, now: ["hello"]}), network(1), seed=1)
    with pytest.raises(TypeError, match="not an effect"):
        made.start()


def test_nodes_that_keep_each_other_busy_for_ever_are_stopped() -> None:
    """SI-8: the run has a limit of events, also when time stands still."""
    subject = Script(
        {"start": lambda _, now: [SetTimer("t", Micros(0))], "timer": lambda _, now: [SetTimer("t", Micros(0))]}
    )
    with pytest.raises(Runaway, match="events"):
        simulation(subject, events_max=10_000).advance(1)
