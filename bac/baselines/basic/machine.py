"""The ledger as the machine that finality executes bodies with.

Beside the ledger's state it carries who was convicted by evidence ordered in the present epoch: that decides who
follows, and is empty again after the boundary, so that the ledger's root says all that a newcomer must fetch.

Source: docs/spec/finality.md V7, V9, E1, E2.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bac.baselines.basic.ground import Ground
from bac.errors import Rejected
from bac.finality.evidence import Judge
from bac.finality.machine import Draw, Place
from bac.finality.validity import is_evidence
from bac.ledger.block import BlockContext, Roles
from bac.ledger.execution import Ledger
from bac.ledger.receipts import Receipt
from bac.ledger.snapshot import Chunk, Restoration, cut_all, cut_chunk
from bac.ledger.state import State
from bac.params import Params
from bac.types import Hash, NodeId
from bac.wire.codec import decode, encode
from bac.wire.registry import is_transaction
from bac.wire.transactions import VerifiedTransaction


@dataclass(frozen=True, slots=True)
class Post:
    """The state after a block: the ledger's, and who was convicted in its epoch."""

    ledger: State
    epoch: int
    culprits: tuple[NodeId, ...] = ()


class Restoring:
    """As finality's."""

    def __init__(self, root: Hash) -> None:
        self._restoration = Restoration(root)

    @property
    def wanted(self) -> bytes | None:
        """Where the next chunk must begin."""
        return self._restoration.wanted

    def add(self, chunk: bytes) -> None:
        """Takes the next chunk. Raises Rejected."""
        self._restoration.add(decode(Chunk, chunk))

    def state(self) -> Post:
        """The state; of no epoch yet."""
        return Post(State(self._restoration.trie()), -1)


class LedgerMachine:
    """Finality's machine, by `bac.ledger`."""

    def __init__(
        self, ground: Ground, params: Params, verify: Callable[[bytes], VerifiedTransaction], judge: Judge
    ) -> None:
        """`judge` answers whom evidence convicts."""
        self._ledger = Ledger(ground.network, ground.shard.shard, params)
        self._ground = ground
        self._params = params
        self._verify = verify
        self._judge = judge
        self._receipts: OrderedDict[Hash, tuple[Receipt, ...]] = OrderedDict()

    def genesis(self) -> Post:
        """As the machine's."""
        return Post(self._ground.state, -1)

    def root(self, state: Post) -> Hash:
        """As the machine's."""
        return state.ledger.root

    def execute(self, parent: Post, place: Place, items: Sequence[bytes]) -> Post:
        """As the machine's: transactions that are good by themselves are executed, evidence convicts."""
        if self._ground.remember is None:
            post, receipts = self._execute(parent, place, items)
        else:
            where = f"{place.epoch} {place.view} {place.height} {place.time_us} {parent.culprits}".encode()
            where += place.parent + b"".join(items)
            post, receipts = self._ground.remember(
                parent.ledger.root, where, lambda: self._execute(parent, place, items)
            )
        self._receipts[post.ledger.root] = receipts
        if len(self._receipts) > 2 * self._params.open_blocks:
            self._receipts.popitem(last=False)
        return post

    def _execute(self, parent: Post, place: Place, items: Sequence[bytes]) -> tuple[Post, tuple[Receipt, ...]]:
        transactions = [each for each in map(self._transaction, items) if each is not None]
        context = BlockContext(
            place.epoch, place.height, place.time_us, place.parent, _roles(place), place.retirements, place.order
        )  # fmt: skip
        execution = self._ledger.apply(parent.ledger, context, transactions)
        culprits = parent.culprits if parent.epoch == place.epoch else ()
        for item in items:
            if is_evidence(item):
                found = self._judge(item, place.epoch)
                culprits += tuple(each for each in found if each not in culprits)
        return Post(execution.state, place.epoch, culprits), execution.receipts

    def receipts(self, root: Hash) -> tuple[Receipt, ...]:
        """Of the block with this state root, which names it: the state holds the height. Empty if it is long ago."""
        return self._receipts.get(root, ())

    def _transaction(self, item: bytes) -> VerifiedTransaction | None:
        if not is_transaction(item):
            return None
        try:
            return self._verify(item)
        except Rejected:
            return None

    def ends_epoch(self, state: Post, round_: int) -> bool:  # noqa: ARG002 (no claim lists to wait for)
        """As the machine's: after the fixed number of rounds."""
        return round_ >= self._params.epoch_rounds

    def conclude(self, state: Post, place: Place) -> Post:  # noqa: ARG002 (nothing ends with an epoch)
        """As the machine's."""
        return state

    def draw(self, state: Post, epoch: int, seed: Hash) -> Draw:
        """As the machine's."""
        return self._ground.draw(state.ledger, epoch, seed, state.culprits)

    def chunk(self, state: Post, start: bytes) -> bytes:
        """As the machine's."""
        return encode(cut_chunk(state.ledger.trie, start))

    def chunks(self, state: Post) -> Sequence[bytes]:
        """As the machine's."""
        return [encode(chunk) for chunk in cut_all(state.ledger.trie)]

    def restoring(self, root: Hash) -> Restoring:
        """As the machine's."""
        return Restoring(root)


def _roles(place: Place) -> Roles:
    if place.view > 0:
        return Roles()
    primary, *others = place.committee
    return Roles(primary.identity, tuple((leader.identity, leader.weight) for leader in others), place.voters())
