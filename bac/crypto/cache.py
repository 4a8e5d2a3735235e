"""Verified signatures are remembered, so that one that comes by several ways is checked once."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from hashlib import sha256

from bac.crypto.ed25519_list import Ed25519List
from bac.crypto.suite import PUBLIC_BYTES, SIGNATURE_BYTES, KeyPair, Suite, VrfKeyPair

DEFAULT_CAPACITY = 1 << 16
"""Signatures remembered: about 8 MiB, and several epochs of a full shard."""


class _List(Ed25519List):
    """Signatures in a list are remembered as others are: an acknowledgement comes again in every certificate."""

    def __init__(self, suite: Cached) -> None:
        self._suite = suite

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """As the base's."""
        return self._suite.verify(public, message, signature)


class Cached:
    """A suite that remembers the signatures it found good; the oldest is forgotten first.

    Only good ones are remembered: bad ones cost their sender its standing, and would let anybody fill the cache. The
    key is a hash of public key, signature and message, so that a remembered answer holds for exactly these bytes.
    """

    def __init__(self, inner: Suite, capacity: int = DEFAULT_CAPACITY) -> None:
        if capacity < 1:
            raise ValueError("a cache holds at least one signature")
        self.inner = inner
        self.capacity = capacity
        self.name = inner.name
        self.quorum = _List(self) if isinstance(inner.quorum, Ed25519List) else inner.quorum
        self._good: OrderedDict[bytes, None] = OrderedDict()
        self._before: OrderedDict[bytes, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._good) + len(self._before)

    def turn(self) -> None:
        """Forgets what was found good before the last turn: for who knows that it is of no use any more."""
        self._before, self._good = self._good, OrderedDict()

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is `public`'s on `message`; known ones cost one hash."""
        key = self._key(public, message, signature)
        if key in self._good or key in self._before:
            return True
        good = self.inner.verify(public, message, signature)
        if good:
            self._remember(key)
        return good

    def knows(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Whether this signature was found good and is still remembered."""
        key = self._key(public, message, signature)
        return key in self._good or key in self._before

    def learn(self, public: bytes, message: bytes, signature: bytes) -> None:
        """Remembers a signature that the caller has found good by the suite inside."""
        self._remember(self._key(public, message, signature))

    def key_pair(self, seed: bytes) -> KeyPair:
        """The inner suite's."""
        return self.inner.key_pair(seed)

    def is_valid_public(self, public: bytes) -> bool:
        """The inner suite's."""
        return self.inner.is_valid_public(public)

    def vrf_key_pair(self, seed: bytes) -> VrfKeyPair:
        """The inner suite's."""
        return self.inner.vrf_key_pair(seed)

    def vrf_output(self, public: bytes, alpha: bytes, proof: bytes) -> bytes | None:
        """The inner suite's."""
        return self.inner.vrf_output(public, alpha, proof)

    def _key(self, public: bytes, message: bytes, signature: bytes) -> bytes:
        if len(public) != PUBLIC_BYTES or len(signature) != SIGNATURE_BYTES:
            return b""  # never remembered: the suite inside finds no good signature of other sizes
        return sha256(public + signature + message).digest()

    def _remember(self, key: bytes) -> None:
        if not key:
            return
        self._good[key] = None
        if len(self) > self.capacity:
            with suppress(KeyError):  # a driver's thread may fill the cache at the same time, and take the last one
                (self._before or self._good).popitem(last=False)
