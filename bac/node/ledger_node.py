"""What the node reads from a protocol object that keeps a ledger by `bac.finality`: BAC 2.0 and basic BAC alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from typing import Protocol as Interface

from bac.finality.epochs import Epoch
from bac.finality.finality import Finality
from bac.ledger.mempool import Mempool
from bac.ledger.receipts import Receipt
from bac.ledger.state import State
from bac.protocol import Protocol
from bac.types import Hash

if TYPE_CHECKING:
    from bac.replica.graph import EpochGraph


class Ground(Interface):
    """What all nodes of a shard begin on."""

    @property
    def epoch(self) -> Epoch:
        """Epoch 0."""
        ...


class LedgerNode(Interface):
    """The part of the object that finality stands in; the machine there satisfies `ReceiptMachine`."""

    finality: Finality
    mempool: Mempool


class Post(Interface):
    """A state of that machine."""

    @property
    def ledger(self) -> State:
        """Accounts, members, positions."""
        ...


class ReceiptMachine(Interface):
    """A machine of finality that knows what became of the transactions of recent blocks."""

    def genesis(self) -> Post:
        """The first state."""
        ...

    def receipts(self, root: Hash) -> tuple[Receipt, ...]:
        """Of the block that leaves the state with this root; empty if it is long ago."""
        ...


def node_of(protocol: Protocol) -> LedgerNode:
    """The object that an engine of `bac.node.engines` made."""
    return cast(LedgerNode, protocol)


def machine_of(node: LedgerNode) -> ReceiptMachine:
    """What executes its blocks."""
    return cast(ReceiptMachine, node.finality.site.machine)


def confirmed_state(node: LedgerNode) -> State | None:
    """The ledger after the last confirmed block that was executed; None while that state is being fetched."""
    post: Any = node.finality.term.committed.state
    return None if post is None else cast(Post, post).ledger


def graph_of(node: LedgerNode) -> EpochGraph | None:
    """The leaders' events of the present epoch; None for who does not lead, or orders without a hashgraph."""
    leadership: Any = getattr(node, "leadership", None)
    return None if leadership is None else cast("EpochGraph", leadership.graph)
