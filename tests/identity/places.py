"""An authority and its members, at a time of the test's own choice."""

from __future__ import annotations

from pathlib import Path

from bac.crypto.keys import NodeSecrets
from bac.node.authority import DAY, Authority
from bac.node.credential import Credential
from bac.node.identity import make_request, read_request
from bac.node.keyfile import RANDOM
from bac.types import Micros
from bac.wire.transactions import Kind

PASSPHRASE = b"correct horse battery"
NOW = Micros(1_800_000_000_000_000)
YEAR = 365 * DAY


def later(days: int) -> Micros:
    """So many days after the beginning."""
    return Micros(NOW + days * DAY)


def secrets_of(number: int) -> NodeSecrets:
    """The secrets of a member."""
    return NodeSecrets.from_root(number.to_bytes(32, "big"))


def authority_in(directory: Path, name: str = "city") -> Authority:
    """A fresh authority that lives for ten years."""
    return Authority.create(directory, name, PASSPHRASE, NOW, Micros(NOW + 10 * YEAR), RANDOM)


def issued(authority: Authority, number: int = 1, days: int = 90, kind: Kind = Kind.VEHICLE) -> Credential:
    """The credential of a member, good for `days` from the beginning."""
    request = read_request(make_request(secrets_of(number), f"ev{number}", kind))
    return authority.issue(request, NOW, later(days))
