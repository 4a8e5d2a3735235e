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
    WRONG_PARAMS = "wrong-params"
    BAD_SIGNATURE = "bad-signature"
    BAD_KEY = "bad-key"  # not a key that may be registered, or no proof that its owner holds the secret
    WRONG_SHARD = "wrong-shard"
    NO_QUORUM = "no-quorum"  # signed by too few units
    BAD_PROOF = "bad-proof"  # does not show what it should

    # The ledger (docs/spec/ledger.md LE-13): why a transaction waits …
    NO_ACCOUNT = "no-account"  # the sender has no account (yet)
    WRONG_KEY = "wrong-key"  # signed by a key that is not the sender's (now)
    NONCE_AHEAD = "nonce-ahead"  # an earlier transaction of the sender is missing
    UNFUNDED = "unfunded"  # the sender cannot pay the fee (now)
    # … why it is refused without a charge …
    NONCE_USED = "nonce-used"  # another transaction of the sender has this nonce
    EXPIRED = "expired"  # block time is beyond its expiry
    FEE_TOO_LOW = "fee-too-low"
    # … and why its operation is refused.
    INSUFFICIENT_BALANCE = "insufficient-balance"
    ZERO_AMOUNT = "zero-amount"
    ACCOUNT_MINIMUM = "account-minimum"  # too little to open an account with
    NOT_A_MEMBER = "not-a-member"
    ALREADY_ADMITTED = "already-admitted"
    MEMBERSHIP_ENDED = "membership-ended"  # left, removed, or revoked
    NOT_LATER = "not-later"  # a renewal must extend the credential
    EPOCH_OUT_OF_RANGE = "epoch-out-of-range"  # an acknowledgement key for an epoch too near or too far
    KEY_ANNOUNCED = "key-announced"  # there is a key for this epoch already
    NOT_OWN_POSITION = "not-own-position"
    POSITION_TIME = "position-time"  # older than the last, too old, or from the future
    TOO_FEW_WITNESSES = "too-few-witnesses"
    WRONG_SERIAL = "wrong-serial"
    SUPPLY_LIMIT = "supply-limit"
    WRONG_PARENT = "wrong-parent"  # a reconfiguration on another block than the one that it names
    NO_RETIREMENTS = "no-retirements"  # not those that the block carries
    NOT_IN_BLOCKS = "not-in-blocks"  # a summons goes from node to node
    UNKNOWN_APPLICATION = "unknown-application"

    # Light clients (docs/spec/ledger.md LE-28, LE-29)
    STALE_CHECKPOINT = "stale-checkpoint"
    UNKNOWN_EPOCH = "unknown-epoch"  # before the checkpoint, beyond the last boundary followed, or forgotten


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
