"""`bac ca`: the authority. Issuing for a network also writes the order that its chain carries out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from bac.cli.errors import CommandFailed, Exit
from bac.cli.identity import serial_text
from bac.cli.noun import noun
from bac.cli.output import Answer, AsJson, Format, Output, Row
from bac.cli.passphrase import PassphraseFile, passphrase
from bac.cli.place import HERE as NET
from bac.cli.place import Net, judge_of, open_authority, open_network, owner_of
from bac.cli.prefixes import choose
from bac.cli.restarting import Done, Operator, Plan, Signer
from bac.cli.times import SECOND, At, instant, parse_duration, show_time
from bac.genesis import Genesis as Beginning
from bac.genesis import network_id
from bac.node import credential as credentials
from bac.node.authority import Authority, Register, admit_order, renew_order, revoke_order
from bac.node.credential import Credential
from bac.node.engine import Member
from bac.node.identity import read_request
from bac.node.keyfile import Fault, IdentityProblem, write_file
from bac.node.network import Network
from bac.node.newcomer import sign_orders
from bac.types import Micros, NodeId
from bac.wire.codec import decode, encode
from bac.wire.transactions import AuthorityOrder

app = noun("The authority that issues and revokes credentials.")

Directory = Annotated[Path, typer.Option("--ca", envvar="BAC_CA", help="The authority's directory.")]
Genesis = Annotated[Path | None, typer.Option("--genesis", help="Of the network: writes the order for its chain, too.")]
Shard = Annotated[int, typer.Option("--shard", help="The shard that the order is for.")]
Life = Annotated[str, typer.Option("--for", help="How long it is good: 90d, 2y, 12h.")]
HERE: Final = Path("ca")
TRUST: Final = "trust"
RECORDED: Final = "the chain records it, unless the epoch had ended already: then its proof alone shows the order"


class Made(Row, frozen=True):
    """A new authority."""

    name: str
    directory: str
    authority_key: str
    not_after: str


class Issued(Row, frozen=True):
    """A credential as the authority sees it at one time."""

    WIDE = frozenset({"kind", "identity", "credential", "not_before", "file"})

    name: str
    kind: str
    standing: str
    not_before: str
    not_after: str
    serial: str
    identity: str
    credential: str
    file: str | None = None
    order_file: str | None = None


class Verdict(Row, frozen=True):
    """Whether a credential is good, and if not, why."""

    file: str
    verdict: str
    name: str | None
    reason: str | None


class Revoked(Row, frozen=True):
    """The revocation list after a change."""

    number: int
    revoked: int
    next_update: str
    order_files: list[str]


class Restarted(Row, frozen=True):
    """An epoch that the authority has ended: on which block, with whom, and without whom the shard goes on."""

    WIDE = frozenset({"parent", "order_file"})

    epoch: int
    parent_height: int
    parent: str
    retired_units: int
    total_units: int
    grounds: str
    left: list[str]
    removed: list[str]
    order_file: str


INIT = Answer("ca.init", Made)
ISSUE = Answer("ca.issue", Issued, many=True)
LIST = Answer("ca.list", Issued, many=True)
VERIFY = Answer("ca.verify", Verdict, many=True)
REVOKE = Answer("ca.revoke", Revoked)
RECONFIGURE = Answer("ca.reconfigure", Restarted, many=True)


@app.command()
def init(
    name: Annotated[str, typer.Option("--name", help="For people.")] = "bac",
    directory: Directory = HERE,
    life: Life = "10y",
    passphrase_file: PassphraseFile = None,
    at: At = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Make an authority: its certificate, its two encrypted keys, an empty revocation list."""
    begin = instant(at)
    if (directory / "ca.pem").exists():
        raise FileExistsError(17, "", str(directory / "ca.pem"))
    end = Micros(begin + parse_duration(life))
    secret = passphrase(passphrase_file, str(directory / "ca.key"), new=True)
    authority = Authority.create(directory, name, secret, begin, end)
    public = authority.register.authority
    row = Made(
        name=name, directory=str(directory), authority_key=public.public.hex(), not_after=show_time(public.not_after)
    )
    INIT.show(row, output, as_json)


@app.command()
def issue(
    files: Annotated[list[Path] | None, typer.Argument(help="Requests (.csr).")] = None,
    renew: Annotated[list[str] | None, typer.Option("--renew", help="Renew this one: file, name, serial, id.")] = None,
    expiring: Annotated[str | None, typer.Option("--expiring", help="Renew all that end within: 30d.")] = None,
    directory: Directory = HERE,
    life: Life = "90d",
    out: Annotated[Path, typer.Option("--out", help="Where the credentials go: NAME.pem, NAME.order.")] = Path(),
    genesis: Genesis = None,
    shard: Shard = 0,
    passphrase_file: PassphraseFile = None,
    at: At = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Issue credentials for requests, or renew some: the same keys, a later end."""
    if not files and not renew and expiring is None:
        raise ValueError("give a request, --renew WHICH, or --expiring 30d")
    time = instant(at)
    end = Micros(time + parse_duration(life))
    requests = [read_request(file.read_bytes()) for file in files or ()]
    authority = open_authority(directory, passphrase_file)
    old = [_find(authority.register, which) for which in renew or ()]
    if expiring is not None:
        old += due(authority.register, time, parse_duration(expiring))
    place = _order_maker(authority, genesis, shard)
    rows = []
    for request in requests:
        if (out / f"{request.name}.pem").exists():
            raise FileExistsError(17, "", str(out / f"{request.name}.pem"))
        issued = authority.issue(request, time, end)
        rows.append(_hand_out(authority.register, issued, out, place(admit_order(issued)), time))
    for credential in old:
        renewed = authority.renew(credential, time, end)
        rows.append(_hand_out(authority.register, renewed, out, place(renew_order(renewed)), time))
    ISSUE.show(rows, output, as_json)


@app.command()
def revoke(
    which: Annotated[list[str] | None, typer.Argument(help="Credentials: file, name, serial or id.")] = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Only write the list anew: it grows old.")] = False,
    directory: Directory = HERE,
    out: Annotated[Path, typer.Option("--out", help="Where the orders go: NAME.revoke.order.")] = Path(),
    genesis: Genesis = None,
    shard: Shard = 0,
    passphrase_file: PassphraseFile = None,
    at: At = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Revoke members for good: every credential of theirs goes on the list."""
    if bool(which) == refresh:
        raise ValueError("give what is to be revoked, or --refresh")
    time = instant(at)
    authority = open_authority(directory, passphrase_file)
    named = [_find(authority.register, each) for each in which or ()]
    gone = {credential.identity for credential in named}
    place = _order_maker(authority, genesis, shard)
    revoked = authority.revoke([each for each in authority.register.issued() if each.identity in gone], time)
    orders = []
    for credential in named:
        order = place(revoke_order(credential))
        if order is not None:
            orders.append(_write(out / f"{credential.name}.revoke.order", order))
    row = Revoked(
        number=credentials.list_number(revoked), revoked=len(list(revoked)),
        next_update=show_time(credentials.next_update(revoked)), order_files=orders,
    )  # fmt: skip
    REVOKE.show(row, output, as_json)


@app.command("list")
def list_(
    expiring: Annotated[str | None, typer.Option("--expiring", help="Only those that end within: 30d.")] = None,
    directory: Directory = HERE,
    at: At = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """List what was issued, with its standing. No passphrase is needed."""
    time = instant(at)
    register = Register.open(directory)
    shown = list(register.issued()) if expiring is None else due(register, time, parse_duration(expiring))
    rows = [_row(register, each, time) for each in sorted(shown, key=lambda each: (each.name, each.not_after))]
    LIST.show(rows, output, as_json)


@app.command()
def verify(
    files: Annotated[list[Path], typer.Argument(help="Credentials (.pem).")],
    directory: Directory = HERE,
    at: At = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Judge credentials offline, by ca.pem and crl.pem alone. Status 1 if one is not good."""
    time = instant(at)
    register = Register.open(directory)
    rows = [_judge(register, file, time) for file in files]
    VERIFY.show(rows, output, as_json)
    if any(row.verdict != "valid" for row in rows):
        raise typer.Exit(Exit.CHECK_FAILED)


@app.command()
def reconfigure(
    remove: Annotated[
        list[str] | None, typer.Option("--remove", help="This node; default: who has not retired.")
    ] = None,
    is_trusting: Annotated[bool, typer.Option("--trust", help="Go on although too few have retired.")] = False,
    net: Net = NET,
    directory: Annotated[Path | None, typer.Option("--ca", envvar="BAC_CA", help="Default: the network's own.")] = None,
    timeout: Annotated[str, typer.Option("--timeout", help="How long to wait for each step.")] = "60s",
    passphrase_file: PassphraseFile = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Restart a shard that has lost more than a third of its voting units for good, without those who are gone."""
    network = open_network(net)
    removed = None if not remove else frozenset(owner_of(net, each) for each in remove)
    member = judge_of(net)
    signer, kept = _signer(network, directory, passphrase_file, member)
    operator = Operator(network, signer, member, kept)
    names = {home.identity: home.name for home in network.homes.values()}
    rows = [
        _restarted(done, names) for done in operator.run(Plan(removed, is_trusting, parse_duration(timeout) / SECOND))
    ]
    warnings = [
        f"epoch {row.epoch}: too few had retired: an act of trust; {RECORDED}" for row in rows if row.grounds == TRUST
    ]
    RECONFIGURE.show(rows, output, as_json, warnings)


def _signer(network: Network, ca: Path | None, passphrase_file: Path | None, member: Member) -> tuple[Signer, Path]:
    """What signs orders for the network, and where they are kept."""
    directory = network.ca if ca is None else ca
    if directory is None:
        return sign_orders(network.authority(), member), network.path / "restarts"
    if passphrase_file is None and directory.resolve().parent == network.path.resolve():
        passphrase_file = network.path / "passphrase"
    authority = open_authority(directory, passphrase_file)
    if decode(Beginning, network.genesis).authority != authority.ordering.public:
        raise CommandFailed("not-this-network", f"the authority of {network.path} is another one")
    return (lambda order: authority.order(order, member.network, member.shard)), directory / "restarts"


def _restarted(done: Done, names: Mapping[NodeId, str]) -> Restarted:
    def named(identity: bytes) -> str:
        return names.get(NodeId(identity), identity.hex())

    shown = done.shown
    return Restarted(
        epoch=done.epoch, parent_height=done.order.parent_height, parent=done.order.parent.hex(),
        retired_units=shown.retired_units, total_units=shown.total_units,
        grounds="statements" if shown.is_enough else TRUST,
        left=sorted(named(each) for each in shown.units if each not in done.order.removed),
        removed=sorted(named(each) for each in done.order.removed), order_file=str(done.file),
    )  # fmt: skip


def due(register: Register, time: Micros, within_us: int) -> list[Credential]:
    """The last credential of each member, where it ends within so long and was not revoked."""
    last: dict[bytes, Credential] = {}
    for each in register.issued():
        held = last.get(each.identity)
        if held is None or held.not_after < each.not_after:
            last[each.identity] = each
    ending = (each for each in last.values() if each.not_after <= time + within_us and not register.is_revoked(each))
    return sorted(ending, key=lambda each: (each.not_after, each.identity))


def _find(register: Register, which: str) -> Credential:
    """The credential that a person means: by file, else the member's last by name, serial or identity."""
    if which.endswith(".pem"):
        return credentials.parse(Path(which).read_bytes())
    issued = list(register.issued())
    named = [each for each in issued if each.name == which]
    if not named:
        serials = {serial_text(each.serial): each for each in issued}
        identities = {each.identity.hex(): each for each in sorted(issued, key=lambda each: each.not_after)}
        named = [choose({**serials, **identities}, which, "credential")]
    if len({each.identity for each in named}) > 1:
        raise CommandFailed("ambiguous", f"{len(named)} members are called {which}", next_="give the serial or the id")
    return max(named, key=lambda each: each.not_after)


def _judge(register: Register, file: Path, time: Micros) -> Verdict:
    name = None
    try:
        credential = credentials.parse(file.read_bytes())
        name = credential.name
        credentials.verify(credential, register.authority, register.revoked, time)
    except IdentityProblem as problem:
        return Verdict(file=str(file), verdict=problem.fault.value, name=name, reason=problem.reason)
    return Verdict(file=str(file), verdict="valid", name=name, reason=None)


def _standing(register: Register, credential: Credential, time: Micros) -> str:
    fault = register.standing(credential, time)
    if fault in (None, Fault.STALE_LIST):
        return "valid"
    return fault.value


def _row(
    register: Register, credential: Credential, time: Micros, file: str | None = None, order_file: str | None = None
) -> Issued:
    return Issued(
        name=credential.name, kind=credential.kind.name.lower(), standing=_standing(register, credential, time),
        not_before=show_time(credential.not_before), not_after=show_time(credential.not_after),
        serial=serial_text(credential.serial), identity=credential.identity.hex(), credential=credential.hash.hex(),
        file=file, order_file=order_file,
    )  # fmt: skip


def _hand_out(register: Register, issued: Credential, out: Path, order: bytes | None, time: Micros) -> Issued:
    """Writes credential and order for their owner. A renewal takes the place of what it renews."""
    file = _write(out / f"{issued.name}.pem", issued.pem)
    order_file = None if order is None else _write(out / f"{issued.name}.order", order)
    return _row(register, issued, time, file, order_file)


def _write(path: Path, data: bytes) -> str:
    write_file(path, data, replace=True, mode=0o644)
    return str(path)


OrderMaker = Callable[[AuthorityOrder], bytes | None]


def _order_maker(authority: Authority, genesis: Path | None, shard: int) -> OrderMaker:
    """What signs orders for the network of `genesis`; it makes none if there is no network."""
    if genesis is None:
        return lambda _: None
    found = decode(Beginning, genesis.read_bytes())
    if found.authority != authority.ordering.public:
        raise CommandFailed("not-this-network", f"the authority of {genesis} is another one")
    if shard not in [each.shard for each in found.shards]:
        raise CommandFailed("not-found", f"the network has no shard {shard}")
    network = network_id(found)
    return lambda order: encode(authority.order(order, network, shard))
