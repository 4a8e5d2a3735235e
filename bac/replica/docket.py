"""What an epoch has brought so far: claims, lists, duties, departures, convictions.

A docket is opened by the first block of an epoch on the state after the last one, grows with every block, and is
closed by the end of the epoch, when everything in it has become part of the state, of the next electorate or of the
next committee. So the state's root at a boundary says all that a newcomer must fetch; within an epoch the docket
follows from that state and the bodies. It is a value: a block makes another one and leaves this one as it was.

Source: docs/spec/replica.md RP-4 to RP-14.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bac.finality.machine import Place
from bac.ledger.membership import Candidate, candidates
from bac.ledger.records import Standing
from bac.ledger.state import State
from bac.params import Params
from bac.proofs.electorate import Electorate
from bac.replica.duties import Roll, Windows, compute_windows
from bac.types import Hash, NodeId
from election.committee import Claim


@dataclass(frozen=True, slots=True)
class Conviction:
    """What was proven against one identity.

    Attributes:
        identity: who.
        deed: the epoch of the deed.
        height: of the block that orders the proof.
        evidence: SHA-256 of the item.
    """

    identity: NodeId
    deed: int
    height: int
    evidence: Hash


@dataclass(frozen=True, slots=True)
class Docket:
    """The present epoch, as ordered so far. The first eight are fixed when it is opened.

    Attributes:
        epoch: e.
        base: height of the block before the epoch.
        boundary: the state after that block.
        electorate: V_e.
        leaders: weight in the committee, in the order of succession.
        register: the vehicles on the register for e, by identity, ascending.
        keys: acknowledgement keys that count in e: of the voters, and of the candidate voters.
        windows: the duties.
        headers: hashes of the blocks from height `base` up to the parent of the present one.
        roll: who has done which duty.
        claims: valid claims for e + 1, by id.
        lists: by voter, the claims that its list names.
        counted: voters whose lists name nothing but valid claims, in the order in which they came to count.
        seed: seed_{e+2}, if the primary's proof came in time.
        departed: who announced to drive off, in order.
        last_round: the round that ends the epoch early, once enough leaders depart.
        convictions: in order.
    """

    epoch: int
    base: int
    boundary: State = field(repr=False)
    electorate: Electorate = field(repr=False)
    leaders: Mapping[NodeId, int]
    register: Mapping[NodeId, Candidate] = field(repr=False)
    keys: Mapping[NodeId, bytes] = field(repr=False)
    windows: Windows
    headers: tuple[Hash, ...] = field(default=(), repr=False)
    roll: Roll = field(default_factory=Roll, repr=False)
    claims: Mapping[Hash, Claim] = field(default_factory=dict, repr=False)
    lists: Mapping[NodeId, tuple[Hash, ...]] = field(default_factory=dict, repr=False)
    counted: tuple[NodeId, ...] = ()
    seed: Hash | None = None
    departed: tuple[NodeId, ...] = ()
    last_round: int | None = None
    convictions: tuple[Conviction, ...] = ()

    def obliged(self) -> frozenset[NodeId]:
        """Who has the duties of the epoch."""
        residents = (
            each.identity
            for each in self.register.values()
            if each.is_resident and not each.is_expired and each.standing is Standing.PRESENT
        )
        return frozenset((*self.electorate.places, *residents))

    @property
    def is_listed(self) -> bool:
        """Whether claim lists of a quorum count: without them the epoch cannot end (E2)."""
        units = (self.electorate.members[self.electorate.places[voter]].units for voter in self.counted)
        return self.electorate.is_quorum(sum(units))

    def union(self) -> list[Claim]:
        """The claim set: what counted lists name. A claim that all honest voters heard cannot be left out of it."""
        named = dict.fromkeys(claim for voter in self.counted for claim in self.lists[voter])
        return [self.claims[claim] for claim in named]

    def culprits(self) -> tuple[NodeId, ...]:
        """Who was convicted in this epoch, in order."""
        return tuple(dict.fromkeys(each.identity for each in self.convictions))

    def deeds_of(self, identity: NodeId) -> tuple[int, ...]:
        """Epochs of the deeds of which `identity` was convicted in this epoch, ascending."""
        return tuple(sorted(each.deed for each in self.convictions if each.identity == identity))

    def is_known(self, identity: NodeId, deed: int) -> bool:
        """Whether this deed was proven before, in this epoch or an earlier one."""
        record = self.boundary.reputation(identity)
        return deed in self.deeds_of(identity) or (record is not None and deed in record.deeds)

    def header_at(self, height: int) -> Hash | None:
        """The hash of this chain's block at `height`, if it is of this epoch and before the present one."""
        place = height - self.base
        return self.headers[place] if 0 < place < len(self.headers) else None


def open_docket(boundary: State, place: Place, params: Params) -> Docket:
    """The docket of the epoch whose first block is at `place`, on the state `boundary`."""
    register = {each.identity: each for each in candidates(boundary, place.epoch, params)}
    keys = {
        each.identity: each.acknowledgement_key
        for each in register.values()
        if each.is_eligible and each.standing is Standing.PRESENT and each.acknowledgement_key is not None
    }
    keys |= {member.identity: member.acknowledgement_key for member in place.electorate.members}
    return Docket(
        epoch=place.epoch,
        base=place.height - 1,
        boundary=boundary,
        electorate=place.electorate,
        leaders={leader.identity: leader.weight for leader in place.committee},
        register=register,
        keys=keys,
        windows=compute_windows(place.seed, place.height - 1, params),
    )


def advance(docket: Docket, place: Place) -> Docket:
    """The docket as the block at `place` finds it: its parent is known now."""
    assert docket.epoch == place.epoch, "the end of an epoch closes its docket"
    return replace(docket, headers=(*docket.headers, place.parent))
