"""A member's announcements of its acknowledgement keys: transactions of its own, free, a few epochs ahead.

Without a key on chain at the boundary two epochs before, a member has no units in an epoch. Keys are announced early,
so that a vehicle out of reach for some epochs keeps its vote.

Source: docs/spec/replica.md RP-89; docs/spec/ledger.md LE-23.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from bac.finality.site import Site
from bac.ledger.records import Member, Standing
from bac.types import Micros
from bac.wire.codec import encode
from bac.wire.transactions import (
    AcknowledgementKey,
    Kind,
    SignedTransaction,
    Transaction,
    VerifiedTransaction,
    transaction_preimage,
)

KEYS_AHEAD: Final = 8
"""So many epochs ahead keys are announced, where the parameters allow it, once one of the first half is missing."""
VALID_US: Final = 600_000_000


def find_unannounced(member: Member | None, epoch: int, site: Site) -> list[int]:
    """The coming epochs for which this member should announce a key in `epoch`, ascending."""
    if member is None or member.kind is not Kind.VEHICLE or member.standing in (Standing.REMOVED, Standing.REVOKED):
        return []
    params = site.params
    nearest = epoch + params.acknowledgement_key_lead + 1
    farthest = epoch + min(params.acknowledgement_keys_ahead, params.acknowledgement_key_lead + KEYS_AHEAD)
    known = {each.epoch for each in member.acknowledgement_keys}
    missing = [each for each in range(nearest, farthest + 1) if each not in known]
    return missing if missing and missing[0] < nearest + KEYS_AHEAD // 2 else []


def announce(
    site: Site, epochs: list[int], nonce: int, now: Micros, verify: Callable[[bytes], VerifiedTransaction]
) -> Iterator[VerifiedTransaction]:
    """Transactions that announce keys for `epochs`, with nonces from `nonce` on."""
    for place, epoch in enumerate(epochs):
        content = encode(
            Transaction(
                site.scope.network, site.scope.shard, site.me, site.signing.public, nonce + place, 0,
                Micros(now + VALID_US), AcknowledgementKey(epoch, *site.keys.announce(epoch)),
            )
        )  # fmt: skip
        signature = site.signing.sign(transaction_preimage(site.scope.network, site.scope.shard, content))
        yield verify(encode(SignedTransaction(content, signature)))
