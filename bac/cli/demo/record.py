"""What the run has left on disk: the stores of all nodes, the journals of the vehicles, the logs.

Everything that the table and the checks say is read here, after all processes have ended; nothing is remembered from
the run but what was meant to happen (`Plan`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bac.cli.archive import Beginning, Chain, beginning_of, walk
from bac.cli.blocks import BLOCK_BYTES_MAX, transactions_in
from bac.cli.demo.cast import Part
from bac.cli.demo.course import PROMISE
from bac.cli.demo.vehicle import JOURNAL
from bac.cli.errors import CommandFailed
from bac.errors import Code
from bac.finality.site import Block
from bac.ledger.receipts import Outcome, Receipt
from bac.node import processes
from bac.node.network import Home, Network
from bac.node.store import read_archive
from bac.replica.explaining import Reckoning, reckon
from bac.replica.replay import EpochAccount, Replay
from bac.replica.standings import reputation_params
from bac.types import Hash
from bac.wire.codec import decode
from bac.wire.header import header_hash
from bac.wire.transactions import Transfer

_BOUNDARY: Final = b"r"


@dataclass(frozen=True, slots=True)
class Plan:
    """What was meant to happen.

    Attributes:
        vehicles: the trace's names by those of the nodes, in the order in which they came.
        parts: what the cars do, by the trace's names.
        traitor: the node that equivocates.
        killed: the leader that was killed; None: it did not come to that.
        leavers: nodes that drive off.
        arrivals: nodes that come later.
        troubles: what went wrong with the run itself.
    """

    vehicles: Mapping[str, str]
    parts: Mapping[str, Part]
    traitor: str
    killed: str | None
    leavers: tuple[str, ...]
    arrivals: tuple[str, ...]
    troubles: tuple[str, ...]

    def part(self, node: str) -> Part:
        """What the car of a node does."""
        return self.parts[self.vehicles[node]]


@dataclass(frozen=True, slots=True)
class Kept:
    """One confirmed block in the store of a node."""

    commit: int
    data: bytes
    proof: bytes
    block: Block
    hash: Hash

    @property
    def height(self) -> int:
        """Its own."""
        return self.block.header.height


@dataclass(frozen=True, slots=True)
class Journey:
    """One vehicle's journal: times in µs of the machine, by the id of the transaction.

    Attributes:
        sent: when it was handed in.
        final: when the node said that it is final, and with which code.
        refused: what the node never took, with its code.
    """

    sent: Mapping[str, int]
    final: Mapping[str, tuple[int, str]]
    refused: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A transaction that a confirmed block decides: what it asked for, and what became of it."""

    id: Hash
    kind: str
    code: Code | None
    paid_micro: int = 0


@dataclass(slots=True)
class Recount:
    """The chain replayed from genesis.

    Attributes:
        replay: at its end.
        accounts: of the epochs that have ended.
        reckonings: of everybody, by epoch.
        transactions: in order.
        conserved: blocks after which no coin had come from nowhere or gone there.
    """

    replay: Replay
    accounts: list[EpochAccount] = field(default_factory=list)
    reckonings: list[Reckoning] = field(default_factory=list)
    transactions: list[tuple[int, Confirmed]] = field(default_factory=list)
    conserved: int = 0
    blocks: int = 0

    @property
    def paid_micro(self) -> int:
        """What was paid for energy, in 10⁻⁶ coins."""
        return sum(each.paid_micro for _, each in self.transactions if each.code is None)


class Record:
    """All of it."""

    def __init__(self, network: Network, sybil: Home, plan: Plan) -> None:
        self.network = network
        self.sybil = sybil
        self.plan = plan
        self.stores: dict[str, list[Kept]] = {}
        self._boundaries: dict[str, tuple[bytes, ...]] = {}
        for name, home in network.homes.items():
            self.stores[name], self._boundaries[name] = _read_store(home)
        self.journeys = {name: _read_journal(home.path / JOURNAL) for name, home in network.homes.items()}
        self.identities = {name: home.identity for name, home in network.homes.items()}
        self.names = {identity: name for name, identity in self.identities.items()}

    @property
    def honest(self) -> list[str]:
        """All nodes but the traitor."""
        return [name for name in self.stores if name != self.plan.traitor]

    def longest(self) -> tuple[str, list[Kept]]:
        """The honest store that has most blocks without a gap from the first on. CommandFailed if none has any."""
        whole = {name: _unbroken(self.stores[name]) for name in self.honest}
        name = max(whole, key=lambda name: len(whole[name]))
        if not whole[name]:
            raise CommandFailed("check-failed", "no store holds the chain from its first block on")
        return name, whole[name]

    def chain(self) -> Chain:
        """The longest."""
        name, kept = self.longest()
        pairs = [(each.data, each.proof) for each in kept]
        source = f"the store of {name}"
        return Chain(source, self.network.genesis, len(pairs), pairs, self._boundaries[name], dict(self.names))

    def recount(self) -> tuple[Beginning, Recount]:
        """The longest chain, executed again from genesis. Raises CommandFailed: it does not follow."""
        chain = self.chain()
        beginning = beginning_of(chain)
        constants = reputation_params(beginning.params)
        found = Recount(beginning.replay())
        for step in walk(chain, beginning):
            found.replay, found.blocks = step.replay, found.blocks + 1
            found.conserved += step.replay.post.ledger.totals().is_conserved
            receipts = step.replay.machine.receipts(step.block.header.state_root)
            found.transactions += [(step.block.header.height, each) for each in _confirmed(step.block, receipts)]
            if step.account is not None:
                found.accounts.append(step.account)
                found.reckonings += reckon(step.account, constants)
        return beginning, found

    def promise(self) -> dict[str, Any] | None:
        """How far the killed leader had reported the chain as confirmed."""
        if self.plan.killed is None:
            return None
        found: dict[str, Any] = json.loads((self.network.homes[self.plan.killed].path / PROMISE).read_text())
        return found

    def last_words(self, home: Home) -> dict[str, Any]:
        """The last line of a node's log; what is not JSON stands under "event"."""
        line = (processes.logs(home, 1) or [""])[0]
        try:
            found: dict[str, Any] = json.loads(line)
        except ValueError:
            return {"event": line}
        return found


def _read_store(home: Home) -> tuple[list[Kept], tuple[bytes, ...]]:
    """The blocks in a node's store, and its boundary records, encoded."""
    if not home.store.exists():
        return [], ()
    found = read_archive(home.store, _BOUNDARY)
    kept = []
    for each in found.commits:
        block = decode(Block, each.block, BLOCK_BYTES_MAX)
        kept.append(Kept(each.number, each.block, each.proof, block, header_hash(block.header)))
    return kept, found.records


def _unbroken(kept: list[Kept]) -> list[Kept]:
    whole = []
    for height, each in enumerate(kept, 1):
        if each.height != height:
            break
        whole.append(each)
    return whole


def _read_journal(path: Path) -> Journey:
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return Journey(
        {each["sent"]: each["at_us"] for each in lines if "sent" in each},
        {each["final"]: (each["at_us"], each["code"]) for each in lines if "final" in each},
        {each["refused"]: each["code"] for each in lines if "refused" in each},
    )


def _confirmed(block: Block, receipts: tuple[Receipt, ...]) -> Iterator[Confirmed]:
    operations = {decoded.id: decoded.transaction.operation for decoded in transactions_in(block)}
    for receipt in receipts:
        if receipt.outcome is Outcome.DEFERRED:
            continue
        operation = operations[receipt.transaction]
        paid = operation.amount if isinstance(operation, Transfer) else 0
        yield Confirmed(receipt.transaction, type(operation).__name__, receipt.code, paid)
