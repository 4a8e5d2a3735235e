"""A network in a directory: ``net.toml``, genesis, and one directory per node.

    net.toml        engine, options, settings, names and identities of the nodes, their addresses beyond this machine
    genesis         encoded
    passphrase      opens the key files; random, readable by the owner alone
    authority.key   the key whose orders the ledger obeys; or
    ca/             an authority that issues credentials as well (``bac ca``), here or wherever ``net.toml`` says
    nodes/NAME/     node.key, NAME.pem (its credential), store.sqlite, introduction (where it listens), control.sock,
                    pid, log.jsonl

A node starts with what stands in its own directory, in genesis and in ``net.toml``; where others listen it reads from
their directories on this machine, or learns from any node that it knows.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from nacl.utils import random as random_bytes

from bac.crypto.ed25519 import Ed25519KeyPair
from bac.crypto.keys import NodeSecrets
from bac.node.authority import DAY, Authority
from bac.node.engine import Engine, Member, find_engine
from bac.node.identity import identity_of, load_secrets, make_request, new_secrets, read_request, save_secrets
from bac.node.keyfile import RANDOM, write_file
from bac.node.settings import Settings
from bac.types import Micros, NodeId
from bac.wire.transactions import Kind

FILE: Final = "net.toml"
NODES_MAX: Final = 1_024
CREDENTIAL_LIFE: Final = 365 * DAY
LOOPBACK: Final = "/ip4/127.0.0.1/tcp/0"


@dataclass(frozen=True, slots=True)
class Home:
    """The directory of one node, and where it listens: a multiaddress whose port may be 0, for any that is free."""

    name: str
    identity: NodeId
    path: Path
    address: str = LOOPBACK

    @property
    def store(self) -> Path:
        """The SQLite file."""
        return self.path / "store.sqlite"

    @property
    def introduction(self) -> Path:
        """The node's introduction, while it runs and after."""
        return self.path / "introduction"

    @property
    def pid(self) -> Path:
        """Process id and its start, of the last process."""
        return self.path / "pid"

    @property
    def credential(self) -> Path:
        """The node's certificate, where the network has an authority that issues them."""
        return self.path / f"{self.name}.pem"

    @property
    def log(self) -> Path:
        """JSON lines."""
        return self.path / "log.jsonl"


@dataclass(frozen=True, slots=True)
class Network:
    """A network, read from its directory.

    Attributes:
        path: the directory.
        engine_name: as in ``net.toml``.
        settings: of every node.
        homes: the nodes by name, in the order of ``net.toml``.
        spares: names of members that do not run until they are added.
        gone: names of those that have left: they are not started with the others.
        ca: directory of the authority whose credentials nodes must show; None: membership alone counts.
    """

    path: Path
    engine_name: str
    settings: Settings
    homes: Mapping[str, Home]
    spares: tuple[str, ...] = field(default=())
    gone: tuple[str, ...] = field(default=())
    ca: Path | None = None

    @property
    def engine(self) -> Engine:
        """Its engine. Raises ValueError if it is not installed."""
        return find_engine(self.engine_name)

    @property
    def genesis(self) -> bytes:
        """Its genesis, encoded."""
        return (self.path / "genesis").read_bytes()

    def home(self, name: str) -> Home:
        """The node called `name`, or whose name it begins. Raises ValueError if there is not exactly one."""
        found = [home for each, home in self.homes.items() if each == name] or [
            home for each, home in self.homes.items() if each.startswith(name)
        ]
        if len(found) != 1:
            raise ValueError(f"{len(found)} nodes are called {name!r}")
        return found[0]

    def secrets(self, home: Home) -> NodeSecrets:
        """The node's secrets."""
        return load_secrets(home.path / "node.key", (self.path / "passphrase").read_bytes())

    def authority(self) -> Ed25519KeyPair:
        """The key whose orders the ledger obeys, where no authority issues credentials. Raises FileNotFoundError."""
        secrets = load_secrets(self.path / "authority.key", (self.path / "passphrase").read_bytes())
        return Ed25519KeyPair.from_seed(secrets.signing)

    def member(self, home: Home) -> Member:
        """The node's view of the network."""
        return self.engine.join(self.genesis, self.secrets(home))


def load(path: Path) -> Network:
    """The network in the directory `path`.

    Raises:
        FileNotFoundError: there is none.
        ValueError: ``net.toml`` is not one.
    """
    table = tomllib.loads((path / FILE).read_text())
    try:
        homes = {each["name"]: _home(path, each) for each in table["node"]}
        spares = tuple(each["name"] for each in table["node"] if each.get("spare", False))
        gone = tuple(each["name"] for each in table["node"] if each.get("gone", False))
        ca = path / table["ca"] if "ca" in table else None
        return Network(path, table["engine"], Settings.of(table.get("settings", {})), homes, spares, gone, ca)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path / FILE}: {error!r}") from error


def _home(path: Path, entry: Mapping[str, Any]) -> Home:
    name = entry["name"]
    identity = NodeId(bytes.fromhex(entry["identity"]))
    return Home(name, identity, path / "nodes" / name, entry.get("address", LOOPBACK))


def init(
    path: Path,
    *,
    nodes: int,
    now: Micros,
    engine: str = "basic-bac",
    spares: int = 0,
    options: Mapping[str, Any] | None = None,
    settings: Mapping[str, int | float] | None = None,
    ca: Authority | None = None,
) -> Network:
    """Makes a network of `nodes` nodes, and `spares` more members that can be added later, in a new directory.

    With `ca`, the ledger obeys that authority, every node gets a credential of it, and shows it to the others.

    Raises:
        FileExistsError: there is a network already.
        ValueError: options or numbers that do not fit.
    """
    if not 1 <= nodes + spares <= NODES_MAX:
        raise ValueError(f"a network has 1 to {NODES_MAX} nodes")
    if (path / FILE).exists():
        raise FileExistsError(f"there is a network in {path}")
    Settings.of(settings or {})
    found = find_engine(engine)
    passphrase = new_passphrase(path)
    if ca is None:
        authority = new_secrets()
        save_secrets(path / "authority.key", authority, passphrase, RANDOM, replace=True)
        public = identity_of(authority)
    else:
        public = NodeId(ca.register.authority.public)
    names = [f"n{place:02d}" for place in range(nodes + spares)]
    secrets = [new_secrets() for _ in names]
    filled = {"authority": public.hex(), "time_us": now, **(options or {})}
    genesis = found.found(secrets, filled)
    for name, secret in zip(names, secrets, strict=True):
        (path / "nodes" / name).mkdir(parents=True, mode=0o700)
        save_secrets(path / "nodes" / name / "node.key", secret, passphrase, RANDOM)
    write_file(path / "genesis", genesis, replace=True, mode=0o644)
    lines = [f"engine = {json.dumps(engine)}"]
    if ca is not None:
        _certify(path, ca, dict(zip(names, secrets, strict=True)), now)
        lines.append(f"ca = {json.dumps(os.path.relpath(ca.register.directory, path))}")
    lines += ["", "[options]"]
    lines += [f"{name} = {json.dumps(value)}" for name, value in filled.items()]
    lines += ["", "[settings]", *(f"{name} = {json.dumps(value)}" for name, value in (settings or {}).items())]
    for place, (name, secret) in enumerate(zip(names, secrets, strict=True)):
        lines += ["", "[[node]]", f'name = "{name}"', f'identity = "{identity_of(secret).hex()}"']
        lines += ["spare = true"] if place >= nodes else []
    write_file(path / FILE, ("\n".join(lines) + "\n").encode(), replace=True, mode=0o644)
    return load(path)


def mark_gone(network: Network, name: str) -> None:
    """Writes down that this node has left."""
    line = f"name = {json.dumps(name)}\n"
    listed = (network.path / FILE).read_text()
    if name not in load(network.path).gone:
        write_file(network.path / FILE, listed.replace(line, f"{line}gone = true\n").encode(), replace=True, mode=0o644)


def new_passphrase(path: Path) -> bytes:
    """The passphrase of the network in the directory `path`; a random one, where there is none yet."""
    path.mkdir(parents=True, exist_ok=True)
    file = path / "passphrase"
    if not file.exists():
        write_file(file, random_bytes(32).hex().encode())
    return file.read_bytes()


def _certify(path: Path, ca: Authority, secrets: Mapping[str, NodeSecrets], now: Micros) -> None:
    """Gives every node its credential."""
    requests = [read_request(make_request(each, name, Kind.VEHICLE)) for name, each in secrets.items()]
    for issued in ca.issue_all(requests, now, Micros(min(now + CREDENTIAL_LIFE, ca.register.authority.not_after))):
        write_file(path / "nodes" / issued.name / f"{issued.name}.pem", issued.pem, mode=0o644)
