"""Protocols that keep a ledger from `bac.genesis` on, as engines: basic BAC, and others by the same few lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bac.baselines.basic.machine import LedgerMachine
from bac.baselines.basic.rotation import Rotation
from bac.baselines.basic_bac import BasicBac
from bac.crypto.batch import Claim
from bac.crypto.cache import Cached
from bac.crypto.keys import NodeSecrets
from bac.crypto.production import Production
from bac.errors import Rejected
from bac.finality.epochs import genesis_epoch
from bac.finality.records import load_record
from bac.finality.site import Block
from bac.finality.validity import fits, tag_at
from bac.genesis import (
    Genesis,
    GenesisShard,
    check_keys,
    load_genesis,
    make_genesis,
    make_member,
    make_shard,
    network_id,
    suggest_scheme,
)  # fmt: skip
from bac.intake import Intake
from bac.ledger.receipts import Outcome
from bac.ledger.state import State, genesis_state
from bac.params import PRESETS, Params
from bac.proofs.certificate import Scope
from bac.proofs.confirmation import verify_confirmation
from bac.proofs.electorate import Electorate
from bac.protocol import Construction, Factory, Persist, Protocol, Store
from bac.types import Hash, Micros, NodeId, Units
from bac.wire.block import ConfirmationProof
from bac.wire.codec import decode, encode
from bac.wire.registry import decode_message, tag_of
from bac.wire.sync import TransactionBatch
from bac.wire.transactions import (
    DecodedTransaction,
    SignedTransaction,
    VerifiedTransaction,
    decode_transaction,
    obligations,
)  # fmt: skip

if TYPE_CHECKING:
    from random import Random

SHARD: Final = 0
FOREVER: Final = Micros(2**60)
CACHE: Final = 1 << 15
_TRANSACTION_TAG: Final = tag_of(SignedTransaction)
BLOCK_BYTES_MAX: Final = 1 << 27
BOUNDARIES_MAX: Final = 64
"""Boundary records in one answer."""
_encode: Final = msgspec.msgpack.Encoder().encode


class LedgerMember:
    """One node's view of a ledger network."""

    def __init__(self, engine: str, factory: Factory, genesis: Genesis, params: Params, secrets: NodeSecrets) -> None:
        """Raises ValueError if no shard of `genesis` has this node as member."""
        self.engine = engine
        self._factory = factory
        self._genesis = genesis
        self._params = params
        self._secrets = secrets
        self.network = network_id(genesis)
        self.params_digest = genesis.params_digest
        public = Production("ed25519-list").key_pair(secrets.signing).public
        self._shard = _shard_of(genesis, NodeId(public))
        self.shard = self._shard.shard
        self.suite = Cached(Production(self._shard.scheme.suite_name), CACHE)
        self.keys = self.suite.key_pair(secrets.signing)
        self.identity = NodeId(self.keys.public)
        self._members = {member.identity: bytes(member.identity) for member in self._shard.members}
        self._scope = Scope(self.network, self.shard, self.suite.quorum)
        self._intake = Intake(self.network, self.shard, genesis.authority, self.suite, self._members.get)

    def signing_keys(self, protocol: Protocol) -> Mapping[NodeId, bytes]:  # noqa: ARG002 (fixed by genesis for now)
        """As the member's: the members of genesis."""
        return self._members

    def construct(self, random: Random, records: tuple[Persist, ...], store: Store) -> Protocol:
        """As the member's."""
        return self._factory(
            Construction(self._genesis, self._params, self._secrets, random, records, store, self.suite)
        )

    def encode(self, value: Any) -> bytes:
        """As the member's; what the protocol made needs no check."""
        return _encode(value)

    def decode(self, data: bytes) -> Any:
        """As the member's."""
        return decode_message(data)

    def claims(self, message: Any) -> Iterable[Claim]:
        """As the member's: the signatures of the transactions in a batch."""
        if not isinstance(message, TransactionBatch):
            return ()
        found: list[Claim] = []
        for item in message.transactions:
            try:
                found.extend(self.transaction_claims(decode_transaction(item)))
            except Rejected:
                return found  # the protocol will say so
        return found

    def read_transaction(self, data: bytes) -> DecodedTransaction:
        """As the member's."""
        return decode_transaction(data)

    def transaction_claims(self, transaction: DecodedTransaction) -> Iterable[Claim]:
        """As the member's."""
        return obligations(transaction, self._genesis.authority).signatures

    def verify_transaction(self, transaction: DecodedTransaction) -> VerifiedTransaction:
        """As the member's."""
        return self._intake.decoded_transaction(transaction)

    def transaction_id(self, transaction: DecodedTransaction) -> bytes:
        """As the member's."""
        return transaction.id

    def outcomes(self, block: Block, protocol: Protocol) -> Iterable[tuple[bytes, str]]:
        """As the member's: by the receipts. What was deferred may still be executed, and is not decided."""
        assert isinstance(protocol, BasicBac), "the object that this member constructed"
        machine = protocol.finality.site.machine
        assert isinstance(machine, LedgerMachine), "what basic BAC executes with"
        decided = (each for each in machine.receipts(block.header.state_root) if each.outcome is not Outcome.DEFERRED)
        return [(each.transaction, "" if each.code is None else each.code.value) for each in decided]

    def ask(self, protocol: Protocol, question: str, arguments: Mapping[str, Any]) -> Any:
        """As the member's: ``head``, ``account`` (owner), ``genesis``, ``boundaries`` (of epochs from `first` on)."""
        assert isinstance(protocol, BasicBac), "the object that this member constructed"
        match question, dict(arguments):
            case "head", {}:
                height, block = protocol.finality.confirmed()
                return {"height": height, "hash": block, "epoch": protocol.finality.term.epoch.number}
            case "account", {"owner": bytes(owner)}:
                account = self._ledger(protocol).account(NodeId(owner))
                return None if account is None else {"coins": account.balance, "nonce": account.nonce}
            case "genesis", {}:
                return encode(self._genesis)
            case "boundaries", {"first": int(first)}:
                wanted = range(first, min(first + BOUNDARIES_MAX, protocol.finality.term.epoch.number))
                found = (load_record(protocol.finality.site.store, epoch) for epoch in wanted)
                return [encode(record) for record in found if record is not None]
        raise ValueError(f"there is no question {question!r} with these arguments")

    def _ledger(self, protocol: BasicBac) -> State:
        """The state after the last confirmed block that was executed."""
        post = protocol.finality.term.committed.state
        return genesis_state(self._genesis, self.shard) if post is None else post.ledger

    def decides(self, block: bytes, transaction_id: bytes) -> bool:
        """As the member's."""
        try:
            return transaction_id in _transactions_in(decode(Block, block, BLOCK_BYTES_MAX))
        except Rejected:
            return False

    def is_proven(self, block: bytes, proof: bytes) -> bool:
        """As the member's, for blocks of the first epoch, whose electorate genesis fixes."""
        try:
            confirmed = decode(Block, block, BLOCK_BYTES_MAX)
            shown = verify_confirmation(
                decode(ConfirmationProof, proof), confirmed.header.epoch, self.first_electorate(), self._scope
            )
        except Rejected:
            return False
        return shown == confirmed.header and fits(confirmed.header, confirmed.body)

    def first_electorate(self) -> Electorate:
        """The electorate of epoch 0, which genesis fixes."""
        state = genesis_state(self._genesis, self.shard)
        draw = Rotation(self._shard, self._params)(state, -1, Hash(self._genesis.seed), ())
        return genesis_epoch(self._genesis, self.shard, state.root, draw, self._params).electorate


class LedgerEngine:
    """A protocol whose networks begin with a `bac.genesis.Genesis`."""

    def __init__(self, name: str, factory: Factory) -> None:
        self.name = name
        self._factory = factory

    def found(self, secrets: Sequence[NodeSecrets], options: Mapping[str, Any]) -> bytes:
        """As the engine's.

        Options: ``params`` (a preset), ``authority`` (public key, hex), ``time_us``, ``coins`` (of each member),
        ``accounts`` (hex of further owners, with as many coins).
        """
        params = PRESETS[options.get("params", "default")]
        scheme = suggest_scheme(len(secrets), params)
        suite = Production(scheme.suite_name)
        endowment = Units(params.max_units // 4)
        members = [
            make_member(each, suite, params.acknowledgement_keys_ahead, not_after=FOREVER, endowment=endowment)
            for each in secrets
        ]
        owners = [member.identity for member in members]
        owners += [NodeId(bytes.fromhex(each)) for each in options.get("accounts", ())]
        coins = int(options.get("coins", 10**12))
        shard = make_shard(SHARD, scheme, members, [(owner, coins) for owner in owners])
        return encode(
            make_genesis(
                params, [shard], authority=bytes.fromhex(options["authority"]), time_us=Micros(options["time_us"]),
                seed=suite.key_pair(secrets[0].signing).sign(b"seed")[:32],
            )
        )  # fmt: skip

    def join(self, genesis: bytes, secrets: NodeSecrets) -> LedgerMember:
        """As the engine's."""
        known = {params.digest(): params for params in PRESETS.values()}
        params = known.get(Hash(decode(Genesis, genesis).params_digest), PRESETS["default"])
        loaded = load_genesis(genesis, params)
        member = LedgerMember(self.name, self._factory, loaded, params, secrets)
        check_keys(loaded, _shard_of(loaded, member.identity), member.suite)
        return member


def _shard_of(genesis: Genesis, identity: NodeId) -> GenesisShard:
    for shard in genesis.shards:
        if any(member.identity == identity for member in shard.members):
            return shard
    raise ValueError(f"{identity.hex()[:16]} is no member of this network")


def _transactions_in(block: Block) -> list[bytes]:
    return [decode_transaction(item).id for item in block.body.items if tag_at(item) == _TRANSACTION_TAG]


BASIC_BAC: Final = LedgerEngine("basic-bac", BasicBac)
