"""Reputation on chain: one record per identity, evaluated at the end of every epoch (Q1 to Q3).

`election` says what an epoch's evidence makes of a standing; here is where the evidence comes from and where standings
are kept. Who has no record is a newcomer; a record that has become a newcomer's is dropped.

Had the duties of an epoch: its voters, and every vehicle on the register that is present, has been here long enough and
whose credential has not ended, units or not, acknowledgement key or not. Who announces no key is silent by choice. Who
has left has no duties: its participation waits for it, what is known of it fades.

A deed is proven once: of one identity and one epoch all proofs together count as one.

Source: docs/spec/replica.md RP-14 to RP-18; docs/spec/election.md EL-70 to EL-82.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

from bac.genesis import GenesisShard
from bac.ledger.records import Reputation, pack, reputation_key
from bac.ledger.state import State
from bac.params import Q16, Params
from bac.replica.docket import Docket
from bac.types import NodeId
from election.reputation import endowed, evaluate, newcomer
from election.standing import Epoch, Evidence, ReputationParams, Standing


def reputation_params(params: Params) -> ReputationParams:
    """The network's constants as `election` takes them."""
    return ReputationParams(
        max_units=params.max_units,
        prior=params.opinion_prior,
        base_rate=Fraction(params.base_rate_q16, Q16),
        keep=Fraction(params.evidence_decay_q16, Q16),
        window=params.participation_memory,
        fall=Fraction(1, params.units_step),
        rise=Fraction(1, params.units_step),
        probation_epochs=params.probation_epochs,
        evidence_epochs=params.evidence_epochs,
        endowment_epochs=params.endowment_epochs,
    )


def standing_of(record: Reputation | None, constants: ReputationParams) -> Standing:
    """The standing that `record` holds; a newcomer's without one."""
    if record is None:
        return newcomer(constants)
    return Standing(
        record.units, record.honest, record.dishonest, record.doubtful, record.participation,
        record.endowment, record.endowment_left, record.probation,
    )  # fmt: skip


def record_of(standing: Standing, deeds: tuple[int, ...]) -> Reputation:
    """The record of `standing` and of the proven deeds."""
    return Reputation(
        standing.units, standing.honest, standing.dishonest, standing.doubtful, standing.participation,
        standing.endowment, standing.endowment_left, standing.probation, deeds,
    )  # fmt: skip


def endow(state: State, shard: GenesisShard, params: Params) -> State:
    """The first state with the standings of those whom genesis endows with units."""
    constants = reputation_params(params)
    changes: dict[bytes, bytes | None] = {
        reputation_key(member.identity): pack(record_of(endowed(member.endowment, constants), ()))
        for member in shard.members
        if member.endowment
    }
    return State(state.trie.updated(changes))


@dataclass(frozen=True, slots=True)
class Assessment:
    """One identity at the end of one epoch.

    Attributes:
        identity: who.
        before: its standing in the epoch.
        evidence: what the epoch says of it.
        epoch: as its evaluation sees it.
        after: its standing from then on.
        deeds: epochs of proven deeds that are still remembered.
    """

    identity: NodeId
    before: Standing
    evidence: Evidence
    epoch: Epoch
    after: Standing
    deeds: tuple[int, ...]


def assess(docket: Docket, *, recovered: bool, params: Params) -> list[Assessment]:
    """Everybody with a record or with duties, ascending by identity; `recovered`: the epoch ended in a later view."""
    constants = reputation_params(params)
    records = dict(docket.boundary.reputations())
    epoch = Epoch(docket.epoch, docket.electorate.total_units, recovered)
    obliged = docket.obliged()
    found = []
    for identity in sorted({*records, *obliged, *docket.culprits()}):
        proven = docket.deeds_of(identity)
        leads = identity in docket.leaders
        evidence = docket.roll.evidence(identity, leads=leads) if identity in obliged else Evidence()
        evidence = replace(evidence, proofs=proven)
        found.append(_assess(identity, records.get(identity), evidence, epoch, constants))
    return found


def _assess(
    identity: NodeId, record: Reputation | None, evidence: Evidence, epoch: Epoch, constants: ReputationParams
) -> Assessment:
    before = standing_of(record, constants)
    after = evaluate(before, evidence, epoch, constants)
    known = (*(record.deeds if record is not None else ()), *evidence.proofs)
    deeds = tuple(sorted(deed for deed in known if deed + constants.evidence_epochs > epoch.number))
    return Assessment(identity, before, evidence, epoch, after, deeds)


def write(state: State, assessments: Iterable[Assessment], params: Params) -> State:
    """`state` with the new standings."""
    fresh = newcomer(reputation_params(params))
    changes: dict[bytes, bytes | None] = {}
    for each in assessments:
        key = reputation_key(each.identity)
        record = None if each.after == fresh and not each.deeds else record_of(each.after, each.deeds)
        if record != state.reputation(each.identity):
            changes[key] = None if record is None else pack(record)
    return State(state.trie.updated(changes))
