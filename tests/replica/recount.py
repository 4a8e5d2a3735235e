"""The naive twin of the docket's roll: everything counted again from the bodies, one identity after the other."""

from __future__ import annotations

from bac.finality.site import Block
from bac.params import Params
from bac.replica.docket import Docket
from bac.types import Hash, NodeId
from bac.wire.block import RoundRecord
from bac.wire.codec import decode
from bac.wire.header import header_hash
from bac.wire.registry import tag_at, tag_of
from bac.wire.votes import Acknowledgement, Certificate
from election.duties import duty_offsets
from election.standing import Evidence


def window_of(height: int, starts: list[int]) -> int:
    """The number of the last start that is not above; -1 if all are."""
    return max((number for number, start in enumerate(starts) if start <= height), default=-1)


def recount(blocks: list[Block], opening: Docket, seed: Hash, params: Params) -> dict[NodeId, Evidence]:
    """The evidence of the epoch of `blocks`, all of view 0, whose docket was opened as `opening`."""
    base = blocks[0].header.height - 1
    starts = sorted(base + 1 + offset for offset in duty_offsets(seed, params.epoch_rounds, params.duties_per_epoch))
    hashes = {block.header.height: header_hash(block.header) for block in blocks}
    committee = list(opening.leaders)
    found = {}
    for identity in sorted({*opening.electorate.places} | set(opening.register)):
        candidate = opening.register[identity]
        if identity not in opening.electorate.places and not candidate.is_resident:
            continue
        offered: set[int] = set()
        done: set[int] = set()
        late: set[int] = set()
        witnessed, best = 0, (-1, -1)
        for block in blocks:
            bits = decode(RoundRecord, block.body.items[0]).witnesses
            if identity in committee:
                place = committee.index(identity)
                witnessed += bits[place // 8] >> place % 8 & 1
            for item in block.body.items:
                if tag_at(item) == tag_of(Certificate):
                    certificate = decode(Certificate, item)
                    ballot = certificate.ballot
                    if (ballot.view, ballot.height) <= best:
                        continue
                    best = (ballot.view, ballot.height)
                    window = window_of(ballot.height, starts)
                    signers = opening.electorate.signers(certificate.signers) or ()
                    if window >= 0:
                        offered.add(window)
                        done |= {window for signer in signers if signer.identity == identity}
                if tag_at(item) == tag_of(Acknowledgement):
                    given = decode(Acknowledgement, item)
                    is_here = hashes.get(given.ballot.height) == given.ballot.header_hash
                    window = window_of(given.ballot.height, starts)
                    if given.voter == identity and is_here and window >= 0:
                        late.add(window)
        found[identity] = weigh(offered, done, late, witnessed if identity in committee else None, len(blocks))
    return found


def weigh(offered: set[int], done: set[int], late: set[int], witnessed: int | None, rounds: int) -> Evidence:
    """Counts, and for a leader the mean of both halves of its duties, halves counted as one."""
    count, in_time, tardy = len(offered), len(done & offered), len((late & offered) - done)
    if witnessed is not None:
        halves = in_time + tardy + count * witnessed // rounds
        total = halves // 2 + halves % 2
        tardy = min(tardy, total)
        in_time = total - tardy
    return Evidence(count, in_time, tardy)
