"""The network of the demo in a directory: founders, an authority, and two who mean harm.

    net/        the network, as `bac net init` makes one: founders; and those who will arrive, with keys and
                credentials, but not in genesis, as `bac node add` makes them
    traitor/    the same network as the traitor's own software sees it: another engine in ``net.toml``
    sybil/      the same network as a stranger sees it: an identity that no authority knows, and a credential that an
                authority of its own has made

Block time is the trace's time: from the window's first second on it passes `RATE` times as fast as the machine's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bac.cli.demo.cast import Car, Part, Window
from bac.cli.demo.energy import DAY
from bac.cli.times import SECOND, now
from bac.node.authority import DAY as DAY_US
from bac.node.authority import Authority
from bac.node.clock import shown_at
from bac.node.identity import identity_of, make_request, new_secrets, read_request, save_secrets
from bac.node.keyfile import RANDOM, write_file
from bac.node.network import FILE, Home, Network, init, load, new_passphrase
from bac.node.newcomer import Newcomer, enlist
from bac.types import Micros
from bac.wire.transactions import Kind

RATE: Final = 3
"""Seconds of the trace in one of the machine's."""
LEAD_US: Final = 6 * SECOND
"""Of the machine: what the founders need to start, before the window begins."""
COINS: Final = 100 * SECOND
"""10⁻⁶ coins that each founder begins with: a hundred euros."""
TRAITOR_ENGINE: Final = "bac.cli.demo.traitor:EQUIVOCATOR"
SYBIL: Final = "sybil"


@dataclass(frozen=True, slots=True)
class Fleet:
    """Where everything stands.

    Attributes:
        path: the directory of the demo.
        window: of the trace.
        network: as the honest see it.
        traitor: as the traitor sees it.
        sybil: as the stranger sees it.
        founders: the names of their nodes.
        newcomers: by the names of their nodes.
        names: the trace's names of the cars, by those of their nodes.
    """

    path: Path
    window: Window
    network: Network
    traitor: Network
    sybil: Network
    founders: tuple[str, ...]
    newcomers: dict[str, Newcomer]
    names: dict[str, str]

    def time(self) -> Micros:
        """What the clocks of the nodes show now: the trace's time, as µs since 1970."""
        return shown_at(self.network.settings, now())

    def wall_of(self, trace_us: int) -> float:
        """When that time of the trace is, in seconds by this machine's clock."""
        settings = self.network.settings
        return (settings.clock_began_us + (DAY + trace_us - settings.clock_origin_us) / RATE) / SECOND

    @property
    def home_of_sybil(self) -> Home:
        """The stranger's own."""
        return self.sybil.homes[SYBIL]


def found(path: Path, cast: tuple[Car, ...], window: Window) -> Fleet:
    """Makes the directories; nothing runs yet. The clocks begin now."""
    founders = [car for car in cast if car.part is not Part.ARRIVES]
    began = now()
    origin = Micros(DAY + window.start_us - RATE * LEAD_US)
    net = path / "net"
    passphrase = new_passphrase(net)
    start, end = Micros(origin - DAY_US), Micros(origin + 3650 * DAY_US)
    authority = Authority.create(net / "ca", "bac", passphrase, start, end, RANDOM)
    network = init(
        net, nodes=len(founders), now=origin, engine="bac", options={"params": "demo", "coins": COINS},
        settings={"clock_rate": float(RATE), "clock_began_us": began, "clock_origin_us": origin}, ca=authority,
    )  # fmt: skip
    text = (net / FILE).read_text()
    traitor = _beside(path / "traitor", net, text.replace('engine = "bac"', f'engine = "{TRAITOR_ENGINE}"', 1))
    (path / "traitor" / "nodes").symlink_to("../net/nodes")
    sybil = _stranger(path / "sybil", network, text, origin)
    arrivals = [enlist(load(net), origin, authority) for _ in range(len(cast) - len(founders))]
    whole = load(net)
    names = dict(zip(whole.homes, (car.vehicle for car in cast), strict=True))
    newcomers = {each.home.name: each for each in arrivals}
    return Fleet(path, window, whole, load(traitor), load(sybil), tuple(network.homes), newcomers, names)


def _beside(path: Path, net: Path, text: str) -> Path:
    """Another view of the network: its own ``net.toml``, all else by links."""
    path.mkdir()
    (path / FILE).write_text(text)
    for name in ("genesis", "ca", "passphrase"):
        (path / name).symlink_to(f"../{net.name}/{name}")
    return path


def _stranger(path: Path, network: Network, text: str, at: Micros) -> Path:
    """A view in which one more node stands, that nobody has admitted."""
    secrets = new_secrets()
    entry = f'\n[[node]]\nname = "{SYBIL}"\nidentity = "{identity_of(secrets).hex()}"\n'
    _beside(path, network.path, text + entry)
    home = path / "nodes" / SYBIL
    home.mkdir(parents=True, mode=0o700)
    for name in network.homes:
        (path / "nodes" / name).symlink_to(f"../../{network.path.name}/nodes/{name}")
    passphrase = (path / "passphrase").read_bytes()
    save_secrets(home / "node.key", secrets, passphrase, RANDOM)
    own = Authority.create(path / "own-ca", "bac", passphrase, at, Micros(at + DAY_US), RANDOM)
    request = read_request(make_request(secrets, SYBIL, Kind.VEHICLE))
    issued = own.issue(request, at, Micros(at + DAY_US))
    write_file(home / f"{SYBIL}.pem", issued.pem, mode=0o644)
    return path
