"""Invariants 5 and 7: the dishonest can be convicted, the honest cannot, because they keep what they said."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from bac.sim.checks.court import Check, Court
from bac.sim.facts import Accused, Committed, Fact, Restarted, Sent
from bac.types import NodeId


class Accountability(Check):
    """Invariant 5: what breaks agreement yields evidence against more than 1/3 of the units; no honest is framed."""

    NAME = "accountability"

    def __init__(self, court: Court) -> None:
        super().__init__(court)
        self._first: dict[tuple[int, int], tuple[bytes, Committed]] = {}
        self._conflicts: set[tuple[int, int]] = set()
        self._convicted: set[NodeId] = set()

    def observe(self, fact: Fact) -> None:
        """Judges evidence shown, and looks for the evidence in conflicting confirmations."""
        if isinstance(fact, Accused):
            self._convict(fact.time, fact.node, fact.evidence)
        elif isinstance(fact, Committed):
            block = self.court.block(fact.block)
            known, first = self._first.setdefault((block.shard, block.height), (block.hash, fact))
            if known != block.hash:
                self._conflicts.add((block.shard, block.height))
                for evidence in self.court.oracle.incriminate(first, fact):
                    self._convict(fact.time, fact.node, evidence)

    def _convict(self, time: int, node: int, evidence: Any) -> None:
        self.examined += 1
        culprits = self.court.oracle.culprits(evidence)
        if not culprits:
            self.violate(time, f"node {node} shows evidence that proves nothing")
        for culprit in culprits:
            self._convicted.add(culprit)
            if self.court.is_honest(culprit):
                self.violate(time, f"node {node} holds evidence against the honest {culprit.hex()[:12]}")

    def finish(self, time: int) -> None:
        """Weighs the convicted of each conflict."""
        for shard, height in sorted(self._conflicts):
            units = self.court.oracle.units(shard, height)
            convicted = sum(units.get(culprit, 0) for culprit in self._convicted)
            if 3 * convicted <= sum(units.values()):
                self.violate(time, f"shard {shard} height {height}: evidence against {convicted} units only")


class Durability(Check):
    """Invariant 7: what a node reported is there after a restart, and no restart makes it contradict itself."""

    NAME = "durability"

    def __init__(self, court: Court) -> None:
        super().__init__(court)
        self._tops: dict[tuple[int, int], tuple[int, bytes]] = {}
        self._promises: dict[tuple[int, Hashable], Hashable] = {}

    def observe(self, fact: Fact) -> None:
        """Judges restarts by what was reported, and messages by what was said before."""
        match fact:
            case Committed():
                block = self.court.block(fact.block)
                key = (fact.node, block.shard)
                self._tops[key] = max((block.height, block.hash), self._tops.get(key, (0, b"")))
            case Restarted():
                self._judge_restart(fact)
            case Sent():
                for about, what in self.court.oracle.promises(self.court.ids[fact.node], fact.message):
                    self.examined += 1
                    if self._promises.setdefault((fact.node, about), what) != what:
                        self.violate(fact.time, f"node {fact.node} contradicts itself about {about!r}")
            case _:
                pass

    def _judge_restart(self, fact: Restarted) -> None:
        confirmed = self.court.oracle.confirmed(fact.protocol)
        for (node, shard), (height, block) in self._tops.items():
            if node != fact.node:
                continue
            self.examined += 1
            now_height, now_block = confirmed.get(shard, (0, b""))
            if now_height < height or (now_height == height and now_block != block):
                self.violate(fact.time, f"node {node} lost height {height} of shard {shard} in a restart")
