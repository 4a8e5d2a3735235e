"""Dropping structure at a cut, and a view as bytes.

A snapshot holds what cannot be told from the rest: events in order of arrival with their places, branches, decisions
and the first times of events that are not received yet. Tables and ballots are counted again at restore; they are
functions of the others. The form is JSON with sorted keys, so that equal views give equal bytes.
"""

from __future__ import annotations

import json
from typing import Any

from hashgraph.event import Event, ForkProof, Limits
from hashgraph.fame import Fame
from hashgraph.graph import Graph, Node
from hashgraph.order import Order
from hashgraph.witness import Rounds, Witness

VERSION = 1


def cut(graph: Graph, rounds: Rounds, order: Order, number: int) -> None:
    """Drops events received up to round `number`, and the rounds up to it."""
    if not graph.floor <= number <= order.fame.closed:
        raise ValueError(f"round {number} is not closed, or lies below an earlier cut at {graph.floor}")
    for branch, chain in enumerate(graph.chains):
        drop = 0
        while drop < len(chain) - 1 and (received := chain[drop].received) is not None and received <= number:
            del graph.nodes[chain[drop].event.id]
            drop += 1
        del chain[:drop]
        graph.starts[branch] += drop
    for old in range(graph.floor + 1, number + 1):
        for witness in rounds.by_number.pop(old).witnesses:
            witness.node.witness = None
    graph.floor = number


def dump(graph: Graph, rounds: Rounds, fame: Fame, order: Order) -> bytes:
    """The bytes that `load` and `fill` take."""
    nodes = sorted((node for chain in graph.chains for node in chain), key=lambda node: node.index)
    state = {
        "version": VERSION,
        "members": {identity.hex(): weight for identity, weight in zip(graph.ids, graph.weights, strict=True)},
        "coin_period": fame.coin_period,
        "limits": [graph.limits.payload_bytes, graph.limits.other_parents, graph.limits.signature_bytes],
        "signature_bytes": graph.signature_bytes,
        "arrivals": graph.arrivals,
        "floor": graph.floor,
        "closed": fame.closed,
        "last": rounds.last,
        "firsts": [first and _pack_event(first) for first in graph.firsts],
        "branches": [
            [graph.parents[b], graph.bases[b], graph.starts[b], graph.heights[b], order.received[b]]
            for b in range(len(graph.chains))
        ],
        "branches_of": sorted(graph.branches_of.items()),
        "proofs": [[_pack_event(proof.first), _pack_event(proof.second)] for proof in graph.proofs],
        "nodes": [_pack_node(node) for node in nodes],
        "pending": order.pending,
        "rounds": [
            [number, [w.node.event.id.hex() for w in each.witnesses], hex(each.famous), hex(each.infamous)]
            for number, each in sorted(rounds.by_number.items())
        ],
    }
    return json.dumps(state, sort_keys=True, separators=(",", ":")).encode()


def load(data: bytes) -> tuple[dict[bytes, int], int, Limits, dict[str, Any]]:
    """(members, coin period, limits, state for `fill`). Raises ValueError."""
    try:
        state = json.loads(data)
        if state["version"] != VERSION:
            raise ValueError(f"snapshot of version {state['version']}, this is version {VERSION}")
        members = {bytes.fromhex(identity): weight for identity, weight in state["members"].items()}
        return members, state["coin_period"], Limits(*state["limits"]), state
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a snapshot: {error!r}") from None


def fill(graph: Graph, rounds: Rounds, fame: Fame, order: Order, state: dict[str, Any]) -> None:
    """Puts the state of `load` into a new, empty view. Raises ValueError."""
    try:
        _fill_graph(graph, state)
        _fill_rounds(graph, rounds, state)
        order.received = [branch[4] for branch in state["branches"]]
        order.pending = state["pending"]
        fame.closed = state["closed"]
        for number in range(fame.closed + 1, rounds.last):
            fame.recount(number, number + 1)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"not a snapshot: {error!r}") from None


def _fill_graph(graph: Graph, state: dict[str, Any]) -> None:
    graph.signature_bytes = state["signature_bytes"]
    graph.arrivals = state["arrivals"]
    graph.floor = state["floor"]
    graph.firsts = [first and _unpack_event(first) for first in state["firsts"]]
    graph.parents, graph.bases, graph.starts, graph.heights = (
        [branch[column] for branch in state["branches"]] for column in range(4)
    )
    graph.branches_of = dict(state["branches_of"])
    for first, second in state["proofs"]:
        event = _unpack_event(first)
        graph.proofs.append(ForkProof(event.creator, event, _unpack_event(second)))
    graph.chains = [[] for _ in graph.parents]
    for packed in state["nodes"]:
        node = _unpack_node(packed)
        graph.nodes[node.event.id] = node
        graph.chains[node.branch].append(node)


def _fill_rounds(graph: Graph, rounds: Rounds, state: dict[str, Any]) -> None:
    for number, witnesses, famous, infamous in state["rounds"]:
        each = rounds.open(number)
        each.famous, each.infamous = int(famous, 16), int(infamous, 16)
        for slot, identity in enumerate(witnesses):
            node = graph.nodes[bytes.fromhex(identity)]
            node.witness = Witness(node, rounds.lanes.lane(slot), graph.weights[node.creator])
            each.witnesses.append(node.witness)
    for node in graph.nodes.values():
        if node.round in rounds.by_number:
            rounds.by_number[node.round].tables[node.branch][node.seq] = node.ones * graph.weights[node.creator]
    rounds.last = state["last"]


def _pack_event(event: Event) -> list[Any]:
    return [
        event.id.hex(), event.creator.hex(), event.self_parent and event.self_parent.hex(),
        [parent.hex() for parent in event.other_parents], event.time_us,
        [part.hex() for part in event.payload], event.signature.hex(),
    ]  # fmt: skip


def _unpack_event(packed: list[Any]) -> Event:
    identity, creator, self_parent, others, time_us, payload, signature = packed
    return Event(
        id=bytes.fromhex(identity),
        creator=bytes.fromhex(creator),
        self_parent=None if self_parent is None else bytes.fromhex(self_parent),
        other_parents=tuple(map(bytes.fromhex, others)),
        time_us=time_us,
        payload=tuple(map(bytes.fromhex, payload)),
        signature=bytes.fromhex(signature),
    )


def _pack_node(node: Node) -> list[Any]:
    return [
        _pack_event(node.event), node.index, node.creator, node.branch, node.seq, node.tips, hex(node.forked),
        node.round, hex(node.ones), hex(node.before), node.received, node.time_us, node.is_payload_dropped,
    ]  # fmt: skip


def _unpack_node(packed: list[Any]) -> Node:
    event, index, creator, branch, seq, tips, forked, number, ones, before, received, time_us, is_dropped = packed
    node = Node(_unpack_event(event), index, creator, branch, seq)
    node.tips, node.forked, node.round = tuple(tips), int(forked, 16), number
    node.ones, node.before, node.witness = int(ones, 16), int(before, 16), None
    node.received, node.time_us, node.is_payload_dropped = received, time_us, is_dropped
    return node
