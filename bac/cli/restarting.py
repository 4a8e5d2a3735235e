"""The operator's part in restarting a shard: summons, a look at the statements, one order, and the wait for its effect.

Everything goes through the control sockets of the nodes that run. What the authority has ordered for an epoch is kept
in a file before it is handed in, and handed in again by whoever runs this again; where the file is missing, what the
nodes know of it. Two orders for one epoch with different removals have different electorates: neither might find a
quorum, and then there is no way out any more, or either might, and then there are two chains.

Source: docs/spec/finality.md R10 to R15; docs/cli.md.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bac.cli.errors import CommandFailed
from bac.cli.output import say
from bac.cli.statements import Shown, agree, most, reached
from bac.cli.times import now
from bac.client import Client, TimedOut, Unreachable
from bac.errors import Rejected
from bac.node import processes
from bac.node.engine import Member
from bac.node.keyfile import write_file
from bac.node.network import Network
from bac.node.newcomer import sign
from bac.params import PRESETS
from bac.types import Hash, Height, NodeId
from bac.wire.codec import decode, encode
from bac.wire.transactions import ORDER_BYTES_MAX, REMOVED_MAX, AuthorityOrder, Order, Reconfigure, Summon

WATCH_SECONDS: Final = 4.0
"""How long no node may hear a quorum: wishes get to everybody by the third repetition."""
POLL_SECONDS: Final = 0.1
EPOCHS_MAX: Final = 2
"""Restarts in a row: where an epoch had ended, its next one was drawn with those who are gone."""
CONVINCED_SECONDS: Final = 5.0
"""How long after the last statement the next one is waited for."""
LAGGARDS_SECONDS: Final = 10.0
"""How long after the order the last nodes are waited for, once most have confirmed it."""

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
    shown: Shown
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

    def ask(self, question: str) -> dict[str, Any]:
        """What each node that answers says."""
        found = dict[str, Any]()
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
        if plan.patience <= WATCH_SECONDS:
            raise CommandFailed(
                "usage", f"--timeout is more than {WATCH_SECONDS:g}s: for so long the nodes are watched"
            )
        self._require_members(plan.removed or frozenset())
        for _ in range(EPOCHS_MAX):
            self.require_standstill(plan)
            done = self._restart(plan)
            yield done
            there = [each for each in self.ask("health").values() if each["epoch"] > done.epoch]
            if there and reached((each["restart"] or {"epoch": -1})["epoch"] for each in there) >= done.epoch:
                return
            say(f"epoch {done.epoch} had ended already; the next one is restarted, too")

    def require_standstill(self, plan: Plan) -> None:
        """Returns when it is sure that no quorum is there; at once, where most nodes know of somebody who has retired.

        Raises:
            CommandFailed: `not-at-a-standstill`: blocks are confirmed, or might be.
        """
        first, end = self._height(), time.monotonic() + plan.patience
        since: float | None = None
        while time.monotonic() < end:
            if reached(each["retired_units"] for each in self.ask("retirements").values()):
                return
            if self._height() > first:
                raise CommandFailed("not-at-a-standstill", "the shard confirms blocks: it needs no restart")
            since = (since or time.monotonic()) if self._lacks_quorum() else None
            if since is not None and time.monotonic() - since > WATCH_SECONDS:
                return
            time.sleep(POLL_SECONDS)
        raise CommandFailed(
            "not-at-a-standstill", "it could not be made sure that a quorum is missing", self._why_unsure()
        )

    def _why_unsure(self) -> str:
        waiting = self._waiting()
        if not all(_is_bereft(each) for each in waiting):
            return "voters with more than two thirds of the units are heard"
        return (
            f"no quorum was heard, but for less than {WATCH_SECONDS:g}s" if waiting else "no node waits in vain by now"
        )

    def _waiting(self) -> list[dict[str, Any]]:
        """What is said by nodes that wait for others."""
        return [each for each in self.ask("health").values() if each["silent_units"] is not None]

    def _lacks_quorum(self) -> bool:
        """Whether even the node that hears most waits in vain, and does not hear a third of the units."""
        waiting = self._waiting()
        return bool(waiting) and all(_is_bereft(each) for each in waiting)

    def _height(self) -> int:
        return reached(int(each["height"]) for each in self.ask("head").values())

    def _restart(self, plan: Plan) -> Done:
        epoch = reached(each["epoch"] for each in self.ask("head").values())
        file = self.kept / f"{self.member.network.hex()[:16]}-{self.member.shard}-{epoch}.order"
        self.tell(self.sign(Summon(epoch)))
        shown = self._statements(epoch, plan)
        if file.exists():
            say(f"handing in again what was ordered before: {file}")
            operation = decode(Order, file.read_bytes())
        else:
            operation = self._ordered(epoch) or self.sign(self._order(shown, plan))
            file.parent.mkdir(exist_ok=True)
            write_file(file, encode(operation), mode=0o644)
        self._carry_out(operation, epoch, plan)
        return Done(epoch, shown, decode(Reconfigure, operation.order), file)

    def _statements(self, epoch: int, plan: Plan) -> Shown:
        """What most nodes say alike, once all that run have retired, or no more come for a while."""
        end = time.monotonic() + plan.patience
        known, since = 0, time.monotonic()
        params = next(each for each in PRESETS.values() if each.digest() == self.member.params_digest)
        while True:
            shown = agree([*self.ask("retirements").values()], epoch, params)
            if shown is not None:
                if shown.retired_units > known:
                    known, since = shown.retired_units, time.monotonic()
                is_whole = not shown.disputed and not self._awaited(shown)
                if is_whole or time.monotonic() > min(end, since + CONVINCED_SECONDS):
                    return shown
            if time.monotonic() > end:
                raise CommandFailed("timeout", "of no voter do most nodes tell alike that it has retired")
            time.sleep(POLL_SECONDS)

    def _awaited(self, shown: Shown) -> set[NodeId]:
        """Voters that run, and have not retired."""
        return {self.network.homes[name].identity for name in self.names} & (shown.units.keys() - shown.statements)

    def _ordered(self, epoch: int) -> Order | None:
        """What the authority has ordered for the epoch, as the nodes know, if its own file is not here."""
        told = [each["orders"] for each in self.ask("retirements").values() if each["epoch"] == epoch]
        for data, _ in Counter(data for orders in told for data in orders).most_common():
            try:
                operation = decode(Order, data)
                order = decode(AuthorityOrder, operation.order, ORDER_BYTES_MAX)
            except Rejected:
                continue
            if isinstance(order, Reconfigure) and self.sign(order) == operation:  # signatures are deterministic
                say("handing in again what was ordered before: the nodes know it")
                return operation
        return None

    def _order(self, shown: Shown, plan: Plan) -> Reconfigure:
        """The order for these statements.

        Raises:
            CommandFailed: `too-few-retired`, `too-few-left`, `too-many-removed`, `has-retired`, `no-agreement`.
        """
        retired = shown.statements.keys()
        removed = frozenset(shown.units.keys() - retired) if plan.removed is None else plan.removed
        share = f"{shown.retired_units} of {shown.total_units} units have retired"
        if removed & retired:
            raise CommandFailed("has-retired", "who has retired votes on, and cannot be removed", share)
        if len(shown.units.keys() - removed) < shown.params.min_voters:
            raise CommandFailed("too-few-left", f"fewer than {shown.params.min_voters} voters would be left", share)
        if shown.disputed - removed:
            names = {home.identity: name for name, home in self.network.homes.items()}
            listed = ", ".join(sorted(names.get(each, each.hex()) for each in shown.disputed - removed))
            raise CommandFailed("no-agreement", f"the nodes do not tell alike whether these have retired: {listed}")
        if len(removed) > REMOVED_MAX:
            raise CommandFailed(
                "too-many-removed", f"an order removes {REMOVED_MAX} at most, not {len(removed)}", share
            )
        if not shown.is_enough and not plan.is_trusting:
            raise CommandFailed("too-few-retired", "something may have been confirmed that nobody here knows", share)
        return Reconfigure(
            Height(shown.parent.height), Hash(shown.parent.hash), shown.digest, tuple(sorted(removed))
        )  # fmt: skip

    def _require_members(self, identities: frozenset[NodeId]) -> None:
        """An order that names a stranger is void (LE-25), and no other is signed for the epoch.

        Raises:
            CommandFailed: `not-found`: most nodes do not know one of these as a member.
        """
        told = (
            [{each["identity"] for each in members} for members in self.ask("members").values()] if identities else []
        )
        for identity in sorted(identities):
            if not most([True for known in told if identity in known], len(told)):
                raise CommandFailed(
                    "not-found", f"{identity.hex()} was never a member", "no order can remove a stranger"
                )

    def _carry_out(self, operation: Order, epoch: int, plan: Plan) -> None:
        """Returns when most nodes have confirmed the end of the epoch; the others are waited for a little."""
        start = time.monotonic()
        self.tell(operation)
        while True:
            there = {name for name, each in self.ask("head").items() if each["epoch"] > epoch}
            behind, waited = sorted({*self.names} - there), time.monotonic() - start
            if not behind:
                return
            if 2 * len(there) > len(self.names):
                if waited > min(plan.patience, LAGGARDS_SECONDS):
                    say(f"not there yet, and left to catch up: {', '.join(behind)}")
                    return
            elif waited > plan.patience:
                raise CommandFailed("timeout", "the restart is not confirmed yet; it may still be")
            time.sleep(POLL_SECONDS)


def _is_bereft(health: Mapping[str, Any]) -> bool:
    """Whether a node that waits hears no quorum."""
    return bool(3 * health["silent_units"] >= health["total_units"])
