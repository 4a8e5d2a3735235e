"""From genesis and bytes to receipts, with real signatures: the whole way of a client's transaction into the state."""

from __future__ import annotations

import pytest

from bac.crypto.keys import NodeSecrets, next_seed
from bac.crypto.production import Production
from bac.errors import Code, Rejected
from bac.genesis import Scheme, make_genesis, make_member, make_shard, network_id
from bac.intake import Intake
from bac.ledger.audit import audit
from bac.ledger.block import BlockContext
from bac.ledger.execution import Ledger
from bac.ledger.membership import candidates
from bac.ledger.receipts import Outcome, Receipt
from bac.ledger.state import genesis_state
from bac.params import MINIMAL
from bac.types import Height, Micros, NodeId, Units
from bac.wire.codec import encode
from bac.wire.transactions import (
    AcknowledgementKey,
    Admit,
    Kind,
    Operation,
    Order,
    Position,
    PositionReport,
    SignedTransaction,
    Transaction,
    Transfer,
    Witness,
    order_preimage,
    transaction_preimage,
    witness_preimage,
)
from tests.ledger.world import COIN, FEE, FOREVER, SHARD, hash_number

FOUNDERS = range(4)
NEWCOMER = 4


class Town:
    """A network of four founders with real keys, and one who wants to join."""

    def __init__(self) -> None:
        self.suite = Production("ed25519-list")
        self.authority = self.suite.key_pair(b"authority".ljust(32))
        self.secrets = [NodeSecrets.from_root(bytes((number,)) * 32) for number in range(5)]
        self.pairs = [self.suite.key_pair(secrets.signing) for secrets in self.secrets]
        self.names = [NodeId(pair.public) for pair in self.pairs]
        members = [
            make_member(self.secrets[number], self.suite, 4, not_after=FOREVER, endowment=Units(1 << 12))
            for number in FOUNDERS
        ]
        shard = make_shard(
            SHARD, Scheme.ED25519_LIST, members, [(self.names[number], 100 * COIN) for number in FOUNDERS]
        )
        authority = self.authority.public
        genesis = make_genesis(MINIMAL, [shard], authority=authority, time_us=Micros(10), seed=bytes(32))
        self.network = network_id(genesis)
        self.ledger = Ledger(self.network, SHARD, MINIMAL)
        self.state = genesis_state(genesis, SHARD)
        self.intake = Intake(self.network, SHARD, authority, self.suite, lambda _: None)

    def write(self, sender: int, nonce: int, operation: Operation, fee: int = 0) -> bytes:
        name = self.names[sender]
        content = encode(Transaction(self.network, SHARD, name, name, nonce, fee, FOREVER, operation))
        signature = self.pairs[sender].sign(transaction_preimage(self.network, SHARD, content))
        return encode(SignedTransaction(content, signature))

    def admission(self, number: int) -> Order:
        order = encode(
            Admit(
                self.names[number],
                Kind.VEHICLE,
                self.suite.vrf_key_pair(self.secrets[number].vrf).public,
                FOREVER,
                hash_number(1),
            )
        )
        return Order(order, self.authority.sign(order_preimage(self.network, SHARD, order)))

    def announcement(self, number: int, epoch: int) -> AcknowledgementKey:
        seed = next_seed(self.secrets[number].acknowledgement, epoch)
        quorum = self.suite.quorum
        return AcknowledgementKey(epoch, quorum.public_of(seed), quorum.pop_prove(seed))

    def report(self, number: int, *witnesses: int) -> PositionReport:
        position = encode(Position(self.names[number], Micros(20), 1, 2, 3, 4))
        message = witness_preimage(self.network, SHARD, position)
        vouching = (Witness(self.names[each], self.names[each], self.pairs[each].sign(message)) for each in witnesses)
        return PositionReport(position, tuple(vouching))

    def block(self, epoch: int, *received: bytes) -> tuple[Receipt, ...]:
        tip = self.state.tip()
        context = BlockContext(epoch, Height(tip.height + 1), Micros(tip.time_us + 10), hash_number(tip.height))
        execution = self.ledger.apply(self.state, context, [self.intake.transaction(data) for data in received])
        self.state = execution.state
        assert audit(self.state) == []
        return execution.receipts


@pytest.fixture
def town() -> Town:
    return Town()


def test_a_vehicle_joins_and_votes(town: Town) -> None:
    """LE-1, LE-16, LE-23: admitted in epoch 0, eligible for the first epoch for which all leads are over."""
    first = town.block(
        0,
        town.write(0, 0, Transfer(town.names[1], COIN), FEE),
        town.write(0, 1, town.report(0, 1, 2)),
        town.write(NEWCOMER, 0, town.admission(NEWCOMER)),
        *(town.write(NEWCOMER, 1 + epoch, town.announcement(NEWCOMER, 2 + epoch)) for epoch in range(3)),
    )
    assert [receipt.outcome for receipt in first] == [Outcome.APPLIED] * 6
    assert [name for name, _ in town.state.positions()] == [town.names[0]]
    voting = {
        epoch: sorted(each.identity for each in candidates(town.state, epoch, MINIMAL) if each.is_eligible)
        for epoch in (1, 2, 3)
    }
    founders = sorted(town.names[number] for number in FOUNDERS)
    assert voting == {1: founders, 2: founders, 3: sorted([*founders, town.names[NEWCOMER]])}
    newcomer = next(each for each in candidates(town.state, 3, MINIMAL) if each.identity == town.names[NEWCOMER])
    assert newcomer.vrf_key == town.suite.vrf_key_pair(town.secrets[NEWCOMER].vrf).public
    seed = next_seed(town.secrets[NEWCOMER].acknowledgement, 3)
    assert newcomer.acknowledgement_key == town.suite.quorum.public_of(seed)


def test_genesis_is_the_first_state(town: Town) -> None:
    """LE-1: balances, members and their keys of the first epochs, audited."""
    assert audit(town.state) == []
    assert town.state.tip().height == 0
    assert town.state.totals().genesis == 400 * COIN
    assert [name for name, _ in town.state.members()] == sorted(town.names[number] for number in FOUNDERS)
    assert all(each.is_eligible for each in candidates(town.state, 0, MINIMAL))
    assert town.state.root == Town().state.root


def test_an_inner_signature_of_somebody_else_never_reaches_the_ledger(town: Town) -> None:
    """LE-10, LE-11."""
    order = town.admission(NEWCOMER)
    report = town.report(0, 1, 2)
    swapped = tuple(
        Witness(each.identity, each.key, other.signature)
        for each, other in zip(report.witnesses, reversed(report.witnesses), strict=True)
    )
    stolen = AcknowledgementKey(5, town.announcement(0, 5).public, town.announcement(1, 5).possession)
    cases: list[tuple[Operation, Code]] = [
        (Order(order.order, town.pairs[0].sign(b"anything")), Code.BAD_SIGNATURE),
        (PositionReport(report.position, swapped), Code.BAD_SIGNATURE),
        (stolen, Code.BAD_KEY),
    ]
    for operation, code in cases:
        with pytest.raises(Rejected) as caught:
            town.intake.transaction(town.write(0, 0, operation))
        assert caught.value.code is code
