"""What was judged once is not judged again, and memory does not grow with the epochs."""

from __future__ import annotations

from functools import partial

import pytest

from bac.crypto.standin import StandIn
from bac.proofs.certificate import Scope
from bac.replica import assessor
from bac.replica.assessor import Assessor
from bac.types import Hash


class Asked:
    """Counts how often each question is answered."""

    def __init__(self) -> None:
        suite = StandIn(b"a" * 32, "ed25519-list")
        self.assessor = Assessor(Scope(Hash(b"n" * 32), 0, suite.quorum), suite)
        self.answered: list[int] = []

    def ask(self, *questions: int) -> None:
        for each in questions:
            assert self.assessor.once(("square", each), partial(self._answer, each)) == each * each

    def _answer(self, question: int) -> int:
        self.answered.append(question)
        return question * question

    @property
    def held(self) -> int:
        return len(self.assessor._answers) + len(self.assessor._before)


def test_an_answer_holds_for_this_epoch_and_the_next() -> None:
    """RP-3."""
    asked = Asked()
    asked.ask(1, 2, 1)
    asked.assessor.turn()
    asked.ask(1)
    asked.assessor.turn()
    asked.ask(1, 2)
    assert asked.answered == [1, 2, 2]


def test_memory_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """RP-3: neither with the epochs, nor within one."""
    asked = Asked()
    for epoch in range(50):
        asked.ask(*range(10 * epoch, 10 * epoch + 10))
        asked.assessor.turn()
    assert asked.held == 10
    monkeypatch.setattr(assessor, "REMEMBERED", 16)
    asked.ask(*range(1000, 2000))
    assert asked.held <= 32
