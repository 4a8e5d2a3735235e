"""Intake: bytes to verified values, with every signature of theirs judged; every fault has its code."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TypeVar

import msgspec
import pytest

from bac.crypto.production import Production
from bac.crypto.standin import StandIn
from bac.crypto.suite import KeyPair, Suite
from bac.errors import Code, Rejected
from bac.intake import Intake, Verified
from bac.types import Hash, Micros, NodeId
from bac.wire.block import LeaderSignature, leader_preimage
from bac.wire.codec import encode
from bac.wire.event import Event, EventHeader, payload_hash
from bac.wire.header import header_hash
from bac.wire.signed import UNSIGNED, Signed, preimage, with_signature
from bac.wire.transactions import (
    AcknowledgementKey,
    Admit,
    Kind,
    Operation,
    Order,
    Position,
    PositionReport,
    SignedTransaction,
    Transaction,
    Transfer,
    Witness,
    order_preimage,
    transaction_preimage,
    witness_preimage,
)
from tests.wire.samples import HEADER, SAMPLES, some, some_hash, some_id

NETWORK = some_hash("network")
SHARD = 7
PAYLOAD = (b"\x92\x01\x02", b"\x92\x01\x03")


S = TypeVar("S", bound=Signed)


def sign(message: S, pair: KeyPair) -> S:
    return with_signature(message, pair.sign(preimage(message, NETWORK, SHARD)))


class World:
    """Two members, the authority, and the intake of somebody else."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self.member, self.other, self.authority = (suite.key_pair(some(name)) for name in ("m", "o", "authority"))
        self.keys = {NodeId(pair.public): pair.public for pair in (self.member, self.other)}
        self.intake = Intake(NETWORK, SHARD, self.authority.public, suite, self.keys.get)

    def event(self, **changes: object) -> Event:
        header = EventHeader(
            epoch=3,
            boundary=some_hash("L2"),
            creator=NodeId(self.member.public),
            self_parent=None,
            other_parents=(some_hash("parent"),),
            time_us=Micros(9),
            payload_hash=payload_hash(PAYLOAD),
            signature=UNSIGNED,
        )
        return Event(sign(msgspec.structs.replace(header, **changes), self.member), PAYLOAD)

    def transaction(self, operation: Operation, **changes: object) -> bytes:
        content = Transaction(
            NETWORK, SHARD, NodeId(self.member.public), self.member.public, 0, 1000, Micros(10**9), operation
        )
        data = encode(msgspec.structs.replace(content, **changes))
        signature = self.member.sign(transaction_preimage(NETWORK, SHARD, data))
        return encode(SignedTransaction(data, signature))


@pytest.fixture(params=["real", "stand-in"])
def world(request: pytest.FixtureRequest) -> World:
    """WI-29: the intake cannot tell the real suite from the stand-in."""
    return World(Production("bls") if request.param == "real" else StandIn(bytes(32), "bls"))


def refused(code: Code) -> AbstractContextManager[pytest.ExceptionInfo[Rejected]]:
    return pytest.raises(Rejected, match=f"^{code.value}: ")


def test_an_event(world: World) -> None:
    """WI-9, WI-31: signed by its creator, with the payload that was signed."""
    event = world.event()
    assert world.intake.event(event) == Verified(event)


@pytest.mark.parametrize("field", ["epoch", "boundary", "self_parent", "other_parents", "time_us", "creator"])
def test_every_field_of_an_event_counts(world: World, field: str) -> None:
    """WI-9: a change after signing is a bad signature."""
    changes = {
        "epoch": 4, "boundary": some_hash("x"), "self_parent": some_hash("x"), "other_parents": (),
        "time_us": 10, "creator": world.other.public,
    }  # fmt: skip
    event = world.event()
    header = msgspec.structs.replace(event.header, **{field: changes[field]})
    with refused(Code.BAD_SIGNATURE):
        world.intake.event(Event(header, PAYLOAD))


def test_another_payload(world: World) -> None:
    """WI-9: the signature covers the payload by its hash; the header alone stays provable."""
    event = world.event()
    for payload in ((), PAYLOAD[::-1], (PAYLOAD[0],), (PAYLOAD[0] + PAYLOAD[1],)):
        with refused(Code.MALFORMED):
            world.intake.event(Event(event.header, payload))
    assert world.intake.signed(event.header).value == event.header


def test_strangers(world: World) -> None:
    """WI-32: a signing key is known by the member's identity; there is none for a stranger."""
    stranger = world.suite.key_pair(some("stranger"))
    event = world.event(creator=NodeId(stranger.public))
    with refused(Code.NOT_A_MEMBER):
        world.intake.event(Event(sign(event.header, stranger), PAYLOAD))


def test_a_renewed_key(world: World) -> None:
    """WI-32: after a renewal the member signs with its new key, and the old one is no longer taken."""
    renewed = world.suite.key_pair(some("renewed"))
    old = world.event()
    world.keys[NodeId(world.member.public)] = renewed.public
    with refused(Code.BAD_SIGNATURE):
        world.intake.event(old)
    world.intake.event(Event(sign(old.header, renewed), PAYLOAD))


SIGNED = [each for each in SAMPLES if isinstance(each, Signed)]


@pytest.mark.parametrize("sample", SIGNED, ids=lambda sample: type(sample).__name__)
def test_every_signed_type(world: World, sample: Signed) -> None:
    """WI-8, WI-33: good with its own signature; refused, nobody named, with another's, in another place, or cut."""
    named = msgspec.structs.replace(sample, **{sample.SIGNER: world.member.public})
    good = sign(named, world.member)
    assert world.intake.signed(good) == Verified(good)
    elsewhere = Intake(some_hash("elsewhere"), SHARD, world.authority.public, world.suite, world.keys.get)
    next_door = Intake(NETWORK, SHARD + 1, world.authority.public, world.suite, world.keys.get)
    for intake, bad in (
        (world.intake, sign(named, world.other)),
        (world.intake, with_signature(good, bytes(64))),
        (elsewhere, good),
        (next_door, good),
    ):
        with refused(Code.BAD_SIGNATURE) as caught:
            intake.signed(bad)
        assert caught.value.culprit is None


def test_a_header(world: World) -> None:
    """WI-10, WI-32: version, network and shard; acceptance is not judged here."""
    assert world.intake.header(HEADER).value == HEADER
    for changes, code in (
        ({"version": 2}, Code.WRONG_VERSION),
        ({"network": some_hash("x")}, Code.WRONG_NETWORK),
        ({"shard": 8}, Code.WRONG_SHARD),
    ):
        with refused(code):
            world.intake.header(msgspec.structs.replace(HEADER, **changes))


def test_a_leaders_signature(world: World) -> None:
    """WI-10: it covers the hash of the header, and stands outside of it."""
    own = header_hash(HEADER)
    signature = LeaderSignature(NodeId(world.member.public), world.member.sign(leader_preimage(own, NETWORK, SHARD)))
    assert world.intake.leader_signature(own, signature).value == signature
    with refused(Code.BAD_SIGNATURE):
        world.intake.leader_signature(some_hash("other header"), signature)
    with refused(Code.NOT_A_MEMBER):
        world.intake.leader_signature(own, LeaderSignature(some_id("stranger"), signature.signature))


def test_a_transfer(world: World) -> None:
    """WI-31: from bytes, once."""
    verified = world.intake.transaction(world.transaction(Transfer(some_id("recipient"), 5)))
    assert verified.transaction.operation == Transfer(some_id("recipient"), 5)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"network": some_hash("x")}, Code.WRONG_NETWORK),
        ({"shard": 8}, Code.WRONG_SHARD),
        ({"key": bytes(32)}, Code.BAD_SIGNATURE),
    ],
)
def test_a_transfer_made_for_elsewhere(world: World, changes: dict[str, object], code: Code) -> None:
    """WI-32: network and shard stand in what is signed, and a client's mistake has its own code."""
    with refused(code):
        world.intake.transaction(world.transaction(Transfer(some_id("recipient"), 5), **changes))


def test_a_transfer_signed_in_another_domain(world: World) -> None:
    """WI-7: a signature on the same content as something else is none."""
    data = encode(
        Transaction(
            NETWORK, SHARD, NodeId(world.member.public), world.member.public, 0, 1, Micros(9), Transfer(some_id("r"), 5)
        )
    )
    for message in (data, order_preimage(NETWORK, SHARD, data), witness_preimage(NETWORK, SHARD, data)):
        with refused(Code.BAD_SIGNATURE):
            world.intake.transaction(encode(SignedTransaction(data, world.member.sign(message))))


def test_an_order_of_the_authority(world: World) -> None:
    """WI-22, WI-32: the authority's signature, and keys that may be registered."""
    vrf_key = world.suite.vrf_key_pair(some("vrf")).public

    def ordered(identity: bytes, signer: KeyPair) -> bytes:
        admit = encode(Admit(NodeId(identity), Kind.VEHICLE, vrf_key, Micros(10**12), Hash(bytes(32))))
        return world.transaction(Order(admit, signer.sign(order_preimage(NETWORK, SHARD, admit))))

    world.intake.transaction(ordered(world.other.public, world.authority))
    with refused(Code.BAD_SIGNATURE):
        world.intake.transaction(ordered(world.other.public, world.member))


def test_an_order_that_registers_a_bad_key() -> None:
    """WI-22: a key that is no point of the prime-order subgroup is never registered."""
    world = World(Production("bls"))
    admit = encode(Admit(NodeId(b"\1" + bytes(31)), Kind.VEHICLE, some("vrf"), Micros(10**12), Hash(bytes(32))))
    order = Order(admit, world.authority.sign(order_preimage(NETWORK, SHARD, admit)))
    with refused(Code.BAD_KEY):
        world.intake.transaction(world.transaction(order))


def test_a_position_and_its_witnesses(world: World) -> None:
    """WI-32: each witness's signature is judged by the key that stands beside it."""
    position = encode(Position(NodeId(world.member.public), Micros(5), 1, 2, 3, 4))
    message = witness_preimage(NETWORK, SHARD, position)
    good = Witness(NodeId(world.other.public), world.other.public, world.other.sign(message))
    bad = Witness(NodeId(world.member.public), world.member.public, world.other.sign(message))
    world.intake.transaction(world.transaction(PositionReport(position, (good,))))
    with refused(Code.BAD_SIGNATURE):
        world.intake.transaction(world.transaction(PositionReport(position, (good, bad))))


def test_an_announced_key(world: World) -> None:
    """WI-25: with the proof that its owner holds the secret."""
    quorum = world.suite.quorum
    public, possession = quorum.public_of(some("ack")), quorum.pop_prove(some("ack"))
    world.intake.transaction(world.transaction(AcknowledgementKey(3, public, possession)))
    with refused(Code.BAD_KEY):
        world.intake.transaction(world.transaction(AcknowledgementKey(3, public, quorum.pop_prove(some("another")))))
