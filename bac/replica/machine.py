"""The state machine of BAC 2.0: what blocks do to the ledger, to reputations, and to who leads and votes next.

Theory of operation. The state after a block is a `Post`: the ledger's state, and the docket of the epoch. A block's
transactions are executed by the ledger; its other items, and who took part in its round, are entered in the docket. The
end of an epoch (`conclude`) evaluates the docket: it writes reputations into the ledger's state and draws who follows;
the docket is empty then. So the root of the state at a boundary commits to everything that the future depends on.

Items worth nothing are passed over, never refused (`bac.replica.clerk`). What makes a body invalid by itself is what no
honest leader can write: another first item than the record of its round.

Source: docs/spec/replica.md RP-1 to RP-9, RP-19; docs/spec/finality.md V7, E1, E2, E6.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, TypeVar

from bac.crypto.suite import Suite
from bac.errors import Code, Rejected
from bac.finality.machine import Draw, Place
from bac.ledger.block import BlockContext, Roles
from bac.ledger.execution import Ledger
from bac.ledger.membership import Register, read_register
from bac.ledger.receipts import Receipt
from bac.ledger.snapshot import Chunk, Restoration, cut_all, cut_chunk
from bac.ledger.state import State
from bac.params import Params
from bac.proofs.certificate import Scope
from bac.proofs.electorate import Electorate
from bac.replica.assessor import Assessor
from bac.replica.clerk import Clerk
from bac.replica.court import ReplicaCourt
from bac.replica.docket import Docket, advance, open_docket
from bac.replica.drawing import Election, draw_committee, draw_electors, find_leavers
from bac.replica.ground import Ground
from bac.replica.standings import assess, write
from bac.types import Hash, NodeId
from bac.wire import claims
from bac.wire.block import RoundRecord
from bac.wire.codec import decode, encode
from bac.wire.registry import is_transaction, tag_at, tag_of
from bac.wire.transactions import VerifiedTransaction
from election.committee import Claim

_ROUND_TAG: Final = tag_of(RoundRecord)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Post:
    """The state after a block.

    Attributes:
        ledger: accounts, members, reputations.
        docket: what the epoch has brought so far; None at a boundary.
        draw: after the last block of an epoch, who follows; None for a state that was fetched.
    """

    ledger: State
    docket: Docket | None = None
    draw: Draw | None = None


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
        """The state, at a boundary."""
        return Post(State(self._restoration.trie()))


class ReplicaMachine:
    """Finality's machine; see the head of this file."""

    def __init__(
        self, ground: Ground, params: Params, suite: Suite, verify: Callable[[bytes], VerifiedTransaction],
        electorate: Callable[[int], Electorate | None],
    ) -> None:  # fmt: skip
        """`verify` judges encoded transactions; `electorate` answers those of the last `LIFETIME` epochs."""
        self._ledger = Ledger(ground.network, ground.shard.shard, params)
        self._ground = ground
        self._params = params
        self._suite = suite
        self._verify = verify
        self._electorate = electorate
        self._scope = Scope(ground.network, ground.shard.shard, suite.quorum)
        self.assessor = Assessor(self._scope, suite)
        self._receipts: OrderedDict[Hash, tuple[Receipt, ...]] = OrderedDict()

    def genesis(self) -> Post:
        """As the machine's."""
        return Post(self._ground.state)

    def root(self, state: Post) -> Hash:
        """As the machine's."""
        return state.ledger.root

    # ------------------------------------------------------------ blocks

    def execute(self, parent: Post, place: Place, items: Sequence[bytes]) -> Post:
        """As the machine's: transactions are executed, everything else is entered in the docket."""
        witnesses = witnesses_of(place, items)
        # the parent's header stands for its whole state: docket, electorate and committee follow from the chain
        where = f"{place.view} {place.time_us} ".encode() + b"".join(items)
        post, receipts = self._once(place.parent, where, lambda: self._execute(parent, place, items, witnesses))
        self._keep(post.ledger.root, receipts)
        return post

    def _once(self, on: bytes, question: bytes, answer: Callable[[], T]) -> T:
        """What `answer` says, which depends on `on` and `question` alone; nodes of one process may share it."""
        remember = self._ground.remember
        found: T = answer() if remember is None else remember(on, question, answer)
        return found

    def _execute(
        self, parent: Post, place: Place, items: Sequence[bytes], witnesses: Sequence[NodeId] | None
    ) -> tuple[Post, tuple[Receipt, ...]]:
        transactions = [each for each in map(self._transaction, items) if each is not None]
        context = BlockContext(
            place.epoch, place.height, place.time_us, place.parent, _roles(place), place.retirements, place.order
        )  # fmt: skip
        execution = self._ledger.apply(parent.ledger, context, transactions)
        docket = advance(parent.docket or self.open_docket(parent.ledger, place), place)
        clerk = Clerk(docket, place, self._ground.shard.shard, self._params, self.assessor, self._judge)
        if witnesses is not None:
            clerk.on_round(witnesses)
            clerk.on_certificates()
        for item in items:
            clerk.on_item(item)
        return Post(execution.state, clerk.close()), execution.receipts

    def open_docket(self, boundary: State, place: Place) -> Docket:
        """The docket of the epoch whose first block is at `place`, on the state `boundary`."""
        return self._once(place.parent, b"docket", lambda: open_docket(boundary, place, self._params))

    def _transaction(self, item: bytes) -> VerifiedTransaction | None:
        if not is_transaction(item):
            return None
        try:
            return self._verify(item)
        except Rejected:
            return None

    def _keep(self, root: Hash, receipts: tuple[Receipt, ...]) -> None:
        self._receipts[root] = receipts
        if len(self._receipts) > 2 * self._params.open_blocks:
            self._receipts.popitem(last=False)

    def receipts(self, root: Hash) -> tuple[Receipt, ...]:
        """Of the block with this state root, which names it: the state holds the height. Empty if it is long ago."""
        return self._receipts.get(root, ())

    # ------------------------------------------------------------ evidence and claims

    def court(self, epoch: int, present: Electorate, boundary: State) -> ReplicaCourt:
        """The court of `epoch`, whose electorate is `present`, on the state `boundary` before it."""

        def electorate(deed: int) -> Electorate | None:
            return present if deed == epoch else self._electorate(deed)

        return ReplicaCourt(self._scope, self._suite, electorate, boundary, self._verify)

    def _judge(self, item: bytes, docket: Docket) -> Sequence[tuple[NodeId, int]]:
        court = self.court(docket.epoch, docket.electorate, docket.boundary)
        question = ("evidence", docket.headers[0], docket.epoch, sha256(item).digest())
        return self.assessor.once(question, lambda: court.convict(item, docket.epoch, self._params.evidence_epochs))

    def election(self, docket: Docket, next_seed: Hash) -> Election:
        """The draw of the committee of the next epoch."""
        shard = self._ground.shard.shard
        return Election(docket.epoch + 1, next_seed, shard, docket.electorate, docket.register, self._params)

    def judge_claim(self, base: Hash, election: Election, claim: claims.Claim) -> Claim | None:
        """What `claim` shows in `election`, the draw in the epoch that follows the header `base`; None for nothing."""
        return self._once(base, b"claim " + encode(claim), lambda: election.judge(claim, self.assessor))

    # ------------------------------------------------------------ epochs

    def register(self, boundary: State, epoch: int) -> Register:
        """Who is registered in `epoch`, on the state `boundary` before it."""
        return self._once(boundary.root, b"register %d" % epoch, lambda: read_register(boundary, epoch))

    def ends_epoch(self, state: Post, round_: int) -> bool:
        """As the machine's: with claim lists of a quorum, after R_len or earlier if a quarter of the leaders depart."""
        docket = state.docket
        assert docket is not None, "a block was executed"
        is_due = round_ >= self._params.epoch_rounds
        is_early = docket.last_round is not None and round_ >= docket.last_round
        return (is_due or is_early) and docket.is_listed

    def conclude(self, state: Post, place: Place) -> Post:
        """As the machine's: reputations are written, who follows is drawn, the docket is closed."""
        docket = state.docket
        assert docket is not None, "a block was executed"
        if place.order is None and not docket.is_listed:
            raise Rejected(Code.NO_QUORUM, "an epoch ends with the claim lists of a quorum")
        assessments = assess(docket, recovered=place.view > 0, params=self._params)
        ledger = write(state.ledger, assessments, self._params)
        self._keep(ledger.root, self.receipts(state.ledger.root))
        return Post(ledger, None, self._draw(ledger, docket, place))

    def _draw(self, boundary: State, docket: Docket, place: Place) -> Draw:
        following = docket.epoch + 1
        leaving = find_leavers(boundary, following, docket.electorate, docket.departed, self._params)
        culprits = docket.culprits()
        gone = frozenset((*leaving, *culprits))
        electors = draw_electors(boundary, following, self._ground.shard.scheme, self._params, gone)
        claims = docket.union() if place.order is None else ()
        committee = draw_committee(claims, electors, place.next_seed, self._params)
        seed = docket.seed or self.election(docket, place.next_seed).fallback()
        return Draw(electors, committee, seed, culprits, leaving)

    def draw(self, state: Post, epoch: int, seed: Hash) -> Draw:  # noqa: ARG002 (drawn by `conclude`)
        """As the machine's."""
        assert state.draw is not None, "the end of an epoch was concluded here"
        return state.draw

    # ------------------------------------------------------------ snapshots

    def chunk(self, state: Post, start: bytes) -> bytes:
        """As the machine's."""
        return encode(cut_chunk(state.ledger.trie, start))

    def chunks(self, state: Post) -> Sequence[bytes]:
        """As the machine's."""
        trie = state.ledger.trie
        return self._once(trie.root, b"chunks", lambda: [encode(chunk) for chunk in cut_all(trie)])

    def restoring(self, root: Hash) -> Restoring:
        """As the machine's."""
        return Restoring(root)


def witnesses_of(place: Place, items: Sequence[bytes]) -> tuple[NodeId, ...] | None:
    """The leaders with a unique famous witness in the round of the body; None in later views, which have no rounds.

    Raises:
        Rejected: `MALFORMED`: the first item of a body of view 0 is no record of a round of this committee, or a body
            of a later view holds one.
    """
    if place.view > 0:
        if any(tag_at(item) == _ROUND_TAG for item in items):
            raise Rejected(Code.MALFORMED, "a later view has no rounds")
        return None
    if not items or tag_at(items[0]) != _ROUND_TAG:
        raise Rejected(Code.MALFORMED, "a body of view 0 begins with the record of its round")
    bits = int.from_bytes(record := decode(RoundRecord, items[0]).witnesses, "little")
    count = len(place.committee)
    if len(record) != (count + 7) // 8 or bits == 0 or bits >> count:
        raise Rejected(Code.MALFORMED, "the record of a round of another committee")
    return tuple(leader.identity for number, leader in enumerate(place.committee) if bits >> number & 1)


def _roles(place: Place) -> Roles:
    if place.view > 0:
        return Roles()
    primary, *others = place.committee
    return Roles(primary.identity, tuple((leader.identity, leader.weight) for leader in others), place.voters())
