"""Invariants 1 and 2: what honest nodes confirm is one chain per shard, and it only grows."""

from __future__ import annotations

from bac.sim.checks.court import Check, Court
from bac.sim.facts import Committed, Fact, Restarted


class Agreement(Check):
    """Invariant 1: no two honest nodes confirm different blocks at one height of a shard, and every proof holds."""

    NAME = "agreement"

    def __init__(self, court: Court) -> None:
        super().__init__(court)
        self._blocks: dict[tuple[int, int], tuple[bytes, int]] = {}

    def observe(self, fact: Fact) -> None:
        """Judges confirmations."""
        if not isinstance(fact, Committed):
            return
        self.examined += 1
        block = self.court.block(fact.block)
        known, first = self._blocks.setdefault((block.shard, block.height), (block.hash, fact.node))
        if known != block.hash:
            self.violate(
                fact.time,
                f"shard {block.shard} height {block.height}: node {fact.node} confirms {block.hash.hex()[:12]}, "
                f"node {first} {known.hex()[:12]}",
            )
        if not self.court.oracle.is_proven(fact.block, fact.proof):
            self.violate(fact.time, f"node {fact.node} confirms {block.hash.hex()[:12]} without proof")


class Prefix(Check):
    """Invariant 2: an honest node's confirmed chain only grows; only after a restart may it repeat itself."""

    NAME = "prefix"

    def __init__(self, court: Court) -> None:
        super().__init__(court)
        self._chains: dict[tuple[int, int], dict[int, bytes]] = {}
        self._tops: dict[tuple[int, int], int] = {}

    def observe(self, fact: Fact) -> None:
        """Judges confirmations; a restart allows repetition."""
        if isinstance(fact, Restarted):
            self._tops = {key: top for key, top in self._tops.items() if key[0] != fact.node}
        if not isinstance(fact, Committed):
            return
        self.examined += 1
        block = self.court.block(fact.block)
        key = (fact.node, block.shard)
        chain = self._chains.setdefault(key, {})
        if block.height <= self._tops.get(key, 0):
            self.violate(fact.time, f"node {fact.node} goes back to height {block.height} of shard {block.shard}")
        if chain.get(block.height, block.hash) != block.hash:
            self.violate(fact.time, f"node {fact.node} takes back height {block.height} of shard {block.shard}")
        if chain.get(block.height - 1, block.parent) != block.parent:
            self.violate(fact.time, f"node {fact.node}: height {block.height} does not continue its own chain")
        chain[block.height] = block.hash
        self._tops[key] = max(block.height, self._tops.get(key, 0))
