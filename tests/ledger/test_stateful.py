"""The ledger against the model: whatever is ordered, in whatever blocks, both answer and hold the same."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from bac.errors import Code
from bac.ledger.audit import audit
from bac.ledger.block import BlockContext, Retirements, Roles
from bac.ledger.membership import candidates
from bac.ledger.state import State
from bac.types import Height, Micros, NodeId, Units
from bac.wire.transactions import (
    AcknowledgementKey,
    Admit,
    AuthorityOrder,
    Issue,
    Kind,
    Leave,
    Operation,
    Reconfigure,
    Revoke,
    VerifiedTransaction,
)
from tests.ledger.model import Model, Ordered
from tests.ledger.world import (
    COIN,
    FOREVER,
    NETWORK,
    SHARD,
    START,
    World,
    admit,
    hash_number,
    ordered,
    pay,
    renew,
    report,
    signed,
    who,
    witness,
)

FOUNDERS = range(1, 6)
NUMBERS = st.integers(1, 12)
GROUNDS = hash_number(500)
LIKELY: list[int] = [1, 2, 3, 4, 5, 5, 9, *range(1, 13)]
TIMES = [FOREVER, START + 3_000_000, START]
STEPS_US = st.sampled_from([1, 1_000_000, 20_000_000])


def modelled() -> Model:
    """The model of `World`."""
    model = Model(World().ledger.params, NETWORK, SHARD)
    for number in (1, 2, 3, 4, 5, 9):
        model.books.balances[who(number)] = 1000 * COIN
        model.books.used[who(number)] = []
    for number in FOUNDERS:
        kind = Kind.RELAY if number == 5 else Kind.VEHICLE
        keys = [
            Ordered(-1, AcknowledgementKey(epoch, who(number) + bytes(16), bytes(64)))
            for epoch in range(0 if number == 5 else 16)
        ]
        model.books.register[who(number)] = [Ordered(-1, admit(number, kind)), *keys]
    return model


class Twins(RuleBasedStateMachine):
    """LE-12 to LE-25: transactions gather, good and bad, and go into a block in any order."""

    @initialize()
    def begin(self) -> None:
        self.world = World()
        self.model = modelled()
        self.waiting: list[VerifiedTransaction] = []
        self.past: list[VerifiedTransaction] = []
        self.keys: dict[int, bytes] = {}
        self.codes: set[Code] = set()

    def nonce(self, sender: int) -> int:
        """The next nonce of a sender, those waiting counted."""
        waiting = sum(1 for each in self.waiting if each.transaction.sender == who(sender))
        return len(self.model.books.used.get(who(sender), [])) + waiting

    def key(self, number: int) -> bytes:
        """The key that the owner believes in: its last one."""
        return self.keys.get(number, who(number))

    def order(self, sender: int, order: AuthorityOrder) -> None:
        self.waiting.append(ordered(sender, self.nonce(sender), order, key=self.key(sender)))

    def operate(self, sender: int, operation: Operation) -> None:
        self.waiting.append(signed(who(sender), self.nonce(sender), operation, fee=0, key=self.key(sender)))

    @rule(sender=NUMBERS, recipient=NUMBERS, amount=st.sampled_from([0, 1, 10_000, COIN, 999 * COIN, 2**62]))
    def transfer(self, sender: int, recipient: int, amount: int) -> None:
        self.waiting.append(pay(sender, self.nonce(sender), recipient, amount, key=self.key(sender)))

    @rule(
        sender=NUMBERS,
        ahead=st.integers(-3, 2),
        fee=st.sampled_from([0, 3000, 10_000, 2000 * COIN]),
        expiry=st.sampled_from(TIMES),
        stranger=st.booleans(),
    )
    def transfer_badly(self, sender: int, ahead: int, fee: int, expiry: int, stranger: bool) -> None:
        nonce = max(0, self.nonce(sender) + ahead)
        key = who(99) if stranger else self.key(sender)
        self.waiting.append(pay(sender, nonce, 1, COIN + ahead, fee=fee, expiry=expiry, key=key))

    @rule(which=st.integers(0, 1000))
    def repeat(self, which: int) -> None:
        if self.past:
            self.waiting.append(self.past[which % len(self.past)])

    @rule(number=NUMBERS, other=NUMBERS, kind=st.sampled_from(Kind), lasts=st.sampled_from(TIMES))
    def register(self, number: int, other: int, kind: Kind, lasts: int) -> None:
        self.order(other, admit(number, kind, lasts))

    @rule(number=st.integers(6, 12))
    def join(self, number: int) -> None:
        self.order(number, admit(number))

    @rule(number=NUMBERS, other=NUMBERS, later=st.integers(0, 3), changed=st.booleans())
    def extend(self, number: int, other: int, later: int, changed: bool) -> None:
        key = hash_number(1000 + number * 10 + later) if changed else self.key(number)
        self.order(other, renew(number, FOREVER + later, key, vrf=hash_number(later)))
        self.keys[number] = key

    @rule(number=NUMBERS, other=NUMBERS)
    def revoke(self, number: int, other: int) -> None:
        self.order(other, Revoke(who(number)))

    @rule(number=NUMBERS)
    def leave(self, number: int) -> None:
        self.operate(number, Leave())

    @rule(number=NUMBERS, ahead=st.integers(0, 18), public=st.integers(0, 3))
    def announce(self, number: int, ahead: int, public: int) -> None:
        self.operate(number, AcknowledgementKey(self.world.epoch + ahead, hash_number(public), bytes(64)))

    @rule(
        number=NUMBERS,
        of=st.none() | NUMBERS,
        witnesses=st.lists(NUMBERS, max_size=3),
        late_us=st.sampled_from([0, 0, 5_000_000, -3_000_000, 11_000_000]),
    )
    def locate(self, number: int, of: int | None, witnesses: list[int], late_us: int) -> None:
        time_us = max(0, self.world.time_us + 1 - late_us)
        vouching = [witness(each, self.key(each)) for each in witnesses]
        transaction = report(number, self.nonce(number), time_us, *vouching, of=of)
        self.waiting.append(transaction)

    @rule(sender=NUMBERS, recipient=NUMBERS, ahead=st.integers(-1, 1), amount=st.sampled_from([1, COIN, 2**62]))
    def issue(self, sender: int, recipient: int, ahead: int, amount: int) -> None:
        self.order(sender, Issue(max(0, self.model.books.issues + ahead), who(recipient), amount))

    @rule(sender=NUMBERS, behind=st.integers(0, 1), removed=st.lists(NUMBERS, max_size=2))
    def restart(self, sender: int, behind: int, removed: list[int]) -> None:
        height = max(0, self.world.state.tip().height - behind)
        gone = tuple(who(number) for number in removed)
        self.order(sender, Reconfigure(Height(height), hash_number(height), GROUNDS, gone))

    @rule()
    def next_epoch(self) -> None:
        self.world.epoch += 1

    @rule(
        seed=st.integers(0, 1000),
        after_us=STEPS_US,
        retired=st.none() | st.integers(0, 100),
        primary=st.none() | NUMBERS,
    )
    def block(self, seed: int, after_us: int, retired: int | None, primary: int | None) -> None:
        random.Random(seed).shuffle(self.waiting)
        tip = self.world.state.tip()
        context = BlockContext(
            epoch=self.world.epoch,
            height=Height(tip.height + 1),
            time_us=Micros(tip.time_us + after_us),
            parent=hash_number(tip.height),
            roles=Roles(
                None if primary is None else who(primary),
                tuple((who(number), number % 3) for number in range(seed % 5)),
                tuple((who(number), Units(number)) for number in range(1, seed % 7)),
            ),
            retirements=None if retired is None else Retirements(GROUNDS, Units(retired), Units(100)),
        )
        expected = self.model.run(context, self.waiting)
        execution = self.world.ledger.apply(self.world.state, context, self.waiting)
        self.past += self.waiting
        self.waiting = []
        self.world.state = execution.state
        found = [(bytes(each.transaction), each.outcome, each.code, each.fee) for each in execution.receipts]
        assert found == expected
        self.codes |= {each.code for each in execution.receipts if each.code is not None}
        self.compare(execution.state)

    def compare(self, state: State) -> None:
        books, kept = self.model.books, self.world.ledger.params.answers_kept
        accounts = dict(state.accounts())
        assert {identity: account.balance for identity, account in accounts.items()} == books.balances
        for identity, account in accounts.items():
            used = books.used[identity]
            assert account.nonce == len(used)
            assert [(bytes(each.transaction), each.code) for each in account.answers] == used[-kept:]
        totals = state.totals()
        assert (totals.issued, totals.burnt, totals.issues) == (books.issued, books.burnt, books.issues)
        shown = {identity: (each.time_us, each.x_cm, each.y_cm) for identity, each in state.positions()}
        assert shown == books.positions
        record = state.reconfigured()
        restart = None if record is None else (record.height, record.epoch, record.by_trust)
        assert restart == books.restart
        self.compare_register(state)
        assert audit(state) == []

    def compare_register(self, state: State) -> None:
        model, params = self.model, self.world.ledger.params
        for epoch in range(self.world.epoch + 1, self.world.epoch + 5):
            vehicles = [
                NodeId(identity) for identity in sorted(model.books.register) if model.kind(identity) is Kind.VEHICLE
            ]
            expected = [
                (
                    identity,
                    model.signing_key(identity, epoch),
                    model.random_key(identity, epoch),
                    model.acknowledgement_key(identity, epoch),
                    model.standing(identity, epoch),
                    model.not_after(identity, epoch) < state.tip().time_us,
                    model.is_resident(identity, epoch),
                )
                for identity in vehicles
            ]
            found = [
                (
                    each.identity,
                    each.signing_key,
                    each.vrf_key,
                    each.acknowledgement_key,
                    each.standing.name.lower(),
                    each.is_expired,
                    each.is_resident,
                )
                for each in candidates(state, epoch, params)
            ]
            assert found == expected


TestTwins = Twins.TestCase
TestTwins.settings = settings(max_examples=40, stateful_step_count=60)


def some_history(seed: int, blocks: int) -> Twins:
    """Twins after many drawn blocks with more in them than hypothesis likes to draw."""
    draw = random.Random(seed)
    twins = Twins()
    twins.begin()

    def number() -> int:
        return draw.choice(LIKELY)

    def transfer() -> None:
        twins.transfer(number(), number(), draw.choice([0, 1, 10_000, COIN, COIN, 999 * COIN]))

    def transfer_badly() -> None:
        fee = draw.choice([0, 3000, 10_000, 2000 * COIN])
        expiry = draw.choice([FOREVER, twins.world.time_us + 1])
        twins.transfer_badly(number(), draw.choice([-9, -1, 0, 0, 1]), fee, expiry, draw.random() < 0.1)

    def locate() -> None:
        subject = number() if draw.random() < 0.1 else None
        late_us = draw.choice([0, 0, 0, 5_000_000, -3_000_000, 11_000_000])
        twins.locate(number(), subject, [number(), number(), number()], late_us)

    actions = [
        (9, transfer),
        (4, transfer_badly),
        (2, lambda: twins.repeat(draw.randrange(1000))),
        (2, lambda: twins.register(number(), number(), draw.choice(list(Kind)), twins.world.time_us + 10**8)),
        (2, lambda: twins.join(draw.randrange(6, 13))),
        (2, lambda: twins.extend(number(), number(), draw.randrange(60), draw.random() < 0.5)),
        (1, lambda: twins.revoke(draw.randrange(6, 13), number())),
        (2, lambda: twins.leave(number())),
        (8, lambda: twins.announce(number(), draw.randrange(19), draw.randrange(4))),
        (8, locate),
        (2, lambda: twins.issue(number(), number(), draw.choice([-1, 0, 0, 0]), draw.choice([1, COIN, 2**63 - 1]))),
        (2, lambda: twins.restart(number(), draw.choice([0, 0, 1]), [number()] * draw.randrange(2))),
    ]
    choices, weights = [action for _, action in actions], [weight for weight, _ in actions]
    for _ in range(blocks):
        for action in draw.choices(choices, weights, k=draw.randrange(25)):
            action()
        if draw.random() < 0.3:
            twins.next_epoch()
        retired = draw.choice([None, 0, 60])
        twins.block(draw.randrange(1000), draw.choice([1, 1_000_000, 20_000_000]), retired, draw.choice([None, 1, 99]))
    return twins


CODES = list(Code)
LEDGER_CODES = CODES[CODES.index(Code.NO_ACCOUNT) : CODES.index(Code.UNKNOWN_APPLICATION) + 1]
CODES_ELSEWHERE = {Code.UNKNOWN_APPLICATION, Code.NOT_IN_BLOCKS}
"""Of the ledger's codes, those that the twins do not draw."""


def test_drawn_histories_meet_every_code() -> None:
    """LE-13: each reason for which something is refused occurs in them, and the twins agree on it."""
    met: set[Code] = set()
    for seed in range(4):
        twins = some_history(seed, 60)
        met |= twins.codes
    assert met >= set(LEDGER_CODES) - CODES_ELSEWHERE


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 110))
def test_many_drawn_histories(seed: int) -> None:
    """LE-12 to LE-25."""
    assert some_history(seed, 300).world.state.tip().height == 300


SCRIPT = """
from tests.ledger.test_stateful import some_history
print(some_history(7, 20).world.state.root.hex())
"""


def test_the_root_depends_on_no_hash_seed() -> None:
    """LE-12: the same history, in two processes, gives the same root."""
    roots = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert roots[0] == roots[1] == some_history(7, 20).world.state.root.hex() + "\n"


def test_the_model_knows_the_world() -> None:
    """The twins begin alike."""
    twins = Twins()
    twins.begin()
    twins.compare(twins.world.state)
    assert isinstance(twins.model.books.register[who(1)][0].what, Admit)


def test_the_specification_names_every_code_of_the_ledger() -> None:
    """LE-13: and no other."""
    specification = (Path(__file__).parent.parent.parent / "docs" / "spec" / "ledger.md").read_text()
    table = specification.partition("**LE-13**")[2].partition("**LE-14**")[0]
    named = {word for word in re.findall(r"`([a-z-]+)`", table) if "-" in word or word in {"expired", "unfunded"}}
    assert named == {code.value for code in LEDGER_CODES} | {"wrong-network", "wrong-shard"}
