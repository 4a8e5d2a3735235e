"""Invariants 6 and 8: what is owed after healing, and by the simulator itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bac.sim.checks.court import Check, Court
from bac.sim.facts import Committed, Fact, Healed, Refused, Submitted


class Liveness(Check):
    """Invariant 6: what a client asked of an honest node is refused, or confirmed by all honest electors.

    In the time granted after healing, that is; how much is the run's business: it ends when everything is settled, or
    when the time is over. What a crash may have lost, the run asks again after healing. Asking again for what somebody
    confirmed may be refused (the nonce is used); the others owe it all the same.
    """

    NAME = "liveness"

    def __init__(self, court: Court) -> None:
        super().__init__(court)
        self._healed_us = 0
        self._open: dict[bytes, Any] = {}
        self._settled: set[bytes] = set()
        self._places: dict[bytes, tuple[int, int]] = {}
        self._tops: dict[tuple[int, int], int] = {}

    def observe(self, fact: Fact) -> None:
        """Follows transactions from the client to confirmation."""
        match fact:
            case Submitted():
                transaction_id = self.court.oracle.transaction_id(fact.transaction)
                if transaction_id not in self._settled:
                    self._open[transaction_id] = fact.transaction
            case Refused():
                transaction_id = self.court.oracle.transaction_id(fact.transaction)
                if transaction_id not in self._places:  # else it is refused because it is done: all must get there
                    self._open.pop(transaction_id, None)
            case Committed():
                block = self.court.block(fact.block)
                key = (fact.node, block.shard)
                self._tops[key] = max(block.height, self._tops.get(key, 0))
                for transaction in block.transactions:
                    self._places[transaction] = (block.shard, block.height)
            case Healed(time):
                self._healed_us = time
            case _:
                pass

    def unsettled(self) -> Mapping[bytes, Any]:
        """Transactions that some honest elector has not confirmed yet; the others are done with."""
        places = {self._places[transaction] for transaction in self._open if transaction in self._places}
        confirmed = {place for place in places if self._is_confirmed(*place)}
        settled = [transaction for transaction in self._open if self._places.get(transaction) in confirmed]
        self.examined += len(settled)
        self._settled.update(settled)
        for transaction in settled:
            del self._open[transaction]
        return self._open

    def _is_confirmed(self, shard: int, height: int) -> bool:
        units = self.court.oracle.units(shard, height)
        electors = [node for node in self.court.honest if units.get(self.court.ids[node], 0) > 0]
        return bool(electors) and all(self._tops.get((node, shard), 0) >= height for node in electors)

    def finish(self, time: int) -> None:
        """What is open now is a violation."""
        for transaction in self.unsettled():
            granted = time - self._healed_us
            self.violate(time, f"transaction {transaction.hex()[:12]} is not confirmed {granted} us after healing")


class Determinism(Check):
    """Invariant 8: the same seed and inputs make the same run, byte for byte."""

    NAME = "determinism"

    def compare(self, first: tuple[bytes, ...], second: tuple[bytes, ...]) -> None:
        """Judges two runs of one seed by the marks of their traces (`bac.sim.trace.Trace.marks`), in order."""
        self.examined += max(len(first), len(second))
        if first != second:
            same = next((place for place, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), None)
            place = min(len(first), len(second)) if same is None else same
            self.violate(0, f"two runs differ in part {place} of {max(len(first), len(second))} of their traces")
