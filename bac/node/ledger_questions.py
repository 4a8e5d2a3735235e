"""Questions about the chain, and their answers in built-in types: identities, keys and hashes as bytes, times in µs.

=============  ====================  =============================================================================
question       arguments             answer
=============  ====================  =============================================================================
head                                 height, hash, epoch
account        owner                 coins, nonce, and the next one that nothing waits with; None: no such account
boundaries     first                 records of the ends of epochs from `first` on, encoded, at most `BOUNDARIES_MAX`
committee                            epoch, seed, leaders in the order of succession: identity, weight
electorate                           epoch, total_units, missing_units, members: identity, units, key
standing       identity              membership, reputation, units and weight in the present epoch; None: a stranger
members                              the standing of everybody who ever was a member
evidence                             evidence ordered in the present epoch: epoch, height, index, item (encoded)
graph                                the leaders' events of the present epoch, as this node has them; None: it has none
retirements                          who has retired from the present epoch, by which statement, on which block it
                                     stands, and what the authority has ordered; see `_retirements`
health                               units that vote, that are missing, that are silent (if the node waits in vain); the
                                     last restart by the authority, if any
receipt        id                    `bac.ledger.answers.ReceiptAnswer`, encoded; None: not decided, or long ago
=============  ====================  =============================================================================

Committee, electorate and standing are of the present epoch; accounts are as of the last confirmed block.

Source: docs/spec/node.md NO-26, NO-31; docs/spec/finality.md R9, R12.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from bac.finality.chain import Link
from bac.finality.records import load_record
from bac.finality.validity import is_evidence
from bac.ledger.answers import ReceiptAnswer
from bac.ledger.disclosure import prove
from bac.ledger.membership import signing_key_at, standing_at
from bac.ledger.records import TIP_KEY, Member, Reputation, pack
from bac.ledger.state import State
from bac.node.ledger_node import LedgerNode, graph_of, machine_of
from bac.proofs.merkle import prove_inclusion
from bac.types import NodeId
from bac.wire.codec import decode, encode
from bac.wire.event import event_id
from bac.wire.transactions import Mandate, Order
from bac.wire.votes import StateAnnouncement

BOUNDARIES_MAX: Final = 64
"""Boundary records in one answer."""


def answer(node: LedgerNode, state: State, question: str, arguments: Mapping[str, Any]) -> Any:
    """The answer, by the table above; `state` is the last confirmed one that is at hand.

    Raises:
        ValueError: no such question, or arguments that do not fit it.
    """
    ask = _QUESTIONS.get(question)
    if ask is None:
        raise ValueError(f"there is no question {question!r}")
    try:
        return ask(node, state, **arguments)
    except TypeError as error:
        raise ValueError(f"arguments that do not fit the question {question!r}: {error}") from error


def _head(node: LedgerNode, _: State) -> dict[str, Any]:
    height, block = node.finality.confirmed()
    return {"height": height, "hash": block, "epoch": node.finality.term.epoch.number}


def _account(node: LedgerNode, state: State, owner: bytes) -> dict[str, Any] | None:
    account = state.account(NodeId(owner))
    if account is None:
        return None
    waiting = node.mempool.next_nonce(NodeId(owner), state)
    return {"coins": account.balance, "nonce": account.nonce, "next_nonce": waiting}


def _boundaries(node: LedgerNode, _: State, first: int) -> list[bytes]:
    wanted = range(first, min(first + BOUNDARIES_MAX, node.finality.term.epoch.number))
    found = (load_record(node.finality.site.store, epoch) for epoch in wanted)
    return [encode(record) for record in found if record is not None]


# ---------------------------------------------------------------- who leads, votes, is registered


def _committee(node: LedgerNode, _: State) -> dict[str, Any]:
    epoch = node.finality.term.epoch
    leaders = [{"identity": each.identity, "weight": each.weight} for each in epoch.committee]
    return {"epoch": epoch.number, "seed": epoch.seed, "leaders": leaders}


def _electorate(node: LedgerNode, _: State) -> dict[str, Any]:
    epoch = node.finality.term.epoch
    members = [
        {"identity": each.identity, "units": each.units, "key": each.acknowledgement_key}
        for each in epoch.electorate.members
    ]
    return {
        "epoch": epoch.number,
        "total_units": epoch.electorate.total_units,
        "missing_units": node.finality.missing_units(),
        "members": members,
    }


def _standing(node: LedgerNode, state: State, identity: bytes) -> dict[str, Any] | None:
    member = state.member(NodeId(identity))
    return None if member is None else _describe(node, state, NodeId(identity), member)


def _members(node: LedgerNode, state: State) -> list[dict[str, Any]]:
    return [_describe(node, state, identity, member) for identity, member in state.members()]


def _describe(node: LedgerNode, state: State, identity: NodeId, member: Member) -> dict[str, Any]:
    epoch = node.finality.term.epoch
    elector = epoch.electorate.find(identity)
    acting = standing_at(member, epoch.number)
    reputation = state.reputation(identity)
    return {
        "identity": identity,
        "kind": member.kind.name.lower(),
        "epoch": epoch.number,
        "standing": None if acting is None else acting.name.lower(),
        "ordered_standing": member.standing.name.lower(),
        "ordered_epoch": member.standing_since,
        "resident_epoch": member.resident_since,
        "signing_key": signing_key_at(identity, member, epoch.number),
        "not_after_us": member.keys[-1].not_after,
        "credential": member.keys[-1].credential,
        "keys_announced_epochs": [each.epoch for each in member.acknowledgement_keys],
        "units": 0 if elector is None else elector.units,
        "weight": next((each.weight for each in epoch.committee if each.identity == identity), 0),
        "reputation": None if reputation is None else _fields(reputation),
    }


def _fields(record: Reputation) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__struct_fields__}


# ---------------------------------------------------------------- the way out


def _retirements(node: LedgerNode, state: State) -> dict[str, Any]:
    """Each voter's `statement` (None: it has not retired), and what the epoch stands on: an order rests on these.

    `orders` are those by the authority for a block of this epoch, without what has ended the one before.
    """
    term = node.finality.term
    electorate, base = term.epoch.electorate, term.epoch.base_rank
    return {
        "epoch": term.epoch.number,
        "retired_units": term.retired_units(),
        "total_units": electorate.total_units,
        "base": base.hash,
        "base_height": base.height,
        "members": [
            {
                "identity": each.identity,
                "units": each.units,
                "statement": _statement(term.statements.get(each.identity)),
            }
            for each in electorate.members
        ],
        "orders": _orders(node),
        "restart": _restart(state),
    }


def _statement(announced: StateAnnouncement | None) -> bytes | None:
    """Without claims: these are no part of what an order names."""
    return None if announced is None else encode(StateAnnouncement(announced.state, announced.certificate, None))


def _orders(node: LedgerNode) -> list[bytes]:
    term = node.finality.term
    shown = None if term.epoch.proof is None else term.epoch.proof.restart
    past = None if shown is None else shown.order
    here = [decode(Mandate, call.item) for call in node.finality.site.calls
            if call.item != past and term.tree.get(call.order.parent) is not None]  # fmt: skip
    return [encode(Order(each.order, each.signature)) for each in here]


def _restart(state: State) -> dict[str, Any] | None:
    """The last restart by the authority, as the ledger has recorded it; `by_trust` where too few had retired."""
    record = state.reconfigured()
    return None if record is None else {name: getattr(record, name) for name in record.__struct_fields__}


def _health(node: LedgerNode, state: State) -> dict[str, Any]:
    return {
        "epoch": node.finality.term.epoch.number,
        "total_units": node.finality.term.epoch.electorate.total_units,
        "missing_units": node.finality.missing_units(),
        "silent_units": node.finality.term.silent_units(),
        "has_retired": node.finality.term.is_retired,
        "restart": _restart(state),
    }


# ---------------------------------------------------------------- what was ordered


def _path(node: LedgerNode) -> Iterator[Link]:
    """The confirmed blocks of the present epoch that were executed, the last one first."""
    for link in node.finality.term.committed.path():
        if link.parent is not None and link.is_block and link.body is not None:
            yield link


def _evidence(node: LedgerNode, _: State) -> list[dict[str, Any]]:
    return [
        {"epoch": link.header.epoch, "height": link.header.height, "index": index, "item": item}
        for link in reversed([*_path(node)])
        if link.body is not None
        for index, item in enumerate(link.body.items)
        if is_evidence(item)
    ]


def _graph(node: LedgerNode, _: State) -> dict[str, Any] | None:
    graph = graph_of(node)
    if graph is None:
        return None
    events = [
        {
            "id": event_id(event.header),
            "creator": event.header.creator,
            "self_parent": event.header.self_parent,
            "other_parents": list(event.header.other_parents),
            "time_us": event.header.time_us,
            "items": len(event.payload),
            "signature": event.header.signature,
        }
        for event in graph.missing_for((), len(graph))
    ]
    members = [{"identity": identity, "weight": weight} for identity, weight in graph.weights.items()]
    return {"epoch": graph.epoch, "closed_round": graph.closed_round, "members": members, "events": events}


def _receipt(node: LedgerNode, _: State, id: bytes) -> bytes | None:  # noqa: A002 (the word of the surface)
    term, rules = node.finality.term, node.finality.site.rules
    for link in _path(node):
        receipts = machine_of(node).receipts(link.header.state_root)
        for index, receipt in enumerate(receipts):
            if receipt.transaction == id:
                encoded = [pack(each) for each in receipts]
                tip = prove(link.state.ledger.trie, [TIP_KEY])
                assert term.carrier is not None, "something is confirmed"
                proof = rules.prove(term.tree, link, term.confirmed, term.carrier)
                return encode(ReceiptAnswer(encoded[index], prove_inclusion(encoded, index), tip, proof))
    return None


_QUESTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "head": _head,
    "account": _account,
    "boundaries": _boundaries,
    "committee": _committee,
    "electorate": _electorate,
    "standing": _standing,
    "members": _members,
    "evidence": _evidence,
    "graph": _graph,
    "retirements": _retirements,
    "health": _health,
    "receipt": _receipt,
}
