"""What a protocol brings to a run besides its nodes, and how its attackers are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias
from typing import Protocol as Interface

from bac.protocol import Persist, Protocol, Store
from bac.sim import seeds
from bac.sim.attacks import ATTACKS, Attacker, Seat
from bac.sim.codec import Codec
from bac.sim.memo import Memo
from bac.sim.oracle import Oracle
from bac.sim.subject import Subject
from bac.sim.world import World
from bac.types import NodeId

if TYPE_CHECKING:
    from random import Random  # noqa: TID251 (a type: the generator is handed in)


class Trial(Subject, Interface):
    """A protocol in one world: its nodes, and what the run around them asks for."""

    @property
    def name(self) -> str:
        """What protocol this is, and with which cryptography; stands in the record."""
        ...

    @property
    def oracle(self) -> Oracle:
        """For the checks."""
        ...

    def transaction(self, ordinal: int, node: int, random: Random) -> Any:
        """A valid transaction that a client hands to `node`; no two ordinals make the same one."""
        ...

    def sign(self, node: int, data: bytes) -> bytes:
        """The signature of `node` on any bytes: for its own attacker alone."""
        ...

    def charge_ns(self) -> int:
        """What the cryptography done since the last call would have cost, in ns."""
        ...

    def tally(self) -> Mapping[str, int]:
        """Further counts for the record, such as calls of each cryptographic function."""
        ...


Factory: TypeAlias = Callable[[World, Memo | None], Trial]
"""Makes a trial anew for each run: no state is shared between two runs. The memo is None but in measurements."""


class Attacked:
    """A trial whose attackers are behind their filters."""

    def __init__(self, trial: Trial, world: World) -> None:
        self._trial = trial
        self._attacks = {node: [ATTACKS[name] for name in names] for node, names in world.attacks}
        self._edge_us = world.edge_us

    @property
    def ids(self) -> tuple[NodeId, ...]:
        """The trial's."""
        return self._trial.ids

    @property
    def codec(self) -> Codec:
        """The trial's."""
        return self._trial.codec

    def node(self, index: int, random: Random, records: tuple[Persist, ...], store: Store) -> Protocol:
        """The trial's node, wrapped if it attacks. The attack draws from a branch of the node's generator."""
        branch = seeds.branch(random)
        honest = self._trial.node(index, random, records, store)
        if index not in self._attacks:
            return honest
        peers = tuple(identity for identity in self.ids if identity != self.ids[index])
        seat = Seat(peers, branch, lambda data: self._trial.sign(index, data), self._edge_us)
        return Attacker(honest, seat, self._attacks[index])
