"""Three kinds of error, with three different cures.

- The peer's (or client's) fault: `Rejected`. The input changed nothing; the driver counts it against the culprit.
- The caller's fault: ``ValueError``. Fix the call.
- Our own broken invariant: an assertion. It stops the process; nothing catches it.
"""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """Stable codes of everything that a peer or a client can do wrong. Codes are never renamed or reused."""

    MALFORMED = "malformed"  # not a canonical encoding of a known message
    OVERSIZED = "oversized"  # larger than the cap of its type
    WRONG_VERSION = "wrong-version"
    WRONG_NETWORK = "wrong-network"
    BAD_SIGNATURE = "bad-signature"
    BAD_PROOF = "bad-proof"  # does not show what it should


class Rejected(Exception):
    """An input refused because of its sender; nothing changed.

    Attributes:
        code: the stable code, for programs.
        reason: one clear line, for people.
        culprit: the identity at fault (32 bytes), or None where the sender is not known to be it.
    """

    def __init__(self, code: Code, reason: str, culprit: bytes | None = None) -> None:
        super().__init__(f"{code.value}: {reason}")
        self.code = code
        self.reason = reason
        self.culprit = culprit
