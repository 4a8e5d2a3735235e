"""A ledger to play with: identities by number, transactions as the intake would hand them on, one block per call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bac.errors import Code
from bac.ledger.applications import Application
from bac.ledger.audit import audit
from bac.ledger.block import BlockContext, Retirements, Roles
from bac.ledger.execution import Ledger
from bac.ledger.receipts import Outcome, Receipt
from bac.ledger.records import GENESIS_EPOCH, AnnouncedKey, Keys, Member, Standing
from bac.ledger.state import State, initial_state
from bac.params import DEFAULT, Params
from bac.types import Hash, Height, Micros, NodeId
from bac.wire.codec import encode
from bac.wire.transactions import (
    Admit,
    AuthorityOrder,
    Kind,
    Operation,
    Order,
    Position,
    PositionReport,
    Reconfigure,
    Renew,
    SignedTransaction,
    Transaction,
    Transfer,
    VerifiedTransaction,
    Witness,
    decode_transaction,
)

NETWORK = Hash(b"n" * 32)
SHARD = 7
COIN = 10**6
FEE = 10_000
FOREVER = Micros(2**60)
START = Micros(1_000_000)


def who(number: int) -> NodeId:
    """An identity."""
    return NodeId(number.to_bytes(32, "big"))


def hash_number(number: int) -> Hash:
    """A hash of nothing."""
    return Hash(number.to_bytes(32, "little"))


def founder(kind: Kind = Kind.VEHICLE, number: int = 0, keys: int = 16) -> Member:
    """A member from genesis."""
    credential = Keys(GENESIS_EPOCH, who(number), bytes(32), FOREVER, hash_number(0))
    announced = tuple(AnnouncedKey(epoch, GENESIS_EPOCH, who(number) + bytes(16)) for epoch in range(keys))
    return Member(kind, GENESIS_EPOCH, Standing.PRESENT, GENESIS_EPOCH, (credential,), announced)


def signed(
    sender: NodeId,
    nonce: int,
    operation: Operation,
    *,
    fee: int = FEE,
    expiry: int = FOREVER,
    key: bytes | None = None,
    network: Hash = NETWORK,
    shard: int = SHARD,
    signature: bytes = bytes(64),
) -> VerifiedTransaction:
    """A transaction whose signatures were found good."""
    content = encode(
        Transaction(network, shard, sender, sender if key is None else key, nonce, fee, Micros(expiry), operation)
    )
    return VerifiedTransaction(decode_transaction(encode(SignedTransaction(content, signature))))


def pay(sender: int, nonce: int, recipient: int, amount: int, **details: Any) -> VerifiedTransaction:
    """A transfer."""
    return signed(who(sender), nonce, Transfer(who(recipient), amount), **details)


def ordered(sender: int, nonce: int, order: AuthorityOrder, **details: Any) -> VerifiedTransaction:
    """An order of the authority, brought in by `sender`, for nothing."""
    return signed(who(sender), nonce, Order(encode(order), bytes(64)), **{"fee": 0, **details})


def admit(number: int, kind: Kind = Kind.VEHICLE, not_after: int = FOREVER) -> Admit:
    """An admission."""
    return Admit(who(number), kind, bytes(32), Micros(not_after), hash_number(number))


def renew(number: int, not_after: int, key: bytes | None = None, vrf: bytes = bytes(32)) -> Renew:
    """A renewal, with a new signing key if one is given."""
    return Renew(who(number), who(number) if key is None else key, vrf, Micros(not_after), hash_number(1))


def report(sender: int, nonce: int, time_us: int, *witnesses: Witness, of: int | None = None) -> VerifiedTransaction:
    """A position report."""
    position = Position(who(sender if of is None else of), Micros(time_us), 100, -200, 3, -4)
    return signed(who(sender), nonce, PositionReport(encode(position), witnesses), fee=0)


def witness(number: int, key: bytes | None = None) -> Witness:
    """One who vouches."""
    return Witness(who(number), who(number) if key is None else key, bytes(64))


class World:
    """A shard's ledger, with four founders 1 … 4 and a relay 5 that have 1,000 coins each, and 9, not a member."""

    def __init__(self, params: Params = DEFAULT, applications: Mapping[int, Application] | None = None) -> None:
        self.ledger = Ledger(NETWORK, SHARD, params, applications or {})
        members = {who(number): founder(Kind.VEHICLE, number) for number in range(1, 5)}
        members[who(5)] = founder(Kind.RELAY, 5, keys=0)
        self.state: State = initial_state({who(number): 1000 * COIN for number in (1, 2, 3, 4, 5, 9)}, members, START)
        self.epoch = 0

    @property
    def time_us(self) -> int:
        """Time of the last block."""
        return self.state.tip().time_us

    def block(
        self,
        *transactions: VerifiedTransaction,
        roles: Roles | None = None,
        retirements: Retirements | None = None,
        order: Reconfigure | None = None,
        after_us: int = 1_000_000,
    ) -> list[Receipt]:
        """Executes one block; the state must then pass the audit."""
        tip = self.state.tip()
        context = BlockContext(
            epoch=self.epoch,
            height=Height(tip.height + 1),
            time_us=Micros(tip.time_us + after_us),
            parent=hash_number(tip.height),
            roles=Roles() if roles is None else roles,
            retirements=retirements,
            order=order,
        )
        execution = self.ledger.apply(self.state, context, transactions)
        self.state = execution.state
        assert audit(self.state) == []
        return list(execution.receipts)

    def one(self, transaction: VerifiedTransaction, **details: Any) -> tuple[Outcome, Code | None]:
        """What becomes of one transaction in a block of its own."""
        (receipt,) = self.block(transaction, **details)
        assert receipt.transaction == transaction.id
        return receipt.outcome, receipt.code

    def balance(self, number: int) -> int:
        """Coins (10⁻⁶) of an account; 0 where there is none."""
        account = self.state.account(who(number))
        return 0 if account is None else account.balance

    def member(self, number: int) -> Member:
        """A membership."""
        member = self.state.member(who(number))
        assert member is not None
        return member


APPLIED = (Outcome.APPLIED, None)


def rejected(code: Code) -> tuple[Outcome, Code]:
    """The outcome of what was rejected for `code`."""
    return Outcome.REJECTED, code


def deferred(code: Code) -> tuple[Outcome, Code]:
    """The outcome of what was deferred for `code`."""
    return Outcome.DEFERRED, code
