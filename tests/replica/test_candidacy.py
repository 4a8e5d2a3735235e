"""A member's part in the election of the next epoch, and in earning its own units."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as change

from bac.errors import Code
from bac.params import MINIMAL
from bac.replica import candidacy as module
from bac.replica.candidacy import Candidacy
from bac.types import NodeId
from bac.wire.block import Envelope
from bac.wire.claims import Claim, ClaimList, Departure, Role, SeedProof, claim_id
from bac.wire.codec import decode, encode
from bac.wire.registry import tag_at, tag_of
from bac.wire.signed import UNSIGNED
from bac.wire.sync import EventBatch
from bac.wire.transactions import Leave
from bac.wire.votes import Acknowledgement, Certificate, StateAnnouncement, Wish, ballot_of, ballot_preimage
from tests.replica.leaders import Leaders

LONG = replace(MINIMAL, epoch_rounds=24, epoch_us=15_000_000)


def candidacy(stage: Leaders, node: int) -> Candidacy:
    return stage.node(node).candidacy


def drawn_claims(stage: Leaders, node: int) -> list[Claim]:
    """What `node` wins for the next epoch, whether it says so or not."""
    election = candidacy(stage, node)._election
    assert election is not None
    pair = stage.suite.vrf_key_pair(stage.secrets[node].vrf)
    return [stage.sign(each) for each in election.make(stage.ids[node], pair, stage.suite)]


def mute(stage: Leaders) -> Leaders:
    """All up; nobody hears anything."""
    stage.way = lambda *_: ()
    stage.boot()
    return stage


def items_of(stage: Leaders, node: int) -> list[Any]:
    return [decode_any(item) for item in candidacy(stage, node).items(stage.lead(node))]


def decode_any(item: bytes) -> Any:
    kinds: tuple[type[Any], ...] = (Claim, ClaimList, Departure, SeedProof, Acknowledgement)
    (kind,) = [each for each in kinds if tag_of(each) == tag_at(item)]
    return decode(kind, item)


# ---------------------------------------------------------------- claims


def test_each_voter_tells_everybody_what_it_won() -> None:
    """RP-80: at the start of the epoch, for both roles."""
    stage = mute(Leaders((4000,) * 6))
    roles = set()
    for node in range(6):
        said = {(each.to, each.message) for each in stage.messages(Claim, node)}
        claims = drawn_claims(stage, node)
        assert said == {(to, claim) for to in range(6) if to != node for claim in claims}
        roles |= {claim.role for claim in claims}
    assert roles == {Role.PRIMARY, Role.CANDIDATE}


def test_claims_are_judged_when_they_come() -> None:
    """RP-80: by the function that judges them in a block; a false one is refused and not kept."""
    stage = mute(Leaders())
    claims = [(node, claim) for node in range(4) for claim in drawn_claims(stage, node)]
    winner, good = claims[0]
    me = (winner + 1) % 4
    known = dict(candidacy(stage, me)._claims)
    other_role = Role.PRIMARY if good.role is Role.CANDIDATE else Role.CANDIDATE
    for bad in (
        stage.sign(change(good, proof=bytes(80))),
        change(good, signature=bytes(64)),
        stage.sign(change(good, role=other_role)),
        stage.sign(change(good, identity=stage.ids[(winner + 2) % 4])),
    ):
        stage.deliver(winner, me, bad)
    assert [each[3].code for each in stage.refused] == [Code.BAD_PROOF] * 4
    assert candidacy(stage, me)._claims == known
    stage.deliver(winner, me, good)
    assert candidacy(stage, me)._claims == {**known, claim_id(good): good}


def test_one_claim_said_in_many_ways_is_one_claim() -> None:
    """RP-80: a member can sign the same as often as it likes; that fills no room, and no list."""
    stage = mute(Leaders())
    winner, good = next((node, claim) for node in range(4) for claim in drawn_claims(stage, node))
    me = (winner + 1) % 4
    known = len(candidacy(stage, me)._claims)
    stage.deliver(winner, me, good)
    for number in range(5):
        stage.deliver(winner, me, change(good, signature=bytes([number]) * 64))
    assert len(candidacy(stage, me)._claims) == known + 1
    said = candidacy(stage, me).listed()
    assert said is not None
    assert claim_id(good) in said.claims


# ---------------------------------------------------------------- lists


def test_a_list_is_signed_half_way_through() -> None:
    """RP-81: when half of R_len is ordered, acknowledged or not, and not before; it names all valid claims known."""
    stage = Leaders()
    stage.boot()
    stage.run_while(lambda: not stage.messages(ClaimList), 5)
    first = stage.messages(ClaimList)[0]
    term = stage.node(first.sender).finality.term
    assert term.ordered_height - term.tree.root.header.height == stage.params.epoch_rounds // 2
    acknowledged = max(each.message.ballot.height for each in stage.messages(Acknowledgement, first.sender))
    assert acknowledged < term.ordered_height
    claims = {claim_id(claim) for node in range(4) for claim in drawn_claims(stage, node)}
    assert set(first.message.claims) == claims
    assert first.message.claims == tuple(sorted(claims))
    stage.run(3.9)
    lists = {each.message for each in stage.messages(ClaimList)}
    assert len({each.identity for each in lists}) == len(lists) == 4, "one of each"


def test_a_state_carries_the_list() -> None:
    """RP-81: with the first state for a later view it is signed, however early that is."""
    stage = Leaders()
    drawn = stage.way
    stage.way = lambda sender, to, message: (
        drawn(sender, to, message) if isinstance(message, Wish | Claim) else ()
    )  # fmt: skip
    stage.boot()
    stage.run_while(lambda: not stage.messages(StateAnnouncement), 30)
    said = stage.messages(StateAnnouncement)[0]
    claims = {claim_id(claim) for node in range(4) for claim in drawn_claims(stage, node)}
    assert said.message.claims is not None
    assert set(said.message.claims.claims) == claims
    assert said.message.claims.identity == stage.ids[said.sender]


def test_a_state_with_a_false_list_changes_nothing() -> None:
    """RP-81: it is refused before the view is: what was made durable by then would be lost."""
    stage = Leaders()
    drawn = stage.way
    stage.way = lambda sender, to, message: drawn(sender, to, message) if isinstance(message, Wish) else ()
    stage.boot()
    stage.run_while(lambda: not stage.messages(StateAnnouncement), 30)
    said = stage.messages(StateAnnouncement)[0]
    assert said.message.claims is not None
    me = next(node for node in range(4) if stage.node(node).finality.term.voter.view == 0)
    false = change(said.message, claims=change(said.message.claims, signature=bytes(64)))
    stage.deliver(said.sender, me, false)
    assert len(stage.refused) == 1
    recovery = stage.node(me).finality.term.recovery
    assert not recovery.has_state(said.message)
    stage.deliver(said.sender, me, said.message)
    assert recovery.has_state(said.message)
    assert said.message.claims.identity in candidacy(stage, me)._lists


def test_a_list_goes_with_the_claims_in_it_that_are_not_ordered() -> None:
    """RP-82: a claim shown to one voter only keeps no list from counting."""
    stage = Leaders((4000,) * 6)
    drawn = stage.way
    twin = mute(Leaders((4000,) * 6))
    friend = next(node for node in range(6) if node not in stage.seats)
    hoarder = next(node for node in range(6) if node != friend and drawn_claims(twin, node))

    def hoard(sender: int, to: int, message: Any) -> Any:
        if isinstance(message, Claim) and sender == hoarder and to != friend:
            return ()
        if isinstance(message, EventBatch) and sender == hoarder:
            return ()  # it does not order it itself either
        return drawn(sender, to, message)

    stage.way = hoard
    stage.boot()
    hidden = {claim_id(claim) for claim in drawn_claims(stage, hoarder)}
    stage.run_while(lambda: not stage.messages(ClaimList, friend), 5)
    (time,) = {each.time for each in stage.messages(ClaimList, friend)}
    told = {claim_id(each.message) for each in stage.messages(Claim, friend) if each.time == time}
    assert hidden <= told
    stage.run_while(lambda: stage.node(friend).finality.term.epoch.number == 0, 8)
    assert stage.node(friend).finality.term.epoch.base.view == 0, "no recovery was needed"


# ---------------------------------------------------------------- who orders what


def test_each_thing_has_one_leader_that_orders_it_at_once() -> None:
    """RP-83: by its first byte; the others do half of T_repeat after they heard of it."""
    stage = mute(Leaders(params=LONG))
    claims = [claim for node in range(4) for claim in drawn_claims(stage, node)]
    lists = [stage.sign(ClaimList(1, identity, (), UNSIGNED)) for identity in stage.ids]
    stage.now = 200_000
    for node in stage.seats:
        for claim in claims:
            stage.deliver(stage.index[NodeId(claim.identity)], node, claim)
        for said in lists:
            stage.deliver(stage.index[NodeId(said.identity)], node, said)
    owners: dict[bytes, list[int]] = {}
    for place, node in enumerate(stage.seats):
        for item in items_of(stage, node):
            if isinstance(item, Claim | ClaimList):
                key = claim_id(item) if isinstance(item, Claim) else item.identity
                owners.setdefault(encode(item), []).append(place)
                own = isinstance(item, Claim) and item.identity == stage.ids[node]
                assert own or key[0] % 4 == place
    for claim in claims:
        assert claim_id(claim)[0] % 4 in owners[encode(claim)]
    stage.now += stage.params.repeat_us // 2
    for node in stage.seats:
        stage.node(node).finality.term.now = stage.clock(node)
        assert {encode(item) for item in items_of(stage, node)} >= {*map(encode, claims), *map(encode, lists)}


def test_the_primary_loads_the_proof_of_the_seed() -> None:
    """RP-83: it alone, and only in time."""
    stage = mute(Leaders())
    loaders = [node for node in stage.seats if any(isinstance(item, SeedProof) for item in items_of(stage, node))]
    assert loaders == [stage.seats[0]]
    stage = Leaders()
    stage.boot()
    stage.run_while(lambda: stage.lead(stage.seats[0]).pipeline.tip.state.docket is None, 3)
    stage.run_while(lambda: stage.lead(stage.seats[0]).pipeline.tip.state.docket.seed is None, 3)
    assert not any(isinstance(item, SeedProof) for item in items_of(stage, stage.seats[0]))


# ---------------------------------------------------------------- again and again


def test_what_is_not_ordered_is_said_again() -> None:
    """RP-84: claims to leaders and a few others, the list and the departure to leaders; ordered, no more."""
    stage = mute(Leaders((4000,) * 9))
    me = next(node for node in range(9) if node not in stage.seats and drawn_claims(stage, node))
    member = candidacy(stage, me)
    member.depart()
    stage.perform(me, stage.node(me)._after([], stage.clock(me)))
    assert member.listed() is not None
    stage.sent.clear()
    start = stage.now
    stage.run(start / 1e6 + 4)
    for kind in (Claim, ClaimList, Departure):
        own = [each for each in stage.messages(kind, me) if each.message.identity == stage.ids[me]]
        assert len({each.time for each in own}) >= 3, kind
        if kind is not Claim:
            assert {each.to for each in own} <= set(stage.seats)
    assert {each.to for each in stage.messages(Claim, me)} - set(stage.seats), "others, too"
    stage = Leaders()
    stage.boot()
    stage.run_while(lambda: stage.node(0).finality.term.height < 6, 5)
    stage.sent.clear()
    stage.run(stage.now / 1e6 + 1.3)
    assert not any(each.message.epoch == 1 for each in stage.messages(Claim))


def test_in_a_later_view_the_proposer_is_told() -> None:
    """RP-84: who else could order it."""
    stage = Leaders((4000,) * 6)
    drawn = stage.way
    stage.way = lambda sender, to, message: drawn(sender, to, message) if isinstance(message, Wish) else ()
    stage.boot()
    stage.run_while(lambda: min(node.finality.term.voter.view for node in stage.nodes if node) == 0, 30)
    stage.sent.clear()
    stage.run(stage.now / 1e6 + 1.3)
    term = stage.node(0).finality.term
    proposers = {stage.index[term.epoch.proposer(view)] for view in (1, 2)}
    assert term.voter.view == 1
    assert {each.to for each in stage.messages(ClaimList)} <= proposers
    assert stage.messages(ClaimList)


def test_an_opening_holds_all_claims_and_lists_that_are_known() -> None:
    """RP-85: what is not ordered."""
    stage = mute(Leaders())
    claims = [claim for node in range(4) for claim in drawn_claims(stage, node)]
    lists = [stage.sign(ClaimList(1, identity, (), UNSIGNED)) for identity in stage.ids]
    for claim in claims:
        stage.deliver(stage.index[NodeId(claim.identity)], 0, claim)
    for said in lists[1:]:
        stage.deliver(stage.index[NodeId(said.identity)], 0, said)
    state = stage.node(0).finality.term.tree.root.state
    found = stage.node(0)._collect(state)
    assert set(map(encode, (*claims, *lists[1:]))) <= set(found)


def test_without_the_lists_of_a_quorum_the_proposer_waits() -> None:
    """RP-85: no opening is made; as soon as they are there, one is."""
    stage = Leaders()
    drawn = stage.way

    def starve(sender: int, to: int, message: Any) -> Any:
        if isinstance(message, ClaimList | EventBatch):
            return ()
        return drawn(sender, to, message)

    stage.way = starve
    stage.boot()
    for node in range(4):
        replica = stage.node(node)
        object.__setattr__(replica._site, "claims", lambda: None)
    stage.run_while(lambda: min(node.finality.term.voter.view for node in stage.nodes if node) == 0, 30)
    stage.run(stage.now / 1e6 + 3)
    assert [each for each in stage.messages(Envelope) if each.message.header.view > 0] == []
    stage.way = drawn
    stage.run_while(lambda: stage.node(0).finality.term.epoch.number == 0, stage.now / 1e6 + 60)
    assert stage.node(0).finality.term.epoch.base.view > 0


def test_who_leaves_announces_it_in_each_epoch() -> None:
    """RP-86: until it is gone; the members who stay hear of it."""
    stage = Leaders((4000,) * 6)
    stage.boot()
    leaver = next(node for node in range(6) if node not in stage.seats)
    stage.run(0.5)
    stage.pay(leaver, operation=Leave())
    stage.run_while(lambda: stage.ids[leaver] in stage.node(0).finality.term.epoch.electorate.places, 40)
    said = {each.message.epoch for each in stage.messages(Departure, leaver)}
    last = stage.node(0).finality.term.epoch.number - 1
    assert said >= {0, last}
    assert all(each.sender == leaver for each in stage.messages(Departure))


# ---------------------------------------------------------------- duties


def newcomer() -> Leaders:
    """Five with units, and one who is registered without."""
    return Leaders((4000, 4000, 4000, 4000, 4000, 0), params=replace(MINIMAL, min_total_units=1, duties_per_epoch=3))


def test_a_candidate_voter_acknowledges_one_block_of_each_duty() -> None:
    """RP-87: and leaders order it singly, so it earns its first units."""
    stage = newcomer()
    stage.boot()
    me = 5
    assert stage.ids[me] not in stage.epoch.electorate.places
    docket = candidacy(stage, me)._docket
    assert docket is not None
    stage.run_while(lambda: stage.node(me).finality.term.epoch.number == 0, 20)
    given = {each.message for each in stage.messages(Acknowledgement, me) if each.message.ballot.epoch == 0}
    windows = [docket.windows.at(each.ballot.height) for each in given]
    assert len(set(windows)) == len(windows) >= 2
    assert len({each.message.ballot.height for each in stage.messages(Certificate) if each.to == me}) > len(windows)
    stage.run_while(lambda: stage.node(me).finality.term.epoch.number < 3, 40)  # what comes late in one is not ordered
    ordered = {
        decode(Acknowledgement, item)
        for block in stage.commits[0]
        for item in block.body.items
        if tag_at(item) == tag_of(Acknowledgement)
    }
    mine = {each for each in ordered if each.voter == stage.ids[me]}
    assert mine
    assert mine <= {each.message for each in stage.messages(Acknowledgement, me)}
    stage.run_while(lambda: stage.ids[me] not in stage.node(0).finality.term.epoch.electorate.places, 60)


def test_late_acknowledgements_are_kept_where_they_fulfil_a_duty() -> None:
    """RP-87: of a certified block, by the key of the epoch, one per voter and duty; nothing else is kept."""
    stage = newcomer()
    stage.boot()
    me = stage.seats[0]
    member = candidacy(stage, me)
    docket = member._docket
    assert docket is not None
    start = docket.windows.starts[0]
    stage.run_while(lambda: stage.node(me).finality.term.committed.header.height < start, 5)
    stage.way = lambda *_: ()
    member._late.clear()
    late = 5
    link = next(
        link
        for link in stage.node(me).finality.term.committed.path()
        if docket.windows.at(link.header.height) is not None
    )
    good = acknowledge(stage, late, link.header)
    false = change(good, signature=bytes(64))
    stage.deliver(late, me, false)
    stage.deliver(late, me, acknowledge(stage, late, change(link.header, epoch=3)))
    assert member._late == {}
    roll = stage.lead(me).pipeline.tip.state.docket.roll
    window = docket.windows.at(link.header.height)
    is_met = bool(roll.late.get(stage.ids[late], 0) >> window & 1)
    stage.deliver(late, me, good)
    assert list(member._late.values()) == ([] if is_met else [good])
    many = [change(good, voter=NodeId(bytes([each]) * 32)) for each in range(50)]
    for each in many:
        stage.deliver(late, me, each)
    assert len(member._late) <= 1
    assert any(isinstance(item, Acknowledgement) for item in items_of(stage, me)) is not is_met


def acknowledge(stage: Leaders, node: int, header: Any) -> Acknowledgement:
    replica = stage.node(node)
    docket = replica.candidacy._docket
    assert docket is not None
    key = replica._site.keys.find(docket.keys[stage.ids[node]], docket.epoch)
    assert key is not None
    ballot = ballot_of(header)
    preimage = ballot_preimage(ballot, stage.ground.network, 0)
    return Acknowledgement(ballot, stage.ids[node], stage.suite.quorum.sign(key, preimage))


def test_what_comes_for_the_next_epoch_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """RP-88: in bounded number, until this node is there; then it is judged like anything else."""
    stage = Leaders()
    late = 3
    drawn = stage.way

    def behind(sender: int, to: int, message: Any) -> Any:
        if to == late and not isinstance(message, Claim | ClaimList | Departure):
            return tuple(400_000 + each for each in drawn(sender, to, message))
        return drawn(sender, to, message)

    stage.way = behind
    stage.boot()
    early: list[int] = []

    def waits() -> bool:
        early.append(len(candidacy(stage, late)._early))
        return stage.node(late).finality.term.epoch.number == 0

    stage.run_while(waits, 30)
    assert early[-2] > 0
    assert candidacy(stage, late)._early == []
    assert len(candidacy(stage, late)._claims) > len(drawn_claims(stage, late))
    monkeypatch.setattr(module, "EARLY_OF_ONE", 7)
    epoch = stage.node(late).finality.term.epoch.number
    for number in range(30):
        stage.deliver(0, late, stage.sign(ClaimList(epoch + 2, stage.ids[0], (bytes([number]) * 32,), UNSIGNED)))  # type: ignore[arg-type]
        stage.deliver(0, late, stage.sign(ClaimList(epoch + 9, stage.ids[0], (), UNSIGNED)))
    assert len(candidacy(stage, late)._early) == 7
    stage.deliver(1, late, stage.sign(ClaimList(epoch + 2, stage.ids[1], (), UNSIGNED)))
    assert len(candidacy(stage, late)._early) == 8, "another peer's"
