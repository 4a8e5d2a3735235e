"""The gossip side: what I know, in few bytes, and what somebody else lacks, parents first, in bounded batches.

A summary names the last event of each branch. Who knows such an event knows everything below it, so the receiver gets
an exact lower bound of what the sender has by merging the tips of the heads that it knows itself. Heads it does not
know (the sender is ahead there) tell it nothing, and that is deliberate: assuming "ahead of me" to mean "has all of
mine" would hide a fork for ever. The price is a few events sent twice. So that bounded batches always get on, a view
remembers for each branch where it was sent events again (an *echo*: the last event of each such run, of the `ECHOES`
newest runs) and names those too: whoever sent them knows them.
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
"""Ids of the last event and of the echoes of each branch, ascending: one to five a member while nobody forks."""

ECHOES = 4
"""Runs remembered a branch: as many peers that are behind there can bring their news in turn."""


def summarize(graph: Graph) -> Summary:
    """The heads and echoes of all branches."""
    heads = {chain[-1].event.id for chain in graph.chains if chain}
    return tuple(sorted(heads.union(node.event.id for echoes in graph.echoes.values() for node in echoes)))


def hear_again(graph: Graph, node: Node) -> None:
    """Notes that somebody sent an event that is here already: it begins a run, or is the next of one."""
    echoes = [echo for echo in graph.echoes.get(node.branch, []) if echo.seq not in (node.seq - 1, node.seq)]
    graph.echoes[node.branch] = [*echoes, node][-ECHOES:]


def missing_for(graph: Graph, summary: Summary, limit: int) -> list[Event]:
    """At most `limit` events that the owner of `summary` lacks, each after its parents.

    What was dropped (a payload, or an event below a cut) cannot be passed on, nor can what hangs on it.
    """
    if limit < 0:
        raise ValueError("limit must not be negative")
    known: list[int] = [-1] * len(graph.chains)
    for head in summary:
        node = graph.nodes.get(head)
        if node is not None:
            known = [max(a, b) for a, b in zip(known, graph.widened(node.tips), strict=True)]
    runs = [_run(graph, branch, known[branch] + 1) for branch in range(len(known))]
    # (branch, seq): who has more of the branch below it than that seq hangs on what cannot be passed on.
    starts, bases = graph.starts, graph.bases
    bounds = [(b, known[b]) for b in range(len(known)) if bases[b] < starts[b] and known[b] < starts[b] - 1]
    events: list[Event] = []
    # Order of arrival puts parents first, and so does any beginning of it.
    for node in merge(*runs, key=attrgetter("index")):
        if len(events) == limit:
            break
        if node.is_payload_dropped:
            bounds.append((node.branch, node.seq - 1))
        elif not any(branch < len(node.tips) and node.tips[branch] > bound for branch, bound in bounds):
            events.append(node.event)
    return events


def _run(graph: Graph, branch: int, first: int) -> Iterable[Node]:
    return islice(graph.chains[branch], max(0, first - graph.starts[branch]), None)


def drop_payloads(graph: Graph, ids: Iterable[bytes]) -> None:
    """Forgets payloads; raises ValueError before anything changes where an event is not ordered yet."""
    nodes = [graph.nodes[each] for each in ids if each in graph.nodes]
    for node in nodes:
        if node.received is None:
            raise ValueError(f"event {node.event.id.hex()} is not ordered: its payload is still needed")
    for node in nodes:
        if node.event.payload:
            bare = replace(node.event, payload=())
            if graph.firsts[node.creator] == node.event:
                graph.firsts[node.creator] = bare
            node.event, node.is_payload_dropped = bare, True
