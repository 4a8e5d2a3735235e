"""What finality asks of the state machine that executes bodies, and of the source that says when an epoch ends.

Finality never looks into a state. It hands over parent, place and items, and compares roots.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from typing import Protocol as Interface

from bac.ledger.block import Retirements
from bac.proofs.electorate import Electorate
from bac.types import Hash, Height, Micros, NodeId, Units
from bac.wire.block import Elector, Leader
from bac.wire.header import ShardSummary
from bac.wire.transactions import Reconfigure
from bac.wire.votes import Certificate

State: TypeAlias = Any
"""A state of the machine, immutable; known by its root."""

NO_SUMMARY = ShardSummary(0, 0, 0, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a body is executed.

    Attributes:
        epoch: of the block.
        view: 0 where the committee made it.
        height: of the block.
        time_us: block time.
        parent: hash of the parent's header.
        committee: of the epoch, in the order of succession.
        electorate: of the epoch.
        seed: of the epoch.
        next_seed: of the epoch after it.
        certificates: the good ones in the body that each raise the rank, ascending.
        retirements: of the block that restarts the shard: on what grounds.
        order: by which the authority restarts it.
    """

    epoch: int
    view: int
    height: Height
    time_us: Micros
    parent: Hash
    committee: tuple[Leader, ...]
    electorate: Electorate
    seed: Hash
    next_seed: Hash
    certificates: tuple[Certificate, ...] = ()
    retirements: Retirements | None = None
    order: Reconfigure | None = None

    @property
    def certificate(self) -> Certificate | None:
        """The highest good one in the body, if there is any."""
        return self.certificates[-1] if self.certificates else None

    def voters(self) -> tuple[tuple[NodeId, Units], ...]:
        """Identity and units of all who signed the certificate."""
        signers = None if self.certificate is None else self.electorate.signers(self.certificate.signers)
        return tuple((signer.identity, signer.units) for signer in signers or ())


@dataclass(frozen=True, slots=True)
class Draw:
    """Who follows: the electorate and committee of the next epoch, and the seed of the one after that.

    Attributes:
        electors: V_{e+1}, if it qualifies (E7).
        committee: in the order of succession; whoever is not in V_{e+1} is dropped.
        seed: seed_{e+2}.
        culprits: who does not stay if the present electorate must: proven dishonest.
        leaving: who goes then, in this order, as long as enough voters remain.
        summary: of the shard, for its neighbours.
    """

    electors: tuple[Elector, ...]
    committee: tuple[Leader, ...]
    seed: Hash
    culprits: tuple[NodeId, ...] = ()
    leaving: tuple[NodeId, ...] = ()
    summary: ShardSummary = NO_SUMMARY


Remember: TypeAlias = Callable[[bytes, bytes, Callable[[], Any]], Any]
"""(the parent, what stands on it, how to compute the answer) -> the answer: a driver may remember pure answers."""


class Restoring(Interface):
    """A state on its way, chunk by chunk, each judged by itself."""

    @property
    def wanted(self) -> bytes | None:
        """Where the next chunk must begin; None when nothing is missing."""
        ...

    def add(self, chunk: bytes) -> None:
        """Takes the chunk wanted next; one that was taken already changes nothing.

        Raises Rejected for another or a false one; nothing changed then.
        """
        ...

    def state(self) -> State:
        """The state, when nothing is missing."""
        ...


class Machine(Interface):
    """The state machine of one shard. All functions are pure."""

    def genesis(self) -> State:
        """The first state."""
        ...

    def root(self, state: State) -> Hash:
        """Commits to `state`."""
        ...

    def execute(self, parent: State, place: Place, items: Sequence[bytes]) -> State:
        """The state after a body, and after the authority's order at this place, if there is one.

        Raises Rejected if an item is invalid by itself, or the order has no effect: such a body is never valid.
        """
        ...

    def ends_epoch(self, state: State, round_: int) -> bool:
        """E2: whether the block of this round, with this state after it, is the last of its epoch."""
        ...

    def conclude(self, state: State, place: Place) -> State:
        """The state after the last block of an epoch: `state`, after its body, with what the end of the epoch changes.

        Raises Rejected if the epoch cannot end here (an opening without the claim lists of a quorum).
        """
        ...

    def draw(self, state: State, epoch: int, seed: Hash) -> Draw:
        """Who follows after `epoch`, whose last block leaves `state`, concluded; `seed` is seed_{e+1}."""
        ...

    def chunk(self, state: State, start: bytes) -> bytes:
        """The chunk of `state` that begins at path `start` (32 bytes). ValueError if `start` is no path."""
        ...

    def chunks(self, state: State) -> Sequence[bytes]:
        """All chunks of `state`, in order."""
        ...

    def restoring(self, root: Hash) -> Restoring:
        """Begins to rebuild the state with this root."""
        ...
