"""`bac id`: keys of one's own. The secret stays in its file; the authority gets a request."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bac.cli.errors import CommandFailed
from bac.cli.noun import noun
from bac.cli.output import Answer, AsJson, Format, Output, Row, say
from bac.cli.passphrase import PassphraseFile, passphrase
from bac.cli.times import show_time
from bac.node import credential as credentials
from bac.node import keyfile
from bac.node.identity import (
    check_name,
    identity_of,
    load_secrets,
    make_request,
    new_secrets,
    read_request,
    save_secrets,
)
from bac.wire.transactions import Kind

app = noun("Keys of your own.")

KIND_NAMES = {kind.name.lower(): kind for kind in Kind}
KindName = Annotated[str, typer.Option("--kind", help="vehicle, relay or station.")]


class Made(Row, frozen=True):
    """What `bac id new` left behind."""

    name: str
    kind: str
    identity: str
    key_file: str
    request_file: str


class Shown(Row, frozen=True):
    """What a file of an identity says; what it does not say is null."""

    file: str
    holds: str
    name: str | None = None
    kind: str | None = None
    identity: str | None = None
    vrf_key: str | None = None
    serial: str | None = None
    credential: str | None = None
    not_before: str | None = None
    not_after: str | None = None
    authority_key: str | None = None


NEW = Answer("id.new", Made)
SHOW = Answer("id.show", Shown)


def kind_of(name: str) -> Kind:
    """The kind of member called so; ValueError if there is none."""
    if name not in KIND_NAMES:
        raise ValueError(f"--kind is one of {', '.join(KIND_NAMES)}, not {name!r}")
    return KIND_NAMES[name]


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="For people; also the name of the files.")],
    kind: KindName = "vehicle",
    directory: Annotated[Path, typer.Option("--dir", help="Where the files go.")] = Path(),
    passphrase_file: PassphraseFile = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Make a key: NAME.key (encrypted, yours alone) and NAME.csr (the request, for the authority)."""
    member = kind_of(kind)
    key_file, request_file = directory / f"{check_name(name)}.key", directory / f"{name}.csr"
    for path in (key_file, request_file):
        if path.exists():
            raise FileExistsError(17, "", str(path))
    secrets = new_secrets()
    request = make_request(secrets, name, member)
    save_secrets(key_file, secrets, passphrase(passphrase_file, str(key_file), new=True))
    keyfile.write_file(request_file, request, mode=0o644)
    row = Made(
        name=name, kind=kind, identity=identity_of(secrets).hex(),
        key_file=str(key_file), request_file=str(request_file),
    )  # fmt: skip
    NEW.show(row, output, as_json)
    say(f"next: the authority runs  bac ca issue {request_file}")


@app.command()
def show(
    file: Annotated[Path, typer.Argument(help="A key file, a request, a credential, or an authority's certificate.")],
    check: Annotated[bool, typer.Option("--open", help="Open the key file, too: does the passphrase fit?")] = False,
    passphrase_file: PassphraseFile = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Show what a file says. Secrets are never shown."""
    row = read(file)
    if check:
        if row.holds != "key of a node":
            raise CommandFailed("wrong-kind", f"{file} is not the key file of a node")
        load_secrets(file, passphrase(passphrase_file, str(file)))
    SHOW.show(row, output, as_json)


def read(file: Path) -> Shown:
    """What `file` says, whatever of the four it is."""
    data = file.read_bytes()
    if b"CERTIFICATE REQUEST" in data[:64]:
        request = read_request(data)
        kind, identity = request.kind.name.lower(), request.identity.hex()
        vrf = request.vrf_key.hex()
        return Shown(file=str(file), holds="request", name=request.name, kind=kind, identity=identity, vrf_key=vrf)
    if b"BEGIN CERTIFICATE" in data[:64]:
        return _certificate(file, data)
    label = keyfile.read_label(data)
    if label.kind == "node":
        return Shown(file=str(file), holds="key of a node", identity=label.public.hex())
    return Shown(file=str(file), holds=f"key of an {label.kind}", authority_key=label.public.hex())


def _certificate(file: Path, data: bytes) -> Shown:
    certificate = credentials.parse_certificate(data)
    try:
        authority = credentials.parse_authority(data)
    except keyfile.IdentityProblem:
        held = credentials.parse(data)
        return Shown(
            file=str(file), holds="credential", name=held.name, kind=held.kind.name.lower(),
            identity=held.identity.hex(), vrf_key=held.vrf_key.hex(), serial=serial_text(held.serial),
            credential=held.hash.hex(), not_before=show_time(held.not_before), not_after=show_time(held.not_after),
        )  # fmt: skip
    return Shown(
        file=str(file), holds="certificate of an authority", name=credentials.common_name(certificate.subject),
        serial=serial_text(certificate.serial_number), not_before=show_time(authority.not_before),
        not_after=show_time(authority.not_after), authority_key=authority.public.hex(),
    )  # fmt: skip


def serial_text(serial: int) -> str:
    """A serial number as it is written everywhere: 40 hexadecimal digits."""
    return f"{serial:040x}"
