"""Many signatures at once, for drivers that have threads: libsodium works without the interpreter's lock.

No installed library verifies Ed25519 signatures as a batch, so two threads and a cache are what there is. This module
knows no threads: it takes the ``map`` of whatever the driver has (an executor's, or the built-in one), and only fills
the cache. The protocol asks the cache afterwards and gets the answer that it would have got anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeAlias

from bac.crypto.cache import Cached

Claim: TypeAlias = tuple[bytes, bytes, bytes]
"""(public key, message, signature)"""

CHUNK = 16
"""Signatures per piece of work: about 0.6 ms, long against the cost of handing it over."""


class Mapper(Protocol):
    """The ``map`` of an executor, or the built-in one: answers in the order of the arguments."""

    def __call__(self, function: Callable[[Any], Any], arguments: Iterable[Any], /) -> Iterable[Any]:
        """``function`` of each argument."""
        ...


def warm(cached: Cached, claims: Sequence[Claim], mapper: Mapper = map) -> list[bool]:
    """Verifies those of `claims` that the cache does not know, by `mapper`, and remembers the good ones.

    Returns the judgement of each claim, in order. The same claim twice is verified once.
    """
    unknown = [claim for claim in dict.fromkeys(claims) if not cached.knows(*claim)]
    verify = cached.inner.verify

    def judge(chunk: Sequence[Claim]) -> list[bool]:
        return [verify(*claim) for claim in chunk]

    chunks = [unknown[start : start + CHUNK] for start in range(0, len(unknown), CHUNK)]
    verdicts = dict(zip(unknown, (good for part in mapper(judge, chunks) for good in part), strict=True))
    for claim, good in verdicts.items():
        if good:
            cached.learn(*claim)
    return [verdicts.get(claim, True) for claim in claims]
