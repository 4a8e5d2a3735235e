"""What one peer can make others remember, ask for, or refuse is bounded: FB-1 to FB-4."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bac.errors import Rejected
from bac.finality.catchup import WANTED_MAX
from bac.finality.certificates import BALLOTS_MAX, VIEWS_MAX, Tallies
from bac.finality.chain import RIVALS_MAX, Verdict, header_hash
from bac.types import Hash, Height
from bac.wire.block import Envelope
from bac.wire.sync import EnvelopePull
from bac.wire.votes import Acknowledgement, Ballot
from tests.finality.staging import after_blocks, certify, hand, published, rival, sign
from tests.finality.table import Table, seconds


def number(value: int) -> Hash:
    return Hash(value.to_bytes(32, "big"))


def test_nobody_spends_anothers_room() -> None:
    """FB-1: an acknowledgement counts only from its own voter, and only so many of one voter are kept."""
    table = after_blocks(2)
    site = table.nodes[0].finality.site
    tallies = Tallies(lambda ballot: table.term(0).epoch.electorate, site.scope)
    share = table.term(1).voter.sign(published(table, 0, 2))
    with pytest.raises(Rejected):
        tallies.add(share, table.ids[3])
    for ordinal in range(BALLOTS_MAX + 10):
        ballot = Ballot(0, ordinal % 40, Height(3), number(ordinal))
        forged = Acknowledgement(ballot, table.ids[3], share.signature)
        tallies.add(forged, table.ids[3])
        tallies.rivals(forged)
    assert len(tallies._tallies) == BALLOTS_MAX
    assert len(tallies.by(table.ids[3])) <= 2 * VIEWS_MAX
    for node in (0, 1):
        assert tallies.add(table.term(node).voter.sign(published(table, 0, 2)), table.ids[node]) is None
    assert tallies.add(table.term(2).voter.sign(published(table, 0, 2)), table.ids[2]) is not None


def test_what_is_sure_is_sought_before_what_is_claimed() -> None:
    """FB-2: invented hashes fill no room that a certified header needs."""
    table = after_blocks(2)
    pulls = table.term(3).pulls
    for ordinal in range(2 * WANTED_MAX):
        pulls.want_header(number(ordinal), table.ids[1])
    assert len(pulls._headers) == WANTED_MAX
    pulls.want_header(number(10_000), table.ids[1], is_sure=True)
    assert len(pulls._headers) == WANTED_MAX
    table.nodes[3].finality.site.out.take()
    pulls.repeat()
    asked = [effect.message.header_hash for effect in table.nodes[3].finality.site.out.take()]  # type: ignore[union-attr]
    assert number(10_000) in asked
    assert list(pulls._headers) == [number(10_000)]


def test_rivals_of_one_height_are_few_but_a_certified_header_always_has_room() -> None:
    """FB-3."""
    table = after_blocks(2)
    parent = published(table, 0, 2)
    tree = table.term(3).tree
    envelopes = [rival(table, parent, later_us=100 + place) for place in range(RIVALS_MAX + 3)]
    for envelope, _ in envelopes:
        table.term(3).add_envelope(table.ids[0], envelope)
    known = [envelope for envelope, _ in envelopes if tree.get(header_hash(envelope.header)) is not None]
    assert len(known) == RIVALS_MAX
    last, body = envelopes[-1]
    assert not tree.has_room(last.header, header_hash(last.header))
    table.give(3, 0, certify(table, last.header))
    assert hand(table, 3, last, body).verdict is Verdict.VALID


def test_a_leader_cannot_fill_the_room_of_anothers_proposal() -> None:
    """FB-4: many proposals of one leader for the next height do not stop the primary's."""
    table = after_blocks(2)
    table.queue.clear()
    tip = table.term(2).tip()
    for place in range(12):
        envelope, _ = rival(table, tip, later_us=500 + place)
        table.give(2, 3, sign(table, envelope.header, (3,)))
    honest, body = rival(table, tip, later_us=9)
    proposal = sign(table, honest.header, (0,))
    table.give(2, 0, proposal)
    link = table.term(2).tree.get(header_hash(honest.header))
    assert link is not None
    link.body = body
    table.perform(2, table.nodes[2].on_timer("pace", table.now))
    assert [each for each in table.messages(2, Envelope) if each.header == honest.header]


def test_questions_for_unknown_headers_are_not_answered() -> None:
    """FB-2: and cost the asked node nothing but a look."""
    table = after_blocks(1)
    table.sent.clear()
    table.give(1, 3, EnvelopePull(number(7), Height(0)))
    assert not [message for sender, to, message in table.sent if sender == 1 and to == table.ids[3]]


def test_a_table_with_a_noisy_voter_goes_on() -> None:
    """FB-1, FB-2: a voter that acknowledges inventions does not stop the others."""
    table = Table()
    for ordinal in range(3 * WANTED_MAX):
        ballot = Ballot(0, 0, Height(5), number(ordinal))
        share = replace(table.term(3).voter.sign(table.term(3).tree.root), ballot=ballot)
        for node in range(3):
            table.give(node, 3, share)
    table.pass_time(seconds(4))
    assert table.term(0).epoch.number >= 1
    assert min(len(commits) for commits in table.commits[:3]) > 6
