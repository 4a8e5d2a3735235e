"""Enters the items of one block in the docket: what counts counts, what is worth nothing is passed over.

A bad signature, a stranger, another epoch, a repetition, bytes that are no item: whoever orders items cannot always
refuse them, so they are passed over, by everybody alike, and make no block invalid. Nothing here depends on more than
the docket, the place and the items.

Source: docs/spec/replica.md RP-2 to RP-14.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from typing import Final, TypeAlias

from bac.errors import Rejected
from bac.finality.machine import Place
from bac.finality.validity import is_evidence
from bac.params import Params
from bac.replica.assessor import Assessor
from bac.replica.docket import Conviction, Docket
from bac.replica.drawing import Election
from bac.types import Hash, NodeId
from bac.wire.claims import Claim, ClaimList, Departure, SeedProof, claim_id
from bac.wire.registry import decode_item, tag_at, tag_of
from bac.wire.votes import Acknowledgement

Judge: TypeAlias = Callable[[bytes, Docket], Sequence[tuple[NodeId, int]]]
"""(encoded evidence, docket) -> whom it convicts, each with the epoch of the deed."""

_TAKEN_UP: Final = frozenset(tag_of(kind) for kind in (Acknowledgement, Claim, ClaimList, SeedProof, Departure))


class Clerk:
    """Takes up the items of the block at one place."""

    def __init__(
        self, docket: Docket, place: Place, shard: int, params: Params, assessor: Assessor, judge: Judge
    ) -> None:
        """`docket` as the block finds it (`bac.replica.docket.advance`)."""
        self._docket = docket
        self._place = place
        self._params = params
        self._assessor = assessor
        self._judge = judge
        self._election = Election(
            place.epoch + 1, place.next_seed, shard, docket.electorate, docket.register, params
        )  # fmt: skip
        self._done = dict(docket.roll.done)
        self._late = dict(docket.roll.late)
        self._witnesses = dict(docket.roll.witnesses)
        self._offered = docket.roll.offered
        self._rounds = docket.roll.rounds
        self._claims = dict(docket.claims)
        self._lists = dict(docket.lists)
        self._seed = docket.seed
        self._departed = dict.fromkeys(docket.departed)
        self._convictions = list(docket.convictions)

    def on_round(self, witnesses: Iterable[NodeId]) -> None:
        """The round of the block has closed, with unique famous witnesses by these leaders."""
        self._rounds += 1
        for leader in witnesses:
            self._witnesses[leader] = self._witnesses.get(leader, 0) + 1

    def on_certificates(self) -> None:
        """The certificates that finality found good: a duty of everybody, done by their signers."""
        for certificate in self._place.certificates:
            duty = self._docket.windows.at(certificate.ballot.height)
            if duty is None:
                continue
            self._offered |= 1 << duty
            for signer in self._docket.electorate.signers(certificate.signers) or ():
                self._done[signer.identity] = self._done.get(signer.identity, 0) | 1 << duty

    def on_item(self, item: bytes) -> None:
        """Takes `item` up, if it is of a kind that dockets take up and worth anything."""
        if is_evidence(item):
            self._on_evidence(item)
            return
        if tag_at(item) not in _TAKEN_UP:
            return
        try:
            message = decode_item(item)
        except Rejected:
            return
        match message:
            case Acknowledgement():
                self._on_acknowledgement(message)
            case Claim():
                self._on_claim(message)
            case ClaimList():
                self._on_list(message)
            case SeedProof():
                self._on_seed_proof(message)
            case Departure():
                self._on_departure(message)

    def close(self) -> Docket:
        """The docket after the block."""
        roll = replace(
            self._docket.roll, offered=self._offered, done=self._done, late=self._late, witnesses=self._witnesses,
            rounds=self._rounds,
        )  # fmt: skip
        return replace(
            self._docket, roll=roll, claims=self._claims, lists=self._lists, counted=self._counted(), seed=self._seed,
            departed=tuple(self._departed), last_round=self._last_round(), convictions=tuple(self._convictions),
        )  # fmt: skip

    # ------------------------------------------------------------ duties

    def _on_acknowledgement(self, given: Acknowledgement) -> None:
        """A late one, or one of a candidate voter."""
        ballot = given.ballot
        duty = self._docket.windows.at(ballot.height)
        key = self._docket.keys.get(given.voter)
        if duty is None or key is None or ballot.epoch != self._place.epoch or ballot.view != 0:
            return
        known = self._done.get(given.voter, 0) | self._late.get(given.voter, 0)
        if known >> duty & 1 or self._docket.header_at(ballot.height) != ballot.header_hash:
            return
        if self._assessor.is_acknowledged(given, key):
            self._late[given.voter] = self._late.get(given.voter, 0) | 1 << duty

    # ------------------------------------------------------------ the draw

    def _on_claim(self, claim: Claim) -> None:
        name = claim_id(claim)
        if name in self._claims:
            return
        won = self._election.judge(claim, self._assessor)
        if won is not None:
            self._claims[name] = won

    def _on_list(self, listed: ClaimList) -> None:
        """The first one of a voter."""
        candidate = self._docket.register.get(listed.identity)
        is_voter = listed.identity in self._docket.electorate.places
        if listed.epoch != self._place.epoch + 1 or not is_voter or candidate is None:
            return
        ascends = all(one < other for one, other in pairwise(listed.claims))
        if listed.identity in self._lists or not ascends:
            return
        if self._assessor.is_signed(listed, candidate.signing_key):
            self._lists[listed.identity] = listed.claims

    def _counted(self) -> tuple[NodeId, ...]:
        """A list counts from the block on that has made all claims that it names known."""
        known = dict.fromkeys(self._docket.counted)
        more = (
            voter
            for voter, named in self._lists.items()
            if voter not in known and all(claim in self._claims for claim in named)
        )
        return (*known, *more)

    def _on_seed_proof(self, proof: SeedProof) -> None:
        in_time = self._place.view == 0 and self._round <= self._params.seed_rounds
        if self._seed is None and in_time:
            primary = self._place.committee[0].identity
            self._seed = self._election.judge_seed(proof, primary, self._assessor)

    # ------------------------------------------------------------ leaving

    @property
    def _round(self) -> int:
        """In view 0 every closed round makes one block."""
        return self._place.height - self._docket.base

    def _on_departure(self, departure: Departure) -> None:
        identity = departure.identity
        candidate = self._docket.register.get(identity)
        is_voter = identity in self._docket.electorate.places
        if departure.epoch != self._place.epoch or not is_voter or candidate is None or identity in self._departed:
            return
        if self._assessor.is_signed(departure, candidate.signing_key):
            self._departed[identity] = None

    def _last_round(self) -> int | None:
        """The round after the one in which departures of a quarter of the committee's weight were first ordered."""
        if self._docket.last_round is not None or self._place.view != 0:
            return self._docket.last_round
        leaders = self._docket.leaders
        departing = sum(leaders.get(identity, 0) for identity in self._departed)
        return self._round + 1 if 4 * departing >= sum(leaders.values()) else None

    # ------------------------------------------------------------ evidence

    def _on_evidence(self, item: bytes) -> None:
        for identity, deed in self._judge(item, self._docket):
            known = any(each.identity == identity and each.deed == deed for each in self._convictions)
            if not known and not self._docket.is_known(identity, deed):
                digest = Hash(sha256(item).digest())
                self._convictions.append(Conviction(identity, deed, self._place.height, digest))
