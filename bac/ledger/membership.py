"""Who is a member, with which keys, and since when it counts: pure functions of registered facts and an epoch.

Nothing about membership changes inside an epoch. A block of epoch r writes what it orders at once, marked with r; every
question is asked *for an epoch e* and answered from the marks:

- a change of membership or of a signing key acts from r + 1 on;
- a random function's key counts where it stood on chain at the boundary of e - 3;
- an acknowledgement key for e counts where it stood on chain at the boundary of e - 2;
- an arrival votes after k epochs of residence.

What genesis registers is exempt from all leads.

Source: docs/spec/ledger.md LE-21 to LE-24.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bac.ledger.records import GENESIS_EPOCH, AnnouncedKey, Keys, Member, Standing
from bac.ledger.state import State
from bac.params import Params
from bac.types import Micros, NodeId
from bac.wire.transactions import Kind


def is_on_chain(since: int, epoch: int, lead: int) -> bool:
    """Whether what was ordered in epoch `since` stood on chain at the boundary of ``epoch - lead``."""
    return since == GENESIS_EPOCH or since <= epoch - lead


def keys_at(member: Member, epoch: int, lead: int) -> Keys | None:
    """The keys of `member` that count in `epoch`, where keys count `lead` epochs after they were ordered."""
    for keys in reversed(member.keys):
        if is_on_chain(keys.since, epoch, lead):
            return keys
    return None


def standing_at(member: Member, epoch: int) -> Standing | None:
    """How the membership stands in `epoch`; None where it has not begun."""
    if not is_on_chain(member.resident_since, epoch, 1):
        return None
    return member.standing if is_on_chain(member.standing_since, epoch, 1) else Standing.PRESENT


def signing_key_at(identity: NodeId, member: Member | None, epoch: int) -> bytes:
    """The key that signs for `identity` in `epoch`: the identity itself, until a renewal names another one."""
    keys = None if member is None else keys_at(member, epoch, 1)
    return identity if keys is None else keys.signing


@dataclass(frozen=True, slots=True)
class Register:
    """All members in one epoch.

    Attributes:
        keys: with which each signs, those included that are here no more.
        present: who has come and was neither removed nor revoked, ascending.
    """

    keys: Mapping[NodeId, bytes]
    present: tuple[NodeId, ...]


def read_register(boundary: State, epoch: int) -> Register:
    """The members in `epoch`, where `boundary` is the state before it."""
    members = boundary.members()
    gone = (None, Standing.REMOVED, Standing.REVOKED)
    return Register(
        {identity: signing_key_at(identity, member, epoch) for identity, member in members},
        tuple(identity for identity, member in members if standing_at(member, epoch) not in gone),
    )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A vehicle on the register, as the boundary before an epoch shows it: what the electorate is made from.

    Attributes:
        identity: who.
        signing_key: 32 bytes.
        vrf_key: 32 bytes, or None where none is old enough.
        acknowledgement_key: for this epoch, or None where none was announced in time.
        standing: how the membership stands.
        is_expired: whether the credential ended before the boundary's block time.
        is_resident: whether it has been here long enough to vote.
    """

    identity: NodeId
    signing_key: bytes
    vrf_key: bytes | None
    acknowledgement_key: bytes | None
    standing: Standing
    is_expired: bool
    is_resident: bool

    @property
    def is_leaving(self) -> bool:
        """Whether it asked to go, and may have to wait where too few voters would remain."""
        return self.standing is Standing.LEAVING

    @property
    def is_eligible(self) -> bool:
        """Whether it may have units in this epoch, unless it is let go."""
        ended = self.standing in (Standing.REMOVED, Standing.REVOKED)
        return self.is_resident and not self.is_expired and not ended and self.acknowledgement_key is not None


def candidates(boundary: State, epoch: int, params: Params) -> list[Candidate]:
    """The vehicles on the register for `epoch`, ascending by identity, where `boundary` is the state before it."""
    time_us = boundary.tip().time_us
    listed = [
        _candidate(identity, member, epoch, time_us, params)
        for identity, member in boundary.members()
        if member.kind is Kind.VEHICLE
    ]
    return [candidate for candidate in listed if candidate is not None]


def _candidate(identity: NodeId, member: Member, epoch: int, time_us: Micros, params: Params) -> Candidate | None:
    standing = standing_at(member, epoch)
    if standing is None:
        return None
    random_keys = keys_at(member, epoch, params.vrf_key_lead)
    return Candidate(
        identity=identity,
        signing_key=signing_key_at(identity, member, epoch),
        vrf_key=None if random_keys is None else random_keys.vrf,
        acknowledgement_key=acknowledgement_key_at(member, epoch, params.acknowledgement_key_lead),
        standing=standing,
        is_expired=member.keys[-1].not_after < time_us,
        is_resident=is_on_chain(member.resident_since, epoch, 1 + params.residence_epochs),
    )


def acknowledgement_key_at(member: Member, epoch: int, lead: int) -> bytes | None:
    """The key that acknowledges in `epoch`, if it was announced in time."""
    for announced in member.acknowledgement_keys:
        if announced.epoch == epoch and is_on_chain(announced.since, epoch, lead):
            return announced.public
    return None


# ---------------------------------------------------------------- what operations make of a membership


def admitted(kind: Kind, keys: Keys) -> Member:
    """A new membership, ordered in epoch ``keys.since``."""
    return Member(kind, keys.since, Standing.PRESENT, keys.since, (keys,), ())


def renewed(member: Member, keys: Keys, vrf_key_lead: int) -> Member:
    """The membership with new `keys`. One whose end has acted comes back as an arrival."""
    epoch = keys.since
    kept = [old for old in member.keys if old.since != epoch]
    while len(kept) > 1 and is_on_chain(kept[1].since, epoch, vrf_key_lead):
        del kept[0]
    has_ended = standing_at(member, epoch) not in (None, Standing.PRESENT)
    return Member(
        member.kind,
        epoch if has_ended else member.resident_since,
        Standing.PRESENT,
        epoch,
        (*kept, keys),
        member.acknowledgement_keys,
    )


def ended(member: Member, standing: Standing, epoch: int) -> Member:
    """The membership after an order of `epoch` to end it."""
    since = epoch if member.standing is Standing.PRESENT else member.standing_since
    return Member(member.kind, member.resident_since, standing, since, member.keys, member.acknowledgement_keys)


def announced(member: Member, key: AnnouncedKey) -> Member:
    """The membership with another acknowledgement key; keys of past epochs are dropped."""
    keys = [old for old in member.acknowledgement_keys if old.epoch >= key.since] + [key]
    return Member(
        member.kind,
        member.resident_since,
        member.standing,
        member.standing_since,
        member.keys,
        tuple(sorted(keys, key=lambda each: each.epoch)),
    )
