"""V9: evidence of each kind convicts its signer, and nothing else convicts anybody."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from bac.finality.chain import Link, header_hash
from bac.finality.evidence import LIFETIME, incriminate
from bac.proofs.merkle import prove_inclusion
from bac.types import NodeId
from bac.wire.block import ConfirmationProof, Envelope
from bac.wire.codec import encode
from bac.wire.evidence import DoubleAcknowledgement, DoubleHeader, FalseOpening, HiddenCertificate
from bac.wire.header import Header, Kind, Rank
from bac.wire.signed import UNSIGNED
from bac.wire.votes import Acknowledgement, NewView, State
from tests.finality.staging import after_blocks, certify, hand, published, rival, to_view_one
from tests.finality.table import Table


def culprits(table: Table, evidence: Any) -> tuple[NodeId, ...]:
    return table.nodes[1].court.culprits(evidence)


def state_of(table: Table, node: int, high: Rank, view: int = 1) -> State:
    return table.nodes[node].finality.site.sign(State(0, view, high, table.now, table.ids[node], UNSIGNED))


def leader_signature(table: Table, node: int, header: Header) -> Any:
    return table.nodes[node].finality.site.sign_header(header)


def double_header(table: Table, first: Header, second: Header, node: int = 2) -> DoubleHeader:
    return DoubleHeader(
        0, 0, first, leader_signature(table, node, first), second, leader_signature(table, node, second)
    )


def two_chains(table: Table) -> tuple[Link, Link]:
    """Two valid blocks of height 2."""
    known = published(table, 0, 2)
    return known, hand(table, 0, *rival(table, published(table, 0, 1), later_us=9))


def test_two_headers_of_one_view_and_height_convict_the_leader() -> None:
    """V9: found by who sees both; one header, or a header of another view, is no crime."""
    table = after_blocks(2)
    one, two = (link.header for link in two_chains(table))
    evidence = double_header(table, one, two)
    assert culprits(table, evidence) == (table.ids[2],)
    assert culprits(table, replace(evidence, second=one, second_signature=evidence.first_signature)) == ()
    assert culprits(table, replace(evidence, second_signature=leader_signature(table, 1, two))) == ()
    later = replace(two, view=1, kind=Kind.OPENING)
    assert culprits(table, double_header(table, one, later)) == ()
    higher = replace(two, height=3)
    assert culprits(table, double_header(table, one, higher)) == ()


def test_the_watch_names_a_leader_that_signs_two() -> None:
    """V9."""
    table = after_blocks(2)
    link, twin = two_chains(table)
    assert link.envelope is not None
    assert twin.envelope is not None
    table.accused.clear()
    table.give(3, 0, twin.envelope)
    found = [each for each in table.accused if isinstance(each, DoubleHeader)]
    assert {culprit for each in found for culprit in culprits(table, each)} == {
        signature.leader for signature in link.envelope.signatures
    } & {signature.leader for signature in twin.envelope.signatures}
    assert found


def test_two_acknowledgements_of_one_view_convict_unless_they_are_on_one_chain() -> None:
    """V9: singly, and inside certificates, which convict whoever signed both."""
    table = after_blocks(3)
    parent, child = published(table, 0, 2), published(table, 0, 3)
    twin = hand(table, 0, *rival(table, published(table, 0, 1), later_us=9))
    sign = table.term(3).voter.sign
    crime = DoubleAcknowledgement(0, 0, sign(twin), sign(child), (parent.header, child.header))
    assert culprits(table, crime) == (table.ids[3],)
    duty = DoubleAcknowledgement(0, 0, sign(parent), sign(child), (parent.header, child.header))
    assert culprits(table, duty) == ()
    forged = Acknowledgement(crime.first.ballot, table.ids[2], sign(child).signature)
    assert culprits(table, replace(crime, first=forged)) == ()
    assert culprits(table, replace(crime, path=(child.header,))) == ()
    both = replace(crime, first=certify(table, twin.header, (0, 1, 3)), second=certify(table, child.header, (1, 2, 3)))
    assert set(culprits(table, both)) == {table.ids[1], table.ids[3]}


def test_a_state_that_hides_a_certificate_convicts() -> None:
    """V9: the acknowledged header shows what the signer knew."""
    table = after_blocks(3)
    link = published(table, 0, 3)
    assert link.header.justify.view == 0
    base = table.term(0).epoch.base_rank
    given = table.term(3).voter.sign(link)
    crime = HiddenCertificate(0, 0, given, link.header, state_of(table, 3, base))
    assert culprits(table, crime) == (table.ids[3],)
    assert culprits(table, replace(crime, state=state_of(table, 3, link.header.justify))) == ()
    assert culprits(table, replace(crime, state=state_of(table, 2, base))) == ()
    assert culprits(table, replace(crime, state=replace(crime.state, clock_us=crime.state.clock_us + 1))) == ()


def opening_on(table: Table, justify: Rank) -> tuple[Header, bytes]:
    """An opening of view 1 with NV of the table, and the header changed to stand on `justify`."""
    to_view_one(table, hold=lambda sender, receiver, message: isinstance(message, Envelope | Acknowledgement))
    terms = [table.term(node) for node in range(4)]
    term = next(each for each in terms if each.opened)
    link = next(each for each in term.tree.links.values() if each.header.kind is Kind.OPENING)
    assert link.body is not None
    return replace(link.header, justify=justify), link.body.items[0]


def test_acknowledging_an_opening_against_its_own_new_view_convicts() -> None:
    """V9."""
    table = after_blocks(3)
    base = table.term(0).epoch.base_rank
    false, item = opening_on(table, base)
    link = Link(false, header_hash(false))
    link_items = next(
        each.body.items
        for node in range(4)
        for each in table.term(node).tree.links.values()
        if each.header.kind is Kind.OPENING and each.body is not None
    )
    inclusion = prove_inclusion(link_items, 0)
    crime = FalseOpening(0, 0, table.term(3).voter.sign(link), false, item, inclusion)
    assert culprits(table, crime) == (table.ids[3],)
    true = replace(false, justify=highest_of(table))
    right = FalseOpening(0, 0, table.term(3).voter.sign(Link(true, header_hash(true))), true, item, inclusion)
    assert culprits(table, right) == ()
    assert culprits(table, replace(crime, inclusion=replace(inclusion, siblings=()), new_view=b"\x90\x00")) == ()


def highest_of(table: Table) -> Rank:
    found: list[NewView] = [nv for node in range(4) for nv in table.term(node).recovery.new_views.values()]
    assert found
    return min((state.high for state in found[0].states), key=lambda rank: (-rank.view, -rank.height, rank.hash))


def test_old_evidence_and_foreign_evidence_do_not_count() -> None:
    """V9: three epochs, this shard."""
    table = after_blocks(2)
    one, two = (link.header for link in two_chains(table))
    evidence = double_header(table, one, two)
    court = table.nodes[1].court
    assert court.judge_item(encode(evidence), LIFETIME) == (table.ids[2],)
    assert court.judge_item(encode(evidence), LIFETIME + 1) == ()
    assert culprits(table, replace(evidence, shard=1)) == ()
    assert culprits(table, replace(evidence, epoch=1)) == ()


def proof_of(table: Table, block: Link, carrier: Link, signers: tuple[int, ...]) -> ConfirmationProof:
    first, second = certify(table, block.header, signers), certify(table, carrier.header, signers)
    return ConfirmationProof((block.header,), first, carrier.header, second, None)


def test_two_confirmations_of_one_height_convict_who_signed_both() -> None:
    """V9: in one view the two certificates; across views the states that hid the lower one."""
    table = after_blocks(3)
    link, carrier = published(table, 0, 2), published(table, 0, 3)
    twin = hand(table, 0, *rival(table, published(table, 0, 1), later_us=9))
    first, second = proof_of(table, link, carrier, (0, 1, 3)), proof_of(table, twin, twin, (1, 2, 3))
    found = {each for evidence in incriminate(0, (first, None), (second, None)) for each in culprits(table, evidence)}
    assert found == {table.ids[1], table.ids[3]}
    base = table.term(0).epoch.base_rank
    states = tuple(sorted((state_of(table, node, base) for node in (1, 2, 3)), key=lambda each: each.identity))
    opening = Link(replace(twin.header, view=1, kind=Kind.OPENING), twin.hash)
    later = proof_of(table, opening, opening, (1, 2, 3))
    across = incriminate(0, (later, NewView(states, None)), (first, None))
    assert {each for evidence in across for each in culprits(table, evidence)} == {table.ids[1], table.ids[3]}


@pytest.mark.parametrize("view", [0, 1])
def test_an_honest_node_is_never_convicted_by_what_it_did(view: int) -> None:
    """V9: everything that honest nodes sent, set against each other."""
    table = after_blocks(3)
    if view:
        to_view_one(table)
    said = [message for _, _, message in table.sent if isinstance(message, Envelope) and message.header.epoch == 0]
    signed = {(each.leader, message.header, each) for message in said for each in message.signatures}
    pairs = [(one, two) for one in signed for two in signed if one[0] == two[0] and one[1] != two[1]]
    assert pairs
    for (_, first, mark), (_, second, other) in pairs:
        assert culprits(table, DoubleHeader(0, 0, first, mark, second, other)) == ()
    assert not table.accused
