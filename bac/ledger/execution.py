"""Execution of a block: a pure function of parent state, context and transactions.

Theory of operation. The order of transactions is the hashgraph's; nothing is cut off it. Some of what is ordered cannot
be executed: the same transaction comes from two leaders, in two blocks, or one before the one it builds on. So every
transaction in a body gets one of four treatments:

- *dropped* without a trace: it was executed before, or its nonce was used so long ago that the ledger cannot tell;
- *applied*: fee paid, nonce used, operation done as a whole;
- *rejected*: never to be done. If the operation was refused, the fee is paid and the nonce used; if the transaction
  itself was (expired, nonce used by another one, fee too low), the sender's account is not touched;
- *deferred*: nothing happened and it may yet happen, in a later block (nonce ahead, no coins for the fee, key not the
  sender's now). These are the failures that somebody else, or the order, may have caused.

A nonce is used by exactly one transaction, so no transaction is ever applied twice, and an answer once given as applied
or rejected never turns into the other. The account keeps the answers of its last nonces: they are part of the state,
proven like a balance.

Nothing here verifies a signature: the answers do not depend on a verifier, its cache or its speed, and a driver may
remember (parent root, context, ids) → (state, receipts).

Source: docs/spec/ledger.md LE-12 to LE-20.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bac.errors import Code, Rejected
from bac.ledger.applications import Application, ApplicationView
from bac.ledger.authority import reconfigure
from bac.ledger.block import BlockContext
from bac.ledger.draft import Draft
from bac.ledger.fees import compute_minimum_fee, split_fees
from bac.ledger.membership import signing_key_at
from bac.ledger.operations import execute_operation
from bac.ledger.receipts import Outcome, Receipt, compute_receipts_root
from bac.ledger.records import TIP_KEY, Account, Answer, Tip, account_key
from bac.ledger.state import State
from bac.ledger.step import Step
from bac.params import Params
from bac.types import Hash, NodeId
from bac.wire.transactions import Admit, VerifiedTransaction

_NOBODY: Final = NodeId(bytes(32))
"""The sender of what nobody sends: the authority's order in the block that restarts a shard."""


@dataclass(frozen=True, slots=True)
class Execution:
    """What a block makes of its parent state."""

    state: State
    receipts: tuple[Receipt, ...]


@dataclass(frozen=True, slots=True)
class Ledger:
    """The rules of one shard's ledger.

    Attributes:
        network: hash of genesis.
        shard: which chain.
        params: of the network.
        applications: by number, 0 … 63.
    """

    network: Hash
    shard: int
    params: Params
    applications: Mapping[int, Application] = field(default_factory=dict)

    def apply(self, state: State, block: BlockContext, transactions: Sequence[VerifiedTransaction]) -> Execution:
        """Executes `transactions`, in the order of the body, on `state`.

        Raises:
            ValueError: `block` does not follow the state's last block.
            Rejected: the block's order to restart has no effect.
        """
        draft = Draft(state)
        tip = draft.tip()
        if block.height != tip.height + 1 or block.time_us <= tip.time_us or block.epoch < tip.epoch:
            raise ValueError(f"block {block.height} of epoch {block.epoch} does not follow {tip}")
        if block.order is not None:
            reconfigure(Step(draft, block, self.params, self.applications, _NOBODY, block.order), block.order)
        executed = [self._execute(draft, block, each) for each in in_nonce_order(transactions)]
        receipts = tuple([receipt for receipt in executed if receipt is not None])
        self._end_block(draft, block)
        self._pay_out(draft, block, sum(receipt.fee for receipt in receipts))
        draft.write(TIP_KEY, Tip(block.height, block.epoch, block.time_us, compute_receipts_root(receipts)))
        draft.count(balances=draft.balance_change())
        assert draft.totals().is_conserved, "coins are conserved"
        return Execution(State(state.trie.updated(draft.changes())), receipts)

    def _end_block(self, draft: Draft, block: BlockContext) -> None:
        """The turn of the applications, by number."""
        for number in sorted(self.applications):
            try:
                self.applications[number].end_block(ApplicationView(draft, number, self.params), block)
            except Rejected as refusal:
                raise AssertionError(f"application {number} refused the end of a block: {refusal}") from refusal

    def _execute(self, draft: Draft, block: BlockContext, verified: VerifiedTransaction) -> Receipt | None:
        """The receipt of one transaction; None where it is dropped."""
        transaction = verified.transaction
        account = draft.account(transaction.sender)
        if account is not None and transaction.nonce < account.nonce:
            answer = account.answer(transaction.nonce)
            if answer is None or answer.transaction == verified.id:
                return None
            return Receipt(verified.id, Outcome.REJECTED, Code.NONCE_USED, 0)
        judged = self._judge(draft, block, verified, account)
        if judged is not None:
            return Receipt(verified.id, *judged, 0)
        if account is None:
            return self._welcome(draft, block, verified)
        paid = Account(account.balance - transaction.fee, account.nonce, account.answers)
        draft.write(account_key(transaction.sender), paid)
        code = self._attempt(draft, block, verified)
        self._answer(draft, verified, code)
        outcome = Outcome.APPLIED if code is None else Outcome.REJECTED
        return Receipt(verified.id, outcome, code, transaction.fee)

    def _judge(
        self, draft: Draft, block: BlockContext, verified: VerifiedTransaction, account: Account | None
    ) -> tuple[Outcome, Code] | None:
        """Why the transaction is not to be executed; None where it is."""
        transaction = verified.transaction
        if transaction.network != self.network:
            return Outcome.REJECTED, Code.WRONG_NETWORK
        if transaction.shard != self.shard:
            return Outcome.REJECTED, Code.WRONG_SHARD
        if transaction.expiry < block.time_us:
            return Outcome.REJECTED, Code.EXPIRED
        if transaction.fee < compute_minimum_fee(self.params, transaction.operation, verified.size):
            return Outcome.REJECTED, Code.FEE_TOO_LOW
        if account is None and not _admits_its_sender(verified):
            return Outcome.DEFERRED, Code.NO_ACCOUNT
        member = draft.member(transaction.sender)
        if transaction.key != signing_key_at(transaction.sender, member, block.epoch):
            return Outcome.DEFERRED, Code.WRONG_KEY
        if transaction.nonce > (0 if account is None else account.nonce):
            return Outcome.DEFERRED, Code.NONCE_AHEAD
        if transaction.fee > (0 if account is None else account.balance):
            return Outcome.DEFERRED, Code.UNFUNDED
        return None

    def _welcome(self, draft: Draft, block: BlockContext, verified: VerifiedTransaction) -> Receipt:
        """Executes the admission of the sender itself, which has no account before."""
        code = self._attempt(draft, block, verified)
        if code is not None:
            return Receipt(verified.id, Outcome.DEFERRED, code, 0)
        self._answer(draft, verified, None)
        return Receipt(verified.id, Outcome.APPLIED, None, 0)

    def _attempt(self, draft: Draft, block: BlockContext, verified: VerifiedTransaction) -> Code | None:
        """Does the operation whole, or nothing of it; why not, in the second case."""
        transaction = verified.transaction
        draft.begin()
        step = Step(draft, block, self.params, self.applications, transaction.sender, verified.inner)
        try:
            execute_operation(step, transaction.operation)
        except Rejected as refusal:
            draft.undo()
            return refusal.code
        draft.keep()
        return None

    def _answer(self, draft: Draft, verified: VerifiedTransaction, code: Code | None) -> None:
        """Uses the nonce, and keeps what became of it."""
        sender = verified.transaction.sender
        account = draft.account(sender)
        assert account is not None, "who is executed has an account"
        kept = self.params.answers_kept - 1
        answers = (*(account.answers[-kept:] if kept else ()), Answer(verified.id, code))
        draft.write(account_key(sender), Account(account.balance, account.nonce + 1, answers))

    def _pay_out(self, draft: Draft, block: BlockContext, fees: int) -> None:
        """Gives the fees of the block to whom they belong; who has no account forfeits."""
        if not fees:
            return
        split = split_fees(self.params, fees, block.roles)
        burnt = split.burnt
        for identity, amount in split.payments:
            if draft.account(identity) is None:
                burnt += amount
            else:
                draft.credit(identity, amount, 0)
        draft.count(burnt=burnt)


def in_nonce_order(transactions: Sequence[VerifiedTransaction]) -> list[VerifiedTransaction]:
    """The transactions in the order of execution: each once; the places of one sender are filled in nonce order.

    Of one sender *and key*: whoever signs with a key of its own in another's name moves nothing of the other.
    """
    ordered = list({each.id: each for each in transactions}.values())
    places: dict[tuple[NodeId, bytes], list[int]] = {}
    for place, each in enumerate(ordered):
        places.setdefault((each.transaction.sender, each.transaction.key), []).append(place)
    for own in places.values():
        if len(own) > 1:
            by_nonce = sorted((ordered[place] for place in own), key=lambda each: each.transaction.nonce)
            for place, each in zip(own, by_nonce, strict=True):
                ordered[place] = each
    return ordered


def _admits_its_sender(verified: VerifiedTransaction) -> bool:
    return isinstance(verified.inner, Admit) and verified.inner.identity == verified.transaction.sender
