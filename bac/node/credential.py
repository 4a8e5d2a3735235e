"""Credentials: X.509 certificates that bind a signing key, an identity and a key of the random function to an expiry.

The authority signs with P-256, since the path validator of `cryptography` takes no Ed25519 issuers; the certified keys
are the network's own Ed25519 keys. Beyond what the validator checks, `verify` judges what it leaves out: the key usage,
the network's extensions, that the keys are valid keys, and the revocation list with its signature and its age.

Time is an argument everywhere. Consensus never reads a certificate: it knows the hash of one, and block time.

Sources: RFC 5280; RFC 8410 for Ed25519 keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from bac.crypto.ed25519 import is_valid_public
from bac.node.keyfile import Fault, IdentityProblem
from bac.types import Hash, Micros, NodeId
from bac.wire.transactions import Kind

_ARC: Final = "2.25.303726451874659164823771604712305514267"
VRF_KEY_OID: Final = x509.ObjectIdentifier(f"{_ARC}.1")
KIND_OID: Final = x509.ObjectIdentifier(f"{_ARC}.2")
AUTHORITY_KEY_OID: Final = x509.ObjectIdentifier(f"{_ARC}.3")
VRF_POSSESSION_OID: Final = x509.ObjectIdentifier(f"{_ARC}.4")
IDENTITY_SCHEME: Final = "bac:"
SECOND: Final = 1_000_000
PEM_BYTES_MAX: Final = 1 << 16
_NOT_ISSUED: Final = (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm)


@dataclass(frozen=True, slots=True)
class Credential:
    """A certificate, read.

    Attributes:
        certificate: as it was issued.
        name: for people.
        identity: the member that it is of: its first signing key.
        signing_key: the key that it certifies, 32 bytes.
        vrf_key: the key of the random function, 32 bytes.
        kind: vehicle, relay or station.
        not_before, not_after: µs.
    """

    certificate: x509.Certificate
    name: str
    identity: NodeId
    signing_key: bytes
    vrf_key: bytes
    kind: Kind
    not_before: Micros
    not_after: Micros

    @property
    def serial(self) -> int:
        """The authority's number for it."""
        return self.certificate.serial_number

    @property
    def der(self) -> bytes:
        """The certificate's bytes."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        """The same, for files."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def hash(self) -> Hash:
        """What the chain knows of it: SHA-256 of its bytes, as common tools print it."""
        return Hash(sha256(self.der).digest())


@dataclass(frozen=True, slots=True)
class AuthorityCertificate:
    """The authority's own certificate, read: the root of trust, and the key that signs its orders on the chain."""

    certificate: x509.Certificate
    public: bytes
    not_before: Micros
    not_after: Micros


def to_datetime(time: Micros) -> datetime:
    """`time` as X.509 writes it; ValueError beyond the year 9999."""
    try:
        return datetime.fromtimestamp(time // SECOND, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError("a time beyond the year 9999") from error


def to_micros(time: datetime) -> Micros:
    """Whole seconds, in µs."""
    return Micros(int(time.timestamp()) * SECOND)


def parse(data: bytes) -> Credential:
    """The credential that `data` (PEM or DER) holds. It is not judged: see `verify`.

    Raises:
        IdentityProblem: `BAD_CREDENTIAL`.
    """
    certificate = parse_certificate(data)
    try:
        extensions = certificate.extensions
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        identity = _identity_in(names.get_values_for_type(x509.UniformResourceIdentifier))
        return Credential(
            certificate,
            common_name(certificate.subject),
            identity,
            raw_ed25519(certificate.public_key()),
            raw_extension(extensions, VRF_KEY_OID),
            Kind(raw_extension(extensions, KIND_OID)[0]),
            to_micros(certificate.not_valid_before_utc),
            to_micros(certificate.not_valid_after_utc),
        )
    except (ValueError, IndexError, x509.ExtensionNotFound, x509.DuplicateExtension) as error:
        raise IdentityProblem(Fault.BAD_CREDENTIAL, f"not a credential of this network: {error}") from error


def parse_authority(data: bytes) -> AuthorityCertificate:
    """The authority's certificate that `data` holds.

    Raises:
        IdentityProblem: `BAD_CREDENTIAL`.
    """
    certificate = parse_certificate(data)
    try:
        certificate.verify_directly_issued_by(certificate)
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        public = raw_extension(certificate.extensions, AUTHORITY_KEY_OID)
    except (*_NOT_ISSUED, x509.ExtensionNotFound, x509.DuplicateExtension) as error:
        raise IdentityProblem(Fault.BAD_CREDENTIAL, f"not the certificate of an authority: {error}") from error
    if not basic.ca or not is_valid_public(public):
        raise IdentityProblem(Fault.BAD_CREDENTIAL, "not the certificate of an authority")
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return AuthorityCertificate(certificate, public, to_micros(begin), to_micros(end))


def parse_certificate(data: bytes) -> x509.Certificate:
    """The one certificate in `data`, PEM or DER; IdentityProblem `BAD_CREDENTIAL` for anything else."""
    if len(data) > PEM_BYTES_MAX:
        raise IdentityProblem(Fault.BAD_CREDENTIAL, "too large for a certificate")
    try:
        is_pem = data.lstrip().startswith(b"-----BEGIN")
        return x509.load_pem_x509_certificate(data) if is_pem else x509.load_der_x509_certificate(data)
    except ValueError as error:
        raise IdentityProblem(Fault.BAD_CREDENTIAL, "not a certificate, or a damaged one") from error


def parse_list(data: bytes) -> x509.CertificateRevocationList:
    """A revocation list (PEM); IdentityProblem `BAD_LIST` for anything else."""
    try:
        return x509.load_pem_x509_crl(data)
    except ValueError as error:
        raise IdentityProblem(Fault.BAD_LIST, "not a revocation list, or a damaged one") from error


def list_number(revoked: x509.CertificateRevocationList) -> int:
    """How many lists there were before this one."""
    return revoked.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def next_update(revoked: x509.CertificateRevocationList) -> Micros:
    """Until when the list is believed; 0 for one without a date."""
    due = revoked.next_update_utc
    return Micros(0) if due is None else to_micros(due)


def verify(
    credential: Credential, authority: AuthorityCertificate, revoked: x509.CertificateRevocationList, now: Micros
) -> None:
    """Judges a credential at the time `now`, offline.

    Raises:
        IdentityProblem: `STRANGER`, `NOT_YET_VALID`, `EXPIRED`, `BAD_CREDENTIAL`, `BAD_LIST`, `STALE_LIST`, `REVOKED`.
    """
    verify_form(credential, authority, now)
    check_list(revoked, authority, Micros(0))
    if revoked.get_revoked_certificate_by_serial_number(credential.serial) is not None:
        raise IdentityProblem(Fault.REVOKED, f"the credential of {credential.name} was revoked")
    check_list(revoked, authority, now)


def verify_form(credential: Credential, authority: AuthorityCertificate, now: Micros) -> None:
    """Judges all but revocation.

    Raises:
        IdentityProblem: `STRANGER`, `NOT_YET_VALID`, `EXPIRED`, `BAD_CREDENTIAL`.
    """
    _check_times(credential, authority, now)
    try:
        credential.certificate.verify_directly_issued_by(authority.certificate)
    except _NOT_ISSUED as error:
        raise IdentityProblem(Fault.STRANGER, "issued by another authority, or altered") from error
    verifier = PolicyBuilder().store(Store([authority.certificate])).time(to_datetime(now)).build_client_verifier()
    try:
        verifier.verify(credential.certificate, [])
    except VerificationError as error:
        raise IdentityProblem(Fault.BAD_CREDENTIAL, f"refused by the path validation: {error}") from error
    _check_form(credential)


def check_list(revoked: x509.CertificateRevocationList, authority: AuthorityCertificate, now: Micros) -> None:
    """Judges a revocation list: whose it is, and whether a newer one is due.

    Raises:
        IdentityProblem: `BAD_LIST`, `STALE_LIST`.
    """
    key = authority.certificate.public_key()
    if revoked.issuer != authority.certificate.subject or not isinstance(key, ec.EllipticCurvePublicKey):
        raise IdentityProblem(Fault.BAD_LIST, "the revocation list is of another authority")
    if not revoked.is_signature_valid(key):
        raise IdentityProblem(Fault.BAD_LIST, "the revocation list is not signed by this authority")
    if now > next_update(revoked):
        raise IdentityProblem(Fault.STALE_LIST, "a newer revocation list is due: ask the authority for it")


def _check_times(credential: Credential, authority: AuthorityCertificate, now: Micros) -> None:
    if now < credential.not_before:
        raise IdentityProblem(Fault.NOT_YET_VALID, f"valid from {to_datetime(credential.not_before):%F %T}Z on")
    if now > credential.not_after:
        raise IdentityProblem(Fault.EXPIRED, f"expired at {to_datetime(credential.not_after):%F %T}Z: renew it")
    if now > authority.not_after:
        raise IdentityProblem(Fault.EXPIRED, "the authority's own certificate has expired")


def _check_form(credential: Credential) -> None:
    """What the path validation leaves to the application."""
    extensions = credential.certificate.extensions
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
        purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        is_authority = extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound as error:
        raise IdentityProblem(Fault.BAD_CREDENTIAL, f"an extension is missing: {error}") from error
    fits = usage.digital_signature and not usage.key_cert_sign and not is_authority
    if not fits or list(purposes) != [ExtendedKeyUsageOID.CLIENT_AUTH]:
        raise IdentityProblem(Fault.BAD_CREDENTIAL, "certified for another use")
    if not all(map(is_valid_public, (credential.identity, credential.signing_key, credential.vrf_key))):
        raise IdentityProblem(Fault.BAD_CREDENTIAL, "a key in it is not a valid key")


def raw_extension(extensions: x509.Extensions, oid: x509.ObjectIdentifier) -> bytes:
    """The bytes under one of the network's own extensions."""
    value = extensions.get_extension_for_oid(oid).value
    if not isinstance(value, x509.UnrecognizedExtension):
        raise ValueError("an extension under the network's number that is not the network's")  # noqa: TRY004
    return value.value


def raw_ed25519(key: object) -> bytes:
    """The 32 bytes of an Ed25519 public key; ValueError for another kind of key."""
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise ValueError("the certified key is not an Ed25519 key")  # noqa: TRY004
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def common_name(name: x509.Name) -> str:
    """The one common name in it; ValueError if there is another number of them."""
    values = [str(attribute.value) for attribute in name.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if len(values) != 1:
        raise ValueError("a credential has one common name")
    return values[0]


def _identity_in(uris: list[str]) -> NodeId:
    if len(uris) != 1 or not uris[0].startswith(IDENTITY_SCHEME):
        raise ValueError("a credential names one identity")
    identity = bytes.fromhex(uris[0].removeprefix(IDENTITY_SCHEME))
    if len(identity) != 32:
        raise ValueError("an identity has 32 bytes")
    return NodeId(identity)
