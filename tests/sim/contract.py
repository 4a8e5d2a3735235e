"""Conformance with the contract, for any driver: the checks know `Driver` alone.

Every driver (the simulator, the node, the one by hand beside this file) is wrapped in a `Driver`, runs the same `Echo`
objects, and must pass the same checks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from typing import Protocol as Interface

from bac.errors import Rejected
from bac.protocol import SNAPSHOT, Commit, Construction, Effect, Persist, Protocol, Send, SetTimer
from bac.types import Micros, NodeId
from tests.sim.echo import Echo, Said, Word


@dataclass
class Observed:
    """What one object was given and answered; written by `Watched`."""

    records: tuple[Persist, ...]
    stored: list[tuple[bytes, bytes]]
    answers: list[tuple[str, Micros, tuple[Effect, ...]]] = field(default_factory=list)

    @property
    def effects(self) -> list[Effect]:
        return [effect for _, _, effects in self.answers for effect in effects]


class Watched:
    """An object of the contract that notes everything that the driver does with it."""

    def __init__(self, construction: Construction, log: list[Observed]) -> None:
        self.seen = Observed(construction.records, list(construction.store.scan(b"")))
        log.append(self.seen)
        self.inner: Protocol = Echo(construction)

    def _note(self, what: str, now: Micros, effects: Sequence[Effect]) -> Sequence[Effect]:
        self.seen.answers.append((what, now, tuple(effects)))
        return effects

    def start(self, now: Micros) -> Sequence[Effect]:
        return self._note("start", now, self.inner.start(now))

    def on_transaction(self, transaction: Any, now: Micros) -> Sequence[Effect]:
        return self._note("transaction", now, self.inner.on_transaction(transaction, now))

    def on_message(self, sender: NodeId, message: Any, now: Micros) -> Sequence[Effect]:
        return self._note("message", now, self.inner.on_message(sender, message, now))

    def on_timer(self, timer: str, now: Micros) -> Sequence[Effect]:
        return self._note(f"timer {timer}", now, self.inner.on_timer(timer, now))


class Driver(Interface):
    """What the checks ask of a driver. Nodes are named by place; `logs[node]` has one entry per construction."""

    logs: list[list[Observed]]

    def submit(self, node: int, transaction: Any) -> None: ...

    def settle(self) -> None:
        """Lets everything happen that happens within some seconds."""

    def crash_after(self, node: int, persists: int) -> None:
        """The node will crash right after performing so many more `Persist`."""

    def restart(self, node: int) -> None: ...

    def performed(self, node: int) -> list[Effect]:
        """Every effect of the node that was performed, in order, over all its incarnations."""
        ...


Make: TypeAlias = Callable[[int, int], Driver]
"""Starts a driver with so many nodes and this seed."""


def check_effects_are_performed_in_order(make: Make) -> None:
    driver = make(3, 1)
    driver.submit(0, Word("one"))
    driver.submit(1, Word("two"))
    driver.settle()
    for node in range(3):
        (only,) = driver.logs[node]
        assert driver.performed(node) == only.effects
    assert {type(effect) for effect in driver.performed(0)} == {Persist, Commit, Send, SetTimer}


def check_time_and_timers(make: Make) -> None:
    driver = make(2, 2)
    driver.settle()
    for log in driver.logs:
        times = [now for _, now, _ in log[0].answers]
        assert times == sorted(times)
        assert [what for what, _, _ in log[0].answers].count("start") == 1
        due: Micros | None = None
        rings = 0
        for what, now, effects in log[0].answers:
            if what == "timer repeat":
                assert due is not None, "never without being set"
                assert now >= due, "never early"
                due, rings = None, rings + 1
            due = next((effect.at for effect in effects if isinstance(effect, SetTimer)), due)
        assert rings > 3


def check_recovery_is_construction(make: Make) -> None:
    driver = make(3, 3)
    for persists in (1, 2, 3):
        driver.crash_after(0, persists)
        driver.submit(0, Word(f"word {persists}"))
        driver.settle()
        driver.restart(0)
        driver.settle()
    performed = driver.performed(0)
    assert len(driver.logs[0]) == 4
    stored: dict[bytes, bytes] = {}
    records: list[Persist] = []
    for place, seen in enumerate(driver.logs[0]):
        assert seen.stored == sorted(stored.items()), "the store holds exactly what was performed"
        assert list(seen.records) == records, "the log holds it in order, since the last snapshot"
        count = _performed_prefix(performed, seen.effects, is_last=place == 3)
        for effect in performed[:count]:
            if isinstance(effect, Persist):
                _apply(effect, stored, records)
        performed = performed[count:]
    committed = [effect.block for effect in driver.performed(0) if isinstance(effect, Commit)]
    assert [block.text for block in committed if isinstance(block, Said)][:1] == ["word 1"]


def _performed_prefix(performed: Sequence[Effect], answered: Sequence[Effect], *, is_last: bool) -> int:
    """How many of `performed` belong to the incarnation that answered so: all, or up to a `Persist` and no further."""
    for count, effect in enumerate(answered):
        if count == len(performed) or performed[count] != effect:
            assert isinstance(answered[count - 1], Persist), "a crash comes right after a Persist"
            return count
    assert is_last, "an earlier incarnation answered more than was performed"
    return len(answered)


def _apply(effect: Persist, stored: dict[bytes, bytes], records: list[Persist]) -> None:
    if effect.record is None:
        stored.pop(effect.key, None)
    else:
        stored[effect.key] = effect.record
    if effect.key == SNAPSHOT:
        records.clear()
    else:
        records.append(effect)


def check_snapshots_shorten_the_log(make: Make) -> None:
    driver = make(2, 4)
    for number in range(9):
        driver.submit(0, Word(f"word {number}"))
        driver.settle()
    driver.crash_after(0, 1)
    driver.submit(0, Word("last"))
    driver.settle()
    driver.restart(0)
    seen = driver.logs[0][-1]
    assert SNAPSHOT in dict(seen.stored)
    assert sum(isinstance(effect, Persist) for effect in driver.performed(0)) > 20
    assert [persist.key[:4] for persist in seen.records] == [b"say\0", b"done", b"say\0", b"say\0"]


def check_same_inputs_same_effects(make: Make) -> None:
    def effects(seed: int) -> list[list[Effect]]:
        driver = make(3, seed)
        driver.submit(2, Word("again"))
        driver.settle()
        return [driver.performed(node) for node in range(3)]

    assert effects(5) == effects(5)
    assert effects(5) != effects(6), "the jitter comes from the seed"


def check_rejected_input_changes_nothing(make: Make) -> None:
    """As seen from outside: the driver goes on, and the node answers as if the input had not been."""
    driver = make(2, 7)
    driver.submit(0, Word("x" * 100))
    driver.submit(0, Word("fine"))
    driver.settle()
    blocks = [effect.block for effect in driver.performed(0) if isinstance(effect, Commit)]
    assert [block.text for block in blocks] == ["fine"]
    assert [block.number for block in blocks] == [1]


def check_rejection(make: Callable[[], Protocol], inputs: Sequence[Callable[[Protocol], Any]], bad: int) -> None:
    """For any protocol: of two equal objects one is given the rejected ``inputs[bad]`` too; nothing tells them."""
    clean, tried = make(), make()
    for place, give in enumerate(inputs):
        if place == bad:
            try:
                give(tried)
            except Rejected:
                continue
            raise AssertionError("the input was not rejected")
        assert give(clean) == give(tried)


CHECKS = (
    check_effects_are_performed_in_order,
    check_time_and_timers,
    check_recovery_is_construction,
    check_snapshots_shorten_the_log,
    check_same_inputs_same_effects,
    check_rejected_input_changes_nothing,
)
