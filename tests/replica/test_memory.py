"""What a replica holds does not grow with the epochs: an epoch leaves its record on the disk, no more (E8)."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable
from statistics import mean
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, Final

from bac.finality.finality import EPOCHS_KNOWN
from bac.replica.replica import Replica
from tests.replica.worlds import Staged, world

NODES: Final = 4
EARLY: Final = 18
LATE: Final = 36
LOOKS: Final = 8
"""Epochs in a row that are looked at: one has more events, claims and waiting messages than another."""
STEP_US: Final = 20_000
TOLERANCE: Final = 1.05
_NO_STATE: Final = (type, ModuleType, FunctionType, BuiltinFunctionType)


def held(root: object, without: Iterable[object]) -> tuple[int, int]:
    """How many objects can be reached from `root`, and how many bytes they have; not by way of those in `without`."""
    seen = {id(each) for each in without}
    todo: list[Any] = [root]
    count = size = 0
    while todo:
        each = todo.pop()
        if id(each) in seen or isinstance(each, _NO_STATE):
            continue
        seen.add(id(each))
        count += 1
        size += sys.getsizeof(each)
        todo.extend(gc.get_referents(each))
    return count, size


class Course:
    """Four nodes under a light load that never ends."""

    def __init__(self) -> None:
        self.staged = Staged(world(NODES, submissions=tuple((200_000 * tick, tick % NODES) for tick in range(1_000))))
        self.found: dict[int, list[tuple[int, int]]] = {}

    def node(self, place: int) -> Replica:
        found = self.staged.simulation.hosts[place].protocol
        assert isinstance(found, Replica)
        return found

    def pass_until(self, epoch: int) -> None:
        """Notes what each node holds as it enters each epoch up to `epoch`: disk, cryptography, genesis excluded."""
        simulation, trial = self.staged.simulation, self.staged.trial
        while any(self.node(place).finality.term.epoch.number < epoch for place in range(NODES)):
            before = [self.node(place).finality.term.epoch.number for place in range(NODES)]
            simulation.advance(simulation.time + STEP_US)
            for place, number in enumerate(before):
                node = self.node(place)
                if node.finality.term.epoch.number != number:
                    shared = (simulation.hosts[place].disk, trial, trial.suite, trial.ground, trial.genesis_block)
                    self.found.setdefault(node.finality.term.epoch.number, []).append(held(node, shared))

    def size(self, epoch: int) -> tuple[float, float]:
        """Objects and bytes of a node on the whole of some epochs."""
        found = [each for number in range(epoch, epoch + LOOKS) for each in self.found[number]]
        return mean(count for count, _ in found), mean(size for _, size in found)


def test_a_replica_does_not_grow() -> None:
    """From epoch 18 on, when electorates of past epochs, keys ahead and remembered answers are as many as they get."""
    assert EPOCHS_KNOWN < EARLY
    course = Course()
    course.pass_until(LATE + LOOKS)
    early, late = course.size(EARLY), course.size(LATE)
    assert late[0] <= TOLERANCE * early[0]
    assert late[1] <= TOLERANCE * early[1]
