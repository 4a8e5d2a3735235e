"""The gossip side: what I know, in few bytes, and what somebody else lacks, parents first, in bounded batches.

A summary names the last event of each branch. Who knows such an event knows everything below it, so the receiver gets
an exact lower bound of what the sender has by merging the tips of the heads that it knows itself. Heads it does not
know (the sender is ahead there) tell it nothing, and that is deliberate: assuming "ahead of me" to mean "has all of
mine" would hide a fork for ever. The price is a few events sent twice. So that bounded batches always get on, a view
remembers for each branch the last event that it was sent again (its *echo*) and names it too: the sender knows that
one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from heapq import merge
from itertools import islice
from operator import attrgetter

from hashgraph.event import Event
from hashgraph.graph import Graph, Node

Summary = tuple[bytes, ...]
"""Ids of the last event and of the echo of each branch, ascending: at most two a member while nobody forks."""


def summarize(graph: Graph) -> Summary:
    """The heads and echoes of all branches."""
    heads = {chain[-1].event.id for chain in graph.chains if chain}
    return tuple(sorted(heads.union(graph.echoes.values())))


def missing_for(graph: Graph, summary: Summary, limit: int) -> list[Event]:
    """At most `limit` events that the owner of `summary` lacks, each after its parents.

    An event whose payload was dropped cannot be passed on, nor can what hangs on it: who lacks it needs a snapshot.
    """
    if limit < 0:
        raise ValueError("limit must not be negative")
    known = [-1] * len(graph.chains)
    for head in summary:
        node = graph.nodes.get(head)
        if node is not None:
            known = [max(a, b) for a, b in zip(known, graph.widened(node.tips), strict=True)]
    runs = [_run(graph, branch, known[branch] + 1, limit) for branch in range(len(known))]
    events: list[Event] = []
    withheld: list[Node] = []
    # Order of arrival puts parents first, and so does any beginning of it.
    for node in merge(*runs, key=attrgetter("index")):
        if len(events) == limit:
            break
        if node.is_payload_dropped or any(graph.is_ancestor(node, other) for other in withheld):
            withheld.append(node)
        else:
            events.append(node.event)
    return events


def _run(graph: Graph, branch: int, first: int, limit: int) -> Iterable[Node]:
    start = max(0, first - graph.starts[branch])
    return islice(graph.chains[branch], start, None) if limit else ()


def drop_payloads(graph: Graph, ids: Iterable[bytes]) -> None:
    """Forgets payloads; raises ValueError before anything changes where an event is not ordered yet."""
    nodes = [graph.nodes[each] for each in ids if each in graph.nodes]
    for node in nodes:
        if node.received is None:
            raise ValueError(f"event {node.event.id.hex()} is not ordered: its payload is still needed")
    for node in nodes:
        node.event = replace(node.event, payload=())
        node.is_payload_dropped = True
