"""What every check is made of.

A check knows facts and the oracle, nothing of a protocol's inside. It speaks of honest nodes alone: an attacked node,
or one that lost its disk, owes nothing. A violation is kept, with its time, and the run goes on: what follows from it
may tell more. `Check.examined` counts what a check looked at, so that a pass that saw nothing is seen as such.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from bac.sim.facts import Fact
from bac.sim.oracle import BlockFacts, Oracle
from bac.types import NodeId

VIOLATIONS_KEPT: Final = 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found. ``violations`` is empty, or the first `VIOLATIONS_KEPT`."""

    check: str
    examined: int
    violations: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether no violation was seen."""
        return not self.violations


class Court:
    """What all checks of a run judge by.

    Attributes:
        oracle: of the protocol.
        ids: identity of each node.
        honest: the nodes that owe what the invariants promise, ascending.
    """

    def __init__(self, oracle: Oracle, ids: tuple[NodeId, ...], honest: Iterable[int]) -> None:
        self.oracle = oracle
        self.ids = ids
        self.honest = tuple(sorted(honest))
        self._last: tuple[Any, BlockFacts] = (None, BlockFacts(0, 0, b"", b"", b"", ()))
        self._honest_ids = frozenset(ids[node] for node in self.honest)

    def block(self, block: Any) -> BlockFacts:
        """The oracle's `block`, asked once where several checks look at one confirmation."""
        if block is not self._last[0]:
            self._last = (block, self.oracle.block(block))
        return self._last[1]

    def is_honest(self, identity: NodeId) -> bool:
        """Whether `identity` is that of an honest node."""
        return identity in self._honest_ids


class Check:
    """Base of the checks: what it is called, what it found."""

    NAME: str

    def __init__(self, court: Court) -> None:
        self.court = court
        self.examined = 0
        self._violations: list[str] = []

    def observe(self, fact: Fact) -> None:
        """Judges one fact about an honest node, or about the run."""

    def finish(self, time: int) -> None:
        """The run ends at `time`."""

    def violate(self, time: int, sentence: str) -> None:
        """Keeps a violation."""
        if len(self._violations) < VIOLATIONS_KEPT:
            self._violations.append(f"{time} us: {sentence}")

    def verdict(self) -> Verdict:
        """What was found so far."""
        return Verdict(self.NAME, self.examined, tuple(self._violations))
