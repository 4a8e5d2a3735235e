"""The identity of a node: its secrets in one encrypted file, and the request that asks an authority to certify them.

A request is a PKCS #10 file: signed by the signing key, and carrying the key of the random function with a proof that
its owner holds that secret, too. The authority never sees a secret.

Sources: RFC 2986; docs/spec/wire.md WI-26 for the separation of the seeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from nacl.utils import random as random_bytes

from bac.crypto.ed25519 import Ed25519KeyPair, is_valid_public
from bac.crypto.keys import NodeSecrets
from bac.crypto.suite import SEED_BYTES
from bac.node.credential import (
    KIND_OID,
    PEM_BYTES_MAX,
    VRF_KEY_OID,
    VRF_POSSESSION_OID,
    common_name,
    raw_ed25519,
    raw_extension,
)
from bac.node.keyfile import PERSON, Cost, Fault, IdentityProblem, Label, read_secret_file, seal, unseal, write_file
from bac.types import NodeId
from bac.wire.transactions import Kind
from election import vrf

NODE: Final = "node"
"""The kind of a node's key file."""
NAME_CHARACTERS_MAX: Final = 64
_POSSESSION_PREFIX: Final = b"\x12bac/vrf-possession"


@dataclass(frozen=True, slots=True)
class Request:
    """What a node asks an authority to certify; its keys are proven to be its own."""

    name: str
    kind: Kind
    identity: NodeId
    vrf_key: bytes


def new_secrets() -> NodeSecrets:
    """Three fresh seeds from the system's generator, none derived from another."""
    return NodeSecrets(random_bytes(SEED_BYTES), random_bytes(SEED_BYTES), random_bytes(SEED_BYTES))


def identity_of(secrets: NodeSecrets) -> NodeId:
    """The identity of who holds these secrets."""
    return NodeId(Ed25519KeyPair.from_seed(secrets.signing).public)


def save_secrets(
    path: Path, secrets: NodeSecrets, passphrase: bytes, cost: Cost = PERSON, *, replace: bool = False
) -> None:
    """Writes a node's key file.

    Raises:
        FileExistsError: there is one, and `replace` is not set.
        IdentityProblem: `WEAK`.
    """
    joined = secrets.signing + secrets.vrf + secrets.acknowledgement
    write_file(path, seal(Label(NODE, identity_of(secrets)), joined, passphrase, cost), replace=replace)


def load_secrets(path: Path, passphrase: bytes) -> NodeSecrets:
    """Reads a node's key file.

    Raises:
        IdentityProblem: as `bac.node.keyfile.unseal` and `read_secret_file`.
        FileNotFoundError: there is none.
    """
    label, joined = unseal(read_secret_file(path), NODE, passphrase)
    if len(joined) != 3 * SEED_BYTES:
        raise IdentityProblem(Fault.DAMAGED_FILE, f"{path} does not hold the secrets of a node")
    secrets = NodeSecrets(*(joined[start : start + SEED_BYTES] for start in range(0, len(joined), SEED_BYTES)))
    if identity_of(secrets) != label.public:
        raise IdentityProblem(Fault.DAMAGED_FILE, f"{path} bears the name of another key")
    return secrets


def check_name(name: str) -> str:
    """`name` itself, if a certificate can bear it and a file can be called so; else ValueError."""
    fits = 0 < len(name) <= NAME_CHARACTERS_MAX and name.isascii() and name[0].isalnum()
    if not fits or not all(each.isalnum() or each in "-_." for each in name):
        raise ValueError(f"a name has 1 to {NAME_CHARACTERS_MAX} of a-z A-Z 0-9 - _ . and begins with one of the first")
    return name


def make_request(secrets: NodeSecrets, name: str, kind: Kind) -> bytes:
    """The request (PEM) of who holds `secrets`; ValueError for a name that cannot be borne."""
    identity = identity_of(secrets)
    proof = vrf.prove(secrets.vrf, _possession(identity))
    builder = x509.CertificateSigningRequestBuilder(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, check_name(name))])
    )
    for oid, value in (
        (VRF_KEY_OID, bytes(vrf.public_key(secrets.vrf))),
        (VRF_POSSESSION_OID, proof),
        (KIND_OID, bytes((kind,))),
    ):
        builder = builder.add_extension(x509.UnrecognizedExtension(oid, value), critical=False)
    key = Ed25519PrivateKey.from_private_bytes(secrets.signing)
    return builder.sign(key, None).public_bytes(Encoding.PEM)


def read_request(data: bytes) -> Request:
    """The request that `data` (PEM) holds, with both possessions shown.

    Raises:
        IdentityProblem: `BAD_REQUEST`.
    """
    try:
        asked = x509.load_pem_x509_csr(data[: PEM_BYTES_MAX + 1])
        identity = NodeId(raw_ed25519(asked.public_key()))
        kind = Kind(raw_extension(asked.extensions, KIND_OID)[0])
        vrf_key = raw_extension(asked.extensions, VRF_KEY_OID)
        proof = raw_extension(asked.extensions, VRF_POSSESSION_OID)
        request = Request(check_name(common_name(asked.subject)), kind, identity, vrf_key)
    except (ValueError, IndexError, x509.ExtensionNotFound, x509.DuplicateExtension) as error:
        raise IdentityProblem(Fault.BAD_REQUEST, f"not a request for a credential: {error}") from error
    if not asked.is_signature_valid or not is_valid_public(identity) or not is_valid_public(vrf_key):
        raise IdentityProblem(Fault.BAD_REQUEST, "the request is not signed by the key that it names")
    try:
        vrf.verify(vrf_key, _possession(identity), proof)
    except vrf.InvalidProof as error:
        raise IdentityProblem(Fault.BAD_REQUEST, "no proof of possession of the key of the random function") from error
    return request


def _possession(identity: NodeId) -> bytes:
    """What is proven on: nothing that an election ever draws from."""
    return _POSSESSION_PREFIX + identity
