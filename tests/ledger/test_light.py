"""The light client: from a checkpoint to an account and a receipt, and every way in which it must not be fooled."""

from __future__ import annotations

import functools

import pytest
from msgspec.structs import replace

from bac.crypto.standin import StandIn
from bac.errors import Code, Rejected
from bac.ledger.answers import ReceiptAnswer, StateAnswer, answer_receipt, answer_state
from bac.ledger.block import Retirements
from bac.ledger.disclosure import StateProof, prove
from bac.ledger.execution import Execution
from bac.ledger.history import Found, History
from bac.ledger.light import EPOCHS_KEPT, Checkpoint, LightClient, check_checkpoint
from bac.ledger.receipts import Outcome, Receipt
from bac.ledger.records import RECONFIGURED_KEY, TOTALS_KEY, Account, Tip, account_key, pack
from bac.ledger.state import State
from bac.params import DEFAULT
from bac.proofs.certificate import Scope
from bac.proofs.electorate import Electorate, compute_committee_hash
from bac.proofs.merkle import compute_root, prove_inclusion
from bac.types import Hash, Height, Micros, NodeId, Units
from bac.wire.block import BoundaryRecord, ConfirmationProof, Elector, ItemProof, Leader
from bac.wire.codec import PROTOCOL_VERSION, decode, encode
from bac.wire.header import Boundary, Header, Kind, Rank, ShardSummary, header_hash
from bac.wire.signed import preimage, with_signature
from bac.wire.transactions import Reconfigure
from bac.wire.votes import Certificate, ballot_of, ballot_preimage
from tests.ledger.world import COIN, FEE, NETWORK, SHARD, START, World, hash_number, ordered, pay, who

SUITE = StandIn(b"m" * 32, "bls")
SCOPE = Scope(NETWORK, SHARD, SUITE.quorum)
AUTHORITY = SUITE.key_pair(b"a" * 32)
COMMITTEE = (Leader(who(1), 1),)
W_US = DEFAULT.checkpoint_epochs * DEFAULT.epoch_us


def seed(member: int, epoch: int) -> bytes:
    return bytes((member, epoch)).ljust(32, b"s")


@functools.cache
def electorate(epoch: int) -> Electorate:
    return Electorate(
        Elector(who(number), SUITE.quorum.public_of(seed(number, epoch)), Units(10)) for number in range(1, 5)
    )


def certify(header: Header, voters: range = range(1, 4)) -> Certificate:
    message = ballot_preimage(ballot_of(header), NETWORK, SHARD)
    shares = [SUITE.quorum.sign(seed(number, header.epoch), message) for number in voters]
    bitmap = electorate(header.epoch).bitmap(who(number) for number in voters)
    return Certificate(ballot_of(header), bitmap, SUITE.quorum.aggregate(shares))


def header_of(state: State, epoch: int, items: tuple[bytes, ...] = (), boundary: Boundary | None = None) -> Header:
    return Header(
        version=PROTOCOL_VERSION,
        network=NETWORK,
        shard=SHARD,
        epoch=epoch,
        view=0,
        kind=Kind.ORDERED,
        height=state.tip().height,
        parent=hash_number(1),
        round=1,
        time_us=state.tip().time_us,
        transaction_root=compute_root(items),
        evidence_root=compute_root(()),
        state_root=state.root,
        committee_hash=compute_committee_hash(COMMITTEE),
        electorate_root=electorate(epoch).root,
        justify=Rank(-1, Height(0), hash_number(0)),
        boundary=boundary,
    )


def confirm(header: Header) -> ConfirmationProof:
    carrier = replace(
        header,
        height=header.height + 1,
        parent=header_hash(header),
        justify=Rank(header.view, header.height, header_hash(header)),
        boundary=None,
    )
    return ConfirmationProof((header,), certify(header), carrier, certify(carrier), None)


def record_of(epoch: int, time_us: int = START) -> BoundaryRecord:
    summary = ShardSummary(4, 0, 0, 0, 0, 0, 0, 0, 0)
    roots = (electorate(epoch + 1).root, compute_committee_hash(COMMITTEE))
    header = header_of(World().state, epoch, boundary=Boundary(*roots, hash_number(7), summary, None))
    header = replace(header, time_us=Micros(time_us))
    return BoundaryRecord(confirm(header), electorate(epoch + 1).members, COMMITTEE)


def checkpoint(epoch: int = 0) -> Checkpoint:
    unsigned = Checkpoint(epoch, electorate(epoch).root, START, bytes(64))
    return with_signature(unsigned, AUTHORITY.sign(preimage(unsigned, NETWORK, SHARD)))


def client(epoch: int = 0, now: int = START) -> LightClient:
    return LightClient(checkpoint(epoch), electorate(epoch), SCOPE, DEFAULT, Micros(now))


class Chain:
    """A world with its history."""

    def __init__(self) -> None:
        self.world = World()
        self.history = History(8)
        self.transactions = [pay(1, 0, 2, COIN), pay(3, 0, 2, 0), pay(4, 1, 2, COIN)]
        self.world.block()
        receipts = self.world.block(*self.transactions)
        self.history.add(Execution(self.world.state, tuple(receipts)))

    def confirmation(self, epoch: int = 0) -> ConfirmationProof:
        return confirm(header_of(self.world.state, epoch, (b"item", b"other")))

    def state_answer(self, *keys: bytes) -> StateAnswer:
        answer = answer_state(self.world.state, keys, self.confirmation())
        return decode(StateAnswer, encode(answer))

    def receipt_answer(self, number: int) -> ReceiptAnswer:
        answer = answer_receipt(self.history, self.transactions[number].id, self.confirmation())
        assert answer is not None
        return decode(ReceiptAnswer, encode(answer))


@pytest.fixture(scope="module")
def chain() -> Chain:
    return Chain()


def refusal(work: object) -> Code:
    assert callable(work)
    with pytest.raises(Rejected) as caught:
        work()
    return caught.value.code


def test_an_account_is_proven_with_the_answers_to_its_nonces(chain: Chain) -> None:
    """LE-27, LE-29."""
    answer = chain.state_answer(account_key(who(1)), account_key(who(77)))
    account = client().account(answer, who(1))
    assert account is not None
    assert account.balance == 999 * COIN - FEE
    shown = account.answer(0)
    assert shown is not None
    assert (shown.transaction, shown.code) == (chain.transactions[0].id, None)
    assert client().account(answer, who(77)) is None, "absence is proven, too"
    header, disclosed = client().state(answer)
    assert header.height == 2
    assert disclosed.get(account_key(who(1))) == pack(account)


def test_what_the_answer_does_not_show_is_refused(chain: Chain) -> None:
    """LE-27."""
    answer = chain.state_answer(account_key(who(1)))
    assert refusal(lambda: client().account(answer, who(2))) is Code.BAD_PROOF


@pytest.mark.parametrize(
    ("number", "outcome", "code"),
    [
        (0, Outcome.APPLIED, None),
        (1, Outcome.REJECTED, Code.ZERO_AMOUNT),
        (2, Outcome.DEFERRED, Code.NONCE_AHEAD),
    ],
)
def test_a_receipt_is_proven(chain: Chain, number: int, outcome: Outcome, code: Code | None) -> None:
    """LE-27, LE-29."""
    receipt, tip = client().receipt(chain.receipt_answer(number))
    assert (receipt.transaction, receipt.outcome, receipt.code) == (chain.transactions[number].id, outcome, code)
    assert (tip.height, tip.time_us) == (2, chain.world.time_us)


def test_no_other_receipt_passes(chain: Chain) -> None:
    """LE-27."""
    answer = chain.receipt_answer(1)
    receipt = decode(Receipt, answer.receipt)
    forged = encode(Receipt(receipt.transaction, Outcome.APPLIED, None, receipt.fee))
    elsewhere = prove_inclusion([forged], 0)
    old = World()
    old.block()
    for bad in (
        replace(answer, receipt=forged),
        replace(answer, inclusion=elsewhere),
        replace(answer, tip=prove(chain.world.state.trie, [TOTALS_KEY])),
        replace(answer, tip=prove(old.state.trie, [b"\x00tip"])),
        replace(answer, tip=StateProof(())),
    ):
        assert refusal(lambda bad=bad: client().receipt(bad)) is Code.BAD_PROOF


def test_a_state_of_another_header_is_refused(chain: Chain) -> None:
    """LE-29."""
    other = World()
    other.block(pay(2, 0, 1, COIN))
    other.block()
    answer = answer_state(other.state, [account_key(who(1))], chain.confirmation())
    assert refusal(lambda: client().account(answer, who(1))) is Code.BAD_PROOF


def test_an_item_is_proven(chain: Chain) -> None:
    """LE-29: by path, header and confirmation."""
    proof = ItemProof(b"item", prove_inclusion((b"item", b"other"), 0), chain.confirmation())
    assert client().item(proof).height == 2
    assert refusal(lambda: client().item(replace(proof, item=b"items"))) is Code.BAD_PROOF


def test_the_client_follows_boundaries(chain: Chain) -> None:
    """LE-29: in order, without gaps; older epochs are remembered for a while."""
    light = client()
    assert refusal(lambda: light.confirmed(chain.confirmation(1))) is Code.UNKNOWN_EPOCH
    assert refusal(lambda: light.follow(record_of(1), START)) is Code.BAD_PROOF
    assert (light.epoch, light.boundary) == (0, None)
    for epoch in range(3):
        header = light.follow(decode(BoundaryRecord, encode(record_of(epoch))), START)
        assert light.boundary == header
        assert light.epoch == epoch + 1
    for epoch in range(4):
        assert light.confirmed(chain.confirmation(epoch)).epoch == epoch
    assert refusal(lambda: light.follow(record_of(0), START)) is Code.BAD_PROOF


def test_the_client_forgets_old_electorates(chain: Chain) -> None:
    """LE-29."""
    light = client()
    for epoch in range(EPOCHS_KEPT):
        light.follow(record_of(epoch), START)
    assert refusal(lambda: light.confirmed(chain.confirmation(0))) is Code.UNKNOWN_EPOCH
    assert light.confirmed(chain.confirmation(1)).epoch == 1


def test_a_record_that_hands_over_to_others_is_refused() -> None:
    """LE-29."""
    record = record_of(0)
    strangers = replace(record, electorate=electorate(5).members)
    unsigned = replace(record, proof=replace(record.proof, certificate=certify(record.proof.carrier)))
    few = replace(record, proof=replace(record.proof, certificate=certify(record.proof.path[0], range(1, 3))))
    light = client()
    codes = [refusal(lambda bad=bad: light.follow(bad, START)) for bad in (strangers, unsigned, few)]
    assert codes == [Code.BAD_PROOF, Code.BAD_PROOF, Code.NO_QUORUM]
    assert light.epoch == 0


def test_a_checkpoint_is_young_and_of_its_electorate() -> None:
    """LE-28: younger than W epochs by the client's clock."""
    assert client(now=START + W_US).epoch == 0
    assert refusal(lambda: client(now=START + W_US + 1)) is Code.STALE_CHECKPOINT
    wrong = refusal(lambda: LightClient(checkpoint(0), electorate(1), SCOPE, DEFAULT, START))
    assert wrong is Code.BAD_PROOF


def test_who_has_slept_too_long_begins_anew() -> None:
    """LE-28: what was followed ages like a checkpoint; each boundary followed makes the client young again."""
    light = client()
    later = record_of(1, START + W_US)
    light.follow(record_of(0, START + 1), Micros(START + W_US))
    light.require_fresh(Micros(START + 1 + W_US))
    asleep = Micros(START + 2 + W_US)
    assert refusal(lambda: light.follow(later, asleep)) is Code.STALE_CHECKPOINT
    assert refusal(lambda: light.require_fresh(asleep)) is Code.STALE_CHECKPOINT
    assert light.epoch == 1
    light.follow(later, Micros(START + W_US))
    light.require_fresh(asleep)


def test_a_checkpoint_is_signed_by_the_authority_for_one_shard() -> None:
    """LE-28."""
    good = checkpoint(3)
    check_checkpoint(good, SCOPE, AUTHORITY.public, SUITE)
    others = [
        (replace(good, epoch=4), SCOPE, AUTHORITY.public),
        (good, Scope(NETWORK, SHARD + 1, SUITE.quorum), AUTHORITY.public),
        (good, Scope(hash_number(3), SHARD, SUITE.quorum), AUTHORITY.public),
        (good, SCOPE, SUITE.key_pair(b"b" * 32).public),
    ]
    for point, scope, authority in others:
        found = refusal(lambda p=point, s=scope, a=authority: check_checkpoint(p, s, a, SUITE))
        assert found is Code.BAD_SIGNATURE


def test_an_act_of_trust_shows() -> None:
    """LE-25, LE-29."""
    world = World()
    grounds = Retirements(hash_number(500), Units(1), Units(100))
    order = Reconfigure(Height(0), hash_number(0), grounds.digest, (NodeId(who(4)),))
    world.block(ordered(9, 0, order), retirements=grounds)
    confirmation = confirm(header_of(world.state, 0))
    found = client().reconfigured(answer_state(world.state, [RECONFIGURED_KEY], confirmation))
    assert found is not None
    assert found.by_trust
    before = World()
    before.block()
    answer = answer_state(before.state, [RECONFIGURED_KEY], confirm(header_of(before.state, 0)))
    assert client().reconfigured(answer) is None


# ---------------------------------------------------------------- history


def execution(height: int, *receipts: tuple[int, Outcome]) -> Execution:
    state = State(World().state.trie.updated({b"\x00tip": pack(Tip(Height(height), 0, START, hash_number(0)))}))
    return Execution(state, tuple(Receipt(hash_number(number), outcome, None, 0) for number, outcome in receipts))


def test_history_is_bounded_and_gives_the_last_receipt() -> None:
    """LE-27: what was deferred first and applied later is found as applied, also once the first block is forgotten."""
    history = History(2)
    first = execution(1, (1, Outcome.DEFERRED), (2, Outcome.APPLIED))
    history.add(first)
    history.add(execution(2, (1, Outcome.APPLIED)))
    second = Found(Receipt(hash_number(1), Outcome.APPLIED, None, 0), Height(2), 0)
    assert history.find(hash_number(1)) == second
    assert history.find(hash_number(2)) == Found(first.receipts[1], Height(1), 1)
    assert history.state(Height(1)) is first.state
    history.add(execution(3))
    assert history.find(hash_number(1)) == second
    assert history.find(hash_number(2)) is None
    assert (history.receipts(Height(1)), history.state(Height(1)), history.receipts(Height(3))) == (None, None, ())
    with pytest.raises(ValueError, match="one block"):
        History(0)


def test_what_is_not_in_the_history_is_not_answered(chain: Chain) -> None:
    """LE-27."""
    assert answer_receipt(chain.history, Hash(bytes(32)), chain.confirmation()) is None
    assert Account(1, 0, ()).answer(0) is None
