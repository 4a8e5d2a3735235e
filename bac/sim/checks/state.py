"""Invariants 3 and 4: the confirmed blocks are executed again, outside of any node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bac.sim.checks.court import Check, Court
from bac.sim.facts import Committed, Fact
from bac.sim.oracle import BlockFacts


@dataclass(frozen=True, slots=True)
class Executed:
    """A confirmed block, its root by execution, and the states of all shards right after it."""

    facts: BlockFacts
    root: bytes
    states: Mapping[int, Any]


@dataclass(slots=True)
class Chains:
    """The chains as confirmed, executed once, for all checks that need states.

    A block is executed when the state of its parent, one height below, is known; what is reported ahead of that waits.

    Attributes:
        news: what the last fact made executable.
    """

    court: Court
    news: list[Executed] = field(default_factory=list)
    _states: dict[int, Any] = field(default_factory=dict)
    _tips: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    _waiting: dict[tuple[int, int, bytes], tuple[BlockFacts, Any]] = field(default_factory=dict)

    def observe(self, committed: Committed) -> None:
        """Takes a confirmed block, and executes what can be."""
        self.news.clear()
        facts = self.court.block(committed.block)
        if facts.shard not in self._tips:
            genesis, self._states[facts.shard] = self.court.oracle.genesis(facts.shard)
            self._tips[facts.shard] = (0, genesis)
        if facts.height > self._tips[facts.shard][0]:
            self._waiting.setdefault((facts.shard, facts.height, facts.parent), (facts, committed.block))
            self._execute(facts.shard)

    def dangling(self) -> list[BlockFacts]:
        """Confirmed blocks that no confirmed chain from genesis leads to."""
        return [facts for facts, _ in self._waiting.values()]

    def _execute(self, shard: int) -> None:
        height, tip = self._tips[shard]
        while (waiting := self._waiting.pop((shard, height + 1, tip), None)) is not None:
            facts, block = waiting
            self._states[shard], root = self.court.oracle.execute(self._states[shard], block)
            height, tip = self._tips[shard] = facts.height, facts.hash
            self.news.append(Executed(facts, root, dict(self._states)))


class SameState(Check):
    """Invariant 3: equal height, equal state root, and the root follows from the bodies."""

    NAME = "same state"

    def __init__(self, court: Court, chains: Chains) -> None:
        super().__init__(court)
        self._chains = chains
        self._roots: dict[tuple[int, int], bytes] = {}

    def observe(self, fact: Fact) -> None:
        """Judges confirmations."""
        if not isinstance(fact, Committed):
            return
        block = self.court.block(fact.block)
        if self._roots.setdefault((block.shard, block.height), block.state_root) != block.state_root:
            self.violate(fact.time, f"shard {block.shard} height {block.height}: node {fact.node} has another state")
        for executed in self._chains.news:
            self.examined += 1
            facts = executed.facts
            if facts.state_root != executed.root:
                self.violate(
                    fact.time, f"shard {facts.shard} height {facts.height}: the root does not follow from the bodies"
                )

    def finish(self, time: int) -> None:
        """Every confirmed block must have been executed."""
        for facts in self._chains.dangling():
            self.violate(time, f"shard {facts.shard} height {facts.height}: nobody confirmed what it stands on")


class Conservation(Check):
    """Invariant 4: coins and Wh are conserved, after every block, over all shards."""

    NAME = "conservation"

    def __init__(self, court: Court, chains: Chains) -> None:
        super().__init__(court)
        self._chains = chains

    def observe(self, fact: Fact) -> None:
        """Judges the states after every block that a confirmation made executable."""
        if not isinstance(fact, Committed):
            return
        for executed in self._chains.news:
            self.examined += 1
            if (wrong := self.court.oracle.imbalance(executed.states)) is not None:
                self.violate(fact.time, wrong)
