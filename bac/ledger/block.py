"""What the ledger is told about the block that it executes."""

from __future__ import annotations

from dataclasses import dataclass

from bac.types import Hash, Height, Micros, NodeId, Units
from bac.wire.transactions import Reconfigure


@dataclass(frozen=True, slots=True)
class Roles:
    """Who is paid for a block.

    Attributes:
        primary: P, or None where there is none (recovery).
        candidates: CPs with their weights in the committee.
        voters: the CS whose acknowledgements stand in the certificates that the block carries, with their units.
    """

    primary: NodeId | None = None
    candidates: tuple[tuple[NodeId, int], ...] = ()
    voters: tuple[tuple[NodeId, Units], ...] = ()


@dataclass(frozen=True, slots=True)
class Retirements:
    """Retirement statements that stand in a block, as finality judged them.

    Attributes:
        digest: the hash that a `Reconfigure` names.
        retired: units that stated that they vote no more.
        total: units of that electorate.
    """

    digest: Hash
    retired: Units
    total: Units


@dataclass(frozen=True, slots=True)
class BlockContext:
    """All that execution depends on beside the parent state and the transactions.

    Attributes:
        epoch: of the block.
        height: of the block; one above the parent state's.
        time_us: block time, above the parent's.
        parent: hash of the parent's header.
        roles: who is paid.
        retirements: where the authority restarts the shard.
        order: by which it does, found good by finality; in no transaction, so that nobody else shapes that block.
    """

    epoch: int
    height: Height
    time_us: Micros
    parent: Hash
    roles: Roles = Roles()
    retirements: Retirements | None = None
    order: Reconfigure | None = None
