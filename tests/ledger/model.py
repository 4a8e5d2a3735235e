"""The ledger by its rules, slow and obvious: dictionaries, copies, and a register that only remembers what was ordered.

It shares with the ledger the types of transactions and the parameters, nothing else. Where the ledger keeps the present
standing of a member, this keeps the list of everything ordered about it, and derives each answer from that.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from bac.errors import Code
from bac.ledger.block import BlockContext
from bac.ledger.receipts import Outcome
from bac.params import Params
from bac.types import NodeId
from bac.wire.transactions import (
    AcknowledgementKey,
    Admit,
    Issue,
    Kind,
    Leave,
    Order,
    PositionReport,
    Reconfigure,
    Renew,
    Revoke,
    Summon,
    Transfer,
    VerifiedTransaction,
)

Result = tuple[bytes, Outcome, Code | None, int]


class Refused(Exception):
    def __init__(self, code: Code) -> None:
        self.code = code


@dataclass
class Ordered:
    """Something ordered about a member: when, and what."""

    epoch: int
    what: Any


@dataclass
class Books:
    balances: dict[bytes, int] = field(default_factory=dict)
    used: dict[bytes, list[tuple[bytes, Code | None]]] = field(default_factory=dict)
    register: dict[bytes, list[Ordered]] = field(default_factory=dict)
    positions: dict[bytes, tuple[int, ...]] = field(default_factory=dict)
    issued: int = 0
    burnt: int = 0
    issues: int = 0
    restart: tuple[int, int, bool] | None = None


class Model:
    def __init__(self, params: Params, network: bytes, shard: int) -> None:
        self.params = params
        self.place = (network, shard)
        self.books = Books()

    # ------------------------------------------------------------ what was ordered, seen from an epoch

    def ordered_before(self, identity: bytes, epoch: int) -> list[Any]:
        """What was ordered in epochs before `epoch`."""
        return [each.what for each in self.books.register.get(identity, []) if each.epoch < epoch]

    def standing(self, identity: bytes, epoch: int) -> str | None:
        standing = None
        for what in self.ordered_before(identity, epoch):
            match what:
                case Admit() | Renew():
                    standing = "present"
                case Leave():
                    standing = "leaving"
                case Revoke():
                    standing = "revoked"
                case Reconfigure():
                    standing = "removed"
        return standing

    def credential(self, identity: bytes, epoch: int) -> Admit | Renew | None:
        found = [what for what in self.ordered_before(identity, epoch) if isinstance(what, Admit | Renew)]
        return found[-1] if found else None

    def signing_key(self, identity: bytes, epoch: int) -> bytes:
        credential = self.credential(identity, epoch)
        return credential.signing_key if isinstance(credential, Renew) else identity

    def random_key(self, identity: bytes, epoch: int) -> bytes | None:
        credential = self.credential(identity, epoch - self.params.vrf_key_lead + 1)
        first = self.books.register[identity][0]
        if credential is None and first.epoch < 0:
            credential = first.what
        return None if credential is None else credential.vrf_key

    def acknowledgement_key(self, identity: bytes, epoch: int) -> bytes | None:
        lead = self.params.acknowledgement_key_lead
        for each in self.books.register[identity]:
            if isinstance(each.what, AcknowledgementKey) and each.what.epoch == epoch:
                return each.what.public if each.epoch < 0 or each.epoch <= epoch - lead else None
        return None

    def arrival(self, identity: bytes) -> int:
        """The epoch in which the member was admitted, or came back after it had gone."""
        arrival = -1
        for each in self.books.register[identity]:
            gone = self.standing(identity, each.epoch) in ("leaving", "removed")
            if isinstance(each.what, Admit) or (isinstance(each.what, Renew) and gone):
                arrival = each.epoch
        return arrival

    def is_resident(self, identity: bytes, epoch: int) -> bool:
        arrival = self.arrival(identity)
        return arrival < 0 or epoch - (arrival + 1) >= self.params.residence_epochs

    def kind(self, identity: bytes) -> Kind:
        first: Admit = self.books.register[identity][0].what
        return first.kind

    def not_after(self, identity: bytes, epoch: int) -> int:
        credential = self.credential(identity, epoch)
        assert credential is not None
        return credential.not_after

    # ------------------------------------------------------------ a block

    def run(self, block: BlockContext, body: list[VerifiedTransaction]) -> list[Result]:
        results = []
        for transaction in self.sequence(body):
            result = self.judge(block, transaction)
            if result is not None:
                results.append((bytes(transaction.id), *result))
        self.pay(block, sum(fee for *_, fee in results))
        return results

    def sequence(self, body: list[VerifiedTransaction]) -> list[VerifiedTransaction]:
        """Each once; every place goes to the sender and key that had it, and their lowest nonce not yet taken."""
        once = [each for place, each in enumerate(body) if each.id not in [other.id for other in body[:place]]]
        left = list(once)
        sequence = []
        for place in once:
            own = [each for each in left if signer(each) == signer(place)]
            lowest = min(own, key=lambda each: each.transaction.nonce)
            left.remove(lowest)
            sequence.append(lowest)
        return sequence

    def judge(self, block: BlockContext, verified: VerifiedTransaction) -> tuple[Outcome, Code | None, int] | None:
        books, transaction = self.books, verified.transaction
        sender = transaction.sender
        used = books.used.get(sender, [])
        if transaction.nonce < len(used):
            forgotten = transaction.nonce < len(used) - self.params.answers_kept
            if forgotten or used[transaction.nonce][0] == verified.id:
                return None
            return Outcome.REJECTED, Code.NONCE_USED, 0
        if transaction.expiry < block.time_us:
            return Outcome.REJECTED, Code.EXPIRED, 0
        minimum = self.params.fee_base + self.params.fee_per_byte * verified.size
        if isinstance(transaction.operation, Transfer) and transaction.fee < minimum:
            return Outcome.REJECTED, Code.FEE_TOO_LOW, 0
        newcomer = sender not in books.balances
        if newcomer and not (isinstance(verified.inner, Admit) and verified.inner.identity == sender):
            return Outcome.DEFERRED, Code.NO_ACCOUNT, 0
        if transaction.key != self.signing_key(sender, block.epoch):
            return Outcome.DEFERRED, Code.WRONG_KEY, 0
        if transaction.nonce > len(used):
            return Outcome.DEFERRED, Code.NONCE_AHEAD, 0
        if transaction.fee > books.balances.get(sender, 0):
            return Outcome.DEFERRED, Code.UNFUNDED, 0
        if not newcomer:
            books.balances[sender] -= transaction.fee
        before = copy.deepcopy(self.books)
        code = None
        try:
            self.operate(block, verified)
        except Refused as refused:
            self.books = before
            code = refused.code
            if newcomer:
                return Outcome.DEFERRED, code, 0
        self.books.used.setdefault(sender, []).append((bytes(verified.id), code))
        return (Outcome.APPLIED if code is None else Outcome.REJECTED), code, transaction.fee

    def operate(self, block: BlockContext, verified: VerifiedTransaction) -> None:
        sender = verified.transaction.sender
        match verified.transaction.operation:
            case Transfer(recipient, amount):
                refuse(amount == 0, Code.ZERO_AMOUNT)
                refuse(amount > self.books.balances[sender], Code.INSUFFICIENT_BALANCE)
                self.books.balances[sender] -= amount
                self.credit(recipient, amount)
            case Leave() as leave:
                self.must_be_registered(sender, "present")
                self.end(block, sender, leave)
            case AcknowledgementKey(epoch) as key:
                self.must_be_registered(sender, "present", "leaving")
                nearest = block.epoch + self.params.acknowledgement_key_lead
                farthest = block.epoch + self.params.acknowledgement_keys_ahead
                refuse(not nearest <= epoch <= farthest, Code.EPOCH_OUT_OF_RANGE)
                announced = [
                    each.what.epoch for each in self.books.register[sender] if isinstance(each.what, AcknowledgementKey)
                ]
                refuse(epoch in announced, Code.KEY_ANNOUNCED)
                self.note(block, sender, key)
            case PositionReport(_, witnesses):
                self.report(block, sender, verified.inner, [(each.identity, each.key) for each in witnesses])
            case Order():
                self.order(block, verified.inner)

    def order(self, block: BlockContext, order: Any) -> None:
        match order:
            case Admit(identity):
                refuse(identity in self.books.register, Code.ALREADY_ADMITTED)
                self.note(block, identity, order)
                self.books.balances.setdefault(identity, 0)
                self.books.used.setdefault(identity, [])
            case Renew(identity):
                self.must_not_be_revoked(identity)
                refuse(order.not_after <= self.not_after(identity, 2**62), Code.NOT_LATER)
                self.note(block, identity, order)
            case Revoke(identity):
                self.must_not_be_revoked(identity)
                self.end(block, identity, order)
            case Reconfigure():
                right = (order.parent_height, order.parent) == (block.height - 1, block.parent)
                refuse(not right, Code.WRONG_PARENT)
                grounds = block.retirements
                if grounds is None or grounds.digest != order.retirements:
                    raise Refused(Code.NO_RETIREMENTS)
                for identity in order.removed:
                    refuse(identity not in self.books.register, Code.NOT_A_MEMBER)
                    if self.standing(identity, 2**62) not in ("revoked", "removed"):
                        self.end(block, identity, order)
                share = 3 * 2**16 * grounds.retired >= (2**16 + 3 * self.params.assumed_dishonest_q16) * grounds.total
                self.books.restart = (block.height, block.epoch, not share)
            case Summon():
                raise Refused(Code.NOT_IN_BLOCKS)
            case Issue(serial, recipient, amount):
                refuse(serial != self.books.issues, Code.WRONG_SERIAL)
                supply = sum(self.books.balances.values()) + self.books.burnt
                refuse(supply + amount > 2**63 - 1, Code.SUPPLY_LIMIT)
                self.credit(recipient, amount)
                self.books.issues += 1
                self.books.issued += amount

    def report(self, block: BlockContext, sender: bytes, position: Any, witnesses: list[tuple[bytes, bytes]]) -> None:
        refuse(position.identity != sender, Code.NOT_OWN_POSITION)
        refuse(not self.is_present(block, sender), Code.NOT_A_MEMBER)
        last = self.books.positions.get(sender)
        refuse(last is not None and position.time_us <= last[0], Code.POSITION_TIME)
        refuse(position.time_us < block.time_us - self.params.position_age_us, Code.POSITION_TIME)
        refuse(position.time_us > block.time_us + self.params.ahead_us, Code.POSITION_TIME)
        good = {
            identity
            for identity, key in witnesses
            if identity != sender
            and self.is_present(block, identity)
            and key == self.signing_key(identity, block.epoch)
        }
        relay = any(self.kind(identity) is Kind.RELAY for identity in good)
        refuse(not relay and len(good) < self.params.neighbour_witnesses, Code.TOO_FEW_WITNESSES)
        self.books.positions[sender] = (position.time_us, position.x_cm, position.y_cm)

    def is_present(self, block: BlockContext, identity: bytes) -> bool:
        if self.standing(identity, block.epoch) != "present" or self.standing(identity, block.epoch + 1) is None:
            return False
        return self.not_after(identity, block.epoch) >= block.time_us

    def must_be_registered(self, identity: bytes, *standings: str) -> None:
        refuse(identity not in self.books.register, Code.NOT_A_MEMBER)
        refuse(self.standing(identity, 2**62) not in standings, Code.MEMBERSHIP_ENDED)

    def must_not_be_revoked(self, identity: bytes) -> None:
        refuse(identity not in self.books.register, Code.NOT_A_MEMBER)
        refuse(self.standing(identity, 2**62) == "revoked", Code.MEMBERSHIP_ENDED)

    def note(self, block: BlockContext, identity: bytes, what: Any) -> None:
        self.books.register.setdefault(identity, []).append(Ordered(block.epoch, what))

    def end(self, block: BlockContext, identity: bytes, what: Any) -> None:
        self.note(block, identity, what)
        self.books.positions.pop(identity, None)

    def credit(self, identity: bytes, amount: int) -> None:
        refuse(identity not in self.books.balances and amount < self.params.account_minimum, Code.ACCOUNT_MINIMUM)
        self.books.balances[identity] = self.books.balances.get(identity, 0) + amount
        self.books.used.setdefault(identity, [])

    def pay(self, block: BlockContext, fees: int) -> None:
        roles, params = block.roles, self.params
        paid = 0
        groups: list[tuple[int, list[tuple[NodeId, int]]]] = [
            (params.fee_primary_percent, [] if roles.primary is None else [(roles.primary, 1)]),
            (params.fee_candidates_percent, list(roles.candidates)),
            (params.fee_voters_percent, [(identity, int(units)) for identity, units in roles.voters]),
        ]
        for percent, parties in groups:
            share = fees * percent // 100
            for identity, weight in parties:
                if identity in self.books.balances:
                    amount = share * weight // sum(weight for _, weight in parties)
                    self.books.balances[identity] += amount
                    paid += amount
        self.books.burnt += fees - paid


def signer(verified: VerifiedTransaction) -> tuple[bytes, bytes]:
    return verified.transaction.sender, verified.transaction.key


def refuse(condition: bool, code: Code) -> None:
    if condition:
        raise Refused(code)
