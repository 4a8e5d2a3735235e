"""A member's part in the election of the next epoch, and in earning its own units: claims, lists, keys, late duties.

Theory of operation. At the start of an epoch every voter draws for the next one and tells everybody what it won. Half
way through, it signs one list of all the claims that it has heard of; a boundary without the lists of a quorum is not
valid, so no committee can leave out a claim that all honest voters heard. Whoever sends a list sends the claims that it
names along, as far as they are not ordered yet: a claim shown to a few only must not make their lists worthless.

Everything is said again every T_repeat until it stands in a block; in later views it is said to the proposer.

A registered member without units is a candidate voter: it acknowledges certified blocks, once per duty, and so earns
its first units. What comes too late for a certificate is ordered singly, its own and that of others.

Source: docs/spec/replica.md RP-80 to RP-88.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, TypeAlias

from bac.crypto.keys import NodeSecrets
from bac.errors import Code, Rejected
from bac.finality.chain import Link, Verdict
from bac.finality.finality import Finality
from bac.finality.machine import Place
from bac.finality.site import Site
from bac.replica.docket import Docket
from bac.replica.drawing import Election
from bac.replica.duties import Roll
from bac.replica.leadership import Leadership
from bac.replica.machine import Post, ReplicaMachine
from bac.types import Hash, Height, Micros, NodeId
from bac.wire.claims import Claim, ClaimList, Departure, claim_id
from bac.wire.codec import encode
from bac.wire.header import header_hash
from bac.wire.signed import UNSIGNED
from bac.wire.votes import Acknowledgement, ballot_of, ballot_preimage

EARLY_MAX: Final = 4096
"""Claims and lists of the next epoch that are held until this node gets there."""
EARLY_OF_ONE: Final = 64
"""Those of them that one peer sent."""
CLAIMS_MAX: Final = 4096

Said: TypeAlias = Claim | ClaimList | Departure


class Candidacy:
    """One member in one epoch after the other."""

    def __init__(self, site: Site, finality: Finality, machine: ReplicaMachine, secrets: NodeSecrets) -> None:
        self._site = site
        self._finality = finality
        self._machine = machine
        self._assessor = machine.assessor
        self._vrf = site.suite.vrf_key_pair(secrets.vrf)
        self._early: list[tuple[NodeId, Said]] = []
        self._is_departing = False
        self._begin()

    def _begin(self) -> None:
        self._docket: Docket | None = None
        self._election: Election | None = None
        self._claims: dict[Hash, Claim] = {}
        self._own: tuple[Claim, ...] = ()
        self._lists: dict[NodeId, ClaimList] = {}
        self._departures: dict[NodeId, Departure] = {}
        self._late: dict[tuple[NodeId, int], Acknowledgement] = {}
        self._since: dict[bytes, Micros] = {}
        self._met: set[int] = set()
        self._seed_item: bytes | None = None

    # ------------------------------------------------------------ the epoch

    def enter(self) -> None:
        """Another epoch begins for this node."""
        self._begin()

    def turn(self) -> None:
        """What this member does as the epoch goes on."""
        if self._docket is None:
            self._open()
        if self._docket is None:
            return
        if self._is_departing and self._site.me not in self._departures:
            self._announce_departure()
        if self._is_listing_due():
            self._make_list()
        self._meet_duty()

    def _open(self) -> None:
        """The docket by which this epoch's claims are judged, as soon as the state before the epoch is here."""
        term = self._finality.term
        root = term.tree.root
        if root.state is None:
            return
        place, post = first_place(self._finality), root.state
        self._docket = self._machine.open_docket(post.ledger, place)
        self._election = Election(
            place.epoch + 1, place.next_seed, self._site.scope.shard, place.electorate, self._docket.register,
            self._site.params,
        )  # fmt: skip
        early, self._early = self._early, []
        if self._site.me not in self._docket.electorate.places:
            self._is_departing = False  # it has gone; if it comes back, that is news
        if term.voter.is_elector:
            made = self._election.make(self._site.me, self._vrf, self._site.suite)
            self._own = tuple(self._site.sign(claim) for claim in made)
            for claim in self._own:
                self._claims[claim_id(claim)] = claim
                self._site.out.send(self._site.others, claim)
        for sender, said in early:
            try:
                self.receive(sender, said)
            except Rejected:
                continue  # it came before it could be judged; its sender is forgotten

    def _tip(self) -> Link:
        """The highest block that this node has acknowledged, or else knows to be certified."""
        term = self._finality.term
        rank = term.voter.last
        link = None if rank is None else term.tree.get(rank.hash)
        if link is None:
            certificate = term.voter.high.get(0)
            link = None if certificate is None else term.tree.get(certificate.ballot.header_hash)
        return term.tree.root if link is None or link.state is None else link

    def _known(self) -> Docket:
        """The docket after the highest block that this node trusts to stay."""
        assert self._docket is not None, "the epoch is open"
        post: Post | None = self._tip().state
        return self._docket if post is None or post.docket is None else post.docket

    # ------------------------------------------------------------ what others say

    def receive(self, sender: NodeId, said: Said) -> None:
        """A claim, a list or a departure. Raises Rejected."""
        number = self._finality.term.epoch.number
        epoch = said.epoch if isinstance(said, Departure) else said.epoch - 1
        if epoch == number + 1 or (epoch == number and self._docket is None):
            held = sum(each == sender for each, _ in self._early)
            if held < EARLY_OF_ONE and len(self._early) < EARLY_MAX:
                self._early.append((sender, said))
            return
        if epoch != number or self._docket is None:
            return
        match said:
            case Claim():
                self._on_claim(sender, said)
            case ClaimList():
                self._on_list(said)
            case Departure():
                is_voter = said.identity in self._docket.electorate.places
                if is_voter and said.identity not in self._departures:
                    self._site.intake.signed(said)
                    self._departures[said.identity] = said

    def check(self, said: ClaimList) -> None:
        """Raises Rejected where `receive` would take the list but for its signature; nothing changes."""
        docket = self._docket
        is_of_now = docket is not None and said.epoch == docket.epoch + 1 and said.identity in docket.electorate.places
        if is_of_now and said.identity not in self._lists:
            self._site.intake.signed(said)

    def _on_claim(self, sender: NodeId, claim: Claim) -> None:
        identifier = claim_id(claim)
        if identifier in self._claims or len(self._claims) >= CLAIMS_MAX:
            return
        assert self._election is not None, "the epoch is open"
        if self._machine.judge_claim(self._finality.term.tree.root.hash, self._election, claim) is None:
            raise Rejected(Code.BAD_PROOF, "a claim that shows no seat", sender)
        self._claims[identifier] = claim
        self._since[identifier] = self._finality.term.now

    def _on_list(self, said: ClaimList) -> None:
        assert self._docket is not None, "the epoch is open"
        if said.identity not in self._lists and said.identity in self._docket.electorate.places:
            self._site.intake.signed(said)
            self._lists[said.identity] = said
            self._since[said.identity] = self._finality.term.now

    # ------------------------------------------------------------ the own list

    def _is_listing_due(self) -> bool:
        term = self._finality.term
        if self._site.me in self._lists or not term.voter.is_elector:
            return False
        if term.voter.view > 0 or self._known().last_round is not None:
            return True
        rounds = term.ordered_height - term.tree.root.header.height
        return 2 * rounds >= self._site.params.epoch_rounds

    def _make_list(self) -> None:
        term = self._finality.term
        named = tuple(sorted(self._claims))
        content = ClaimList(term.epoch.number + 1, self._site.me, named, UNSIGNED)
        self._lists[self._site.me] = self._site.sign(content)
        self._since[self._site.me] = term.now
        self._say_list()

    def _say_list(self) -> None:
        known = self._known()
        to = self._targets()
        for identifier in self._lists[self._site.me].claims:
            if identifier not in known.claims:
                self._site.out.send(to, self._claims[identifier])
        self._site.out.send(to, self._lists[self._site.me])

    def listed(self) -> ClaimList | None:
        """R3: the own list, for a state; made now if it was not made before."""
        if self._docket is None or not self._finality.term.voter.is_elector:
            return None
        if self._site.me not in self._lists:
            self._make_list()
        return self._lists[self._site.me]

    def _targets(self) -> tuple[NodeId, ...]:
        """Who can order something: some leaders, another few of them each time; in later views the proposer."""
        term = self._finality.term
        if term.voter.view:
            return (term.epoch.proposer(term.voter.view),)
        leaders = term.epoch.leaders()
        fanout = self._site.params.acknowledgement_fanout
        return leaders if len(leaders) <= fanout else tuple(self._site.random.sample(leaders, fanout))

    def repeat(self) -> None:
        """Every T_repeat: says again what is not ordered yet."""
        if self._docket is None or self._finality.term.ended() is not None:
            return
        known = self._known()
        for claim in self._own:
            if claim_id(claim) not in known.claims:
                self._site.out.send((*self._targets(), *self._site.some(self._site.params.gossip_fanout)), claim)
        if self._site.me in self._lists and self._site.me not in known.lists:
            self._say_list()
        if self._site.me in self._departures and self._site.me not in known.departed:
            self._site.out.send(self._targets(), self._departures[self._site.me])

    # ------------------------------------------------------------ driving off

    def depart(self) -> None:
        """This member is about to drive off: the others shall know."""
        self._is_departing = True

    def _announce_departure(self) -> None:
        assert self._docket is not None, "the epoch is open"
        if self._site.me in self._docket.electorate.places:
            said = self._site.sign(Departure(self._docket.epoch, self._site.me, UNSIGNED))
            self._departures[self._site.me] = said
            self._site.out.send(self._finality.term.epoch.leaders(), said)

    # ------------------------------------------------------------ duties

    def _meet_duty(self) -> None:
        """As a candidate voter: acknowledges one certified block of each duty."""
        term = self._finality.term
        docket = self._docket
        certificate = term.voter.high.get(0)
        if docket is None or term.voter.is_elector or certificate is None or self._site.me not in docket.keys:
            return
        link = term.tree.get(certificate.ballot.header_hash)
        window = docket.windows.at(certificate.ballot.height)
        if link is None or link.verdict is not Verdict.VALID or window is None or window in self._met:
            return
        key = self._site.keys.find(docket.keys[self._site.me], docket.epoch)
        if key is not None:
            self._met.add(window)
            ballot = ballot_of(link.header)
            preimage = ballot_preimage(ballot, self._site.scope.network, self._site.scope.shard)
            given = Acknowledgement(ballot, self._site.me, self._site.scope.scheme.sign(key, preimage))
            self._site.out.send(self._targets(), given)

    def is_foreign(self, given: Acknowledgement) -> bool:
        """Whether an acknowledgement is by somebody without units: finality has no use for it."""
        term = self._finality.term
        return given.ballot.epoch == term.epoch.number and given.voter not in term.epoch.electorate.places

    def on_late(self, given: Acknowledgement, leadership: Leadership | None) -> None:
        """An acknowledgement that no certificate will hold: kept, if it fulfils a duty."""
        docket, ballot = self._docket, given.ballot
        if leadership is None or docket is None or ballot.epoch != docket.epoch or ballot.view:
            return
        is_elector = given.voter in docket.electorate.places
        if is_elector and ballot.header_hash not in self._finality.term.tree.vouchers:
            return
        window = docket.windows.at(ballot.height)
        key = docket.keys.get(given.voter)
        if window is None or key is None or (given.voter, window) in self._late:
            return
        if _is_met(self._roll(leadership), given.voter, window) or not self._assessor.is_acknowledged(given, key):
            return
        self._late[given.voter, window] = given
        self._since[_late_key(given.voter, window)] = self._finality.term.now

    def _roll(self, leadership: Leadership) -> Roll:
        post: Post | None = leadership.pipeline.tip.state
        return self._known().roll if post is None or post.docket is None else post.docket.roll

    # ------------------------------------------------------------ what to order

    def items(self, leadership: Leadership) -> tuple[bytes, ...]:
        """What a leader puts into its next event: its own share of what is not ordered, and what others left lying."""
        if self._docket is None:
            return ()
        post: Post = leadership.pipeline.tip.state
        docket = post.docket or self._docket
        due = (each for each in sorted(self._claims) if each not in docket.claims and self._is_mine(each, leadership))
        found = [_encode(self._claims[each]) for each in due]
        owed = (each for each in sorted(self._lists) if each not in docket.lists and self._is_mine(each, leadership))
        found += [_encode(self._lists[each]) for each in owed]
        found += [encode(said) for who, said in sorted(self._departures.items()) if who not in docket.departed]
        found += self._seed(docket, leadership)
        roll = self._roll(leadership)
        for (voter, window), given in list(self._late.items()):
            if _is_met(roll, voter, window):
                del self._late[voter, window]
            elif self._is_mine(_late_key(voter, window), leadership):
                found.append(_encode(given))
        return tuple(item for item in found if item not in leadership.manifest)

    def collect(self, post: Post) -> tuple[bytes, ...]:
        """What an opening needs: all that is not ordered."""
        if self._docket is None:
            return ()
        docket = post.docket or self._docket
        claims = (_encode(self._claims[each]) for each in sorted(self._claims) if each not in docket.claims)
        return (*claims, *(_encode(self._lists[each]) for each in sorted(self._lists) if each not in docket.lists))

    def _is_mine(self, key: bytes, leadership: Leadership) -> bool:
        """Each thing has one leader that orders it at once; the others do if it does not within T_repeat / 2."""
        if key[0] % len(leadership.graph.weights) == leadership.place:
            return True
        waited = self._finality.term.now - self._since.get(key, Micros(0))
        return 2 * waited >= self._site.params.repeat_us

    def _seed(self, docket: Docket, leadership: Leadership) -> list[bytes]:
        """The primary's share in the seed after the next, as long as it comes in time."""
        rounds = leadership.pipeline.tip.header.height - docket.base
        if leadership.place or docket.seed is not None or rounds >= self._site.params.seed_rounds:
            return []
        if self._seed_item is None and self._election is not None:
            self._seed_item = encode(self._election.make_seed_proof(self._vrf))
        return [] if self._seed_item is None else [self._seed_item]


@lru_cache(maxsize=2048)
def _encode(said: Claim | ClaimList | Acknowledgement) -> bytes:
    """The encoding, remembered for a while: what is said stays open for some events."""
    return encode(said)


def _is_met(roll: Roll, voter: NodeId, window: int) -> bool:
    return bool((roll.done.get(voter, 0) | roll.late.get(voter, 0)) >> window & 1)


def _late_key(voter: NodeId, window: int) -> bytes:
    """What a late acknowledgement is known by, where leaders share the work."""
    return voter + window.to_bytes(2, "big")


def first_place(finality: Finality) -> Place:
    """Where the first block of the present epoch stands."""
    epoch = finality.term.epoch
    base = epoch.base
    assert base.boundary is not None, "an epoch begins with a boundary"
    return Place(
        epoch=epoch.number, view=0, height=Height(base.height + 1), time_us=Micros(base.time_us + 1),
        parent=header_hash(base), committee=epoch.committee, electorate=epoch.electorate, seed=epoch.seed,
        next_seed=base.boundary.seed,
    )  # fmt: skip
