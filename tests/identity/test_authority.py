"""The authority: what it issues is what was asked for, and every way of not being good has its own name."""

from __future__ import annotations

import base64
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from bac.crypto.production import Production
from bac.intake import Intake
from bac.node import credential as credentials
from bac.node.authority import DAY, LIST_LIFE, Authority, Register, admit_order, renew_order, revoke_order
from bac.node.credential import SECOND, Credential, parse
from bac.node.identity import identity_of, make_request, read_request
from bac.node.keyfile import Fault, IdentityProblem
from bac.types import Hash, Micros
from bac.wire.codec import encode
from bac.wire.transactions import (
    Admit,
    AuthorityOrder,
    Kind,
    Order,
    Renew,
    SignedTransaction,
    Transaction,
    transaction_preimage,
)
from election import vrf
from tests.identity.places import NOW, PASSPHRASE, YEAR, authority_in, issued, later, secrets_of


def fault_at(register: Register, credential: Credential, now: Micros) -> Fault | None:
    return register.standing(credential, now)


def test_a_credential_binds_identity_keys_kind_and_expiry(tmp_path: Path) -> None:
    authority = authority_in(tmp_path)
    credential = issued(authority, 1, kind=Kind.STATION)
    secrets = secrets_of(1)
    assert credential.identity == credential.signing_key == identity_of(secrets)
    assert credential.vrf_key == vrf.public_key(secrets.vrf)
    assert (credential.name, credential.kind, credential.not_after) == ("ev1", Kind.STATION, later(90))
    again = parse(credential.pem)
    assert again == credential
    assert parse(credential.der) == credential
    body = b"".join(credential.pem.splitlines()[1:-1])
    assert credential.hash == sha256(base64.b64decode(body)).digest()
    assert Register.open(tmp_path).standing(credential, NOW) is None


def test_the_authority_opens_again_with_its_passphrase_alone(tmp_path: Path) -> None:
    public = authority_in(tmp_path).ordering.public
    assert Authority.open(tmp_path, PASSPHRASE).ordering.public == public == Register.open(tmp_path).authority.public
    with pytest.raises(IdentityProblem) as caught:
        Authority.open(tmp_path, b"another passphrase")
    assert caught.value.fault is Fault.LOCKED
    with pytest.raises(FileExistsError):
        authority_in(tmp_path)
    assert (tmp_path / "ca.key").stat().st_mode & 0o777 == 0o600


def test_key_and_certificate_of_two_authorities_do_not_mix(tmp_path: Path) -> None:
    authority_in(tmp_path / "a")
    authority_in(tmp_path / "b")
    (tmp_path / "a" / "ca.key").replace(tmp_path / "b" / "ca.key")
    with pytest.raises(IdentityProblem) as caught:
        Authority.open(tmp_path / "b", PASSPHRASE)
    assert caught.value.fault is Fault.DAMAGED_FILE


def test_time_is_an_argument(tmp_path: Path) -> None:
    credential = issued(authority_in(tmp_path), days=20)
    register = Register.open(tmp_path)
    assert fault_at(register, credential, Micros(NOW - SECOND)) is Fault.NOT_YET_VALID
    assert fault_at(register, credential, NOW) is None
    assert fault_at(register, credential, later(20)) is None
    assert fault_at(register, credential, Micros(later(20) + SECOND)) is Fault.EXPIRED


def test_revocation_is_on_a_signed_list_that_grows_old(tmp_path: Path) -> None:
    authority = authority_in(tmp_path)
    bad, good = issued(authority, 1), issued(authority, 2)
    authority.revoke([bad], later(1))
    register = Register.open(tmp_path)
    assert fault_at(register, bad, later(2)) is Fault.REVOKED
    assert fault_at(register, good, later(2)) is None
    stale = Micros(later(1) + LIST_LIFE + SECOND)
    assert fault_at(register, good, stale) is Fault.STALE_LIST
    Authority.open(tmp_path, PASSPHRASE).revoke([], stale)
    renewed = Register.open(tmp_path)
    assert fault_at(renewed, good, stale) is None
    assert fault_at(renewed, bad, stale) is Fault.REVOKED
    assert renewed.revoked.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 2


def test_a_revoked_identity_gets_no_second_credential(tmp_path: Path) -> None:
    authority = authority_in(tmp_path)
    credential = issued(authority)
    with pytest.raises(IdentityProblem) as caught:
        issued(authority)
    assert caught.value.fault is Fault.ALREADY_ISSUED
    authority.revoke([credential], later(1))
    reopened = Authority.open(tmp_path, PASSPHRASE)
    with pytest.raises(IdentityProblem) as caught:
        issued(reopened)
    assert caught.value.fault is Fault.REVOKED
    with pytest.raises(IdentityProblem) as caught:
        reopened.renew(credential, later(1), later(200))
    assert caught.value.fault is Fault.REVOKED


def test_renewal_keeps_the_keys_and_ends_later_before_and_after_expiry(tmp_path: Path) -> None:
    authority = authority_in(tmp_path)
    first = issued(authority, days=90)
    second = authority.renew(first, later(80), later(180))
    third = authority.renew(second, later(400), later(500))
    for renewed, day in ((second, 80), (third, 400)):
        assert (renewed.identity, renewed.vrf_key, renewed.kind) == (first.identity, first.vrf_key, first.kind)
        authority.revoke([], later(day))
        assert fault_at(Register.open(tmp_path), renewed, later(day)) is None
    assert len({each.serial for each in (first, second, third)}) == 3
    with pytest.raises(IdentityProblem) as caught:
        authority.renew(third, later(410), third.not_after)
    assert caught.value.fault is Fault.NOT_LATER
    with pytest.raises(IdentityProblem) as caught:
        authority.renew(third, later(410), Micros(NOW + 11 * YEAR))
    assert caught.value.fault is Fault.BEYOND_AUTHORITY


def test_a_rogue_authority_of_the_same_name_is_a_stranger(tmp_path: Path) -> None:
    authority_in(tmp_path / "real")
    rogue = issued(authority_in(tmp_path / "rogue"))
    real = Register.open(tmp_path / "real")
    assert fault_at(real, rogue, NOW) is Fault.STRANGER
    mixed = Register(tmp_path, real.authority, Register.open(tmp_path / "rogue").revoked)
    mine = issued(Authority.open(tmp_path / "real", PASSPHRASE), 2)
    assert fault_at(mixed, mine, NOW) is Fault.BAD_LIST


def test_a_member_cannot_issue(tmp_path: Path) -> None:
    """A leaf key that signs a certificate makes nobody a member, and a certificate for another use is none of ours."""
    authority = authority_in(tmp_path)
    member = issued(authority)
    secret = ed25519.Ed25519PrivateKey.from_private_bytes(secrets_of(1).signing)
    forged = forge(member, member.certificate.subject).sign(secret, None)
    register = Register.open(tmp_path)
    assert fault_at(register, parse(forged.public_bytes(Encoding.DER)), NOW) is Fault.STRANGER
    bare = forge(member, register.authority.certificate.subject).sign(authority.certifying, hashes.SHA256())
    assert fault_at(register, parse(bare.public_bytes(Encoding.DER)), NOW) is Fault.BAD_CREDENTIAL


def forge(member: Credential, issuer: x509.Name) -> x509.CertificateBuilder:
    """A certificate with the network's extensions only, by whoever signs it."""
    builder = x509.CertificateBuilder(
        issuer, member.certificate.subject, member.certificate.public_key(), x509.random_serial_number()
    )
    builder = builder.not_valid_before(credentials.to_datetime(NOW)).not_valid_after(credentials.to_datetime(later(9)))
    extensions = member.certificate.extensions
    for oid in (x509.oid.ExtensionOID.SUBJECT_ALTERNATIVE_NAME, credentials.VRF_KEY_OID, credentials.KIND_OID):
        builder = builder.add_extension(extensions.get_extension_for_oid(oid).value, critical=False)
    return builder


def test_requests_must_show_possession_of_both_keys() -> None:
    pem = make_request(secrets_of(1), "ev1", Kind.VEHICLE)
    request = read_request(pem)
    assert (request.name, request.kind, request.identity) == ("ev1", Kind.VEHICLE, identity_of(secrets_of(1)))
    der = bytearray(base64.b64decode(b"".join(pem.splitlines()[1:-1])))
    stolen = der.replace(bytes(vrf.public_key(secrets_of(1).vrf)), bytes(vrf.public_key(secrets_of(2).vrf)))
    for bad in (b"", b"nonsense", pem[:-60], as_pem(bytes(stolen)), resigned_with_foreign_vrf_key()):
        with pytest.raises(IdentityProblem) as caught:
            read_request(bad)
        assert caught.value.fault is Fault.BAD_REQUEST
    for name in ("", "a b", "../x", "x" * 65, "é"):
        with pytest.raises(ValueError, match="name"):
            make_request(secrets_of(1), name, Kind.VEHICLE)


def as_pem(der: bytes) -> bytes:
    name = b"CERTIFICATE REQUEST-----\n"
    return b"-----BEGIN " + name + base64.encodebytes(der) + b"-----END " + name


def resigned_with_foreign_vrf_key() -> bytes:
    """The owner signs for the random function's key of another, with a proof that the other made for himself."""
    secrets, other = secrets_of(1), secrets_of(2)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ev1")])
    proof = x509.load_pem_x509_csr(make_request(other, "ev2", Kind.VEHICLE)).extensions
    builder = x509.CertificateSigningRequestBuilder(name)
    for oid in (credentials.VRF_KEY_OID, credentials.VRF_POSSESSION_OID, credentials.KIND_OID):
        builder = builder.add_extension(proof.get_extension_for_oid(oid).value, critical=False)
    key = ed25519.Ed25519PrivateKey.from_private_bytes(secrets.signing)
    return builder.sign(key, None).public_bytes(Encoding.PEM)


def test_other_certificates_are_not_credentials(tmp_path: Path) -> None:
    authority = authority_in(tmp_path)
    for data in (b"", b"x", (tmp_path / "ca.pem").read_bytes(), issued(authority).pem[:-70], b"x" * 100_000):
        with pytest.raises(IdentityProblem) as caught:
            parse(data)
        assert caught.value.fault is Fault.BAD_CREDENTIAL
    with pytest.raises(IdentityProblem):
        credentials.parse_authority(issued(authority, 2).pem)


def test_the_orders_are_what_the_intake_takes(tmp_path: Path) -> None:
    """Admission, renewal and revocation pass the intake of the authority's network, and of no other authority's."""
    authority = authority_in(tmp_path / "a")
    credential = issued(authority)
    renewed = authority.renew(credential, later(80), later(180))
    network, suite = Hash(b"n" * 32), Production("ed25519-list")
    real = Intake(network, 3, authority.ordering.public, suite, lambda _: None)
    other = Intake(network, 3, authority_in(tmp_path / "b").ordering.public, suite, lambda _: None)
    orders: tuple[AuthorityOrder, ...] = (admit_order(credential), renew_order(renewed), revoke_order(credential))
    for order in orders:
        data = carried(authority.order(order, network, 3), network)
        assert real.transaction(data).inner == order
        with pytest.raises(Exception, match="bad-signature"):
            other.transaction(data)
    admitted, prolonged = orders[0], orders[1]
    assert isinstance(admitted, Admit)
    assert isinstance(prolonged, Renew)
    assert (admitted.not_after, prolonged.not_after) == (later(90), later(180))
    assert prolonged.credential == renewed.hash != credential.hash == admitted.credential


def carried(order: Order, network: Hash) -> bytes:
    """A transaction of anybody that brings the order in."""
    sender = Production("ed25519-list").key_pair(secrets_of(9).signing)
    me = identity_of(secrets_of(9))
    content = encode(Transaction(network, 3, me, sender.public, 0, 1000, later(1), order))
    return encode(SignedTransaction(content, sender.sign(transaction_preimage(network, 3, content))))


def test_the_certificates_are_what_section_five_of_the_rfc_asks_for(tmp_path: Path) -> None:
    """RFC 5280: a root of one level, leaves that cannot issue, P-256 signatures, Ed25519 keys."""
    authority = authority_in(tmp_path)
    root, leaf = authority.register.authority.certificate, issued(authority).certificate
    assert isinstance(root.public_key(), ec.EllipticCurvePublicKey)
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(True, 0)
    leaf.verify_directly_issued_by(root)
    key = leaf.public_key()
    assert isinstance(key, ed25519.Ed25519PublicKey)
    assert key.public_bytes(Encoding.Raw, PublicFormat.Raw) == identity_of(secrets_of(1))
    assert leaf.not_valid_after_utc.timestamp() * SECOND == NOW + 90 * DAY
