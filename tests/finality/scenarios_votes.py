"""What rules V and C promise."""

from __future__ import annotations

from functools import partial

from msgspec.structs import replace

from bac.finality.chain import Verdict, header_hash
from bac.proofs.confirmation import verify_confirmation
from bac.types import Hash
from bac.wire.block import Envelope
from bac.wire.codec import encode
from bac.wire.header import Kind, Rank
from bac.wire.votes import (
    Acknowledgement,
    ballot_of,
    ballot_preimage,
)
from tests.finality.staging import (
    REPEAT,
    T0,
    acknowledged,
    after_blocks,
    certify,
    hand,
    is_refused,
    published,
    rival,
    sign,
    to_view_one,
    wish,
)
from tests.finality.table import TABLE_PARAMS, Table, TableTrial, seconds


def v1() -> None:
    """V1: a node that restarts knows its view, in which nothing below is acknowledged, and what it acknowledged."""
    table = after_blocks(3)
    chosen = published(table, 3, 3)
    before = acknowledged(table, 3)
    assert chosen.hash in before
    table.restart(3)
    hand(table, 3, *rival(table, published(table, 0, 2)))
    assert acknowledged(table, 3) == before
    for node in (0, 1, 2):
        table.give(3, node, table.nodes[node].finality.site.sign(wish(table, node, 1, table.term(3).height)))
    assert table.term(3).voter.state is not None
    table.restart(3)
    assert hand(table, 3, *rival(table, published(table, 0, 3))).verdict is Verdict.VALID
    assert acknowledged(table, 3) == before


def v2() -> None:
    """V2: an acknowledgement of one header is none of another that differs in any field."""
    table = after_blocks(2)
    link = published(table, 0, 2)
    other = replace(link.header, justify=Rank(-1, link.header.justify.height, link.header.justify.hash))
    share = table.term(1).voter.sign(link)
    forged = Acknowledgement(ballot_of(other), share.voter, share.signature)
    scope = table.nodes[0].finality.site.scope
    member = table.term(0).epoch.electorate.find(share.voter)
    assert member is not None
    for given, is_good in ((share, True), (forged, False)):
        message = ballot_preimage(given.ballot, scope.network, scope.shard)
        assert scope.scheme.verify(member.acknowledgement_key, message, given.signature) == is_good


def v3() -> None:
    """V3: who acknowledged one header of a view acknowledges nothing beside it, at whatever height."""
    table = after_blocks(3)
    before = acknowledged(table, 3)
    first = hand(table, 3, *rival(table, published(table, 0, 2)))
    assert first.verdict is Verdict.VALID
    parent = hand(table, 0, *rival(table, published(table, 0, 2)))
    second = hand(table, 3, *rival(table, parent))
    assert second.header.height > 3
    assert acknowledged(table, 3) == before


def v4() -> None:
    """V4: a header that leaders with two thirds of the weight have not signed is refused."""
    table = after_blocks(2)
    envelope, _ = rival(table, published(table, 0, 2))
    weak = sign(table, envelope.header, (0, 1))
    assert is_refused(lambda: table.term(3).add_envelope(table.ids[0], weak))
    assert table.term(3).tree.get(header_hash(envelope.header)) is None


def v5() -> None:
    """V5: a header that names another certificate than its body shows is not valid."""
    table = after_blocks(3)
    parent = published(table, 0, 3)
    envelope, body = rival(table, parent)
    boundary = table.term(0).epoch.base_rank
    assert envelope.header.justify != boundary
    lower = sign(table, replace(envelope.header, justify=boundary))
    assert hand(table, 3, lower, body).verdict is Verdict.INVALID


def v6() -> None:
    """V6: an opening stands on the highest certificate of its NV, and on no other block."""
    table = after_blocks(3)
    to_view_one(table, hold=lambda sender, receiver, message: isinstance(message, Envelope | Acknowledgement))
    node = next(node for node in range(4) if table.term(node).recovery.new_views)
    term_ = table.term(node)
    new_view = term_.recovery.new_views[1]
    assert new_view.certificate is not None
    root = term_.tree.root
    with_lower = term_.validity.open(root, 1, (encode(new_view),))
    assert with_lower is None


def v7() -> None:
    """V7: a false state root is not acknowledged, whoever signed it."""
    table = after_blocks(2)
    before = acknowledged(table, 3)
    envelope, body = rival(table, published(table, 0, 2))
    false = sign(table, replace(envelope.header, state_root=Hash(bytes(32))))
    assert hand(table, 3, false, body).verdict is not Verdict.VALID
    assert acknowledged(table, 3) == before


def v8() -> None:
    """V8: acknowledgements go to `ack_fanout` leaders at first, and to all of them after T_repeat."""

    class Wide(TableTrial):
        leaders = (0, 1, 2, 3, 4, 5)
        weights = (1,) * 6
        table_params = TABLE_PARAMS.__class__(
            **{name: getattr(TABLE_PARAMS, name) for name in TABLE_PARAMS.__slots__} | {"max_leaders": 6}
        )

    table = Table(8, Wide)
    table.hold = lambda sender, receiver, message: isinstance(message, Acknowledgement)
    table.pass_time(T0 // 8)
    told = {to for sender, to, message in table.sent if sender == 7 and isinstance(message, Acknowledgement)}
    assert len(told) == TABLE_PARAMS.acknowledgement_fanout
    table.pass_time(2 * REPEAT)
    said = table.messages(7, Acknowledgement)
    told_of = [{to for sender, to, message in table.sent if sender == 7 and message == each} for each in said]
    assert any(set(table.term(7).epoch.leaders()) <= told for told in told_of)


def v9() -> None:
    """V9: two acknowledgements of one view that are not on one chain convict their signer."""
    table = after_blocks(2)
    two = published(table, 0, 2)
    one = hand(table, 0, *rival(table, published(table, 0, 1), later_us=9))
    table.accused.clear()
    for link in (one, two):
        table.give(0, 3, table.term(3).voter.sign(link))
    culprits = {each for evidence in table.accused for each in table.nodes[1].court.culprits(evidence)}
    assert table.ids[3] in culprits


def c1() -> None:
    """C1: a header confirms the one whose certificate it carries only if both are of one view."""
    table = after_blocks(3)
    to_view_one(table, hold=lambda sender, receiver, message: isinstance(message, Envelope | Acknowledgement))
    links = [link for node in range(4) for link in table.term(node).tree.links.values()]
    opening = next(link for link in links if link.header.kind is Kind.OPENING)
    node = next(node for node in range(4) if table.term(node).tree.get(opening.hash) is opening)
    assert opening.header.justify.view == 0
    table.term(node).tree.certify(certify(table, opening.header))
    assert table.term(node).find_confirmed(opening) is None


def c2() -> None:
    """C2: every report comes with a proof that anybody can judge."""
    table = Table()
    table.pass_time(seconds(1))
    assert table.commits[3]
    for commit in table.commits[3]:
        site = table.nodes[3].finality.site
        epoch = site.epochs[commit.block.header.epoch]
        judge = partial(verify_confirmation, commit.proof, epoch.number, epoch.electorate, site.scope)
        assert not is_refused(judge)
        assert commit.proof.path[0] == commit.block.header
