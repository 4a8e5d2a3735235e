"""One operation about to be executed, and what it may look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bac.ledger.applications import Application
from bac.ledger.block import BlockContext
from bac.ledger.draft import Draft
from bac.params import Params
from bac.types import NodeId
from bac.wire.transactions import Inner


@dataclass(frozen=True, slots=True)
class Step:
    """What a handler is given.

    Attributes:
        draft: the block under way; the sender has paid.
        block: its context.
        params: of the network.
        applications: by number.
        sender: who asks.
        inner: the authority's order or the position that the operation carries.
    """

    draft: Draft
    block: BlockContext
    params: Params
    applications: Mapping[int, Application]
    sender: NodeId
    inner: Inner
