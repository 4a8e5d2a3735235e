"""Opinions of subjective logic (Jøsang 2016), in exact fractions: evidence in, belief, disbelief and uncertainty out.

Theory of operation
-------------------
An opinion says how far somebody believes (b), disbelieves (d) and does not know (u) that a subject behaves, with
b + d + u = 1 (BAC paper, eq. (9)), and which share a of the unknown it would believe without evidence (base rate; the
paper's ε). The expectation b + a·u is the paper's reputation ρ, eq. (10).

*Evidence.* With Φ honest, η dishonest and φ doubtful cases and the non-informative prior weight W,

    b = Φ / (Φ + η + φ + W),   d = η / (Φ + η + φ + W),   u = (φ + W) / (Φ + η + φ + W).

W = 0 is the paper's (8), where u = 0 without doubtful cases: one honest case is then certainty. W = 2 is Jøsang's
prior: ignorance wanes as cases are seen. Doubtful cases go into u beside W: they speak neither for nor against, but
unlike W they grow with time, so a subject with many doubtful cases stays uncertain however long it is known. Without
any evidence u = 1, whatever W is (the paper divides zero by zero there).

*Fusion* is done on the evidence that an opinion stands for in units of its uncertainty, r = b/u and s = d/u: the
opinion is (r, s, 1) / (1 + r + s). Cumulative fusion adds r and s (independent observations); averaging fusion takes
their mean (observers of the same cases). Both are Jøsang's formulas (2016, definitions 12.5 and 12.6; for many
sources Jøsang, Wang, Zhang 2017), and n sources are fused at once, because averaging pair by pair is not associative.
Cumulative fusion equals the addition of evidence where W is the same and no case is doubtful.

*Dogmatic opinions* (u = 0) stand for unlimited evidence. In the limit of equally fast vanishing u they outweigh all
others and share alike: the result is the mean of the dogmatic opinions. *Base rates* fuse by the weight r + s of the
evidence under cumulative fusion, by their mean under averaging fusion or where no source has evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Self

Mode = Literal["cumulative", "averaging"]
HALF = Fraction(1, 2)
JOSANG_PRIOR = 2


@dataclass(frozen=True, slots=True)
class Opinion:
    """Belief, disbelief and uncertainty, summing to one, and the base rate; integers are taken for fractions.

    Raises:
        ValueError: a value is not exact or outside [0, 1], or the three do not sum to one.
    """

    belief: Fraction
    disbelief: Fraction
    uncertainty: Fraction
    base_rate: Fraction = HALF

    def __post_init__(self) -> None:
        for name in ("belief", "disbelief", "uncertainty", "base_rate"):
            value = exact(getattr(self, name), name)
            if not 0 <= value <= 1:
                raise ValueError(f"{name} {value} is outside [0, 1]")
            object.__setattr__(self, name, value)
        if self.belief + self.disbelief + self.uncertainty != 1:
            raise ValueError("belief, disbelief and uncertainty sum to one")

    @classmethod
    def from_evidence(
        cls,
        phi: int | Fraction,
        eta: int | Fraction,
        doubt: int | Fraction,
        prior: int | Fraction = JOSANG_PRIOR,
        base_rate: Fraction = HALF,
    ) -> Self:
        """The opinion that the counts Φ honest, η dishonest and φ doubtful give (BAC paper, eqs (8), (9)).

        Args:
            phi: honest cases Φ, not negative; decayed counts are fractions.
            eta: dishonest cases η.
            doubt: doubtful cases φ; they add to the uncertainty.
            prior: W, cases that total ignorance is worth: 2 (Jøsang), or 0 for the paper's (8).
            base_rate: the paper's ε in (10).

        Raises:
            ValueError: a count is negative or not exact.
        """
        counts = [exact(count, "evidence") for count in (phi, eta, doubt, prior)]
        if min(counts) < 0:
            raise ValueError("evidence is not negative")
        honest, dishonest, doubtful, ignorance = counts
        total = honest + dishonest + doubtful + ignorance
        if total == 0:
            return cls.vacuous(base_rate)
        return cls(honest / total, dishonest / total, (doubtful + ignorance) / total, base_rate)

    @classmethod
    def vacuous(cls, base_rate: Fraction = HALF) -> Self:
        """The opinion of one who knows nothing: u = 1."""
        return cls(Fraction(0), Fraction(0), Fraction(1), base_rate)

    @property
    def expected(self) -> Fraction:
        """Projected probability b + a·u, the paper's reputation value ρ (10)."""
        return self.belief + self.base_rate * self.uncertainty

    @property
    def is_dogmatic(self) -> bool:
        """Whether nothing is left unknown (u = 0)."""
        return self.uncertainty == 0

    def evidence(self, prior: int | Fraction = JOSANG_PRIOR) -> tuple[Fraction, Fraction]:
        """The honest and dishonest cases that, without doubtful ones, give this opinion; inverse of `from_evidence`.

        Raises:
            ValueError: the opinion is dogmatic: no number of cases gives it.
        """
        if self.is_dogmatic:
            raise ValueError("a dogmatic opinion stands for unlimited evidence")
        return prior * self.belief / self.uncertainty, prior * self.disbelief / self.uncertainty

    def fuse(self, other: Opinion, mode: Mode = "cumulative") -> Opinion:
        """The opinion of both sources together; see `fuse_all`."""
        return fuse_all((self, other), mode)

    def discount(self, trust: Opinion) -> Opinion:
        """This opinion as heard from an adviser in whom the listener has the opinion `trust`.

        Jøsang 2016, 14.3: belief and disbelief shrink by the expectation of the trust, what they lose becomes
        uncertainty. Advice through several hands shrinks by the product of the expectations.
        """
        share = trust.expected
        belief, disbelief = share * self.belief, share * self.disbelief
        return Opinion(belief, disbelief, 1 - belief - disbelief, self.base_rate)

    def rounded(self, scale: int) -> Opinion:
        """This opinion in multiples of 1/`scale`, belief and disbelief rounded down in favour of uncertainty."""
        belief, disbelief = (Fraction(int(value * scale), scale) for value in (self.belief, self.disbelief))
        return Opinion(belief, disbelief, 1 - belief - disbelief, self.base_rate)


def exact(value: int | Fraction, name: str) -> Fraction:
    """`value` as a fraction; raises ValueError for a float, which no agreed number may be."""
    match value:
        case int() | Fraction():
            return Fraction(value)
    raise ValueError(f"{name} is an integer or a fraction, never a {type(value).__name__}")


def fuse_all(opinions: Iterable[Opinion], mode: Mode = "cumulative") -> Opinion:
    """The fusion of one or more opinions about one subject; the order makes no difference.

    Raises:
        ValueError: there is no opinion, or `mode` is neither "cumulative" nor "averaging".
    """
    sources = tuple(opinions)
    if not sources:
        raise ValueError("fusion needs an opinion")
    if mode not in ("cumulative", "averaging"):
        raise ValueError(f"fusion is cumulative or averaging, not {mode}")
    dogmatic = tuple(source for source in sources if source.is_dogmatic)
    if dogmatic:
        return Opinion(
            _mean([source.belief for source in dogmatic]),
            _mean([source.disbelief for source in dogmatic]),
            Fraction(0),
            _mean([source.base_rate for source in (dogmatic if mode == "cumulative" else sources)]),
        )
    for_it = sum((source.belief / source.uncertainty for source in sources), Fraction(0))
    against = sum((source.disbelief / source.uncertainty for source in sources), Fraction(0))
    if mode == "averaging":
        for_it, against = for_it / len(sources), against / len(sources)
    total = 1 + for_it + against
    return Opinion(for_it / total, against / total, 1 / total, _fused_base_rate(sources, mode))


def _fused_base_rate(sources: Sequence[Opinion], mode: Mode) -> Fraction:
    weights = [(1 - source.uncertainty) / source.uncertainty for source in sources]
    total = sum(weights, Fraction(0))
    if mode == "averaging" or total == 0:
        return _mean([source.base_rate for source in sources])
    weighted = (weight * source.base_rate for weight, source in zip(weights, sources, strict=True))
    return sum(weighted, Fraction(0)) / total


def _mean(values: Sequence[Fraction]) -> Fraction:
    return sum(values, Fraction(0)) / len(values)
