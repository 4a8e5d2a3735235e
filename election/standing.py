"""The values that voting units are made of: constants, an epoch's evidence, an identity's record."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from fractions import Fraction

from election.opinion import HALF, JOSANG_PRIOR, Opinion

SCALE = 1 << 16


class Formula(enum.Enum):
    """How reputation becomes units."""

    PARTICIPATION = "floor(max_units · ρ · π)"
    PAPER = "floor(max_units · ρ)"


@dataclass(frozen=True, slots=True)
class ReputationParams:
    """The constants of the evaluation.

    Attributes:
        max_units: most units of one identity.
        prior: W, cases that ignorance is worth (2: Jøsang; 0: the paper's (8)).
        base_rate: ε of (10).
        keep: share of the counts that survives an epoch; 7/8 halves them in five epochs.
        window: epochs of the moving average of participation, π := ((window - 1)·π + p) / window.
        fall: most that an epoch takes, as a share of the own units.
        rise: most that an epoch gives, as a share of the units of the electorate.
        probation_epochs: epochs after a proof in which duties do not count.
        evidence_epochs: epochs after a deed in which a proof of it still counts.
        endowment_epochs: B, epochs over which a genesis endowment decays to nothing.
        formula: how reputation becomes units.
    """

    max_units: int = SCALE
    prior: int = JOSANG_PRIOR
    base_rate: Fraction = HALF
    keep: Fraction = Fraction(7, 8)
    window: int = 8
    fall: Fraction = Fraction(1, 16)
    rise: Fraction = Fraction(1, 16)
    probation_epochs: int = 64
    evidence_epochs: int = 3
    endowment_epochs: int = 32
    formula: Formula = Formula.PARTICIPATION

    def __post_init__(self) -> None:
        if min(self.max_units, self.window, self.probation_epochs, self.endowment_epochs) < 1:
            raise ValueError("max_units, window, probation_epochs and endowment_epochs are at least 1")
        if min(self.prior, self.evidence_epochs) < 0:
            raise ValueError("prior and evidence_epochs are not negative")
        if not all(0 <= share <= 1 for share in (self.base_rate, self.keep, self.fall, self.rise)):
            raise ValueError("base_rate, keep, fall and rise are shares")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the chain saw of one identity in one epoch.

    Attributes:
        offered: duties offered; 0 if the identity had none, as before its registration.
        done: duties done in time.
        late: duties done late but before the epoch's end; those of a candidate voter, who has no units, all are.
        doubts: conflicts that prove nothing.
        proofs: the epoch of the deed of every fault proven in this epoch, each deed once.
    """

    offered: int = 0
    done: int = 0
    late: int = 0
    doubts: int = 0
    proofs: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if min(self.offered, self.done, self.late, self.doubts, *self.proofs, 0) < 0:
            raise ValueError("evidence is not negative")
        if self.done + self.late > self.offered:
            raise ValueError(f"{self.done} + {self.late} duties done of {self.offered} offered")


@dataclass(frozen=True, slots=True)
class Epoch:
    """The epoch evaluated: its number, the units of its whole electorate, and whether it ended by recovery."""

    number: int
    total_units: int
    recovered: bool = False

    def __post_init__(self) -> None:
        if min(self.number, self.total_units) < 0:
            raise ValueError("epoch number and total units are not negative")


@dataclass(frozen=True, slots=True)
class Standing:
    """One identity's record between two epochs.

    Attributes:
        units: voting units, before clipping (`election.electorate`).
        honest: Φ, decayed, in 2^-16.
        dishonest: η, likewise.
        doubtful: φ, likewise.
        participation: π in 2^-16.
        endowment: units given at genesis.
        endowment_left: epochs until they are gone.
        probation: epochs until duties count again; no units meanwhile.
    """

    units: int = 0
    honest: int = 0
    dishonest: int = 0
    doubtful: int = 0
    participation: int = 0
    endowment: int = 0
    endowment_left: int = 0
    probation: int = 0

    def __post_init__(self) -> None:
        counts = (self.units, self.honest, self.dishonest, self.doubtful, self.participation, self.endowment)
        if min(*counts, self.endowment_left, self.probation) < 0 or self.participation > SCALE:
            raise ValueError("a standing holds no negative number, and a participation of one at most")
        if self.probation and self.units:
            raise ValueError("no units in probation")

    @property
    def success(self) -> Fraction | None:
        """ζ (7b): the honest share of all that is known of the identity; None if nothing is."""
        known = self.honest + self.dishonest + self.doubtful
        return Fraction(self.honest, known) if known else None

    def opinion(self, params: ReputationParams) -> Opinion:
        """The opinion that the counts give (8); its expectation is ρ (10)."""
        honest, dishonest, doubtful = (Fraction(n, SCALE) for n in (self.honest, self.dishonest, self.doubtful))
        return Opinion.from_evidence(honest, dishonest, doubtful, params.prior, params.base_rate)
