"""Where bytes become verified values, once.

Everything that can be judged without the state is judged here: encoding, size, version, network, shard, signatures, and
that a payload is the one that its creator signed. What depends on the state binds in the ledger alone; what depends on
an electorate (acknowledgements, certificates) is judged by `bac.proofs`.

An unverified value is a message; a verified one is `Verified`, or `VerifiedTransaction`, and nobody else makes them.

A bad signature is the fault of whoever sent the bytes: the name that they bear is no proof of anything. So `Rejected`
has no culprit here; the driver knows the peer.

Source: docs/spec/wire.md WI-31 to WI-33.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from bac.crypto.suite import Suite
from bac.errors import Code, Rejected
from bac.types import Hash, NodeId
from bac.wire.block import LeaderSignature, leader_preimage
from bac.wire.codec import PROTOCOL_VERSION, encode
from bac.wire.event import Event, payload_hash
from bac.wire.header import Header
from bac.wire.signed import Signed, signed_preimage, signer_of
from bac.wire.transactions import DecodedTransaction, VerifiedTransaction, decode_transaction, obligations

T = TypeVar("T")
S = TypeVar("S", bound=Signed)

SigningKey = Callable[[NodeId], bytes | None]
"""The signing key of a member in the present epoch; None for a stranger. It changes between epochs alone."""


@dataclass(frozen=True, slots=True)
class Verified(Generic[T]):
    """A message that holds by itself: whose signatures were judged good. Made by `Intake` alone."""

    value: T


class Intake:
    """The stateless judge of one node in one shard."""

    def __init__(self, network: Hash, shard: int, authority: bytes, suite: Suite, signing_key: SigningKey) -> None:
        """Takes what genesis says (network, authority's public key), the shard, and the members' keys."""
        self._network = network
        self._shard = shard
        self._authority = authority
        self._suite = suite
        self._signing_key = signing_key

    def transaction(self, data: bytes) -> VerifiedTransaction:
        """The transaction that `data` encodes, with every signature, key and proof of possession in it judged.

        Raises:
            Rejected: `MALFORMED`, `OVERSIZED`, `WRONG_NETWORK`, `WRONG_SHARD`, `BAD_KEY`, `BAD_SIGNATURE`.
        """
        return self.decoded_transaction(decode_transaction(data))

    def decoded_transaction(self, decoded: DecodedTransaction) -> VerifiedTransaction:
        """As `transaction`, for one that is decoded already: a driver that warms the cache has done that."""
        self._check_place(decoded.transaction.network, decoded.transaction.shard)
        due = obligations(decoded, self._authority)
        if not all(self._suite.verify(*claim) for claim in due.signatures):
            raise Rejected(Code.BAD_SIGNATURE, "a signature of the transaction is not by its key")
        if not all(self._suite.is_valid_public(public) for public in due.publics):
            raise Rejected(Code.BAD_KEY, "the transaction would register an invalid key")
        if not all(self._suite.quorum.pop_verify(*claim) for claim in due.possessions):
            raise Rejected(Code.BAD_KEY, "no proof of possession of the announced key")
        return VerifiedTransaction(decoded)

    def signed(self, message: S) -> Verified[S]:
        """`message`, signed by the member that it names: event header, claim, claim list, departure, wish, state.

        Raises:
            Rejected: `NOT_A_MEMBER`, `BAD_SIGNATURE`.
        """
        data = encode(message)
        preimage = signed_preimage(type(message), data, self._network, self._shard)
        if not self._suite.verify(self._key_of(signer_of(message)), preimage, data[-64:]):
            raise Rejected(Code.BAD_SIGNATURE, f"the {type(message).__name__} is not by the member that it names")
        return Verified(message)

    def event(self, event: Event) -> Verified[Event]:
        """`event`, signed by its creator, with the payload that was signed. The items in it are not judged.

        Raises:
            Rejected: `NOT_A_MEMBER`, `BAD_SIGNATURE`, or `MALFORMED` (another payload than the one signed).
        """
        if payload_hash(event.payload) != event.header.payload_hash:
            raise Rejected(Code.MALFORMED, "the event's payload is not the one that was signed")
        self.signed(event.header)
        return Verified(event)

    def header(self, header: Header) -> Verified[Header]:
        """`header`, of this version, network and shard. It bears no signature; accepting it is finality's matter.

        Raises:
            Rejected: `WRONG_VERSION`, `WRONG_NETWORK`, `WRONG_SHARD`.
        """
        if header.version != PROTOCOL_VERSION:
            raise Rejected(Code.WRONG_VERSION, f"a header of protocol version {header.version}")
        self._check_place(header.network, header.shard)
        return Verified(header)

    def leader_signature(self, header_id: Hash, signature: LeaderSignature) -> Verified[LeaderSignature]:
        """A member's signature on the header with this hash.

        Raises:
            Rejected: `NOT_A_MEMBER`, `BAD_SIGNATURE`.
        """
        self.leader_signatures(header_id, (signature,))
        return Verified(signature)

    def leader_signatures(self, header_id: Hash, signatures: tuple[LeaderSignature, ...]) -> None:
        """Judges members' signatures on the header with this hash.

        Raises:
            Rejected: `NOT_A_MEMBER`, `BAD_SIGNATURE`.
        """
        preimage = leader_preimage(header_id, self._network, self._shard)
        verify, signing_key = self._suite.verify, self._signing_key
        for each in signatures:
            key = signing_key(each.leader)
            if key is None:
                raise Rejected(Code.NOT_A_MEMBER, f"{each.leader.hex()[:16]} is no member of the shard")
            if not verify(key, preimage, each.signature):
                raise Rejected(Code.BAD_SIGNATURE, "not the leader's signature on this header")

    def _check_place(self, network: Hash, shard: int) -> None:
        if network != self._network:
            raise Rejected(Code.WRONG_NETWORK, "made for another network")
        if shard != self._shard:
            raise Rejected(Code.WRONG_SHARD, f"made for shard {shard}, this is {self._shard}")

    def _key_of(self, identity: NodeId) -> bytes:
        key = self._signing_key(identity)
        if key is None:
            raise Rejected(Code.NOT_A_MEMBER, f"{identity.hex()[:16]} is no member of the shard")
        return key
