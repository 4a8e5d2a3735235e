"""The operator's part in restarting a shard: summons, a look at the statements, one order, and the wait for its effect.

Everything goes through the control sockets of the nodes that run. What the authority has ordered for an epoch is kept
in a file before it is handed in, and handed in again by whoever runs this again: of two orders for one epoch neither
might find a quorum, and then there is no way out any more.

Source: docs/spec/finality.md R10 to R15; docs/cli.md.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bac.cli.errors import CommandFailed
from bac.cli.output import say
from bac.cli.times import now
from bac.client import Client, TimedOut, Unreachable
from bac.node import processes
from bac.node.engine import Member
from bac.node.keyfile import write_file
from bac.node.network import Network
from bac.node.newcomer import sign
from bac.types import Hash, Height, NodeId
from bac.wire.codec import decode, encode
from bac.wire.transactions import AuthorityOrder, Order, Reconfigure, Summon

WATCH_SECONDS: Final = 4.0
"""How long no node may hear a quorum: wishes get to everybody by the third repetition."""
POLL_SECONDS: Final = 0.1
EPOCHS_MAX: Final = 2
"""Restarts in a row: where an epoch had ended, its next one was drawn with those who are gone."""
CONVINCED_SECONDS: Final = 5.0
"""How long after the last statement the next one is waited for."""

Signer = Callable[[AuthorityOrder], Order]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the operator wants.

    Attributes:
        removed: who is to be removed; None: whoever has not retired.
        is_trusting: goes on where too few have retired to prove that nothing was confirmed beside.
        patience: for each step, s.
    """

    removed: frozenset[NodeId] | None
    is_trusting: bool
    patience: float


@dataclass(frozen=True, slots=True)
class Done:
    """One epoch that was ended: what was shown, and what was ordered."""

    epoch: int
    shown: Mapping[str, Any]
    order: Reconfigure
    file: Path


@dataclass
class Operator:
    """Talks to the nodes of one network that run.

    Attributes:
        sign: by the authority's hand.
        kept: the directory where orders are kept.
    """

    network: Network
    sign: Signer
    member: Member
    kept: Path
    names: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        self.names = tuple(name for name, home in self.network.homes.items() if processes.is_answering(home))
        if not self.names:
            raise CommandFailed("unreachable", f"no node of {self.network.path} answers")

    # ------------------------------------------------------------ asking, telling

    def ask(self, question: str) -> dict[str, dict[str, Any]]:
        """What each node that answers says."""
        found = {}
        for name in self.names:
            try:
                with Client(self.network.homes[name].path) as client:
                    found[name] = client.query(question)
            except (Unreachable, TimedOut):
                continue
        if not found:
            raise CommandFailed("unreachable", f"no node of {self.network.path} answers any more")
        return found

    def tell(self, operation: Order) -> None:
        """Hands an order to every node. Whose transaction brings it does not matter: none is executed."""
        data = sign(self.member, operation, nonce=0, now=now())
        for name in self.names:
            try:
                with Client(self.network.homes[name].path) as client:
                    client.submit([data])
            except (Unreachable, TimedOut):
                continue

    # ------------------------------------------------------------ the steps

    def run(self, plan: Plan) -> Iterator[Done]:
        """Restarts the present epoch, and the next one, if that was drawn before with those who are gone."""
        for _ in range(EPOCHS_MAX):
            self.require_standstill(plan)
            done = self._restart(plan)
            yield done
            recorded = max((each["restart"] or {"epoch": -1} for each in self.ask("health").values()),
                           key=lambda record: record["epoch"])  # fmt: skip
            if recorded["epoch"] >= done.epoch:
                return
            say(f"epoch {done.epoch} had ended already; the next one is restarted, too")

    def require_standstill(self, plan: Plan) -> None:
        """Returns when it is sure that no quorum is there; at once, where somebody has retired.

        Raises:
            CommandFailed: `not-at-a-standstill`: blocks are confirmed.
        """
        first, end = self._height(), time.monotonic() + plan.patience
        since: float | None = None
        while time.monotonic() < end:
            if any(each["retired_units"] for each in self.ask("retirements").values()):
                return
            if self._height() > first:
                raise CommandFailed("not-at-a-standstill", "the shard confirms blocks: it needs no restart")
            since = (since or time.monotonic()) if self._lacks_quorum() else None
            if since is not None and time.monotonic() - since > WATCH_SECONDS:
                return
            time.sleep(POLL_SECONDS)

    def _lacks_quorum(self) -> bool:
        """Whether even the node that hears most waits in vain, and does not hear a third of the units."""
        told = [each for each in self.ask("health").values() if each["silent_units"] is not None]
        return bool(told) and all(3 * each["silent_units"] >= each["total_units"] for each in told)

    def _height(self) -> int:
        return max(int(each["height"]) for each in self.ask("head").values())

    def _restart(self, plan: Plan) -> Done:
        epoch = max(each["epoch"] for each in self.ask("head").values())
        file = self.kept / f"{self.member.network.hex()[:16]}-{self.member.shard}-{epoch}.order"
        self.tell(self.sign(Summon(epoch)))
        shown = self._statements(epoch, plan)
        if file.exists():
            say(f"handing in again what was ordered before: {file}")
            operation = decode(Order, file.read_bytes())
            order: Reconfigure = decode(Reconfigure, operation.order)
        else:
            order = self._order(shown, plan)
            operation = self.sign(order)
            file.parent.mkdir(exist_ok=True)
            write_file(file, encode(operation), mode=0o644)
        self._carry_out(operation, epoch, plan)
        return Done(epoch, shown, order, file)

    def _statements(self, epoch: int, plan: Plan) -> Mapping[str, Any]:
        """What most nodes say alike, once all that run have retired, or no more come for a while."""
        end = time.monotonic() + plan.patience
        known, since = 0, time.monotonic()
        while True:
            said = [each for each in self.ask("retirements").values() if each["epoch"] == epoch and each["digest"]]
            best, count = _most_told(said)
            if best is not None:
                if best["retired_units"] > known:
                    known, since = best["retired_units"], time.monotonic()
                is_whole = not self._awaited(best) and 2 * count > len(self.names)
                if is_whole or time.monotonic() > min(end, since + CONVINCED_SECONDS):
                    return best
            if time.monotonic() > end:
                raise CommandFailed("timeout", "no voter has stated that it retires")
            time.sleep(POLL_SECONDS)

    def _awaited(self, shown: Mapping[str, Any]) -> list[bytes]:
        """Voters that run, and have not retired."""
        running = {self.network.homes[name].identity for name in self.names}
        voters = (each for each in shown["members"] if not each["has_retired"])
        return [each["identity"] for each in voters if each["identity"] in running]

    def _order(self, shown: Mapping[str, Any], plan: Plan) -> Reconfigure:
        """The order for these statements.

        Raises:
            CommandFailed: `too-few-retired`, `too-few-left`, `has-retired`.
        """
        members: Sequence[Mapping[str, Any]] = shown["members"]
        retired = {each["identity"] for each in members if each["has_retired"]}
        removed = {each["identity"] for each in members} - retired if plan.removed is None else plan.removed
        share = f"{shown['retired_units']} of {shown['total_units']} units have retired"
        if removed & retired:
            raise CommandFailed("has-retired", "who has retired votes on, and cannot be removed", share)
        if len([each for each in members if each["identity"] not in removed]) < shown["voters_min"]:
            raise CommandFailed("too-few-left", f"fewer than {shown['voters_min']} voters would be left", share)
        if not shown["is_enough"] and not plan.is_trusting:
            raise CommandFailed("too-few-retired", "something may have been confirmed that nobody here knows", share)
        return Reconfigure(
            Height(shown["parent_height"]), Hash(shown["parent"]), Hash(shown["digest"]),
            tuple(sorted(NodeId(each) for each in removed)),
        )  # fmt: skip

    def _carry_out(self, operation: Order, epoch: int, plan: Plan) -> None:
        """Returns when the nodes have confirmed the end of the epoch."""
        end = time.monotonic() + plan.patience
        self.tell(operation)
        while not all(each["epoch"] > epoch for each in self.ask("head").values()):
            if time.monotonic() > end:
                raise CommandFailed("timeout", "the restart is not confirmed yet; it may still be")
            time.sleep(POLL_SECONDS)


def _most_told(said: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any] | None, int]:
    """What most nodes say, of equally many what tells of more units, and how many: no node alone is believed."""
    counts = Counter(each["digest"] for each in said)
    best = max(said, key=lambda each: (counts[each["digest"]], each["retired_units"]), default=None)
    return best, 0 if best is None else counts[best["digest"]]
