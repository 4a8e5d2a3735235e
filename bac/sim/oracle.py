"""What the checks need to know of a protocol, and nothing else of it.

The oracle judges from outside: it may hold what no node holds, and shares no code path with the nodes where it can
avoid it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from typing import Protocol as Interface

from bac.protocol import Protocol
from bac.sim.facts import Committed
from bac.types import NodeId


@dataclass(frozen=True, slots=True)
class BlockFacts:
    """A confirmed block as the checks see it.

    Attributes:
        shard: whose chain it is in.
        height: place in it; the genesis is 0, the first block 1.
        hash: names the block.
        parent: hash of the block before it.
        state_root: commits to the state after it.
        transactions: ids of what it decides.
    """

    shard: int
    height: int
    hash: bytes
    parent: bytes
    state_root: bytes
    transactions: tuple[bytes, ...]


class Oracle(Interface):
    """Functions of one protocol, for the checks."""

    def block(self, block: Any) -> BlockFacts:
        """What a confirmed block says."""
        ...

    def is_proven(self, block: Any, proof: Any) -> bool:
        """Whether `proof` shows to anybody that `block` is confirmed."""
        ...

    def genesis(self, shard: int) -> tuple[bytes, Any]:
        """Hash of the genesis block of a shard, and the state that it stands for; states are immutable."""
        ...

    def execute(self, state: Any, block: Any) -> tuple[Any, bytes]:
        """State and state root after the body of `block`; never raises, whatever a block can hold."""
        ...

    def imbalance(self, states: Mapping[int, Any]) -> str | None:
        """What is wrong with the sums of coins and Wh over the confirmed states of all shards; None if nothing is."""
        ...

    def units(self, shard: int, height: int) -> Mapping[NodeId, int]:
        """The electorate that confirms the block of this height."""
        ...

    def culprits(self, evidence: Any) -> tuple[NodeId, ...]:
        """Whom `evidence` convicts by their own signatures; nobody if it proves nothing."""
        ...

    def incriminate(self, first: Committed, second: Committed) -> Iterable[Any]:
        """The evidence that lies in two conflicting confirmations, from what the two misled nodes hold."""
        ...

    def promises(self, sender: NodeId, message: Any) -> Iterable[tuple[Hashable, Hashable]]:
        """What `sender` binds itself to by its own signature: (about what, what). Two values for one are a lie."""
        ...

    def confirmed(self, protocol: Protocol) -> Mapping[int, tuple[int, bytes]]:
        """For each shard height and hash of the last block that a node, just constructed, knows as confirmed."""
        ...

    def transaction_id(self, transaction: Any) -> bytes:
        """The id under which a block names `transaction`."""
        ...
