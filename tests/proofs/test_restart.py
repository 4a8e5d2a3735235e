"""WI-40: a restart by the authority's order, shown to whoever knows the electorate and the authority's key."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bac.crypto.standin import StandIn
from bac.errors import Code, Rejected
from bac.proofs.certificate import Scope, verify_certificate
from bac.proofs.confirmation import verify_confirmation, verify_record
from bac.proofs.electorate import Electorate, compute_committee_hash
from bac.proofs.merkle import compute_root, prove_inclusion
from bac.proofs.restart import show_order
from bac.types import Hash, Height, NodeId
from bac.wire.block import BoundaryRecord, ConfirmationProof, Leader, Restart
from bac.wire.codec import decode, encode
from bac.wire.header import RETIREMENT_VIEW, Header, Kind
from bac.wire.transactions import Mandate, Reconfigure, Revoke, order_preimage
from bac.wire.votes import Certificate, ballot_of
from tests.proofs.chain import EPOCH, NETWORK, SHARD, Shard, closing, rank_of
from tests.wire.samples import BOUNDARY, MANDATE, SIGNED_TRANSACTION, some_hash, some_id

SUITE = StandIn(bytes((5,)) * 32, "ed25519-list")
AUTHORITY = SUITE.key_pair(bytes((1,)) * 32)
STRANGER = SUITE.key_pair(bytes((2,)) * 32)
TOWN = Shard((1,) * 7)
SCOPE = Scope(NETWORK, SHARD, TOWN.scheme, AUTHORITY.public, SUITE)
LEFT, GONE = TOWN.ids[:4], tuple(TOWN.ids[4:])
PARENT = TOWN.header()
NEXT = Shard((1,) * 4, epoch=EPOCH + 1)
COMMITTEE = (Leader(some_id("primary"), 1),)
LAST = msgspec.structs.replace(
    BOUNDARY, next_electorate_root=NEXT.electorate.root, next_committee_hash=compute_committee_hash(COMMITTEE)
)


def order(parent: Header = PARENT, removed: tuple[NodeId, ...] = GONE) -> Reconfigure:
    return Reconfigure(parent.height, rank_of(parent).hash, some_hash("statements"), removed)


def bring_in(content: Any, signer: Any = AUTHORITY) -> bytes:
    """The item that holds an order."""
    data = encode(content)
    return encode(Mandate(data, signer.sign(order_preimage(NETWORK, SHARD, data))))


def restarted(item: bytes, parent: Header = PARENT, **changes: Any) -> tuple[Header, tuple[bytes, ...]]:
    """The header of a restart, and its body."""
    items = (b"statements", item)
    fields = {"view": RETIREMENT_VIEW, "kind": Kind.OPENING, "transaction_root": compute_root(items), "boundary": LAST}
    return TOWN.header(parent, **(fields | {"justify": rank_of(parent)} | changes)), items


def prove(item: bytes, signers: list[NodeId], *, header: Header | None = None, **changes: Any) -> ConfirmationProof:
    made, items = restarted(item)
    last = made if header is None else header
    carrier = closing(last)
    proof = ConfirmationProof(
        (PARENT, last), TOWN.certify(last, signers), carrier, TOWN.certify(carrier, signers), show_order(items)
    )
    return msgspec.structs.replace(proof, **changes)


def refuse(code: Code, proof: ConfirmationProof, scope: Scope = SCOPE) -> None:
    with pytest.raises(Rejected) as caught:
        verify_confirmation(proof, EPOCH, TOWN.electorate, scope)
    assert caught.value.code is code


def test_those_who_are_left_confirm() -> None:
    """WI-40: three of four are a quorum where three of seven are gone; and lead to the next electorate."""
    proof = decode(ConfirmationProof, encode(prove(bring_in(order()), LEFT[:3])))
    assert verify_confirmation(proof, EPOCH, TOWN.electorate, SCOPE) == PARENT
    record = BoundaryRecord(msgspec.structs.replace(proof, path=proof.path[1:]), NEXT.electorate.members, COMMITTEE)
    _, following = verify_record(record, EPOCH, TOWN.electorate, SCOPE)
    assert following.root == NEXT.electorate.root


def test_too_few_of_them_or_one_who_is_gone_do_not() -> None:
    """WI-40: a quorum is one of the units that are left; the removed sign nothing."""
    refuse(Code.NO_QUORUM, prove(bring_in(order()), LEFT[:2]))
    refuse(Code.MALFORMED, prove(bring_in(order()), [*LEFT[:3], GONE[0]]))


def test_without_the_order_nobody_believes_it() -> None:
    """WI-40: not without the order, not by another's hand, not where the authority is not known."""
    good = prove(bring_in(order()), LEFT)
    refuse(Code.BAD_PROOF, msgspec.structs.replace(good, restart=None))
    refuse(
        Code.BAD_SIGNATURE, prove(bring_in(order(), STRANGER), LEFT, header=restarted(bring_in(order(), STRANGER))[0])
    )
    refuse(Code.BAD_SIGNATURE, good, Scope(NETWORK, SHARD, TOWN.scheme))
    refuse(Code.BAD_SIGNATURE, good, Scope(NETWORK, SHARD, TOWN.scheme, STRANGER.public, SUITE))


@pytest.mark.parametrize(
    "content",
    [
        order(TOWN.header(round=99)),
        Reconfigure(Height(PARENT.height + 1), rank_of(PARENT).hash, Hash(bytes(32)), GONE),
        Revoke(GONE[0]),
        order(removed=tuple(TOWN.ids)),
    ],
    ids=["another parent", "another height", "another order", "nobody is left"],
)
def test_another_order_is_none(content: Any) -> None:
    """WI-40: it is the order to restart on this parent, and somebody is left."""
    item = bring_in(content)
    header, items = restarted(item)
    refuse(Code.BAD_PROOF, prove(item, LEFT, header=header, restart=show_order(items)))


def test_the_order_stands_in_the_body() -> None:
    """WI-40: as the second of two items, under the root of the header certified."""
    item = bring_in(order())
    refuse(Code.BAD_PROOF, prove(item, LEFT, restart=show_order((b"other", item))))
    longer: tuple[bytes, ...] = (b"statements", item, b"more")
    refuse(Code.BAD_PROOF, prove(item, LEFT, header=root_of(longer), restart=show_order(longer)))
    first = Restart(item, prove_inclusion((item, item), 0))
    refuse(Code.BAD_PROOF, prove(item, LEFT, header=root_of((item, item)), restart=first))
    for item in (b"", encode(MANDATE)[:-1], encode(SIGNED_TRANSACTION)):
        refuse(Code.MALFORMED, prove(item, LEFT))


def root_of(items: tuple[bytes, ...]) -> Header:
    """The header of a restart with this body."""
    return restarted(items[1], transaction_root=compute_root(items))[0]


def test_in_other_views_there_is_none() -> None:
    """WI-40: an order beside a certificate of the whole electorate is not a second form of the same proof."""
    plain = TOWN.confirm(PARENT)
    assert verify_confirmation(plain, EPOCH, TOWN.electorate, SCOPE) == PARENT
    refuse(Code.BAD_PROOF, msgspec.structs.replace(plain, restart=prove(bring_in(order()), LEFT).restart))
    header = restarted(bring_in(order()), kind=Kind.CLOSING)[0]
    refuse(Code.BAD_PROOF, prove(bring_in(order()), LEFT, header=header))


def test_an_electorate_without_some() -> None:
    """WI-40: the same members, root and bitmap; the units and bits of those who are gone do not count."""
    whole = TOWN.electorate
    left = whole.without((GONE[0], GONE[0], some_id("stranger")))
    assert (left.root, left.members, left.total_units) == (whole.root, whole.members, 6)
    assert left.find(GONE[0]) is None
    assert whole.find(GONE[0]) is not None
    assert {each.identity for each in left.voters()} == {*TOWN.ids} - {GONE[0]}
    assert whole.voters() == whole.members
    header = TOWN.header()
    signed: Certificate = TOWN.certify(header, TOWN.ids[:4])
    assert signed.ballot == ballot_of(header)
    with pytest.raises(Rejected):
        verify_certificate(signed, whole, SCOPE)
    assert len(verify_certificate(signed, whole.without(GONE[1:]), SCOPE)) == 4
    with pytest.raises(ValueError, match="nobody"):
        Electorate(whole.members).without(TOWN.ids)
