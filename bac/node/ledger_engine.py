"""Protocols that keep a ledger from `bac.genesis` on, as engines; `bac.node.engines` names them.

What the engine needs of a protocol beyond its handlers stands in `bac.node.ledger_node`.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from bac.crypto.batch import Claim
from bac.crypto.cache import Cached
from bac.crypto.keys import NodeSecrets
from bac.crypto.production import Production
from bac.errors import Code, Rejected
from bac.finality.calls import is_call
from bac.finality.chain import header_hash
from bac.finality.site import Block
from bac.finality.validity import fits
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
from bac.node.ledger_node import Ground, confirmed_state, machine_of, node_of
from bac.node.ledger_questions import answer
from bac.node.membership import Membership, read_membership
from bac.params import PRESETS, Params
from bac.proofs.certificate import Scope
from bac.proofs.confirmation import verify_confirmation
from bac.proofs.electorate import Electorate
from bac.protocol import Construction, Persist, Protocol, Store
from bac.types import Hash, Micros, NodeId, Units
from bac.wire.block import ConfirmationProof
from bac.wire.codec import decode, encode
from bac.wire.registry import decode_message, is_transaction
from bac.wire.sync import TransactionBatch
from bac.wire.transactions import (
    DecodedTransaction,
    VerifiedTransaction,
    decode_transaction,
    obligations,
)  # fmt: skip

if TYPE_CHECKING:
    from random import Random

SHARD: Final = 0
FOREVER: Final = Micros(2**60)
CACHE: Final = 1 << 15
BLOCK_BYTES_MAX: Final = 1 << 27
COLLECTED: Final = 4
"""Epochs after which what they left in cycles is collected: each time takes a few milliseconds."""
_encode: Final = msgspec.msgpack.Encoder().encode

Lay: TypeAlias = Callable[[Genesis, GenesisShard, Params], Ground]
"""The ground that all nodes of a shard begin on."""
Make: TypeAlias = Callable[[Construction, Any], Protocol]
"""The protocol object on its ground."""


class LedgerMember:
    """One node's view of a ledger network."""

    def __init__(self, engine: LedgerEngine, genesis: Genesis, params: Params, secrets: NodeSecrets) -> None:
        """Whose keys are not in `genesis` sees its first shard."""
        self.engine = engine.name
        self._make = engine.make
        self._genesis = genesis
        self._params = params
        self._secrets = secrets
        self.network = network_id(genesis)
        self.params_digest = genesis.params_digest
        public = Production("ed25519-list").key_pair(secrets.signing).public
        shard = _shard_of(genesis, NodeId(public))
        self.shard = shard.shard
        self.suite = Cached(Production(shard.scheme.suite_name), CACHE)
        check_keys(genesis, shard, self.suite)
        self.keys = self.suite.key_pair(secrets.signing)
        self.identity = NodeId(self.keys.public)
        self._ground = engine.lay(genesis, shard, params)
        self.scope = Scope(self.network, self.shard, self.suite.quorum, genesis.authority, self.suite)
        founders = {member.identity: bytes(member.identity) for member in shard.members}
        self._membership = Membership(founders, leaders=self._ground.epoch.leaders())
        self._epoch = -1
        self._height = 0
        self._state = genesis_state(genesis, self.shard)
        self._intake = Intake(self.network, self.shard, genesis.authority, self.suite, founders.get)

    def membership(self, protocol: Protocol) -> Membership:
        """As the member's: by the state before the present epoch; the last one known while that is being fetched."""
        self._read_state(protocol)
        term = node_of(protocol).finality.term
        boundary = term.tree.root.state
        if boundary is not None and self._epoch != term.epoch.number:
            epoch = term.epoch
            self._epoch = epoch.number
            self._forget()
            self._membership = read_membership(boundary.ledger, epoch.number, epoch.electorate.places, epoch.leaders())
        return self._membership

    def _forget(self) -> None:
        """A new epoch: the process drops what it remembers to save work, and what the last one has left in cycles.

        Headers know their parents and children. Unasked, the collector comes for them when much else has piled up, and
        the process grows by that. Here it finds little: what was there before the node began is frozen.
        """
        self.suite.turn()
        for memory in (decode_transaction, obligations, header_hash):
            memory.cache_clear()
        if self._epoch % COLLECTED == 0:
            gc.collect()

    def construct(self, random: Random, records: tuple[Persist, ...], store: Store) -> Protocol:
        """As the member's."""
        construction = Construction(self._genesis, self._params, self._secrets, random, records, store, self.suite)
        return self._make(construction, self._ground)

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

    def is_ordered(self, transaction: DecodedTransaction) -> bool:
        """As the member's: not what voters heed at once."""
        return not is_call(transaction)

    def transaction_place(self, transaction: DecodedTransaction) -> tuple[bytes, int]:
        """As the member's."""
        return transaction.transaction.sender, transaction.transaction.nonce

    def outcomes(self, block: Block, protocol: Protocol) -> Iterable[tuple[bytes, str]]:
        """As the member's: by the receipts. What was deferred may still be executed, and is not decided."""
        receipts = machine_of(node_of(protocol)).receipts(block.header.state_root)
        decided = (each for each in receipts if each.outcome is not Outcome.DEFERRED)
        return [(each.transaction, "" if each.code is None else each.code.value) for each in decided]

    def follows(self, block: Block) -> bool:
        """As the member's: by the heights."""
        before, self._height = self._height, block.header.height
        return before in {self._height, self._height - 1}

    def never(self, transaction: DecodedTransaction, protocol: Protocol) -> str:
        """As the member's: its nonce is used, or it has expired, in a state of which every block was in sight."""
        node = node_of(protocol)
        state = confirmed_state(node)
        if state is None or node.finality.confirmed()[0] != self._height:
            return ""
        sender, nonce = self.transaction_place(transaction)
        account = state.account(NodeId(sender))
        if account is not None and account.nonce > nonce:
            return Code.NONCE_USED.value
        return Code.EXPIRED.value if transaction.transaction.expiry < state.tip().time_us else ""

    def ask(self, protocol: Protocol, question: str, arguments: Mapping[str, Any]) -> Any:
        """As the member's: ``genesis``, and the questions of `bac.node.ledger_questions`."""
        if question == "genesis" and not arguments:
            return encode(self._genesis)
        return answer(node_of(protocol), self._read_state(protocol), question, arguments)

    def _read_state(self, protocol: Protocol) -> State:
        """The last confirmed state that was at hand."""
        self._state = confirmed_state(node_of(protocol)) or self._state
        return self._state

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
                decode(ConfirmationProof, proof), confirmed.header.epoch, self.first_electorate(), self.scope
            )
        except Rejected:
            return False
        return shown == confirmed.header and fits(confirmed.header, confirmed.body)

    def first_electorate(self) -> Electorate:
        """The electorate of epoch 0, which genesis fixes."""
        return self._ground.epoch.electorate


class LedgerEngine:
    """A protocol whose networks begin with a `bac.genesis.Genesis`."""

    def __init__(self, name: str, make: Make, lay: Lay) -> None:
        self.name = name
        self.make = make
        self.lay = lay

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
        return LedgerMember(self, load_genesis(genesis, params), params, secrets)


def _shard_of(genesis: Genesis, identity: NodeId) -> GenesisShard:
    for shard in genesis.shards:
        if any(member.identity == identity for member in shard.members):
            return shard
    return genesis.shards[0]


def _transactions_in(block: Block) -> list[bytes]:
    return [decode_transaction(item).id for item in block.body.items if is_transaction(item)]
