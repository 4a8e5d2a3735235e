"""The authority of a network: issues credentials, revokes them, and signs the orders that the chain carries out.

Its directory holds `ca.pem` (its certificate), `ca.key` (its two secrets, encrypted: the P-256 key that signs
certificates, and the Ed25519 seed that signs orders on the chain), `crl.pem` (what is revoked), and `issued/`, every
credential ever issued, by serial number. There is no further index that could disagree with these.

Reading and judging takes no passphrase. Time is an argument.

Sources: RFC 5280; docs/spec/ledger.md LE-16 for the orders.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from nacl.utils import random as random_bytes

from bac.crypto.ed25519 import Ed25519KeyPair
from bac.crypto.suite import SEED_BYTES
from bac.node import credential as credentials
from bac.node.credential import (
    AUTHORITY_KEY_OID,
    IDENTITY_SCHEME,
    KIND_OID,
    SECOND,
    VRF_KEY_OID,
    AuthorityCertificate,
    Credential,
    to_datetime,
)
from bac.node.identity import Request, check_name
from bac.node.keyfile import PERSON, Cost, Fault, IdentityProblem, Label, read_secret_file, seal, unseal, write_file
from bac.types import Hash, Micros
from bac.wire.codec import encode
from bac.wire.transactions import Admit, AuthorityOrder, Order, Renew, Revoke, order_preimage

AUTHORITY: Final = "authority"
"""The kind of an authority's key file."""
DAY: Final = 86_400 * SECOND
LIST_LIFE: Final = Micros(30 * DAY)
"""How old a revocation list may become before nobody believes it."""
SCALAR_BYTES: Final = 32
PUBLIC_MODE: Final = 0o644


@dataclass(frozen=True, slots=True)
class Register:
    """What an authority has published: all that judging takes."""

    directory: Path
    authority: AuthorityCertificate
    revoked: x509.CertificateRevocationList

    @classmethod
    def open(cls, directory: Path) -> Register:
        """Reads the certificate and the revocation list.

        Raises:
            FileNotFoundError: there is no authority here.
            IdentityProblem: `BAD_CREDENTIAL`, `BAD_LIST`.
        """
        authority = credentials.parse_authority((directory / "ca.pem").read_bytes())
        return cls(directory, authority, credentials.parse_list((directory / "crl.pem").read_bytes()))

    def issued(self) -> Iterator[Credential]:
        """Every credential ever issued, by serial number."""
        for path in sorted((self.directory / "issued").glob("*.pem")):
            yield credentials.parse(path.read_bytes())

    def standing(self, credential: Credential, now: Micros) -> Fault | None:
        """What is wrong with a credential at the time `now`; None for nothing."""
        try:
            credentials.verify(credential, self.authority, self.revoked, now)
        except IdentityProblem as problem:
            return problem.fault
        return None

    def is_revoked(self, credential: Credential) -> bool:
        """Whether its serial number stands in the list."""
        return self.revoked.get_revoked_certificate_by_serial_number(credential.serial) is not None


@dataclass(frozen=True, slots=True, repr=False)
class Authority:
    """An authority whose secrets are open.

    Attributes:
        register: what it has published when it was opened; every change returns a new authority or writes a file.
        certifying: signs certificates and lists.
        ordering: signs orders on the chain; its public side stands in genesis.
    """

    register: Register
    certifying: ec.EllipticCurvePrivateKey
    ordering: Ed25519KeyPair

    @classmethod
    def create(
        cls, directory: Path, name: str, passphrase: bytes, now: Micros, not_after: Micros, cost: Cost = PERSON
    ) -> Authority:
        """Makes a new authority in `directory`, which is made, too.

        Raises:
            FileExistsError: there is one already.
            IdentityProblem: `WEAK`.
            ValueError: the name, or the times.
        """
        check_name(name)
        if (directory / "ca.pem").exists():
            raise FileExistsError(17, "there is an authority already", str(directory / "ca.pem"))
        certifying = ec.generate_private_key(ec.SECP256R1())
        seed = random_bytes(SEED_BYTES)
        ordering = Ed25519KeyPair.from_seed(seed)
        scalar = certifying.private_numbers().private_value.to_bytes(SCALAR_BYTES, "big")
        sealed = seal(Label(AUTHORITY, ordering.public), scalar + seed, passphrase, cost)
        certificate = _self_signed(certifying, name, ordering.public, now, not_after)
        (directory / "issued").mkdir(parents=True, exist_ok=True)
        write_file(directory / "ca.key", sealed)
        write_file(directory / "crl.pem", _pem(_empty_list(certificate, certifying, now)), mode=PUBLIC_MODE)
        write_file(directory / "ca.pem", _pem(certificate), mode=PUBLIC_MODE)
        return cls(Register.open(directory), certifying, ordering)

    @classmethod
    def open(cls, directory: Path, passphrase: bytes) -> Authority:
        """Opens the secrets of an authority.

        Raises:
            FileNotFoundError: there is no authority here.
            IdentityProblem: as `bac.node.keyfile.unseal`; `DAMAGED_FILE` if key and certificate do not belong together.
        """
        register = Register.open(directory)
        label, joined = unseal(read_secret_file(directory / "ca.key"), AUTHORITY, passphrase)
        certifying = ec.derive_private_key(int.from_bytes(joined[:SCALAR_BYTES], "big"), ec.SECP256R1())
        ordering = Ed25519KeyPair.from_seed(joined[SCALAR_BYTES:])
        certified = register.authority.certificate.public_key()
        if label.public != register.authority.public or certifying.public_key() != certified:
            raise IdentityProblem(Fault.DAMAGED_FILE, f"ca.key and ca.pem in {directory} are of different authorities")
        return cls(register, certifying, ordering)

    def issue(self, request: Request, now: Micros, not_after: Micros) -> Credential:
        """Certifies what `request` asks for, and keeps a copy.

        Raises:
            IdentityProblem: `ALREADY_ISSUED` (its identity has a credential that is good), `REVOKED`,
                `BEYOND_AUTHORITY`.
        """
        return self.issue_all([request], now, not_after)[0]

    def issue_all(self, requests: Sequence[Request], now: Micros, not_after: Micros) -> list[Credential]:
        """As `issue`, for many, of which each has its own identity; the first that is refused ends it."""
        issued = list(self.register.issued())
        return [self._issue(each, issued, now, not_after) for each in requests]

    def _issue(self, request: Request, issued: Sequence[Credential], now: Micros, not_after: Micros) -> Credential:
        held = [each for each in issued if each.identity == request.identity]
        if any(self.register.standing(each, now) in (None, Fault.NOT_YET_VALID) for each in held):
            raise IdentityProblem(Fault.ALREADY_ISSUED, f"{request.name} has a good credential: renew it, or revoke it")
        if any(self.register.is_revoked(each) for each in held):
            raise IdentityProblem(Fault.REVOKED, f"the identity of {request.name} was revoked for good")
        return self._certify(request, now, not_after)

    def renew(self, credential: Credential, now: Micros, not_after: Micros) -> Credential:
        """Certifies the same keys for longer; also after they have expired.

        Raises:
            IdentityProblem: `STRANGER`, `REVOKED` and so on; `NOT_LATER`, `BEYOND_AUTHORITY`.
        """
        judged = min(max(now, credential.not_before), credential.not_after)
        credentials.verify(credential, self.register.authority, self._fresh_list(judged), judged)
        if not_after // SECOND * SECOND <= credential.not_after:
            raise IdentityProblem(Fault.NOT_LATER, "a renewal ends later than what it renews")
        request = Request(credential.name, credential.kind, credential.identity, credential.vrf_key)
        return self._certify(request, now, not_after)

    def revoke(self, revoked: list[Credential], now: Micros) -> x509.CertificateRevocationList:
        """Puts credentials on the list, writes the list, and returns it. Those that are on it stay as they are.

        With none it renews the list, which grows old.
        """
        present = self.register.revoked
        builder = _list_builder(self.register.authority.certificate, credentials.list_number(present) + 1, now)
        for entry in present:
            builder = builder.add_revoked_certificate(entry)
        for each in revoked:
            if not self.register.is_revoked(each):
                builder = builder.add_revoked_certificate(
                    x509.RevokedCertificateBuilder(each.serial, to_datetime(now)).build()
                )
        signed = builder.sign(self.certifying, hashes.SHA256())
        write_file(self.register.directory / "crl.pem", _pem(signed), replace=True, mode=PUBLIC_MODE)
        return signed

    def order(self, order: AuthorityOrder, network: Hash, shard: int) -> Order:
        """`order`, signed for one shard of one network."""
        content = encode(order)
        return Order(content, self.ordering.sign(order_preimage(network, shard, content)))

    def _fresh_list(self, now: Micros) -> x509.CertificateRevocationList:
        """The list as of `now`: the authority itself knows that it is complete, whatever its age."""
        present = self.register.revoked
        credentials.check_list(present, self.register.authority, credentials.to_micros(present.last_update_utc))
        builder = _list_builder(self.register.authority.certificate, 0, now)
        for entry in present:
            builder = builder.add_revoked_certificate(entry)
        return builder.sign(self.certifying, hashes.SHA256())

    def _certify(self, request: Request, now: Micros, not_after: Micros) -> Credential:
        issuer = self.register.authority
        if not_after > issuer.not_after:
            end = to_datetime(issuer.not_after)
            raise IdentityProblem(Fault.BEYOND_AUTHORITY, f"the authority's own certificate ends at {end:%F %T}Z")
        builder = _leaf_builder(request, issuer.certificate, now, not_after)
        issued = credentials.parse(_pem(builder.sign(self.certifying, hashes.SHA256())))
        path = self.register.directory / "issued" / f"{issued.serial:040x}.pem"
        write_file(path, issued.pem, mode=PUBLIC_MODE)
        return issued


def admit_order(credential: Credential) -> Admit:
    """What admits the holder of `credential` to a chain."""
    return Admit(credential.identity, credential.kind, credential.vrf_key, credential.not_after, credential.hash)


def renew_order(credential: Credential) -> Renew:
    """What gives the holder of a renewed `credential` its later end on a chain."""
    keys = (credential.signing_key, credential.vrf_key)
    return Renew(credential.identity, *keys, credential.not_after, credential.hash)


def revoke_order(credential: Credential) -> Revoke:
    """What ends the membership of the holder of `credential` on a chain."""
    return Revoke(credential.identity)


# ---------------------------------------------------------------- X.509


def _pem(signed: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    return signed.public_bytes(Encoding.PEM)


def _usage(*, leaf: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=leaf, key_cert_sign=not leaf, crl_sign=not leaf, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _self_signed(
    key: ec.EllipticCurvePrivateKey, name: str, ordering: bytes, now: Micros, not_after: Micros
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(to_datetime(now))
        .not_valid_after(to_datetime(not_after))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(leaf=False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.UnrecognizedExtension(AUTHORITY_KEY_OID, ordering), critical=False)
        .sign(key, hashes.SHA256())
    )


def _leaf_builder(
    request: Request, issuer: x509.Certificate, now: Micros, not_after: Micros
) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, request.name)])
    key = ed25519.Ed25519PublicKey.from_public_bytes(request.identity)
    identity = x509.UniformResourceIdentifier(IDENTITY_SCHEME + request.identity.hex())
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(_p256(issuer))
    return (
        x509.CertificateBuilder(issuer.subject, subject, key, x509.random_serial_number())
        .not_valid_before(to_datetime(now))
        .not_valid_after(to_datetime(not_after))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(leaf=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([identity]), critical=False)
        .add_extension(above, critical=False)
        .add_extension(x509.UnrecognizedExtension(VRF_KEY_OID, request.vrf_key), critical=False)
        .add_extension(x509.UnrecognizedExtension(KIND_OID, bytes((request.kind,))), critical=False)
    )


def _p256(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise IdentityProblem(Fault.BAD_CREDENTIAL, "the authority's key is not a P-256 key")
    return key


def _list_builder(issuer: x509.Certificate, number: int, now: Micros) -> x509.CertificateRevocationListBuilder:
    begin = to_datetime(now)
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(_p256(issuer))
    return (
        x509.CertificateRevocationListBuilder(issuer.subject, begin, begin + timedelta(seconds=LIST_LIFE // SECOND))
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(above, critical=False)
    )


def _empty_list(
    issuer: x509.Certificate, key: ec.EllipticCurvePrivateKey, now: Micros
) -> x509.CertificateRevocationList:
    return _list_builder(issuer, 0, now).sign(key, hashes.SHA256())
