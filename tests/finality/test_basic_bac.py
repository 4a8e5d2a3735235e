"""Basic BAC as a source of blocks: BB-1 to BB-6."""

from __future__ import annotations

from dataclasses import replace as replace_params

import pytest
from msgspec.structs import replace

from bac.baselines.basic_bac import IDLE_EVENTS
from bac.errors import Rejected
from bac.finality.chain import header_hash
from bac.finality.records import load_signed
from bac.types import NodeId
from bac.wire.block import Envelope
from bac.wire.header import Kind
from bac.wire.registry import tag_at, tag_of
from bac.wire.votes import Acknowledgement, Certificate
from tests.finality.staging import after_blocks, published, rival, sign
from tests.finality.table import TABLE_PARAMS, Table, TableTrial, seconds


def heights(table: Table, node: int) -> list[int]:
    return [commit.block.header.height for commit in table.commits[node]]


def test_transfers_are_confirmed_by_all_in_one_chain() -> None:
    """BB-1, BB-3: every node reports the same blocks, and each payment once."""
    table = Table(5)
    payments = [table.pay(node, ordinal) for ordinal, node in enumerate((0, 1, 2, 3, 4, 0, 1))]
    table.pass_time(seconds(6))
    chains = [[header_hash(commit.block.header) for commit in table.commits[node]] for node in range(5)]
    shortest = min(map(len, chains))
    assert shortest > 10
    assert len({tuple(chain[:shortest]) for chain in chains}) == 1
    decided = [each for commit in table.commits[4] for each in table.trial.oracle.block(commit.block).transactions]
    assert sorted(decided) == sorted(payment.id for payment in payments)
    assert heights(table, 4) == list(range(1, len(chains[4]) + 1))


def test_a_leader_signs_one_header_per_height_also_after_a_restart() -> None:
    """BB-2."""
    table = after_blocks(2)
    signed = load_signed(table.disks[2], 0)
    assert signed[2] == published(table, 2, 2).hash
    other, body = rival(table, published(table, 0, 1))
    for _ in range(2):
        table.sent.clear()
        proposal = sign(table, other.header, (0,))
        table.give(2, 0, proposal)
        link = table.term(2).tree.get(header_hash(other.header))
        if link is not None:
            link.body = body
        table.perform(2, table.nodes[2].on_timer("pace", table.now))
        assert not [each for each in table.messages(2, Envelope) if each.header == other.header]
        table.restart(2)


def test_a_transaction_is_confirmed_within_a_few_delays_and_idle_blocks_pace() -> None:
    """BB-4, BB-5: on a table without delays a payment needs no heartbeat; idle blocks come once per heartbeat."""
    table = Table()
    table.pass_time(TABLE_PARAMS.event_max_us)
    before = table.now
    payment = table.pay(3)
    while not any(payment.id in table.trial.oracle.block(commit.block).transactions for commit in table.commits[3]):
        table.pass_time(5_000)
        assert table.now < before + seconds(1)
    assert table.now - before <= 8 * TABLE_PARAMS.event_min_us
    table.pass_time(seconds(1))
    idle = Table()
    idle.pass_time(seconds(1))
    assert len(heights(idle, 1)) <= seconds(1) // (IDLE_EVENTS * TABLE_PARAMS.event_max_us)


def test_a_silent_primary_is_succeeded() -> None:
    """BB-6."""
    table = Table()
    table.hold = lambda sender, receiver, message: sender == 0
    table.pass_time(IDLE_EVENTS * TABLE_PARAMS.event_max_us + TABLE_PARAMS.repeat_us + seconds(0.5))
    proposers = {
        sender
        for sender, _, message in table.sent
        if isinstance(message, Envelope) and message.header.kind is Kind.ORDERED and message.header.height == 1
    }
    assert 1 in proposers
    assert heights(table, 2) or table.term(2).tree.links


def test_an_idle_epoch_without_its_primary_needs_no_recovery() -> None:
    """BB-6: the next leader's blocks confirm each other within T0."""

    class Idle(TableTrial):
        table_params = replace_params(TABLE_PARAMS, event_max_us=seconds(0.25), view_timeout_us=seconds(4))

    table = Table(trial=Idle)
    table.hold = lambda sender, receiver, message: sender == 0
    table.pass_time(seconds(7))
    assert {(table.term(node).epoch.number, table.term(node).voter.view) for node in (1, 2, 3)} == {(0, 0)}
    assert len(heights(table, 1)) >= 2


def test_the_certificate_of_a_block_stands_in_the_next() -> None:
    """BB-3."""
    table = Table()
    table.pass_time(seconds(1))
    for commit in table.commits[0]:
        body, header = commit.block.body, commit.block.header
        certificates = [item for item in body.items if tag_at(item) == tag_of(Certificate)]
        assert len(certificates) == (0 if header.round == 1 else 1)


def test_an_epoch_is_no_longer_than_a_path() -> None:
    """E2, C2: parameters that ask for more are refused."""

    class Endless(TableTrial):
        table_params = replace_params(TABLE_PARAMS, epoch_rounds=250, epoch_us=seconds(200))

    with pytest.raises(ValueError, match="at most 200 rounds"):
        Table(4, Endless)


def test_an_acknowledgement_by_nobody_is_refused() -> None:
    """V8."""
    table = after_blocks(2)
    share = table.term(1).voter.sign(published(table, 0, 2))
    stranger = Acknowledgement(replace(share.ballot, height=9), NodeId(b"s" * 32), share.signature)
    with pytest.raises(Rejected):
        table.term(0).count(table.ids[1], stranger)
