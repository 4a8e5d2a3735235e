"""What voters sign: acknowledgements, and the wishes and states of recovery; and certificates, made of the former.

Acknowledgements are signed by the acknowledgement key of the epoch, by the network's quorum scheme; wishes and states
by the signing key. All acknowledgements of one header sign the same bytes, so that they aggregate.

Sources: docs/spec/wire.md WI-12 to WI-14.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, ClassVar, TypeAlias

from msgspec import Meta

from bac.types import Hash
from bac.wire.claims import ClaimList
from bac.wire.codec import (
    U64,
    Bytes64,
    Domain,
    HashField,
    HeightField,
    IdField,
    Message,
    TimeField,
    encode,
    hash_of,
    signing_bytes,
)
from bac.wire.header import RETIREMENT_VIEW, Header, Rank, ViewField, header_hash
from bac.wire.signed import Signed

VOTERS_MAX = 8192
"""Most voters of one shard: a bitmap of them has 1 KiB."""
AGGREGATE_BYTES_MAX = 2**14
QuorumSignature: TypeAlias = Annotated[bytes, Meta(min_length=64, max_length=96)]
Bitmap: TypeAlias = Annotated[bytes, Meta(min_length=1, max_length=VOTERS_MAX // 8)]


class Ballot(Message, frozen=True, tag=5, cache_hash=True):
    """What an acknowledgement says (V2): this header, in this view, at this height. No voter: all sign the same."""

    epoch: U64
    view: ViewField
    height: HeightField
    header_hash: HashField


class Acknowledgement(Message, frozen=True, tag=6):
    """One voter's acknowledgement (CS-consensus). Ordered singly when it came too late for a certificate."""

    ballot: Ballot
    voter: IdField
    signature: QuorumSignature


class Certificate(Message, frozen=True, tag=7):
    """Acknowledgements of one header by a quorum of the electorate.

    Attributes:
        ballot: what all of them signed.
        signers: bit ``i % 8`` of byte ``i // 8`` (counted from the lowest) stands for member i of the electorate in its
            canonical order; as many bytes as that needs, and no bit beyond the last member.
        aggregate: the scheme's aggregate of their signatures, in that order.
    """

    CAP: ClassVar[int] = 2**15

    ballot: Ballot
    signers: Bitmap
    aggregate: Annotated[bytes, Meta(min_length=64, max_length=AGGREGATE_BYTES_MAX)]


class Wish(Signed, frozen=True, tag=8):
    """R2: for view `view` of `epoch`; promises nothing. It counts where nothing above `confirmed` is confirmed.

    Nobody wishes for `bac.wire.header.RETIREMENT_VIEW`: the authority alone calls voters there.
    """

    DOMAIN: ClassVar[Domain] = Domain.WISH

    epoch: U64
    view: Annotated[int, Meta(ge=1, le=RETIREMENT_VIEW - 1)]
    confirmed: HeightField
    identity: IdField
    signature: Bytes64


class WishBatch(Message, frozen=True, tag=66):
    """R3: wishes from a quorum, forwarded by who has gathered them; ascending by identity, all of one epoch."""

    CAP: ClassVar[int] = 2**20

    wishes: Annotated[tuple[Wish, ...], Meta(min_length=1, max_length=VOTERS_MAX)]


class State(Signed, frozen=True, tag=9):
    """R3: its signer has entered `view` and acknowledges nothing below it; `high` is its highest certificate.

    With `bac.wire.header.RETIREMENT_VIEW` it retires from the epoch for good (emergency reconfiguration).

    Attributes:
        epoch: the epoch.
        view: the view entered.
        high: rank and hash of the highest certificate known, of a view below.
        clock_us: the signer's clock; the opening's time is the weighted median of these.
        identity: who.
        signature: by its signing key.
    """

    DOMAIN: ClassVar[Domain] = Domain.STATE

    epoch: U64
    view: Annotated[int, Meta(ge=1, le=RETIREMENT_VIEW)]
    high: Rank
    clock_us: TimeField
    identity: IdField
    signature: Bytes64


class StateAnnouncement(Message, frozen=True, tag=10):
    """R3: a state on its way, with the certificate that it claims and the signer's claim list.

    ``certificate`` is None where the state claims the boundary's proof (view -1).
    """

    CAP: ClassVar[int] = 2**19

    state: State
    certificate: Certificate | None
    claims: ClaimList | None


class NewView(Message, frozen=True, tag=11):
    """R4: states for exactly one view from a quorum, ascending by identity, and the highest certificate among them.

    An ordered item of the opening's body. Statements of retirement take the same form.
    """

    CAP: ClassVar[int] = 2**21

    states: Annotated[tuple[State, ...], Meta(min_length=1, max_length=VOTERS_MAX)]
    certificate: Certificate | None


def retirements_digest(new_view: NewView) -> Hash:
    """What a `Reconfigure` names: the hash of these statements of retirement."""
    return hash_of(Domain.RETIREMENTS, encode(new_view))


def ballot_of(header: Header) -> Ballot:
    """What whoever acknowledges `header` signs."""
    return Ballot(header.epoch, header.view, header.height, header_hash(header))


@lru_cache(maxsize=64)
def ballot_preimage(ballot: Ballot, network: Hash, shard: int) -> bytes:
    """The bytes that all who acknowledge sign; remembered for a while, as they come from each of them."""
    return signing_bytes(Domain.ACKNOWLEDGEMENT, network, shard, encode(ballot))
