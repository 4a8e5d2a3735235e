"""What is simulated, and what its work costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Protocol as Interface

from bac.protocol import Effect, Persist, Protocol, Store
from bac.sim.codec import Codec
from bac.types import NodeId

if TYPE_CHECKING:
    from random import Random  # noqa: TID251 (a type: the generator is handed in)


class Subject(Interface):
    """Nodes of one protocol, and the codec of their messages."""

    @property
    def ids(self) -> tuple[NodeId, ...]:
        """Identities; a node's index in the simulator is its place here."""
        ...

    @property
    def codec(self) -> Codec:
        """Encodes and decodes all that the nodes send, commit, accuse with or are given."""
        ...

    def node(self, index: int, random: Random, records: tuple[Persist, ...], store: Store) -> Protocol:
        """Constructs node `index`, at first and after each crash: see `bac.protocol.Construction`."""
        ...


@dataclass(frozen=True, slots=True)
class Costs:
    """What work costs, in simulated time.

    Attributes:
        input_us: fixed work for each input.
        persist_us: making one record durable.
        charge_ns: answers the further cost, in ns, since it was last asked: of the cryptography that a meter counted.
    """

    input_us: int = 0
    persist_us: int = 0
    charge_ns: Callable[[], int] | None = None

    @property
    def are_none(self) -> bool:
        """Whether work takes no time at all."""
        return self.input_us == 0 and self.persist_us == 0 and self.charge_ns is None

    def of(self, effects: Sequence[Effect]) -> int:
        """Cost in ns of one input that led to `effects`."""
        records = sum(type(effect) is Persist for effect in effects) if self.persist_us else 0
        charged = self.charge_ns() if self.charge_ns is not None else 0
        return 1000 * (self.input_us + records * self.persist_us) + charged
