"""The memo of execution: in one process many nodes execute the same body on the same state.

Execution is a pure function of (root of the parent's state, body), and so is all that a block must say of (parent,
body): the answers may be shared. In a large run this is what makes hundreds of full nodes affordable. It also hides a
node that executes differently from the others, so it is for measurements of at least `NODES_MIN` nodes only, never for
the swarm, and the record of a run names it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, TypeVar

NODES_MIN: Final = 51
"""Fewest nodes of a run that may have a memo."""

T = TypeVar("T")


class Memo:
    """Remembers the last `capacity` answers. The values must be immutable, as copy-on-write states and receipts are."""

    def __init__(self, capacity: int = 256) -> None:
        """ValueError for a capacity that is not positive."""
        if capacity < 1:
            raise ValueError("a memo remembers at least one answer")
        self._capacity = capacity
        self._answers: OrderedDict[tuple[bytes, bytes], Any] = OrderedDict()
        self.hits = 0
        self.misses = 0

    def __call__(self, parent_root: bytes, body: bytes, compute: Callable[[], T]) -> T:
        """The answer of `compute` for this pair: computed at the first call, remembered later."""
        key = (parent_root, body)
        if key in self._answers:
            self.hits += 1
            self._answers.move_to_end(key)
            answer: T = self._answers[key]
            return answer
        self.misses += 1
        answer = compute()
        self._answers[key] = answer
        if len(self._answers) > self._capacity:
            self._answers.popitem(last=False)
        return answer
