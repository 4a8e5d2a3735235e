"""Orders signed events by virtual voting: the weighted hashgraph (Baird 2016, with fork handling and coin rounds)."""

from hashgraph.event import (
    BelowCut,
    Event,
    ForkProof,
    InvalidEvent,
    Limits,
    MissingParents,
    OrderedEvent,
    Reason,
)
from hashgraph.gossip import Summary
from hashgraph.hashgraph import Hashgraph

__all__ = [
    "BelowCut",
    "Event",
    "ForkProof",
    "Hashgraph",
    "InvalidEvent",
    "Limits",
    "MissingParents",
    "OrderedEvent",
    "Reason",
    "Summary",
]
