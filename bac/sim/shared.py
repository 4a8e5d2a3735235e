"""For large simulations: pure answers that hundreds of nodes would each compute alike, computed once.

As the memo of execution, this is for measurements only, and the record of a run names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bac.crypto.suite import QuorumScheme, Suite
from bac.proofs.electorate import Electorate
from bac.types import NodeId
from bac.wire.block import Elector

KEPT = 4096


class SharedElectorate(Electorate):
    """Reads each bitmap once."""

    def without(self, identities: Iterable[NodeId]) -> Electorate:
        """As the base's, with a memory of its own."""
        left = super().without(identities)
        left.__dict__.pop("read", None)
        return left

    def signers(self, bitmap: bytes) -> tuple[Elector, ...] | None:
        """As the base's."""
        known: dict[bytes, Any] = self.__dict__.setdefault("read", {})
        if bitmap not in known:
            if len(known) >= KEPT:
                known.clear()
            known[bitmap] = super().signers(bitmap)
        found: tuple[Elector, ...] | None = known[bitmap]
        return found


class SharedQuorum:
    """A quorum scheme that judges each aggregate once."""

    def __init__(self, inner: QuorumScheme) -> None:
        self._inner = inner
        self._judged: dict[tuple[bytes, bytes, tuple[bytes, ...]], bool] = {}
        self.signature_size = inner.signature_size
        self.sign = inner.sign

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def fast_aggregate_verify(self, publics: Sequence[bytes], message: bytes, aggregate: bytes) -> bool:
        """As the scheme's."""
        key = (message, aggregate, tuple(publics))
        if key not in self._judged:
            if len(self._judged) >= KEPT:
                self._judged.clear()
            self._judged[key] = self._inner.fast_aggregate_verify(publics, message, aggregate)
        return self._judged[key]


class SharedSuite:
    """A suite with such a scheme, that judges each signature once, too."""

    def __init__(self, inner: Suite) -> None:
        self._inner = inner
        self._verify = inner.verify
        self.quorum = SharedQuorum(inner.quorum)
        self._judged: dict[tuple[bytes, bytes, bytes], bool] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """As the suite's."""
        key = (public, message, signature)
        known = self._judged.get(key)
        if known is None:
            if len(self._judged) >= KEPT:
                self._judged.clear()
            known = self._judged[key] = self._verify(public, message, signature)
        return known
