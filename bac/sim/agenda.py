"""Everything that will happen, in the order (time, sequence)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappush
from typing import Any, Final, TypeAlias

from bac.types import NodeId

Action: TypeAlias = Callable[[int], None]
"""Something that the driver does at a time, which it is given."""

ACTION: Final = -1
"""In place of the receiver: the entry is an `Action`."""

Entry: TypeAlias = tuple[int, int, int, Any]
"""Time, sequence, receiver, `Flight`; or time, sequence, `ACTION`, action."""


@dataclass(slots=True)
class Flight:
    """A message on its way: ``arrivals`` are (time, receiver), the next one last."""

    sender: NodeId
    message: Any
    number: int
    arrivals: list[tuple[int, int]]


class Agenda:
    """The heap. Its entries are taken by `bac.sim.simulation.Simulation` alone."""

    def __init__(self) -> None:
        self.heap: Final[list[Entry]] = []
        self._sequence = 0

    def act(self, time: int, action: Action) -> int:
        """Enters an action; answers its sequence."""
        self._sequence += 1
        heappush(self.heap, (time, self._sequence, ACTION, action))
        return self._sequence

    def fly(self, flight: Flight) -> None:
        """Enters a message that has arrivals, with the first of them."""
        self._sequence += 1
        time, receiver = flight.arrivals.pop()
        heappush(self.heap, (time, self._sequence, receiver, flight))
