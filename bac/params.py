"""Every number that nodes of one network must share: unit, formula and reason beside the value.

`Params` is fixed at genesis by its digest. Nodes with another digest refuse each other. All values are whole numbers;
shares are in 2^-16 (unit ``q16``), money in 10^-6 coins, time in µs. `rows` lists them for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final

from bac.types import Hash

Q16: Final = 1 << 16
SECOND: Final = 1_000_000
_DIGEST_PREFIX = b"\x0abac/params"


def _parameter(value: int, unit: str, formula: str, reason: str) -> Any:
    return field(default=value, metadata={"unit": unit, "formula": formula, "reason": reason})


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """The parameters of one network; the values written here are the preset ``default``.

    Raises:
        ValueError: two values contradict each other, or one is out of range. The line names them.
    """

    # Reputation (docs/spec: voting units come from consensus duties and proofs alone)
    max_units: int = _parameter(1 << 16, "units", "units = floor(max_units · ρ · π)", "fine enough for 2^-16 shares")
    duties_per_epoch: int = _parameter(8, "duties", "heights drawn from seed_e", "a fixed number: nothing to farm")
    base_rate_q16: int = _parameter(Q16 // 2, "q16", "ρ = b + εu", "ε = 1/2, an unknown vehicle is as likely as not")
    opinion_prior: int = _parameter(
        2, "evidence", "u = prior / (b, d, u evidence + prior)", "Jøsang's weight of ignorance"
    )
    evidence_decay_q16: int = _parameter(
        Q16 * 7 // 8, "q16", "counts ·= decay, per epoch", "the memory of participation"
    )
    participation_memory: int = _parameter(8, "epochs", "π = ((n-1)π + p) / n", "half the weight after 5 epochs")
    units_step: int = _parameter(
        16, "1", "fall ≤ 1/n, rise ≤ U/n per epoch", "omitted certificates cannot starve anybody"
    )
    endowment_epochs: int = _parameter(
        32, "epochs", "B: units of genesis decay to 0", "π of a newcomer is 0.99 by then"
    )
    probation_epochs: int = _parameter(
        64, "epochs", "no units after a proof", "longer than a fresh identity needs to grow"
    )
    evidence_epochs: int = _parameter(3, "epochs", "deed to proof", "late proofs still bite; then keys are gone")
    min_voters: int = _parameter(4, "members", "|V| ≥ 3f + 1, f = 1", "fewer tolerate no fault")
    min_total_units: int = _parameter(1 << 14, "units", "U ≥ U_min", "a shard of newcomers alone cannot open an epoch")
    unearned_source_divisor: int = _parameter(
        10, "1", "net ≤ U_e / n per source", "one captured shard cannot flood another"
    )
    unearned_total_divisor: int = _parameter(5, "1", "net ≤ U_e / n in all", "nor can several")

    # Identity and keys
    residence_epochs: int = _parameter(2, "epochs", "k", "an arrival votes only after this: driving in is not free")
    acknowledgement_keys_ahead: int = _parameter(16, "epochs", "e … e + n", "an absent vehicle keeps its vote")
    acknowledgement_key_lead: int = _parameter(2, "epochs", "on chain at L_{e-n}", "everybody knows V_e before e opens")
    vrf_key_lead: int = _parameter(3, "epochs", "on chain at L_{e-n}", "no key is fitted to a seed that is known")
    list_voters_max: int = _parameter(40, "members", "Ed25519 list up to n, BLS above", "64 n bytes against 96")
    checkpoint_epochs: int = _parameter(5760, "epochs", "W", "a day of full epochs; old keys sign nothing for clients")
    assumed_dishonest_q16: int = _parameter(Q16 // 5, "q16", "δ: retirements ≥ (1/3 + δ) U", "reconfiguration by proof")

    # Election
    primary_weight: int = _parameter(4, "weight", "τ_P, expected", "no primary is drawn with chance e^-4 = 1.8 %")
    candidate_weight: int = _parameter(
        96, "weight", "τ_CP, expected", "τ_P + τ_CP = 100: captured 0.1 % at 20 % dishonest"
    )
    max_leaders: int = _parameter(32, "members", "first n winners lead", "speed; ≥ 1/3 dishonest in 4 % at 20 %")
    min_leaders: int = _parameter(4, "members", "fewer: the committee is V", "as min_voters")

    # Hashgraph
    coin_period: int = _parameter(10, "rounds", "c ≥ 3", "Baird 2016; a coin round is rare")
    max_other_parents: int = _parameter(
        16, "events", "per event", "one: three times the latency of confirmation with 8 leaders (bench replica)"
    )
    max_event_items: int = _parameter(256, "items", "per event", "bounds a block")
    max_event_bytes: int = _parameter(1 << 16, "bytes", "payload of an event", "bounds a block")
    max_events_per_round: int = _parameter(8, "events", "per creator and round", "bounds a round")
    event_min_us: int = _parameter(SECOND // 125, "µs", "T_min", "a direct link: shorter makes more events only")
    event_batch_us: int = _parameter(
        SECOND // 40, "µs", "T_batch ≥ T_min, after transactions", "what comes in meanwhile goes together"
    )
    event_max_us: int = _parameter(265 * SECOND // 1000, "µs", "T_event", "an idle round takes two: it never sleeps")

    # Blocks, views, epochs
    epoch_rounds: int = _parameter(24, "rounds", "R_len", "13 s when idle")
    epoch_grace_rounds: int = _parameter(4, "rounds", "R_grace", "late claim lists; the epoch then ends in any case")
    seed_rounds: int = _parameter(12, "rounds", "R_seed ≤ R_len / 2", "the primary's seed, else the fallback")
    epoch_us: int = _parameter(
        15 * SECOND, "µs", "≥ 2 T_event (R_len + R_grace)", "13 % of vehicles are gone after 30 s"
    )
    heartbeat_us: int = _parameter(SECOND, "µs", "presence and position", "a vehicle moves one length to thirty metres")
    publish_us: int = _parameter(
        SECOND // 10, "µs", "T_publish: CP k after k · T", "identical bytes need one publisher"
    )
    repeat_us: int = _parameter(SECOND, "µs", "T_repeat", "loss is made good by repetition")
    view_timeout_us: int = _parameter(8 * SECOND, "µs", "T0", "the first confirmation of an idle epoch takes 5 s")
    view_timeout_max_us: int = _parameter(512 * SECOND, "µs", "T0(e) ≤ cap", "liveness assumes a delay below it")
    view_doublings_max: int = _parameter(10, "1", "T_view = T0(e) · 2^min(view, n)", "2^10 · T0 outlasts any delay")
    acknowledgement_fanout: int = _parameter(4, "members", "leaders told at first", "one honest is enough, 1 - 1/3^4")
    gossip_fanout: int = _parameter(3, "members", "k peers told more", "spreads in log_3 V steps")
    max_unconfirmed_blocks: int = _parameter(64, "blocks", "backlog", "order goes on without a quorum, bounded")
    ahead_us: int = _parameter(2 * SECOND, "µs", "T_ahead", "a header further ahead of the clock is deferred")

    # Ledger
    fee_base: int = _parameter(
        1_000, "10^-6 coins", "fee ≥ base + per byte · bytes", "a transaction costs its checking"
    )
    fee_per_byte: int = _parameter(10, "10^-6 coins", "fee ≥ base + per byte · bytes", "and its storage")
    fee_primary_percent: int = _parameter(40, "%", "P", "the papers' split; the remainder is burnt")
    fee_candidates_percent: int = _parameter(40, "%", "CP, by weight", "the papers' split")
    fee_voters_percent: int = _parameter(20, "%", "acknowledging CS, by units", "the papers' split")
    account_minimum: int = _parameter(
        10_000, "10^-6 coins", "first coins of an account ≥ n", "the state is not filled for nothing"
    )
    answers_kept: int = _parameter(8, "nonces", "last n of an account", "a repeated transaction gets its first answer")
    neighbour_witnesses: int = _parameter(2, "members", "or one relay", "no position by a member's word alone")
    position_age_us: int = _parameter(
        10 * SECOND, "µs", "block time - report ≤ n", "three hundred metres on a motorway: still the same surroundings"
    )
    import_limit: int = _parameter(
        10**10, "10^-6 coins", "net import per pair and epoch", "a captured shard drains no other"
    )

    def __post_init__(self) -> None:
        """Every value is positive unless zero means something, and values that belong together fit."""
        for each in fields(self):
            value = getattr(self, each.name)
            if type(value) is not int or not 0 <= value < 2**63:
                raise ValueError(f"{each.name} must be a whole number in 0 … 2^63 - 1, not {value!r}")
            if value == 0 and each.name not in _MAY_BE_ZERO:
                raise ValueError(f"{each.name} must not be 0")
        for name, holds in self._relations().items():
            if not holds:
                raise ValueError(f"parameters contradict each other: {name} does not hold")

    def _relations(self) -> dict[str, bool]:
        fees = self.fee_primary_percent + self.fee_candidates_percent + self.fee_voters_percent
        longest_us = 2 * self.event_max_us * (self.epoch_rounds + self.epoch_grace_rounds)
        return {
            "base_rate_q16 <= 1": self.base_rate_q16 <= Q16,
            "evidence_decay_q16 <= 1": self.evidence_decay_q16 <= Q16,
            "assumed_dishonest_q16 <= 2/3": 3 * self.assumed_dishonest_q16 <= 2 * Q16,
            "min_voters >= 4": self.min_voters >= 4,
            "4 <= min_leaders <= max_leaders": 4 <= self.min_leaders <= self.max_leaders,
            "acknowledgement_key_lead < acknowledgement_keys_ahead": self.acknowledgement_key_lead
            < self.acknowledgement_keys_ahead,
            "3 <= vrf_key_lead <= 64": 3 <= self.vrf_key_lead <= 64,
            "coin_period >= 3": self.coin_period >= 3,
            "max_events_per_round >= 2": self.max_events_per_round >= 2,
            "event_min_us <= event_batch_us <= event_max_us": self.event_min_us
            <= self.event_batch_us
            <= self.event_max_us,
            "seed_rounds <= epoch_rounds / 2": 2 * self.seed_rounds <= self.epoch_rounds,
            "2 event_max_us (epoch_rounds + epoch_grace_rounds) <= epoch_us": longest_us <= self.epoch_us,
            "view_timeout_us <= view_timeout_max_us": self.view_timeout_us <= self.view_timeout_max_us,
            "view_doublings_max <= 20": self.view_doublings_max <= 20,
            "fees <= 100 %": fees <= 100,
            "acknowledgement_keys_ahead <= 64": self.acknowledgement_keys_ahead <= 64,
            "answers_kept <= 64": self.answers_kept <= 64,
        }

    @property
    def open_blocks(self) -> int:
        """Most blocks that an epoch has, with those that may wait to be confirmed."""
        return self.epoch_rounds + self.epoch_grace_rounds + self.max_unconfirmed_blocks

    def text(self) -> str:
        """The canonical form: one line ``name=value`` per parameter, in the order of declaration."""
        return "".join(f"{each.name}={getattr(self, each.name)}\n" for each in fields(self))

    @classmethod
    def from_text(cls, text: str) -> Params:
        """The parameters whose `text` this is.

        Raises:
            ValueError: it is not the canonical form of valid parameters.
        """
        try:
            pairs = [line.split("=") for line in text.splitlines()]
            params = cls(**{name: int(value) for name, value in pairs})
        except (TypeError, ValueError) as error:
            raise ValueError(f"not the text of parameters: {error}") from error
        if params.text() != text:
            raise ValueError("not the canonical text of parameters")
        return params

    def digest(self) -> Hash:
        """SHA-256 of a domain prefix and `text`, 32 bytes; part of the genesis."""
        return Hash(sha256(_DIGEST_PREFIX + self.text().encode()).digest())


_MAY_BE_ZERO = {
    "opinion_prior", "fee_base", "fee_per_byte", "fee_primary_percent", "fee_candidates_percent", "fee_voters_percent",
    "import_limit", "residence_epochs", "view_doublings_max", "epoch_grace_rounds", "assumed_dishonest_q16",
}  # fmt: skip


def rows(params: Params) -> list[tuple[str, int, str, str, str]]:
    """(name, value, unit, formula, reason) of every parameter, in the order of declaration."""
    return [
        (
            each.name,
            getattr(params, each.name),
            each.metadata["unit"],
            each.metadata["formula"],
            each.metadata["reason"],
        )
        for each in fields(params)
    ]


DEFAULT: Final = Params()
"""A shard of tens to hundreds of vehicles on the road."""

MINIMAL: Final = replace(
    DEFAULT,
    primary_weight=2,
    candidate_weight=8,
    max_leaders=4,
    epoch_rounds=8,
    epoch_grace_rounds=4,
    seed_rounds=4,
    event_max_us=SECOND // 4,
    epoch_us=6 * SECOND,
    view_timeout_us=4 * SECOND,
    view_timeout_max_us=64 * SECOND,
    min_total_units=1 << 10,
    checkpoint_epochs=64,
    endowment_epochs=16,
    probation_epochs=8,
    max_event_items=64,
    max_event_bytes=1 << 14,
)
"""Four members and short epochs: every rule is reached within seconds. For tests and a first look, not for a road."""

DEMO: Final = replace(
    MINIMAL,
    candidate_weight=10,
    max_leaders=6,
    epoch_rounds=12,
    seed_rounds=6,
    event_min_us=3 * SECOND // 10,
    event_batch_us=3 * SECOND // 10,
    event_max_us=45 * SECOND // 100,
    epoch_us=15 * SECOND,
    view_timeout_us=12 * SECOND,
    view_timeout_max_us=192 * SECOND,
    publish_us=3 * SECOND // 10,
    repeat_us=3 * SECOND,
    endowment_epochs=64,
    probation_epochs=64,
    fee_base=100,
    fee_per_byte=0,
    position_age_us=20 * SECOND,
)
"""Sixteen vehicles as processes of one small machine, in a trace that runs three times as fast as life.

Times are of blocks: a second of them is a third of the machine's. T_min is four times longer than a direct link needs,
so that all processes together have the time for a round; epochs still end within the 15 s of the road's. Six leaders
are enough to lose one and see another fork. Fees are below what a minute's charging between vehicles costs.
"""

FEW: Final = replace(DEFAULT, max_leaders=4)
"""Four leaders: faster where the others only vote, and captured more often, which costs recoveries."""

PRESETS: Final[Mapping[str, Params]] = MappingProxyType(
    {"default": DEFAULT, "minimal": MINIMAL, "demo": DEMO, "few": FEW}
)
