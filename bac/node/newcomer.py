"""Members that come while the network lives: a node that is in no genesis.

A newcomer has its own keys, a credential of the authority, and the authority's order that admits it, which it brings in
itself: that is free (docs/spec/ledger.md LE-16), and needs nobody's coins. Until the order is on the chain it follows
as an applicant (`bac.node.peers`). From the next epoch on it is a member; when it votes is the engine's matter.

A network whose directory has no authority that issues credentials lets in members alone: there the order is brought in
through a node that runs, and the newcomer gets in once it acts.

Source: docs/spec/node.md NO-23, NO-24, NO-27.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bac.crypto.ed25519 import Ed25519KeyPair
from bac.crypto.keys import NodeSecrets
from bac.genesis import NO_CREDENTIAL
from bac.node.authority import Authority, admit_order
from bac.node.credential import Credential
from bac.node.engine import Member
from bac.node.identity import identity_of, make_request, new_secrets, read_request, save_secrets
from bac.node.keyfile import RANDOM, write_file
from bac.node.network import CREDENTIAL_LIFE, FILE, Home, Network, load
from bac.types import Micros, NodeId
from bac.wire.codec import encode
from bac.wire.transactions import (
    Admit,
    AuthorityOrder,
    Kind,
    Operation,
    Order,
    SignedTransaction,
    Transaction,
    order_preimage,
    transaction_preimage,
)
from election import vrf

VALID_US: Final = 600_000_000
"""How long what is handed in here may take to be ordered."""
FOREVER: Final = Micros(2**60)


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A node that is on nobody's list yet, and the transaction that puts it there."""

    network: Network
    home: Home
    admission: bytes


def enlist(network: Network, now: Micros, ca: Authority | None) -> Newcomer:
    """Makes the keys, credential and directory of one more node, and writes it into ``net.toml``.

    `ca` is the network's authority, opened; None where the network has one that signs orders alone.

    Raises:
        IdentityProblem: as `bac.node.authority.Authority.issue`.
    """
    name = _free_name(network)
    secrets = new_secrets()
    home = Home(name, identity_of(secrets), network.path / "nodes" / name)
    home.path.mkdir(mode=0o700)
    save_secrets(home.path / "node.key", secrets, (network.path / "passphrase").read_bytes(), RANDOM)
    member = network.engine.join(network.genesis, secrets)
    if ca is None:
        order, admit = sign_orders(network.authority(), member), _admit(secrets, home.identity)
    else:
        credential = _certify(home, secrets, ca, now)
        order, admit = (lambda wanted: ca.order(wanted, member.network, member.shard)), admit_order(credential)
    admission = sign(member, order(admit), nonce=0, now=now)
    entry = f'\n[[node]]\nname = {json.dumps(name)}\nidentity = "{home.identity.hex()}"\n'
    listed = (network.path / FILE).read_text() + entry
    write_file(network.path / FILE, listed.encode(), replace=True, mode=0o644)
    return Newcomer(load(network.path), home, admission)


def _free_name(network: Network) -> str:
    place = len(network.homes)
    while (name := f"n{place:02d}") in network.homes or (network.path / "nodes" / name).exists():
        place += 1
    return name


def _certify(home: Home, secrets: NodeSecrets, ca: Authority, now: Micros) -> Credential:
    request = read_request(make_request(secrets, home.name, Kind.VEHICLE))
    issued = ca.issue(request, now, Micros(min(now + CREDENTIAL_LIFE, ca.register.authority.not_after)))
    write_file(home.credential, issued.pem, mode=0o644)
    return issued


def _admit(secrets: NodeSecrets, identity: NodeId) -> Admit:
    return Admit(identity, Kind.VEHICLE, bytes(vrf.public_key(secrets.vrf)), FOREVER, NO_CREDENTIAL)


def sign_orders(authority: Ed25519KeyPair, member: Member) -> Callable[[AuthorityOrder], Order]:
    """What signs orders for the network of `member`, where the authority has a key and nothing else."""

    def order(wanted: AuthorityOrder) -> Order:
        content = encode(wanted)
        return Order(content, authority.sign(order_preimage(member.network, member.shard, content)))

    return order


def sign(member: Member, operation: Operation, *, nonce: int, now: Micros, fee: int = 0) -> bytes:
    """A transaction of the node whose view `member` is, encoded."""
    expiry = Micros(now + VALID_US)
    public = member.keys.public
    content = encode(Transaction(member.network, member.shard, NodeId(public), public, nonce, fee, expiry, operation))
    return encode(
        SignedTransaction(content, member.keys.sign(transaction_preimage(member.network, member.shard, content)))
    )
