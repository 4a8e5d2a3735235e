"""The echo protocol of the conformance checks as a member of a network, and a driver for those checks."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import trio
import trio.testing

from bac.crypto.batch import Claim
from bac.crypto.cache import Cached
from bac.crypto.standin import StandIn
from bac.crypto.suite import KeyPair
from bac.errors import Rejected
from bac.node.clock import Clock
from bac.node.driver import Driver, World, in_place
from bac.node.inbox import Inbox
from bac.node.membership import Membership
from bac.node.places import Places
from bac.node.store import Owner, Store
from bac.protocol import Commit, Construction, Effect, Persist, Protocol
from bac.sim import seeds
from bac.types import Hash, NodeId
from tests.sim.contract import Observed, Watched
from tests.sim.drivers import NoSignatures
from tests.sim.echo import CODEC, Said, Word, ids

SEED = bytes(32)
START_US = 1_000_000


class EchoMember:
    """What the node asks of an engine, for the echo protocol; nothing in it is signed."""

    engine = "echo"
    network = Hash(bytes(32))
    params_digest = Hash(bytes(32))
    shard = 0

    def __init__(self, count: int, place: int, log: list[Observed]) -> None:
        self.ids = ids(count)
        self.identity = self.ids[place]
        self.suite = Cached(StandIn(SEED, "ed25519-list"))
        self.keys: KeyPair = self.suite.key_pair(SEED)
        self.log = log

    def membership(self, protocol: Protocol) -> Membership:
        return Membership({identity: identity for identity in self.ids})

    def construct(self, random: Random, records: tuple[Persist, ...], store: Any) -> Protocol:
        return Watched(Construction(self.ids, None, self.identity, random, records, store, NoSignatures()), self.log)

    def encode(self, value: Any) -> bytes:
        return CODEC.encode(value)

    def decode(self, data: bytes) -> Any:
        return CODEC.decode(data)

    def claims(self, message: Any) -> Iterable[Claim]:
        return ()

    def read_transaction(self, data: bytes) -> Any:
        return CODEC.decode(data)

    def transaction_claims(self, transaction: Any) -> Iterable[Claim]:
        return ()

    def verify_transaction(self, transaction: Any) -> Any:
        return transaction

    def transaction_id(self, transaction: Word) -> bytes:
        return transaction.text.encode()

    def is_ordered(self, transaction: Word) -> bool:
        return not transaction.text.startswith("heed")

    def transaction_place(self, transaction: Word) -> tuple[bytes, int]:
        return transaction.text.encode(), 0

    def outcomes(self, block: Said, protocol: Protocol) -> Iterable[tuple[bytes, str]]:
        return [(block.text.encode(), "")]

    def follows(self, block: Said) -> bool:
        return True

    def never(self, transaction: Word, protocol: Protocol) -> str:
        return ""

    def ask(self, protocol: Protocol, question: str, arguments: Mapping[str, Any]) -> Any:
        raise ValueError(f"no question {question!r}")

    def decides(self, block: bytes, transaction_id: bytes) -> bool:
        return bool(CODEC.decode(block).text.encode() == transaction_id)

    def is_proven(self, block: bytes, proof: bytes) -> bool:
        return len(CODEC.decode(proof).peers) == len(self.ids) - 1


class Crashed(Exception):
    """The process would be gone here."""


class MortalStore(Store):
    """A store that can be told to lose power right after some `Persist`; what came before it is durable."""

    crash_after: int | None = None

    def flush(self) -> None:
        persists = [place for place, each in enumerate(self._queue) if isinstance(each, Persist)]
        last = None
        if self.crash_after is not None:
            if len(persists) < self.crash_after:
                self.crash_after -= len(persists)
            else:
                last = persists[self.crash_after - 1]
                del self._queue[last + 1 :]
        super().flush()
        if last is not None:
            raise Crashed


class Machine:
    """One node: its disk stays, its driver comes and goes."""

    def __init__(self, count: int, place: int, seed: int, path: Path, deliver: Callable[..., None]) -> None:
        self.log: list[Observed] = []
        self.member = EchoMember(count, place, self.log)
        self.place, self.seed, self.path, self.deliver = place, seed, path, deliver
        self.store: MortalStore | None = None
        self.inbox: Inbox | None = None
        self.performed: list[Effect] = []
        self.last: list[Effect] = []

    async def live(self) -> None:
        """Runs one incarnation until it crashes."""
        owner = Owner(self.member.network, self.member.engine, self.member.identity)
        self.store = MortalStore(self.path, owner)
        self.inbox = Inbox(1 << 20, 1024)
        random = seeds.generator(self.seed, self.place, len(self.log))
        protocol = self.member.construct(random, self.store.log, self.store)
        self.last = []
        world = World(
            self.store, Clock(START_US), self.inbox, Places(100), partial(self.deliver, self.member.identity),
            lambda sender, refusal: None, self._note, in_place,
        )  # fmt: skip
        try:
            await Driver(self.member, protocol, world, 1).run()
        except* Crashed:
            self._note_crash()
        finally:
            self.inbox = None
            self.store.close()

    def _note(self, effect: Effect) -> None:
        self.performed.append(effect)
        self.last.append(effect)

    def _note_crash(self) -> None:
        """What the last answer had performed when the power went: up to the record that was the last."""
        answered = self.log[-1].effects[len(self.last) :]
        assert self.store is not None
        left = self.store.crash_after
        assert left is not None
        for effect in answered:
            self.performed.append(effect)
            left -= isinstance(effect, Persist)
            if not left:
                return

    def arm(self, persists: int) -> None:
        assert self.store is not None
        self.store.crash_after = persists


class NodeDriver:
    """The node's driver under the conformance checks: trio in a thread of its own, on a clock that the checks move."""

    def __init__(self, count: int, seed: int) -> None:
        self._directory = tempfile.TemporaryDirectory()
        root = Path(self._directory.name)
        self.machines = [Machine(count, place, seed, root / f"{place}.sqlite", self._deliver) for place in range(count)]
        self.logs = [machine.log for machine in self.machines]
        self._ready = threading.Event()
        self._thread = threading.Thread(target=trio.run, args=(self._main,), kwargs={"clock": self._make_clock()})
        self._thread.start()
        self._ready.wait()
        for node in range(count):
            self.restart(node)

    def _make_clock(self) -> trio.testing.MockClock:
        self._clock = trio.testing.MockClock()
        return self._clock

    async def _main(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as self._nursery:
            self._ready.set()
            await trio.sleep_forever()

    def close(self) -> None:
        trio.from_thread.run_sync(self._nursery.cancel_scope.cancel, trio_token=self._token)
        self._thread.join()
        self._directory.cleanup()

    def _call(self, function: Callable[[], Any]) -> None:
        async def then_settle() -> None:
            function()
            await trio.testing.wait_all_tasks_blocked()

        trio.from_thread.run(then_settle, trio_token=self._token)

    def _deliver(self, sender: NodeId, to: tuple[NodeId, ...], data: bytes) -> None:
        for machine in self.machines:
            if machine.member.identity in to and machine.inbox is not None:
                machine.inbox.put_message(sender, data)

    def submit(self, node: int, transaction: Any) -> None:
        def give() -> None:
            inbox = self.machines[node].inbox
            if inbox is not None:
                inbox.put_transaction(transaction, _ignore)

        self._call(give)

    def settle(self) -> None:
        for _ in range(30):
            self._call(lambda: self._clock.jump(0.05))

    def crash_after(self, node: int, persists: int) -> None:
        self._call(lambda: self.machines[node].arm(persists))

    def restart(self, node: int) -> None:
        self._call(lambda: self._nursery.start_soon(self.machines[node].live))

    def performed(self, node: int) -> list[Effect]:
        return self.machines[node].performed


def _ignore(refusal: Rejected | None) -> None:
    """Nobody waits for the answer."""


def committed_texts(effects: Iterable[Effect]) -> list[str]:
    return [effect.block.text for effect in effects if isinstance(effect, Commit)]
