"""One node, put together: store, protocol, transport, peers, driver and control socket in one nursery.

Recovery is construction: the store is opened and judged, the protocol object is made from it, and only then does the
node listen. A clean stop cancels the nursery; since every batch is durable before anybody hears of it, a clean stop and
a crash differ only in what is written to the log.
"""

from __future__ import annotations

import fcntl
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from random import Random
from typing import TextIO

import trio

from bac.crypto.keys import derive
from bac.node.admission import admission_by
from bac.node.clock import Clock, clock_by
from bac.node.control import Control
from bac.node.credential import parse
from bac.node.driver import Driver, World
from bac.node.engine import Member
from bac.node.handshake import Gate, NotAdmitted, introduce
from bac.node.inbox import Inbox
from bac.node.keyfile import write_file
from bac.node.libp2p_transport import Libp2pTransport
from bac.node.logs import Log
from bac.node.network import Home, Network
from bac.node.peers import Peers
from bac.node.places import Places
from bac.node.query import Desk
from bac.node.store import Owner, Store, UnfitStore
from bac.node.transport import Stream
from bac.protocol import Protocol
from bac.types import NodeId
from bac.wire.codec import PROTOCOL_VERSION, encode
from bac.wire.sync import Hello

LOOK_SECONDS = 0.2
"""Between two looks for nodes of this machine that were not there yet."""
REVIEW_SECONDS = 1.0
"""Between two looks at who has come, has gone, has expired or was revoked."""


async def run_node(network: Network, home: Home, out: TextIO, via: str | None = None) -> None:
    """Runs a node until it is told to stop, by signal or on its control socket.

    Args:
        network: what it belongs to.
        home: its directory.
        out: where its log goes.
        via: the only node whose address it knows at first; None: it reads all that stand in the network's directory.

    Raises:
        UnfitStore: its store cannot be used, or another process uses it.
    """
    settings = network.settings
    clock = clock_by(settings)
    log = Log(out, home.name, clock)
    member = network.member(home)
    secrets = network.secrets(home)
    with _locked(home), _opened(home, Owner(member.network, member.engine, member.identity)) as store:
        protocol = member.construct(Random(int.from_bytes(os.urandom(16), "big")), store.log, store)
        gate = _gate(network, member, protocol, clock)
        transport = Libp2pTransport(derive(secrets.signing, "transport"), home.address)
        inbox = Inbox(settings.queue_bytes, settings.queue_frames)
        cell: list[Peers] = []

        async def accept(stream: Stream) -> None:
            await cell[0].accept(stream)

        async with transport.listen(accept):
            hello = Hello(PROTOCOL_VERSION, member.network, member.params_digest, member.shard)
            credential = parse(home.credential.read_bytes()).der if home.credential.exists() else b""
            own = introduce(hello, member.keys, transport.key, transport.address, clock.now(), credential)
            peers = Peers(
                own, gate, transport, inbox, clock, settings, log, _lookup(network, via),
                lambda: member.membership(protocol).leaders,
            )  # fmt: skip
            cell.append(peers)
            with trio.CancelScope() as scope:
                world = World(
                    store, clock, inbox, Places(settings.pool_transactions), peers.post, peers.blame,
                    lambda effect: control.hear(effect),  # noqa: PLW0108 (made below)
                    tally=Counter(),
                )  # fmt: skip
                desk = Desk(home.name, member, protocol, world, peers, settings)
                control = Control(desk, inbox, settings, scope.cancel)
                log("started", address=transport.address, commits=store.commit_number, **settings.rows())
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_stop_on_signal, scope.cancel)
                    nursery.start_soon(_look_around, network, home, peers, via)
                    nursery.start_soon(peers.run)
                    nursery.start_soon(_review, peers)
                    nursery.start_soon(control.run, home.path)
                    write_file(home.introduction, encode(own), replace=True, mode=0o644)
                    await Driver(member, protocol, world, settings.batch_inputs).run()
            log("stopped", commits=store.commit_number, tally=dict(world.tally + peers.tally))
            out.flush()
            store.close()
            # The transport's own end waits a tenth of a second per connection; everything is durable: let the kernel.
            os._exit(0)


def _gate(network: Network, member: Member, protocol: Protocol, clock: Clock) -> Gate:
    """Judges peers by the chain, and by the network's authority, if it has one that issues credentials."""
    judge = admission_by(network.path if network.ca is None else network.ca, clock)
    return Gate(member.network, member.params_digest, member.suite, partial(member.membership, protocol), judge)


async def _review(peers: Peers) -> None:
    """Looks again, every second, at who may be connected."""
    while True:
        await trio.sleep(REVIEW_SECONDS)
        peers.review()


@contextmanager
def _locked(home: Home) -> Iterator[None]:
    with (home.path / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UnfitStore(f"another process runs {home.name}") from error
        yield


@contextmanager
def _opened(home: Home, owner: Owner) -> Iterator[Store]:
    store = Store(home.store, owner)
    try:
        yield store
    finally:
        store.close()


def _lookup(network: Network, via: str | None) -> Callable[[NodeId], bytes | None]:
    """Finds the introduction of a peer in its directory, if it is on this machine."""
    homes = {home.identity: home for name, home in network.homes.items() if via in {None, name}}

    def look(identity: NodeId) -> bytes | None:
        home = homes.get(identity)
        return home.introduction.read_bytes() if home is not None and home.introduction.exists() else None

    return look


async def _look_around(network: Network, own: Home, peers: Peers, via: str | None) -> None:
    """Learns of the nodes of this machine as they come up."""
    look = _lookup(network, via)
    pause = LOOK_SECONDS
    while True:
        missing = [each.identity for each in network.homes.values() if each.identity not in peers.known and each != own]
        for identity in missing:
            data = look(identity)
            if data is not None:
                try:
                    peers.learn(data)
                except NotAdmitted as refusal:
                    peers.tally[f"not admitted: {refusal.code}"] += 1
        await trio.sleep(pause)
        pause = min(2 * pause, 5.0)


async def _stop_on_signal(stop: Callable[[], None]) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            stop()
            return
