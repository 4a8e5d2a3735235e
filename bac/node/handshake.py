"""Who speaks on a stream: binds a transport key and an address to an identity, by that identity's signature.

The connection proves the transport key. The introduction, signed by the member's signing key, says whose it is, so it
may be handed on by anybody: address books are made of introductions. A later one of the same identity (by `serial`, its
time of start) replaces an earlier one. Who is no member, of another network, or whose credential does not hold is told
a code and dropped before anything else of it is read.

Where the network has an authority that issues credentials, a good credential alone makes an *applicant*: who is not on
the register yet, or has left it, may follow the chain and bring in its own admission, within small caps.

Source: docs/spec/node.md NO-12 to NO-14, NO-23, NO-24; docs/spec/wire.md WI-38 for the order of refusals.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, ClassVar, Final

from msgspec import Meta
from msgspec.structs import replace

from bac.crypto.suite import KeyPair, Suite
from bac.errors import Code, Rejected
from bac.genesis import check_hello
from bac.node.membership import Membership
from bac.types import Hash, Micros, NodeId
from bac.wire.codec import PROTOCOL_VERSION, U32, Bytes32, Bytes64, IdField, Message, TimeField, decode, encode
from bac.wire.signed import SIGNATURE_TAIL, UNSIGNED
from bac.wire.sync import Hello

_PREFIX: Final = b"\x10bac/introduction"
BOOK_MAX: Final = 1_024
AHEAD_US: Final = 3_600_000_000
"""How far in the future the serial of an introduction may lie: clocks differ, and none may block its own successor."""


class Introduction(Message, frozen=True, tag=100):
    """What a node says of itself; `hello` is the encoding of `bac.wire.sync.Hello`."""

    CAP: ClassVar[int] = 2**14

    hello: Annotated[bytes, Meta(max_length=Hello.CAP)]
    identity: IdField
    transport_key: Bytes32
    address: Annotated[str, Meta(max_length=256)]
    serial: TimeField
    credential: Annotated[bytes, Meta(max_length=2**13)]
    signature: Bytes64


class Book(Message, frozen=True, tag=101):
    """Introductions of others."""

    CAP: ClassVar[int] = 2**22

    introductions: Annotated[tuple[Annotated[bytes, Meta(max_length=Introduction.CAP)], ...], Meta(max_length=BOOK_MAX)]


class Refusal(Message, frozen=True, tag=102):
    """Why a stream is ended."""

    code: Annotated[str, Meta(max_length=64)]
    seconds: U32


class NotAdmitted(Exception):
    """A peer that is not let in. `code` is stable: those of `bac.errors`, "stranger", or that of the credential."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def introduce(
    hello: Hello, keys: KeyPair, transport_key: bytes, address: str, serial: Micros, credential: bytes = b""
) -> Introduction:
    """A node's own introduction, signed; its identity is its signing key."""
    plain = Introduction(encode(hello), NodeId(keys.public), transport_key, address, serial, credential, UNSIGNED)
    return replace(plain, signature=keys.sign(_preimage(plain)))


def _preimage(introduction: Introduction) -> bytes:
    return _PREFIX + PROTOCOL_VERSION.to_bytes(2, "big") + encode(introduction)[:-SIGNATURE_TAIL]


class Gate:
    """Judges introductions."""

    def __init__(
        self,
        network: Hash,
        params_digest: Hash,
        suite: Suite,
        membership: Callable[[], Membership],
        judge_credential: Callable[[Introduction], None] | None = None,
    ) -> None:
        """Takes the network, the present members, and who judges credentials (None: membership alone counts).

        `judge_credential` raises `NotAdmitted`.
        """
        self._network = network
        self._params_digest = params_digest
        self._suite = suite
        self._membership = membership
        self._judge_credential = judge_credential

    def is_member(self, identity: NodeId) -> bool:
        """Whether this is a present member, and not an applicant."""
        return identity in self._membership().keys

    def _key_of(self, identity: NodeId) -> bytes:
        """The key that signs for `identity`: an applicant's is its identity. Raises NotAdmitted."""
        membership = self._membership()
        key = membership.keys.get(identity)
        if key is not None:
            return key
        if identity in membership.revoked:
            raise NotAdmitted("revoked")
        if self._judge_credential is None:
            raise NotAdmitted("stranger")
        return identity

    def judge(self, data: bytes, now: Micros, transport_key: bytes | None = None) -> Introduction:
        """The introduction that `data` encodes; on a stream, `transport_key` is the one that the connection proved.

        Raises:
            NotAdmitted: why not.
        """
        try:
            introduction = decode(Introduction, data)
            check_hello(decode(Hello, introduction.hello), self._network, self._params_digest)
        except Rejected as refusal:
            raise NotAdmitted(refusal.code.value) from refusal
        key = self._key_of(introduction.identity)
        if transport_key is not None and introduction.transport_key != transport_key:
            raise NotAdmitted(Code.BAD_KEY.value)
        if introduction.serial > now + AHEAD_US:
            raise NotAdmitted("clock")
        if not self._suite.verify(key, _preimage(introduction), introduction.signature):
            raise NotAdmitted(Code.BAD_SIGNATURE.value)
        if self._judge_credential is not None:
            self._judge_credential(introduction)
        return introduction

    def judge_again(self, introduction: Introduction, *, was_member: bool) -> None:
        """What may have changed since an introduction was let in. Raises NotAdmitted."""
        self._key_of(introduction.identity)
        if was_member and not self.is_member(introduction.identity):
            raise NotAdmitted("no-member")
        if self._judge_credential is not None:
            self._judge_credential(introduction)
