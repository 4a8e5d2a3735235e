"""What signatures and proofs in ordered items say, each judged once.

The same item stands in a message, in an event, in a body that is executed, in a body of another branch. Answers depend
on nothing but the arguments, so they are remembered for this epoch and the next, in bounded number.

Source: docs/spec/replica.md RP-3.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final, TypeVar

from bac.crypto.suite import Suite
from bac.proofs.certificate import Scope
from bac.wire.codec import encode
from bac.wire.signed import Signed, signed_preimage
from bac.wire.votes import Acknowledgement, ballot_preimage

REMEMBERED: Final = 1 << 13
"""Answers of one epoch: claims, lists, late acknowledgements and evidence of a full shard."""

T = TypeVar("T")


class Assessor:
    """Judges by the keys that it is told."""

    def __init__(self, scope: Scope, suite: Suite) -> None:
        self._scope = scope
        self._suite = suite
        self._answers: dict[tuple[Any, ...], Any] = {}
        self._before: dict[tuple[Any, ...], Any] = {}

    def turn(self) -> None:
        """A new epoch: what nobody has asked about in the last one is forgotten."""
        self._before, self._answers = self._answers, {}

    def is_signed(self, message: Signed, key: bytes) -> bool:
        """Whether `message` bears the signature of `key`."""
        data = encode(message)
        preimage = signed_preimage(type(message), data, self._scope.network, self._scope.shard)
        question = ("signed", key, sha256(data).digest())
        return self.once(question, lambda: self._suite.verify(key, preimage, data[-64:]))

    def is_acknowledged(self, given: Acknowledgement, key: bytes) -> bool:
        """Whether `given` is signed by the acknowledgement key `key`."""
        preimage = ballot_preimage(given.ballot, self._scope.network, self._scope.shard)
        question = ("acknowledged", key, preimage, given.signature)
        return self.once(question, lambda: self._scope.scheme.verify(key, preimage, given.signature))

    def output(self, key: bytes, alpha: bytes, proof: bytes) -> bytes | None:
        """The output of the random function that `proof` shows for `alpha` under `key`, or None."""
        return self.once(("output", key, alpha, proof), lambda: self._suite.vrf_output(key, alpha, proof))

    def once(self, question: tuple[Any, ...], answer: Callable[[], T]) -> T:
        """What `answer` says, which depends on `question` alone: short, of what is long its hash."""
        if question in self._answers:
            known: T = self._answers[question]
            return known
        if len(self._answers) == REMEMBERED:
            self.turn()
        found: T = self._before[question] if question in self._before else answer()
        self._answers[question] = found
        return found
