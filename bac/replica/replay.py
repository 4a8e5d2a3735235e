"""Replays a shard's confirmed blocks from genesis, and keeps an account of every epoch: the facts, recomputed.

Theory of operation. Every block is derived anew from the one before and from its body, as a voter does: transactions
are executed, items entered in the docket, electorates, committees and seeds drawn. A block whose header is not bit for
bit what follows is refused, and the first field that differs is named. So whoever replays a chain without refusal knows
that every reputation and every committee in it follows from the ordered facts, and needs nobody's word for that.

What is not judged here is whether the blocks are confirmed: that takes the proofs, and the electorates found here
(`bac.proofs.confirmation`).

Source: docs/spec/replica.md RP-110 to RP-113.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from bac.crypto.suite import Suite
from bac.errors import Code, Rejected
from bac.finality.chain import Link, Verdict, header_hash
from bac.finality.epochs import Epoch, Successors
from bac.finality.evidence import LIFETIME
from bac.finality.machine import Place
from bac.finality.site import Block
from bac.finality.validity import Derived, Validity
from bac.intake import Intake
from bac.ledger.membership import signing_key_at
from bac.ledger.verifications import Verifications
from bac.params import Params
from bac.proofs.certificate import Scope
from bac.proofs.electorate import Electorate
from bac.proofs.restart import is_restart
from bac.replica.docket import Docket
from bac.replica.ground import Ground
from bac.replica.machine import Post, ReplicaMachine, witnesses_of
from bac.replica.standings import Assessment, assess
from bac.types import Hash, NodeId
from bac.wire.block import Elector
from bac.wire.claims import Claim, SeedProof, claim_id
from bac.wire.header import Header, Kind
from bac.wire.registry import decode_item, tag_at, tag_of
from bac.wire.votes import Acknowledgement, Certificate


@dataclass(frozen=True, slots=True)
class Shown:
    """What shows that a duty was done: an item of the block at `height`, by its SHA-256."""

    height: int
    item: Hash


@dataclass(frozen=True, slots=True)
class EpochAccount:
    """An epoch that has ended, and what followed from it.

    Attributes:
        docket: all that the epoch has brought.
        last: header of its last block.
        epoch: its electorate, committee and seeds.
        was_drawn: whether its own electorate was drawn for it; False: it had stayed (E7).
        successors: those of the epoch after it.
        drawn: the electorate drawn for it; the present one stays where that does not qualify (E7).
        assessments: of everybody with a record or with duties, by identity, ascending.
        shown: by identity and number of the duty, what first shows that it was done, in time or late.
        witnessed: by leader, the heights of the blocks in whose rounds it made a unique famous witness.
        claims: as ordered, those that were worth something.
        seed_proof: of the primary, if it came in time.
    """

    docket: Docket
    last: Header
    epoch: Epoch
    was_drawn: bool
    successors: Successors
    drawn: tuple[Elector, ...] = field(repr=False)
    assessments: tuple[Assessment, ...]
    shown: Mapping[tuple[NodeId, int], Shown] = field(repr=False)
    witnessed: Mapping[NodeId, tuple[int, ...]] = field(repr=False)
    claims: tuple[Claim, ...] = field(repr=False)
    seed_proof: SeedProof | None

    @property
    def number(self) -> int:
        """Which one it is."""
        return self.epoch.number

    @property
    def is_drawn(self) -> bool:
        """Whether the electorate drawn follows."""
        return bool(self.drawn) and self.successors.electorate.members == Electorate(self.drawn).members

    @property
    def next_seed(self) -> Hash:
        """seed_{e+1}."""
        assert self.epoch.base.boundary is not None, "an epoch begins with a boundary"
        return self.epoch.base.boundary.seed


class _Observed(ReplicaMachine):
    """Executes like any other, and shows the docket that the last body has left, which the end of an epoch closes."""

    docket: Docket
    place: Place

    def execute(self, parent: Post, place: Place, items: Sequence[bytes]) -> Post:
        post = super().execute(parent, place, items)
        assert post.docket is not None, "a block was executed"
        self.docket, self.place = post.docket, place
        return post


class Replay:
    """A replay up to some block. `add` takes the next one."""

    def __init__(self, ground: Ground, params: Params, suite: Suite, authority: bytes) -> None:
        """`authority` is the public key whose orders the ledger obeys, as genesis says."""
        self._params = params
        self._keys: dict[NodeId, bytes] = {}
        shard = ground.shard.shard
        self.scope = Scope(ground.network, shard, suite.quorum, authority, suite)
        self._intake = Intake(ground.network, shard, authority, suite, self._keys.get)
        self._epochs: dict[int, Epoch] = {}
        self._is_drawn = True
        self.machine = _Observed(ground, params, suite, Verifications(self._intake), self.electorate)
        self._begin(ground.epoch, self.machine.genesis())

    def electorate(self, epoch: int) -> Electorate | None:
        """That of the present epoch or one of the last few; None for others."""
        known = self._epochs.get(epoch)
        return None if known is None else known.electorate

    @property
    def epoch(self) -> Epoch:
        """The present one."""
        return self._epoch

    @property
    def tip(self) -> Link:
        """The last block, executed; at the beginning of an epoch the boundary before it."""
        return self._tip

    @property
    def post(self) -> Post:
        """The state after it."""
        post: Post = self._tip.state
        return post

    def _begin(self, epoch: Epoch, post: Post) -> None:
        self._epoch = self._epochs[epoch.number] = epoch
        self._epochs.pop(epoch.number - LIFETIME - 1, None)
        self._validity = Validity(epoch, self.scope, self._params, self.machine, self._intake)
        self._tip = Link(epoch.base, header_hash(epoch.base), state=post, verdict=Verdict.VALID)
        self._keys.clear()
        self._keys.update(
            (identity, signing_key_at(identity, member, epoch.number)) for identity, member in post.ledger.members()
        )
        self._shown: dict[tuple[NodeId, int], Shown] = {}
        self._witnessed: dict[NodeId, list[int]] = {}
        self._claims: dict[Hash, Claim] = {}
        self._seed_proof: SeedProof | None = None

    def add(self, block: Block) -> EpochAccount | None:
        """Takes the block after the last one; the account of the epoch that it ends, if it ends one.

        Raises:
            Rejected: `BAD_PROOF` and others: it does not follow from the blocks before; nothing changed.
        """
        header, parent = block.header, self._tip
        if header.parent != parent.hash:
            raise Rejected(Code.BAD_PROOF, f"block {header.height} does not stand on block {parent.header.height}")
        derived = self._derive(parent, block)
        if derived is None:
            raise Rejected(Code.BAD_PROOF, f"no block can stand at height {header.height}")
        compare(header, derived.header)
        link = Link(header, header_hash(header), parent=parent, body=block.body, state=derived.state)
        link.verdict = Verdict.VALID
        self._tip = link
        self._note(block.body.items)
        return None if derived.successors is None else self._end(derived, derived.successors)

    def _derive(self, parent: Link, block: Block) -> Derived | None:
        header, items = block.header, block.body.items
        if is_restart(header):
            return self._validity.restart(parent, items)
        if header.kind is Kind.OPENING:
            return self._validity.open(parent, header.view, items)
        if header.kind is not Kind.ORDERED or header.time_us <= parent.header.time_us:
            return None
        return self._validity.order(parent, header.time_us, items)

    def _end(self, derived: Derived, successors: Successors) -> EpochAccount:
        docket, place, epoch = self.machine.docket, self.machine.place, self._epoch
        account = EpochAccount(
            docket=docket,
            last=derived.header,
            epoch=epoch,
            was_drawn=self._is_drawn,
            successors=successors,
            drawn=derived.state.draw.electors,
            assessments=tuple(assess(docket, recovered=place.view > 0, params=self._params)),
            shown=self._shown,
            witnessed={leader: tuple(heights) for leader, heights in self._witnessed.items()},
            claims=tuple(self._claims.values()),
            seed_proof=self._seed_proof,
        )
        following = Epoch(
            epoch.number + 1, successors.electorate, successors.committee, place.next_seed, derived.header,
            epoch.timeout_us, None,
        )  # fmt: skip
        self._is_drawn = account.is_drawn
        self._begin(following, Post(derived.state.ledger))
        return account

    # ------------------------------------------------------------ what shows it

    def _note(self, items: Sequence[bytes]) -> None:
        """Which items of the block show duties, claims and the seed."""
        docket, place = self.machine.docket, self.machine.place
        for leader in witnesses_of(place, items) or ():
            self._witnessed.setdefault(leader, []).append(place.height)
        for item in items:
            if tag_at(item) in _NOTED:
                self._note_item(item, docket, place)

    def _note_item(self, item: bytes, docket: Docket, place: Place) -> None:
        try:
            message = decode_item(item)
        except Rejected:
            return
        match message:
            case Certificate() if message in place.certificates:
                signers = docket.electorate.signers(message.signers) or ()
                self._show([each.identity for each in signers], message.ballot.height, item)
            case Acknowledgement() if docket.header_at(message.ballot.height) == message.ballot.header_hash:
                key = docket.keys.get(message.voter)
                if key is not None and self.machine.assessor.is_acknowledged(message, key):
                    self._show([message.voter], message.ballot.height, item)
            case Claim() if (name := claim_id(message)) in docket.claims and name not in self._claims:
                if self.machine.election(docket, place.next_seed).judge(message, self.machine.assessor) is not None:
                    self._claims[name] = message
            case SeedProof() if self._seed_proof is None and docket.seed is not None:
                primary = place.committee[0].identity
                election = self.machine.election(docket, place.next_seed)
                if election.judge_seed(message, primary, self.machine.assessor) == docket.seed:
                    self._seed_proof = message

    def _show(self, identities: Iterable[NodeId], acknowledged: int, item: bytes) -> None:
        docket, height = self.machine.docket, self.machine.place.height
        duty = docket.windows.at(acknowledged)
        if duty is None:
            return
        shown = Shown(height, Hash(sha256(item).digest()))
        for identity in identities:
            if (docket.roll.done.get(identity, 0) | docket.roll.late.get(identity, 0)) >> duty & 1:
                self._shown.setdefault((identity, duty), shown)


_NOTED: Final = frozenset(tag_of(kind) for kind in (Acknowledgement, Certificate, Claim, SeedProof))


def replay(
    ground: Ground, params: Params, suite: Suite, authority: bytes, blocks: Iterable[Block]
) -> Iterator[EpochAccount]:
    """The accounts of all epochs that `blocks`, from the first one on, bring to their end.

    Raises:
        Rejected: as `Replay.add`, by the first block that does not follow.
    """
    replayed = Replay(ground, params, suite, authority)
    for block in blocks:
        account = replayed.add(block)
        if account is not None:
            yield account


def compare(header: Header, expected: Header) -> None:
    """Whether a header is bit for bit the one that follows.

    Raises:
        Rejected: `BAD_PROOF`; the reason names the first field that differs, and both its values.
    """
    if header == expected:
        return
    for name in sorted(header.__struct_fields__, key=lambda name: name != "state_root"):
        said, found = getattr(header, name), getattr(expected, name)
        if said != found:
            where = f"block {header.height} of epoch {header.epoch}"
            raise Rejected(Code.BAD_PROOF, f"{where} says {name} {_show(said)}, recomputed is {_show(found)}")


def _show(value: object) -> str:
    return value.hex()[:16] if isinstance(value, bytes) else str(value)
