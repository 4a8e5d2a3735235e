"""The contract of bac.protocol, the same checks for every driver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest

from bac.protocol import SNAPSHOT, Construction, Effect, Persist, Protocol, Send
from bac.sim.disk import Disk
from bac.sim.subject import Costs
from bac.types import Micros
from tests.sim.contract import (
    CHECKS,
    Make,
    check_effects_are_performed_in_order,
    check_recovery_is_construction,
    check_rejection,
    check_snapshots_shorten_the_log,
    check_time_and_timers,
)
from tests.sim.drivers import HandDriver, NoSignatures, SimDriver
from tests.sim.echo import Echo, Heard, Say, Word, ids

DRIVERS: dict[str, Make] = {
    "by hand": HandDriver,
    "simulator": SimDriver,
    "simulator with costs": lambda count, seed: SimDriver(count, seed, Costs(input_us=50, persist_us=2_000)),
}


@pytest.mark.parametrize("make", DRIVERS.values(), ids=list(DRIVERS))
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_driver_keeps_the_contract(check: Callable[[Make], None], make: Make) -> None:
    """SI-1, SI-2, SI-3, SI-4, SI-5."""
    check(make)


class Unordered(HandDriver):
    """Sends first."""

    def order(self, effects: Sequence[Effect]) -> Sequence[Effect]:
        return sorted(effects, key=lambda effect: not isinstance(effect, Send))


class Early(HandDriver):
    """Rings every timer at once."""

    def is_due(self, at: Micros) -> bool:
        return True


class Survivor(HandDriver):
    """Finishes its effects before it crashes."""

    def _perform(self, node: int, effect: Effect) -> bool:
        super()._perform(node, effect)
        return True


class Hoarder(HandDriver):
    """Keeps the whole log across snapshots."""

    def restart(self, node: int) -> None:
        disk = self.disks[node]
        everything = [effect for effect in self.done[node] if isinstance(effect, Persist)]
        disk.__dict__["_log"] = [(effect.key, effect.record) for effect in everything if effect.key != SNAPSHOT]
        super().restart(node)


class Amnesiac(HandDriver):
    """Restarts from an empty disk."""

    def restart(self, node: int) -> None:
        self.disks[node].wipe()
        super().restart(node)


FAULTY: list[tuple[type[HandDriver], Callable[[Make], None]]] = [
    (Unordered, check_effects_are_performed_in_order),
    (Early, check_time_and_timers),
    (Survivor, check_recovery_is_construction),
    (Amnesiac, check_recovery_is_construction),
    (Hoarder, check_snapshots_shorten_the_log),
]


@pytest.mark.parametrize(("make", "check"), FAULTY, ids=lambda each: each.__name__)
def test_the_checks_notice_a_driver_that_does_not(make: Make, check: Callable[[Make], None]) -> None:
    with pytest.raises(AssertionError):
        check(make)


def echo() -> Protocol:
    disk = Disk()
    return Echo(Construction(ids(3), None, ids(3)[0], Random(0), disk.log, disk, NoSignatures()))


BAD: dict[str, Callable[[Protocol], Any]] = {
    "a word too long": lambda node: node.on_transaction(Word("x" * 21), Micros(2)),
    "number 0": lambda node: node.on_message(ids(3)[1], Say(0, "nothing"), Micros(2)),
    "an echo of nothing": lambda node: node.on_message(ids(3)[1], Heard(9), Micros(2)),
    "no message": lambda node: node.on_message(ids(3)[1], "text", Micros(2)),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=list(BAD))
def test_a_rejected_input_changes_nothing(bad: Callable[[Protocol], Any]) -> None:
    """SI-3: of two equal objects one gets the bad input too; all later effects are the same."""
    good: list[Callable[[Protocol], Any]] = [
        lambda node: node.start(Micros(0)),
        lambda node: node.on_transaction(Word("one"), Micros(1)),
        lambda node: node.on_message(ids(3)[1], Heard(1), Micros(3)),
        lambda node: node.on_message(ids(3)[2], Heard(1), Micros(4)),
        lambda node: node.on_timer("repeat", Micros(5)),
    ]
    for place in range(1, len(good) + 1):
        check_rejection(echo, [*good[:place], bad, *good[place:]], place)
