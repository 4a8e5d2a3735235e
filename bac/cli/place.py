"""Where a verb finds its network, its node and its keys."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from bac.cli.errors import CommandFailed
from bac.cli.passphrase import passphrase
from bac.cli.prefixes import choose
from bac.client import Client
from bac.crypto.keys import NodeSecrets
from bac.errors import Rejected
from bac.node import keyfile, processes
from bac.node.authority import Authority
from bac.node.engine import Member
from bac.node.identity import load_secrets
from bac.node.network import Home, Network, load
from bac.types import NodeId
from bac.wire.transactions import decode_transaction

Net = Annotated[Path, typer.Option("--net", envvar="BAC_NET", help="Directory of the network.")]
Via = Annotated[str | None, typer.Option("--via", help="Ask this node; default the first that answers.")]
HERE: Final = Path("net")
ID_HEX: Final = 64


@dataclass(frozen=True, slots=True)
class Account:
    """What an account holds (10⁻⁶ coins), and how many transactions it has made."""

    coins: int
    nonce: int


def open_network(net: Path) -> Network:
    """The network in the directory; CommandFailed `not-found` if there is none."""
    try:
        return load(net)
    except FileNotFoundError as error:
        sentence = f"there is no network in {net}"
        raise CommandFailed("not-found", sentence, next_=f"bac net init {net}, or --net DIR") from error


def home_of(network: Network, name: str) -> Home:
    """The node called `name`, or the only one whose name or identity begins so; CommandFailed if there is none."""
    found = network.homes.get(name)
    if found is not None:
        return found
    known = {**network.homes, **{home.identity.hex(): home for home in network.homes.values()}}
    return choose(known, name, "node")


def connect(net: Path, via: str | None) -> Client:
    """A connection to the node `via`, or to the first that answers.

    Raises:
        CommandFailed: `not-found`, there is no such network or node; `unreachable`.
    """
    network = open_network(net)
    names = list(network.homes) if via is None else [home_of(network, via).name]
    seen = set()
    for status in processes.status(network, names):
        if status.report is not None:
            return Client(network.homes[status.name].path)
        seen.add("paused" if status.is_paused else "silent" if status.pid is not None else "not running")
    who = f"no node of {net} answers" if via is None else f"{names[0]} of {net} does not answer"
    raise CommandFailed("unreachable", who, f"{'they are' if via is None else 'it is'} {' or '.join(sorted(seen))}")


def account_of(client: Client, owner: NodeId) -> Account | None:
    """An account as the node has confirmed it; None if there is none."""
    found = client.query("account", owner=owner)
    return None if found is None else Account(found["coins"], found["nonce"])


def node_identity(net: Path, name: str) -> NodeId | None:
    """The identity of the node called so; None if there is no such node, or no network."""
    try:
        home = load(net).homes.get(name)
    except FileNotFoundError:
        return None
    return None if home is None else home.identity


def owner_of(net: Path, who: str) -> NodeId:
    """Whom a person means: a node's name, a key file, an identity, or how that of a node begins."""
    named = node_identity(net, who)
    if named is not None:
        return named
    if Path(who).is_file():
        return NodeId(keyfile.read_label(Path(who).read_bytes()).public)
    if len(who) == ID_HEX:
        return NodeId(_bytes_of(who))
    return home_of(open_network(net), who).identity


def secrets_of(net: Path, who: str, passphrase_file: Path | None) -> NodeSecrets:
    """The secrets in a key file, or of a node of the network."""
    if Path(who).is_file():
        return load_secrets(Path(who), passphrase(passphrase_file, who))
    network = open_network(net)
    return network.secrets(home_of(network, who))


def genesis_file(net: Path) -> Path:
    """Where the genesis of the network stands."""
    return open_network(net).path / "genesis"


def open_authority(directory: Path, passphrase_file: Path | None) -> Authority:
    """The authority in a directory, with its secrets; asks for the passphrase if it is not in a file."""
    return Authority.open(directory, passphrase(passphrase_file, str(directory / "ca.key")))


def judge_of(net: Path) -> Member:
    """What judges proofs by genesis, without any node."""
    network = open_network(net)
    return network.member(next(iter(network.homes.values())))


def transaction_id(text: str) -> bytes:
    """The id that is written out, or that of the transaction in a file.

    Raises:
        ValueError: it is neither.
    """
    if Path(text).is_file():
        try:
            return decode_transaction(Path(text).read_bytes()).id
        except Rejected as refusal:
            raise ValueError(f"{text} holds no transaction: {refusal.reason}") from refusal
    if len(text) != ID_HEX:
        raise ValueError(f"{text!r} is neither a file nor the id of a transaction ({ID_HEX} digits)")
    return _bytes_of(text)


def _bytes_of(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not hexadecimal") from error
