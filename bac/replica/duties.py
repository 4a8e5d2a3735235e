"""Duties: the heights of an epoch that a voter is asked to acknowledge, and what is known of who did (Q1).

Drawn from the epoch's seed, the same for all, a fixed number: so there is nothing to farm. A duty is not one height but
the heights from one that is drawn up to the next: certificates are ordered for some blocks only, and who acknowledged
any block of the window was there. A window of which no certificate was ordered was offered to nobody.

A leader has the same number of duties as everybody. Half of them are its acknowledgements, half its witnesses: the
share of rounds in whose unique famous witnesses it had one. Half a duty counts as one, so that a single slow round
costs a leader nothing; it never has more than the better of the two halves.

Source: docs/spec/replica.md RP-10 to RP-14.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field

from bac.params import Params
from bac.types import Hash, NodeId
from election.duties import duty_offsets, leader_duties
from election.standing import Evidence


@dataclass(frozen=True, slots=True)
class Windows:
    """The duties of an epoch: the first height of each, ascending; the last one lasts to the end of the epoch."""

    starts: tuple[int, ...]

    def at(self, height: int) -> int | None:
        """The number of the duty that a block of this height belongs to; None before the first."""
        place = bisect_right(self.starts, height) - 1
        return place if place >= 0 else None


def compute_windows(seed: Hash, base: int, params: Params) -> Windows:
    """The duties of the epoch with `seed` that stands on the block of height `base`."""
    offsets = duty_offsets(seed, params.epoch_rounds, params.duties_per_epoch)
    return Windows(tuple(base + 1 + offset for offset in offsets))


@dataclass(frozen=True, slots=True)
class Roll:
    """Who has done what in an epoch so far. Duties are bits: bit i is window i.

    Attributes:
        offered: duties of which a certificate was ordered.
        done: by voter, those of which it signed such a certificate.
        late: by voter, those of which an acknowledgement of its own was ordered singly.
        witnesses: by leader, the rounds in which it made a unique famous witness.
        rounds: closed rounds.
    """

    offered: int = 0
    done: Mapping[NodeId, int] = field(default_factory=dict)
    late: Mapping[NodeId, int] = field(default_factory=dict)
    witnesses: Mapping[NodeId, int] = field(default_factory=dict)
    rounds: int = 0

    def evidence(self, identity: NodeId, *, leads: bool) -> Evidence:
        """What the epoch says of one who had its duties."""
        offered = self.offered.bit_count()
        done = (self.done.get(identity, 0) & self.offered).bit_count()
        late = (self.late.get(identity, 0) & self.offered & ~self.done.get(identity, 0)).bit_count()
        if leads:
            witnessed = leader_duties(self.witnesses.get(identity, 0), self.rounds, offered)
            total = (done + late + witnessed + 1) // 2
            late = min(late, total)
            done = total - late
        return Evidence(offered, done, late)
