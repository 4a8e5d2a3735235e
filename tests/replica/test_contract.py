"""The replica keeps its side of the contract: same inputs, same effects; what is rejected has changed nothing."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from bac.errors import Rejected
from bac.protocol import Construction, Effect, Persist
from bac.replica.ground import Ground
from bac.replica.replica import Replica
from bac.sim.disk import Disk
from bac.sim.mangle import change_signatures, signatures
from bac.types import Micros
from tests.replica.worlds import Honest, Staged, world

NODE = 1
SECONDS = 6
EVERY = 3
"""Of so many messages one is given in a spoilt form, too."""

Input = tuple[str, tuple[Any, ...]]


class Recorded(Replica):
    """Notes what it is made of, and all that it is given."""

    def __init__(self, construction: Construction, ground: Ground | None = None) -> None:
        super().__init__(construction, ground)
        self.made = construction
        self.laid = ground
        self.state = construction.random.getstate()
        self.inputs: list[Input] = []

    def start(self, now: Micros) -> Sequence[Effect]:
        self.inputs.append(("start", (now,)))
        return super().start(now)

    def on_transaction(self, transaction: Any, now: Micros) -> Sequence[Effect]:
        self.inputs.append(("on_transaction", (transaction, now)))
        return super().on_transaction(transaction, now)

    def on_message(self, sender: Any, message: Any, now: Micros) -> Sequence[Effect]:
        self.inputs.append(("on_message", (sender, message, now)))
        return super().on_message(sender, message, now)

    def on_timer(self, timer: str, now: Micros) -> Sequence[Effect]:
        self.inputs.append(("on_timer", (timer, now)))
        return super().on_timer(timer, now)


class RecordedTrial(Honest):
    NODE = Recorded


class Twin:
    """Another object of the same construction, on a disk of its own."""

    def __init__(self, model: Recorded) -> None:
        self.disk = Disk()
        generator = random.Random()
        generator.setstate(model.state)
        made = model.made
        self.node = Replica(
            Construction(made.genesis, made.params, made.keys, generator, (), self.disk, made.verifier), model.laid
        )

    def give(self, given: Input) -> tuple[Effect, ...] | Rejected:
        try:
            effects = getattr(self.node, given[0])(*given[1])
        except Rejected as refusal:
            return refusal
        for effect in effects:
            if isinstance(effect, Persist):
                self.disk.persist(effect)
        return tuple(effects)


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    staged = Staged(world(5, seed=3), RecordedTrial)
    staged.pass_until(SECONDS)
    node = staged.simulation.hosts[NODE].protocol
    assert isinstance(node, Recorded)
    assert len(staged.trial.params.text()) > 0
    return node


def same(one: tuple[Effect, ...] | Rejected, other: tuple[Effect, ...] | Rejected) -> bool:
    if isinstance(one, Rejected) or isinstance(other, Rejected):
        return type(one) is type(other)
    return one == other


def test_the_same_inputs_give_the_same_effects(recorded: Recorded) -> None:
    """SI-2."""
    first, second = Twin(recorded), Twin(recorded)
    answers = [(first.give(given), second.give(given)) for given in recorded.inputs]
    assert all(same(*pair) for pair in answers)
    assert sum(len(one) for one, _ in answers if isinstance(one, tuple)) > 500


def forged(message: Any, chance: random.Random) -> Any:
    return change_signatures(message, lambda signature: chance.randbytes(len(signature)))


def swapped(message: Any, chance: random.Random) -> Any:
    return change_signatures(message, lambda signature: signature[::-1])


@pytest.mark.parametrize("spoil", [forged, swapped])
def test_what_is_rejected_has_changed_nothing(recorded: Recorded, spoil: Callable[[Any, Any], Any]) -> None:
    """SI-3: of two equal objects one is given forgeries of what it hears, before it hears it; all answers agree."""
    plain, disturbed = Twin(recorded), Twin(recorded)
    chance = random.Random(9)
    refused: Counter[str] = Counter()
    for place, given in enumerate(recorded.inputs):
        if given[0] == "on_message" and place % EVERY == 0 and any(signatures(given[1][1])):
            sender, message, now = given[1]
            answer = disturbed.give(("on_message", (sender, spoil(message, chance), now)))
            refused[type(message).__name__] += isinstance(answer, Rejected)
            if not isinstance(answer, Rejected) and answer:  # a forgery may be answered: with a question, or old news
                disturbed = after(recorded, place)
        assert same(plain.give(given), disturbed.give(given)), f"input {place} after {dict(refused)}"
    assert sum(refused.values()) > 50
    assert {kind for kind, count in refused.items() if count} >= {"EventBatch", "Envelope", "Claim"}


def after(recorded: Recorded, place: int) -> Twin:
    """A twin that was given what stands before `place`, and nothing else."""
    twin = Twin(recorded)
    for given in recorded.inputs[:place]:
        twin.give(given)
    return twin
