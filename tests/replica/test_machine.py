"""The machine: posts, bodies, what is passed over, the end of an epoch."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from random import Random

import pytest
from msgspec.structs import replace as change

from bac.crypto.metered import Meter, Metered
from bac.errors import Rejected
from bac.finality.machine import Place
from bac.ledger.audit import audit
from bac.ledger.receipts import Outcome
from bac.ledger.verifications import Verifications
from bac.replica.ground import lay
from bac.replica.machine import Post, ReplicaMachine
from bac.types import Hash, Micros
from bac.wire.block import RoundRecord
from bac.wire.claims import SeedProof
from bac.wire.codec import decode, encode
from bac.wire.transactions import Transfer
from tests.replica.yard import PARAMS, STEP, Yard


def test_the_root_at_a_boundary_says_all() -> None:
    """RP-1: a state fetched chunk by chunk goes on exactly as the one that was executed."""
    yard = Yard()
    yard.live_epoch()
    assert yard.post.docket is None
    restoring = yard.machine.restoring(yard.tip.header.state_root)
    for chunk in yard.machine.chunks(yard.post):
        restoring.add(chunk)
    fetched = restoring.state()
    assert restoring.wanted is None
    assert yard.machine.chunk(yard.post, bytes(32)) == yard.machine.chunks(yard.post)[0]
    items = (yard.record(), *map(encode, yard.claims()))
    executed = yard.machine.execute(yard.post, yard.place(), items)
    again = yard.machine.execute(fetched, yard.place(), items)
    assert again.ledger.root == executed.ledger.root
    assert again.docket is not None
    assert executed.docket is not None
    assert again.docket.claims == executed.docket.claims != {}


def test_a_body_of_view_0_begins_with_the_record_of_its_round() -> None:
    """RP-2: without it, or with that of another committee, a body is invalid by itself; in later views so with it."""
    yard = Yard()
    parent, place = yard.post, yard.place()
    size = len(place.committee)
    good = yard.record([0])
    for first in (b"", yard.seed_proof(), encode(RoundRecord(b"\0")), encode(RoundRecord(bytes([1 << size])))):
        with pytest.raises(Rejected):
            yard.machine.execute(parent, place, (first, good) if first else ())
    with pytest.raises(Rejected):
        yard.machine.execute(parent, place, (encode(RoundRecord(b"\1\0")),))
    post = yard.machine.execute(parent, place, (good,))
    assert post.docket is not None
    assert post.docket.roll.witnesses == {place.committee[0].identity: 1}
    with pytest.raises(Rejected):
        yard.machine.execute(parent, yard.place(view=1), (good,))
    assert yard.machine.execute(parent, yard.place(view=1), ()).docket is not None


def test_further_records_of_rounds_count_for_nothing() -> None:
    """RP-2: who orders items cannot keep them out of the order."""
    yard = Yard()
    plain = yard.machine.execute(yard.post, yard.place(), (yard.record([0]),))
    more = yard.machine.execute(yard.post, yard.place(), (yard.record([0]), yard.record([1])))
    assert same(plain, more)


def same(one: Post, other: Post) -> bool:
    return one.ledger.root == other.ledger.root and one.docket == other.docket and one.draw == other.draw


def useless(yard: Yard) -> list[bytes]:
    """Items that are worth nothing."""
    claims = yard.claims()
    stranger = yard.know(99)
    claim, listed = claims[0], yard.list_claims(yard.ids[0], claims)
    departure, voter = yard.departure(yard.ids[1]), yard.ids[2]
    acknowledgement = yard.acknowledge(yard.tip, yard.ids[0])
    return [
        b"\x92\x0c",
        b"\xc1\xc1",
        encode(change(claim, signature=bytes(64))),
        encode(change(claim, identity=voter)),
        encode(yard.sign(change(claim, identity=stranger))),
        encode(yard.list_claims(stranger, claims)),
        encode(yard.departure(stranger)),
        encode(yard.acknowledge(yard.tip, stranger)),
        encode(yard.sign(change(claim, epoch=claim.epoch + 1))),
        encode(yard.sign(change(claim, proof=bytes(80)))),
        encode(change(listed, signature=bytes(64))),
        encode(yard.sign(change(listed, epoch=listed.epoch - 1))),
        encode(yard.sign(change(listed, claims=tuple(reversed(listed.claims))))),
        encode(change(departure, signature=bytes(64))),
        encode(yard.sign(change(departure, epoch=5))),
        encode(change(acknowledgement, signature=bytes(64))),
        encode(change(acknowledgement, voter=voter)),
        encode(SeedProof(yard.epoch.number + 2, bytes(80))),
        encode(change(decode(SeedProof, yard.seed_proof()), epoch=yard.epoch.number + 1)),
        encode(yard.new_view(1)),
        yard.transact(yard.ids[0], Transfer(yard.ids[1], 5), fee=50_000)[:-1] + b"\0",
    ]


def test_what_is_worth_nothing_is_passed_over_wherever_it_stands() -> None:
    """RP-3: bad signatures, strangers, other epochs, repetitions and rubbish change nothing and refuse nothing."""
    yard = Yard()
    yard.block()
    chance = Random(1)
    claims = yard.claims()
    good = [encode(each) for each in (*claims, yard.list_claims(yard.ids[0], claims), yard.departure(yard.ids[3]))]
    good += [yard.seed_proof(), encode(yard.acknowledge(yard.tip, yard.ids[4]))]
    place = yard.place()
    expected = yard.machine.execute(yard.post, place, (yard.record(), *good))
    assert expected.docket is not None
    assert expected.docket.claims
    assert expected.docket.counted == (yard.ids[0],)
    for _ in range(10):
        mixed = [*good, *useless(yard), *chance.sample(good, 3)]
        chance.shuffle(mixed)
        found = yard.machine.execute(yard.post, place, (yard.record(), *mixed))
        assert found.ledger.root == expected.ledger.root
        assert found.docket == expected.docket
    alone = yard.machine.execute(yard.post, place, (yard.record(), *useless(yard)))
    bare = yard.machine.execute(yard.post, place, (yard.record(),))
    assert same(alone, bare)


def test_what_was_judged_is_not_judged_again() -> None:
    """RP-3: the random function is asked once for each claim, however often bodies with it are executed."""
    yard = Yard()
    claims = yard.claims()
    meter = Meter()
    yard.machine = ReplicaMachine(
        yard.ground, yard.params, Metered(yard.suite, meter), Verifications(yard.intake), yard.electorate
    )
    for _ in range(3):
        yard.machine.execute(yard.post, yard.place(), (yard.record(), *map(encode, claims)))
    assert meter.counts["vrf-verify"] == len(claims) > 0


def test_transactions_are_executed_and_their_outcomes_known() -> None:
    """RP-1: receipts are found by the state root of the header, of the last block of an epoch, too."""
    yard = Yard()
    claims = yard.claims()
    lists = [yard.list_claims(identity, claims) for identity in yard.ids]
    yard.block(*claims, *lists)
    while yard.epoch.number == 0:
        link = yard.block(yard.transact(yard.ids[0], Transfer(yard.ids[1], 1_000), fee=50_000))
        (receipt,) = yard.machine.receipts(link.header.state_root)
        assert receipt.outcome is Outcome.APPLIED
    assert yard.tip.header.boundary is not None
    assert not audit(yard.post.ledger)
    assert yard.machine.receipts(Hash(bytes(32))) == ()


def test_fees_go_to_leaders_and_to_voters_in_certificates() -> None:
    """RP-19: the primary, the candidates and the signers of the certificate are paid; a later view pays nobody."""
    yard = Yard()
    first = yard.block()
    payer, payee = yard.ids[0], yard.ids[1]

    def coins(post: Post) -> dict[bytes, int]:
        return {identity: account.balance for identity, account in post.ledger.accounts()}

    fee, before = 1_000_000, coins(yard.post)
    yard.block(yard.certificate(first), yard.transact(payer, Transfer(payee, 7), fee=fee))
    after = coins(yard.post)
    gained = {identity: after[identity] - before[identity] for identity in yard.ids}
    primary = yard.epoch.committee[0].identity
    assert gained[primary] >= fee * 40 // 100 - (fee if primary == payer else 0)
    assert all(gained[identity] > 0 for identity in yard.ids if identity != payer)
    before = after
    claims = yard.claims()
    lists = [yard.list_claims(identity, claims) for identity in yard.ids]
    yard.open(1, *claims, *lists, yard.transact(payer, Transfer(payee, 7), fee=fee))
    after = coins(yard.post)
    assert after[payer] == before[payer] - 7 - fee
    assert sum(after.values()) == sum(before.values()) - fee


def test_an_epoch_ends_with_the_lists_of_a_quorum() -> None:
    """RP-9: round R_len is the last if claim lists of a quorum count; without them the epoch goes on until they do."""
    yard = Yard((4000, 4000, 4000, 4000, 4000, 4000))
    claims = yard.claims()
    lists = [yard.list_claims(identity, claims) for identity in yard.ids]
    yard.block(*claims, *lists[:4])  # four of six are no quorum
    for _ in range(PARAMS.epoch_rounds):
        yard.block()
    assert yard.epoch.number == 0
    assert not yard.docket.is_listed
    last = yard.block(lists[4])
    assert last.header.boundary is not None
    assert last.header.round == PARAMS.epoch_rounds + 2


def test_view_0_ends_with_the_grace_in_any_case() -> None:
    """RP-9: beyond R_len + R_grace view 0 has no header; the epoch then ends by recovery, with the lists."""
    yard = Yard()
    for _ in range(PARAMS.epoch_rounds + PARAMS.epoch_grace_rounds):
        yard.block()
    derived = yard.validity.order(yard.tip, Micros(yard.tip.header.time_us + STEP), (yard.record(),))
    assert derived is None
    assert yard.epoch.number == 0
    claims = yard.claims()
    with pytest.raises(Rejected):
        yard.open(1, *claims)
    yard.open(1, *claims, *(yard.list_claims(identity, claims) for identity in yard.ids))
    assert yard.epoch.number == 1


@pytest.mark.parametrize("leaving", [1, 2, 3])
def test_departures_end_an_epoch_early(leaving: int) -> None:
    """RP-8, RP-9: the round after departures of a quarter of the committee's weight are ordered is the last."""
    yard = Yard((4000,) * 8, replace(PARAMS, max_leaders=8))
    claims = yard.claims()
    lists = [yard.list_claims(identity, claims) for identity in yard.ids]
    yard.block(*claims, *lists)
    gone = [leader.identity for leader in yard.epoch.committee[:leaving]]
    assert [leader.weight for leader in yard.epoch.committee] == [1] * 8
    is_enough = leaving >= 2
    yard.block(*(yard.departure(identity) for identity in gone))
    assert yard.epoch.number == 0
    last = yard.block()
    assert (last.header.boundary is not None) == is_enough
    if is_enough:
        assert last.header.round == 3
        assert {*yard.epoch.electorate.places} == {*yard.ids} - {*gone}


def test_an_early_end_waits_for_the_lists() -> None:
    """RP-8, RP-9: without lists of a quorum an early last round is not the last."""
    yard = Yard((4000,) * 5)
    yard.block(*(yard.departure(leader.identity) for leader in yard.epoch.committee[:2]))
    yard.block()
    claims = yard.claims()
    assert yard.epoch.number == 0
    last = yard.block(*claims, *(yard.list_claims(identity, claims) for identity in yard.ids))
    assert last.header.boundary is not None
    assert last.header.round == 3


def test_execution_is_shared_by_the_hash_of_the_parent() -> None:
    """RP-1: what follows from a parent and a body may be remembered for all nodes of a process."""
    asked: list[tuple[bytes, bytes]] = []

    def remember(parent: bytes, body: bytes, compute: object) -> object:
        asked.append((parent, body))
        return compute()  # type: ignore[operator]

    yard = Yard()
    plain = yard.machine.execute(yard.post, yard.place(), (yard.record(),))
    yard.ground = lay(yard.genesis, yard.genesis.shards[0], yard.params, remember=remember)
    shared = yard.make_machine()
    assert same(shared.execute(yard.post, yard.place(), (yard.record(),)), plain)
    place: Place = replace(yard.place(), time_us=Micros(9))
    shared.execute(yard.post, place, (yard.record(),))
    shared.execute(yard.post, yard.place(), (yard.record([0]),))
    assert len({each for each in asked if each[1] != b"docket"}) == 3


RUN = """
from random import Random
from tests.replica.test_docket import live_at_random
from tests.replica.yard import Yard
yard, chance = Yard((6000, 5000, 4000, 3000, 2000, 0, 0)), Random(8)
for _ in range(4):
    live_at_random(yard, chance)
print(yard.tip.hash.hex(), yard.post.ledger.root.hex())
"""


def test_the_same_chain_under_any_hash_seed() -> None:
    """RP-1: no order of a set enters into what nodes must agree on."""
    chains = {
        subprocess.run(
            [sys.executable, "-c", RUN], env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "77")
    }  # fmt: skip
    assert len(chains) == 1
    assert len(chains.pop().split()) == 2
