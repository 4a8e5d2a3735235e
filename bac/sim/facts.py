"""What the driver tells the checks: facts about nodes, in the order in which they became true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from bac.protocol import Protocol
from bac.types import Micros


@dataclass(frozen=True, slots=True)
class Submitted:
    """A client handed a transaction to a node that was up."""

    time: Micros
    node: int
    transaction: Any


@dataclass(frozen=True, slots=True)
class Refused:
    """The node rejected it: a definite answer."""

    time: Micros
    node: int
    transaction: Any


@dataclass(frozen=True, slots=True)
class Sent:
    """A node sent a message, whatever became of it."""

    time: Micros
    node: int
    message: Any


@dataclass(frozen=True, slots=True)
class Committed:
    """A node reported a block as confirmed."""

    time: Micros
    node: int
    block: Any
    proof: Any


@dataclass(frozen=True, slots=True)
class Accused:
    """A node showed evidence."""

    time: Micros
    node: int
    evidence: Any


@dataclass(frozen=True, slots=True)
class Restarted:
    """A node was constructed anew from its disk, or from an empty one; it has not been started yet."""

    time: Micros
    node: int
    with_disk: bool
    protocol: Protocol


@dataclass(frozen=True, slots=True)
class Healed:
    """All troubles ended: from here on progress is owed."""

    time: Micros


Fact: TypeAlias = Submitted | Refused | Sent | Committed | Accused | Restarted | Healed
