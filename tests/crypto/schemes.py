"""The four quorum schemes under test, real and stand-in."""

from __future__ import annotations

import hashlib

from bac.crypto.bls import Bls
from bac.crypto.ed25519_list import Ed25519List
from bac.crypto.metered import Meter, MeteredQuorum
from bac.crypto.standin import StandInQuorum
from bac.crypto.suite import QuorumScheme

MASTER = bytes(range(32))
SCHEMES: dict[str, QuorumScheme] = {
    "list": Ed25519List(),
    "bls": Bls(),
    "stand-in list": StandInQuorum(MASTER, "ed25519-list"),
    "stand-in bls": StandInQuorum(MASTER, "bls"),
    "metered stand-in bls": MeteredQuorum(StandInQuorum(MASTER, "bls"), Meter()),
}


def seed(label: object) -> bytes:
    return hashlib.sha256(str(label).encode()).digest()
