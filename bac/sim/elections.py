"""The committee of an epoch, elected anew from the items of the bodies before it: what nodes must have found.

Beside `election` itself nothing of the nodes' way is used: no docket, no clerk, no answers remembered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final, TypeVar

from bac.crypto.suite import Suite
from bac.errors import Rejected
from bac.finality.epochs import Epoch
from bac.finality.machine import Draw
from bac.ledger.membership import keys_at
from bac.ledger.state import State
from bac.params import Params
from bac.proofs.restart import is_restart
from bac.types import Hash, NodeId
from bac.wire import claims as wire
from bac.wire.claims import ClaimList, claim_id
from bac.wire.header import Header
from bac.wire.registry import decode_item, tag_at, tag_of
from bac.wire.signed import preimage
from election import sortition
from election.committee import Claim, CommitteeParams, compute_committee
from election.seed import Role, sortition_input

T = TypeVar("T", wire.Claim, ClaimList)
_ROLES: Final = {wire.Role.PRIMARY: Role.PRIMARY, wire.Role.CANDIDATE: Role.CANDIDATE}


class Ballots:
    """What the bodies of one epoch say of the election of the next committee."""

    def __init__(self, epoch: Epoch, before: State, shard: int, suite: Suite, params: Params, network: Hash) -> None:
        """`before` is the state in which the epoch begins."""
        assert epoch.base.boundary is not None, "an epoch begins with a boundary"
        self._epoch = epoch
        self._before = before
        self._shard = shard
        self._suite = suite
        self._params = params
        self._network = network
        self._seed = epoch.base.boundary.seed
        self._units = {member.identity: member.units for member in epoch.electorate.members}
        self._items: list[bytes] = []

    def add(self, items: Iterable[bytes]) -> None:
        """The next body."""
        self._items += items

    def committee(self, draw: Draw, last: Header) -> tuple[tuple[bytes, int], ...]:
        """The committee that these bodies elect for the electorate of `draw`: nobody, if `last` is a restart."""
        claims = {} if is_restart(last) else self._claims()
        named = dict.fromkeys(each for listed in self._lists(claims).values() for each in listed)
        sizes = CommitteeParams(self._params.primary_weight, self._params.candidate_weight, self._params.max_leaders)
        units: dict[bytes, int] = {each.identity: each.units for each in draw.electors}
        return compute_committee([claims[each] for each in named], units, self._seed, sizes).members

    def _claims(self) -> Mapping[Hash, Claim]:
        found: dict[Hash, Claim] = {}
        for claim in self._said(wire.Claim):
            won = self._won(claim)
            if won is not None:
                found.setdefault(claim_id(claim), won)
        return found

    def _won(self, claim: wire.Claim) -> Claim | None:
        record = self._before.member(claim.identity)
        keys = None if record is None else keys_at(record, self._epoch.number, self._params.vrf_key_lead)
        if keys is None or claim.identity not in self._units or claim.epoch != self._epoch.number + 1:
            return None
        role, total = _ROLES[claim.role], sum(self._units.values())
        tau = self._params.primary_weight if role is Role.PRIMARY else self._params.candidate_weight
        alpha = sortition_input(self._seed, role, self._shard.to_bytes(4, "big"), claim.epoch)
        beta = self._suite.vrf_output(keys.vrf, alpha, claim.proof)
        if beta is None or not self._is_signed(claim, claim.identity):
            return None
        wins = sortition.select(beta, self._units[claim.identity], tau, total)
        return Claim(claim.identity, role, beta, wins) if wins else None

    def _lists(self, claims: Mapping[Hash, Claim]) -> Mapping[NodeId, tuple[Hash, ...]]:
        """The first good list of each voter, if every claim that it names is good."""
        first: dict[NodeId, tuple[Hash, ...]] = {}
        for listed in self._said(ClaimList):
            is_voter = listed.identity in self._units and listed.epoch == self._epoch.number + 1
            ascends = all(one < other for one, other in pairwise(listed.claims))
            if is_voter and ascends and self._is_signed(listed, listed.identity):
                first.setdefault(listed.identity, listed.claims)
        return {voter: named for voter, named in first.items() if all(each in claims for each in named)}

    def _said(self, kind: type[T]) -> list[T]:
        found: list[T] = []
        for item in self._items:
            if tag_at(item) == tag_of(kind):
                try:
                    message = decode_item(item)
                except Rejected:
                    continue
                assert isinstance(message, kind), "told by its tag"
                found.append(message)
        return found

    def _is_signed(self, message: wire.Claim | ClaimList, key: bytes) -> bool:
        return self._suite.verify(key, preimage(message, self._network, self._shard), message.signature)
