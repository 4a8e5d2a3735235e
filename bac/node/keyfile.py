"""Secrets on disk: encrypted files that are whole or not there, and that say what is wrong with them.

A file is JSON. Its secret is sealed with XChaCha20-Poly1305 under a key that argon2id stretches from a passphrase; the
parameters stand in the file, and everything that stands in the file is authenticated with the secret. A checksum over
the whole tells a damaged file from a wrong passphrase.

Files are written beside their place, made durable, and then put there in one step: a crash leaves the old file or the
new one. Nothing is overwritten unless the caller says so. Only the owner can read them, and one that others can read
is refused.

Sources: RFC 9106 for the cost of argon2id; libsodium for the formats.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id
from nacl.secret import Aead
from nacl.utils import random as random_bytes

FORMAT: Final = "bac-key/1"
FILE_BYTES_MAX: Final = 1 << 14
PASSPHRASE_BYTES_MIN: Final = 8


class Fault(StrEnum):
    """What can be wrong with a key, a credential or a certificate. Codes are never renamed or reused."""

    FOREIGN_FILE = "foreign-file"  # no file of this kind at all
    DAMAGED_FILE = "damaged-file"
    LOCKED = "wrong-passphrase"
    WEAK = "weak-passphrase"
    EXPOSED_FILE = "exposed-file"  # others than the owner can read it
    WRONG_KIND = "wrong-kind"  # the key of another role
    BAD_REQUEST = "bad-request"  # a request that does not prove possession of its keys
    BAD_CREDENTIAL = "bad-credential"  # not the form of a credential
    STRANGER = "stranger"  # not issued by this authority
    NOT_YET_VALID = "not-yet-valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    STALE_LIST = "stale-list"  # the revocation list is older than it may be
    BAD_LIST = "bad-list"  # the revocation list is not the authority's
    ALREADY_ISSUED = "already-issued"
    NOT_LATER = "not-later"  # a renewal that does not end later
    BEYOND_AUTHORITY = "beyond-authority"  # would outlive the authority's own certificate


class IdentityProblem(Exception):
    """A key, credential or certificate that cannot be used; nothing was changed.

    Attributes:
        fault: the stable code.
        reason: one clear line.
    """

    def __init__(self, fault: Fault, reason: str) -> None:
        super().__init__(f"{fault.value}: {reason}")
        self.fault = fault
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Cost:
    """What a guess costs: passes of argon2id, and the memory that each takes."""

    operations: int
    memory_bytes: int

    def __post_init__(self) -> None:
        if not 1 <= self.operations <= 64 or not argon2id.MEMLIMIT_MIN <= self.memory_bytes <= 1 << 30:
            raise ValueError("argon2id: 1 to 64 passes, 8 KiB to 1 GiB")


PERSON: Final = Cost(3, 64 << 20)
"""For what people remember: RFC 9106, second recommendation. A tenth of a second."""
RANDOM: Final = Cost(1, argon2id.MEMLIMIT_MIN)
"""For a passphrase of at least 128 random bits, which nobody guesses at any cost."""


@dataclass(frozen=True, slots=True)
class Label:
    """What anybody may read of a key file: the role of the key, and its public side."""

    kind: str
    public: bytes


def seal(label: Label, secret: bytes, passphrase: bytes, cost: Cost = PERSON) -> bytes:
    """The content of a key file.

    Raises:
        IdentityProblem: `WEAK`.
    """
    if len(passphrase) < PASSPHRASE_BYTES_MIN:
        raise IdentityProblem(Fault.WEAK, f"a passphrase has at least {PASSPHRASE_BYTES_MIN} characters")
    salt = random_bytes(argon2id.SALTBYTES)
    head = {
        "format": FORMAT,
        "kind": label.kind,
        "public": label.public.hex(),
        "kdf": "argon2id",
        "operations": cost.operations,
        "memory_bytes": cost.memory_bytes,
        "salt": salt.hex(),
    }
    box = _box(passphrase, salt, cost).encrypt(secret, _canonical(head))
    body = {**head, "box": bytes(box).hex()}
    return json.dumps({**body, "checksum": _checksum(body)}, indent=1).encode() + b"\n"


def read_label(data: bytes) -> Label:
    """What the file says without a passphrase; nobody vouches for it until it is opened.

    Raises:
        IdentityProblem: `FOREIGN_FILE`, `DAMAGED_FILE`.
    """
    fields = _fields(data)
    return Label(fields["kind"], bytes.fromhex(fields["public"]))


def unseal(data: bytes, kind: str, passphrase: bytes) -> tuple[Label, bytes]:
    """Label and secret of a key file of this `kind`.

    Raises:
        IdentityProblem: `FOREIGN_FILE`, `DAMAGED_FILE`, `WRONG_KIND`, `LOCKED`.
    """
    fields = _fields(data)
    if fields["kind"] != kind:
        raise IdentityProblem(Fault.WRONG_KIND, f"this is the key of a {fields['kind']}, not of a {kind}")
    cost = Cost(fields["operations"], fields["memory_bytes"])
    head = {name: value for name, value in fields.items() if name != "box"}
    box = _box(passphrase, bytes.fromhex(fields["salt"]), cost)
    try:
        secret = box.decrypt(bytes.fromhex(fields["box"]), _canonical(head))
    except CryptoError as error:
        raise IdentityProblem(Fault.LOCKED, "the passphrase does not open this key") from error
    return Label(fields["kind"], bytes.fromhex(fields["public"])), secret


def _box(passphrase: bytes, salt: bytes, cost: Cost) -> Aead:
    return Aead(argon2id.kdf(Aead.KEY_SIZE, passphrase, salt, cost.operations, cost.memory_bytes))


def _canonical(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def _checksum(fields: Mapping[str, Any]) -> str:
    return sha256(_canonical(fields)).hexdigest()


def _fields(data: bytes) -> dict[str, Any]:
    """The fields of a whole file, each of its type and within bounds."""
    try:
        fields = json.loads(data) if len(data) <= FILE_BYTES_MAX else None
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        # A damaged file is still recognised by its first bytes.
        known = FORMAT.encode() in data[:64]
        fault = Fault.DAMAGED_FILE if known else Fault.FOREIGN_FILE
        raise IdentityProblem(fault, "the key file is damaged" if known else "this is not a key file")
    checksum = fields.pop("checksum", None)
    if checksum != _checksum(fields) or not _is_well_formed(fields):
        raise IdentityProblem(Fault.DAMAGED_FILE, "the key file is damaged: its checksum does not match")
    return fields


def _is_well_formed(fields: Mapping[str, Any]) -> bool:
    try:
        Cost(fields["operations"], fields["memory_bytes"])
        sizes = [len(bytes.fromhex(fields[name])) for name in ("public", "salt", "box")]
    except (KeyError, TypeError, ValueError):
        return False
    fits = sizes[1] == argon2id.SALTBYTES and sizes[2] > Aead.NONCE_SIZE + Aead.MACBYTES
    return fits and isinstance(fields.get("kind"), str) and fields.get("kdf") == "argon2id"


# ---------------------------------------------------------------- files


def write_file(path: Path, data: bytes, *, replace: bool = False, mode: int = 0o600) -> None:
    """Puts `data` at `path`, durably and in one step.

    Raises:
        FileExistsError: there is something already, and `replace` is not set.
        OSError: the disk's own reasons.
    """
    beside = path.with_name(f".{path.name}.{random_bytes(8).hex()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            os.replace(beside, path)
        else:
            _link(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    _sync_directory(path.parent)


def _link(beside: Path, path: Path) -> None:
    try:
        os.link(beside, path)
    except FileExistsError as error:
        raise FileExistsError(error.errno, error.strerror, str(path)) from error  # the link's names the other file


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_secret_file(path: Path) -> bytes:
    """The bytes of a file that only its owner can read.

    Raises:
        IdentityProblem: `EXPOSED_FILE`, `FOREIGN_FILE` (too large).
        OSError: the disk's own reasons; FileNotFoundError among them.
    """
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        if stat.S_IMODE(status.st_mode) & 0o077:
            raise IdentityProblem(Fault.EXPOSED_FILE, f"others can read {path}: chmod 600 {path}")
        data = file.read(FILE_BYTES_MAX + 1)
    if len(data) > FILE_BYTES_MAX:
        raise IdentityProblem(Fault.FOREIGN_FILE, f"{path} is too large for a key file")
    return data
