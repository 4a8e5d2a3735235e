"""A shard whose blocks are written by hand: all keys, finality's derivation of headers, the machine below it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from bac.crypto.keys import NodeSecrets, next_seed
from bac.crypto.standin import StandIn
from bac.crypto.suite import Suite
from bac.finality.chain import Link, Verdict, header_hash
from bac.finality.epochs import Epoch
from bac.finality.machine import Place
from bac.finality.site import Block
from bac.finality.validity import Validity
from bac.genesis import Scheme, make_genesis, make_member, make_shard
from bac.intake import Intake
from bac.ledger.verifications import Verifications
from bac.params import MINIMAL, Params
from bac.proofs.certificate import Scope
from bac.proofs.electorate import Electorate
from bac.replica.docket import Docket, open_docket
from bac.replica.drawing import Election
from bac.replica.ground import lay
from bac.replica.machine import Post, ReplicaMachine
from bac.types import Hash, Height, Micros, NodeId, Units
from bac.wire.block import Body, RoundRecord
from bac.wire.claims import Claim, ClaimList, Departure, claim_id
from bac.wire.codec import Message, encode
from bac.wire.signed import UNSIGNED, S, preimage, with_signature
from bac.wire.transactions import (
    AcknowledgementKey,
    Admit,
    AuthorityOrder,
    Kind,
    Operation,
    Order,
    SignedTransaction,
    Transaction,
    order_preimage,
    transaction_preimage,
)
from bac.wire.votes import Acknowledgement, Ballot, Certificate, NewView, State, ballot_of, ballot_preimage

PARAMS = replace(MINIMAL, epoch_rounds=6, epoch_grace_rounds=4, seed_rounds=3, duties_per_epoch=3, endowment_epochs=32)
FOREVER = Micros(2**60)
STEP = 500_000
"""µs from block to block."""
SHARD = 3


def secrets_of(number: int) -> NodeSecrets:
    return NodeSecrets.from_root(sha256(b"yard" + number.to_bytes(4, "big")).digest())


class Yard:
    """`units[i]` are endowed to member i; who has none is registered, too, if `units` names it."""

    def __init__(
        self, units: Sequence[int] = (6000, 5000, 4000, 3000, 2000), params: Params = PARAMS, suite: Suite | None = None
    ) -> None:
        self.params = params
        self.suite: Suite = suite or StandIn(b"m" * 32, "ed25519-list")
        self.secrets: dict[NodeId, NodeSecrets] = {}
        self.ids: list[NodeId] = []
        for number in range(len(units)):
            self.know(number)
        members = [
            make_member(
                self.secrets[identity], self.suite, params.acknowledgement_keys_ahead, not_after=FOREVER,
                endowment=Units(endowment),
            )
            for identity, endowment in zip(self.ids, units, strict=True)
        ]  # fmt: skip
        balances = [(identity, 10**9) for identity in self.ids]
        self.authority = self.suite.key_pair(b"a" * 32)
        self.genesis = make_genesis(
            params, [make_shard(SHARD, Scheme.ED25519_LIST, members, balances)], authority=self.authority.public,
            time_us=Micros(0), seed=b"s" * 32,
        )  # fmt: skip
        self.ground = lay(self.genesis, self.genesis.shards[0], params)
        self.network = self.ground.network
        self.scope = Scope(self.network, SHARD, self.suite.quorum)
        self.intake = Intake(self.network, SHARD, self.authority.public, self.suite, lambda identity: identity)
        self.epochs: dict[int, Epoch] = {}
        self.machine = self.make_machine()
        self.blocks: list[Block] = []
        self.ended: list[Docket] = []
        self.nonces: dict[NodeId, int] = {}
        self.validity: Validity
        self.epoch: Epoch
        self.tip: Link
        self.begin(self.ground.epoch, self.machine.genesis())

    def make_machine(self) -> ReplicaMachine:
        return ReplicaMachine(self.ground, self.params, self.suite, Verifications(self.intake), self.electorate)

    def know(self, number: int) -> NodeId:
        """The identity of vehicle `number`, whose secrets are here from now on."""
        secrets = secrets_of(number)
        identity = NodeId(self.suite.key_pair(secrets.signing).public)
        self.secrets[identity] = secrets
        self.ids.append(identity)
        return identity

    def electorate(self, epoch: int) -> Electorate | None:
        known = self.epochs.get(epoch)
        return None if known is None else known.electorate

    # ------------------------------------------------------------ the chain

    def begin(self, epoch: Epoch, state: Post) -> None:
        self.epochs[epoch.number] = self.epoch = epoch
        self.validity = Validity(epoch, self.scope, self.params, self.machine, self.intake)
        self.tip = Link(epoch.base, header_hash(epoch.base), state=state, verdict=Verdict.VALID)

    @property
    def post(self) -> Post:
        post: Post = self.tip.state
        return post

    @property
    def docket(self) -> Docket:
        """Of the present epoch, as it is after the tip."""
        return self.post.docket or open_docket(self.post.ledger, self.place(), self.params)

    @property
    def seed_after(self) -> Hash:
        """seed_{e+1}."""
        assert self.epoch.base.boundary is not None
        return self.epoch.base.boundary.seed

    def place(self, view: int = 0) -> Place:
        """Of the next block."""
        header = self.tip.header
        return Place(
            self.epoch.number, view, Height(header.height + 1), Micros(header.time_us + STEP), self.tip.hash,
            self.epoch.committee, self.epoch.electorate, self.epoch.seed, self.seed_after,
        )  # fmt: skip

    @property
    def round(self) -> int:
        """Of the next block."""
        return self.tip.header.height - self.epoch.base.height + 1

    def record(self, witnesses: Iterable[int] | None = None) -> bytes:
        """The record of a round with witnesses by these leaders, by place; of all if none are named."""
        places = range(len(self.epoch.committee)) if witnesses is None else witnesses
        bits = sum(1 << place for place in places)
        return encode(RoundRecord(bits.to_bytes((len(self.epoch.committee) + 7) // 8, "little")))

    def block(self, *items: bytes | Message, witnesses: Iterable[int] | None = None) -> Link:
        """The next block of view 0; at the end of the epoch the next one begins."""
        encoded = (self.record(witnesses), *(item if isinstance(item, bytes) else encode(item) for item in items))
        derived = self.validity.order(self.tip, Micros(self.tip.header.time_us + STEP), encoded)
        assert derived is not None, "beyond the last round"
        return self.add(derived, encoded)

    def open(self, view: int, *items: bytes | Message) -> Link:
        """The opening of a later view on the tip."""
        encoded = (
            encode(self.new_view(view)),
            *(item if isinstance(item, bytes) else encode(item) for item in items),
        )
        derived = self.validity.open(self.tip, view, encoded)
        assert derived is not None, "no valid opening"
        return self.add(derived, encoded)

    def add(self, derived: Any, items: tuple[bytes, ...]) -> Link:
        link = Link(
            derived.header, header_hash(derived.header), parent=self.tip, body=Body(items), state=derived.state,
            verdict=Verdict.VALID,
        )  # fmt: skip
        self.blocks.append(Block(derived.header, Body(items)))
        parent, self.tip = self.tip, link
        if derived.successors is not None:
            self.ended.append(self.bare(parent.state, derived, items))
            old, drawn = self.epoch, derived.successors
            self.begin(
                Epoch(
                    old.number + 1, drawn.electorate, drawn.committee, self.seed_after, derived.header, old.timeout_us,
                    None,
                ),
                derived.state,
            )  # fmt: skip
        return link

    def bare(self, parent: Post, derived: Any, items: tuple[bytes, ...]) -> Docket:
        """The docket after a body, before the end of the epoch closes it."""
        header = derived.header
        place = Place(
            self.epoch.number, header.view, header.height, header.time_us, header.parent, self.epoch.committee,
            self.epoch.electorate, self.epoch.seed, self.seed_after, derived.certificates,
        )  # fmt: skip
        docket = self.machine.execute(parent, place, items).docket
        assert docket is not None
        return docket

    def new_view(self, view: int) -> NewView:
        """States of all voters, with the certificate of the tip."""
        is_base = self.tip.parent is None
        certificate = None if is_base else self.certificate(self.tip)
        high = self.epoch.base_rank if is_base else self.tip.rank
        clock = Micros(self.tip.header.time_us + STEP)
        states = [
            self.sign(State(self.epoch.number, view, high, clock, member.identity, UNSIGNED))
            for member in self.epoch.electorate.members
        ]
        return NewView(tuple(states), certificate)

    # ------------------------------------------------------------ what members say

    def sign(self, message: S) -> S:
        """`message`, signed by whom it names."""
        identity = NodeId(getattr(message, message.SIGNER))
        pair = self.suite.key_pair(self.secrets[identity].signing)
        return with_signature(message, pair.sign(preimage(message, self.network, SHARD)))

    def acknowledge(self, link: Link, identity: NodeId, epoch: int | None = None) -> Acknowledgement:
        """By the key of the link's epoch, or of another one."""
        return self.vote(ballot_of(link.header), identity, epoch)

    def vote(self, ballot: Ballot, identity: NodeId, epoch: int | None = None) -> Acknowledgement:
        """By the key of the ballot's epoch, or of another one."""
        seed = next_seed(self.secrets[identity].acknowledgement, ballot.epoch if epoch is None else epoch)
        message = ballot_preimage(ballot, self.network, SHARD)
        return Acknowledgement(ballot, identity, self.suite.quorum.sign(seed, message))

    def certificate(self, link: Link, signers: Iterable[NodeId] | None = None) -> Certificate:
        """By these voters; by all of the epoch if none are named."""
        electorate = self.epochs[link.header.epoch].electorate
        voters = sorted(electorate.places) if signers is None else sorted(signers)
        shares = [self.acknowledge(link, NodeId(voter)).signature for voter in voters]
        return Certificate(
            ballot_of(link.header), electorate.bitmap(map(NodeId, voters)), self.suite.quorum.aggregate(shares)
        )

    @property
    def election(self) -> Election:
        """The draw of the next committee."""
        return self.machine.election(self.docket, self.seed_after)

    def claims(self) -> list[Claim]:
        """Of all voters, by identity and role."""
        found = []
        for identity in sorted(self.epoch.electorate.places):
            pair = self.suite.vrf_key_pair(self.secrets[identity].vrf)
            found += [self.sign(claim) for claim in self.election.make(identity, pair, self.suite)]
        return found

    def list_claims(self, identity: NodeId, claims: Iterable[Claim]) -> ClaimList:
        names = tuple(sorted(claim_id(claim) for claim in claims))
        return self.sign(ClaimList(self.epoch.number + 1, identity, names, UNSIGNED))

    def departure(self, identity: NodeId) -> Departure:
        return self.sign(Departure(self.epoch.number, identity, UNSIGNED))

    def seed_proof(self) -> bytes:
        """The primary's."""
        primary = self.epoch.committee[0].identity
        return encode(self.election.make_seed_proof(self.suite.vrf_key_pair(self.secrets[primary].vrf)))

    # ------------------------------------------------------------ transactions

    def transact(self, identity: NodeId, operation: Operation, *, fee: int = 0) -> bytes:
        """The next transaction of `identity`."""
        nonce = self.nonces.get(identity, 0)
        self.nonces[identity] = nonce + 1
        pair = self.suite.key_pair(self.secrets[identity].signing)
        content = encode(Transaction(self.network, SHARD, identity, pair.public, nonce, fee, FOREVER, operation))
        signature = pair.sign(transaction_preimage(self.network, SHARD, content))
        return encode(SignedTransaction(content, signature))

    def order(self, sender: NodeId, order: AuthorityOrder) -> bytes:
        content = encode(order)
        signature = self.authority.sign(order_preimage(self.network, SHARD, content))
        return self.transact(sender, Order(content, signature))

    def admit(self, number: int) -> tuple[NodeId, bytes]:
        """A new vehicle, and the transaction that registers it."""
        identity = self.know(number)
        vrf = self.suite.vrf_key_pair(self.secrets[identity].vrf).public
        return identity, self.order(identity, Admit(identity, Kind.VEHICLE, vrf, FOREVER, Hash(bytes(32))))

    def announce(self, identity: NodeId, epoch: int) -> bytes:
        """An acknowledgement key for `epoch`."""
        seed = next_seed(self.secrets[identity].acknowledgement, epoch)
        quorum = self.suite.quorum
        return self.transact(
            identity, AcknowledgementKey(epoch, quorum.public_of(seed), quorum.pop_prove(seed))
        )  # fmt: skip

    # ------------------------------------------------------------ whole epochs

    def live_epoch(
        self, *, absent: Iterable[NodeId] = (), items: Sequence[bytes | Message] = (), late: Iterable[NodeId] = ()
    ) -> None:
        """An ordinary epoch: claims, lists, certificates of the present; `late` acknowledge every block singly."""
        away, number = frozenset(absent), self.epoch.number
        voters = [each for each in sorted(self.epoch.electorate.places) if each not in away]
        claims = [claim for claim in self.claims() if claim.identity not in away]
        lists = [self.list_claims(NodeId(voter), claims) for voter in voters]
        self.block(*claims, *lists, self.seed_proof(), *self.keys_due(away), *items)
        while self.epoch.number == number:
            singly = [self.acknowledge(self.tip, voter) for voter in late]
            self.block(self.certificate(self.tip, map(NodeId, voters)), *singly)

    def keys_due(self, away: frozenset[NodeId] = frozenset()) -> list[bytes]:
        """Announcements of the keys for three epochs ahead, of all members who have none."""
        ahead = self.epoch.number + 3
        due = []
        for identity, member in self.post.ledger.members():
            if identity not in away and all(each.epoch != ahead for each in member.acknowledgement_keys):
                due.append(self.announce(identity, ahead))
        return due
