"""The last blocks executed: receipts by transaction, and the states that prove them.

Old states share almost everything with the present one, so that keeping some costs little more than what changed.

Source: docs/spec/ledger.md LE-14, LE-27.
"""

from __future__ import annotations

from dataclasses import dataclass

from bac.ledger.execution import Execution
from bac.ledger.receipts import Receipt
from bac.ledger.state import State
from bac.types import Hash, Height


@dataclass(frozen=True, slots=True)
class Found:
    """A receipt, the height of its block, and its place among the block's receipts."""

    receipt: Receipt
    height: Height
    index: int


class History:
    """Executions of the last `blocks` blocks; of a transaction, the last receipt among them."""

    def __init__(self, blocks: int) -> None:
        """ValueError for a number that is not positive."""
        if blocks < 1:
            raise ValueError("a history holds at least one block")
        self._blocks = blocks
        self._executions: dict[Height, Execution] = {}
        self._places: dict[Hash, tuple[Height, int]] = {}

    def add(self, execution: Execution) -> None:
        """Takes the next block."""
        height = execution.state.tip().height
        self._executions[height] = execution
        for index, receipt in enumerate(execution.receipts):
            self._places[receipt.transaction] = (height, index)
        if len(self._executions) > self._blocks:
            self._forget(next(iter(self._executions)))

    def _forget(self, height: Height) -> None:
        for receipt in self._executions.pop(height).receipts:
            if self._places[receipt.transaction][0] == height:
                del self._places[receipt.transaction]

    def find(self, transaction: Hash) -> Found | None:
        """The last receipt of a transaction id, if it is recent."""
        place = self._places.get(transaction)
        if place is None:
            return None
        height, index = place
        return Found(self._executions[height].receipts[index], height, index)

    def receipts(self, height: Height) -> tuple[Receipt, ...] | None:
        """All receipts of a block, if it is recent."""
        execution = self._executions.get(height)
        return None if execution is None else execution.receipts

    def state(self, height: Height) -> State | None:
        """The state after a block, if it is recent."""
        execution = self._executions.get(height)
        return None if execution is None else execution.state
