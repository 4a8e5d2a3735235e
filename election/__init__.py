"""Who decides: evidence to opinion to reputation units, VRF, sortition, committee, seed.

Pure: no clock, no randomness, no floats in anything agreed. Identities, keys and seeds are bytes, units are integers.
`election.risk` is advice in floats, and is imported on demand. The specification is docs/spec/election.md.
"""

from election import (
    committee,
    draw,
    duties,
    electorate,
    explain,
    opinion,
    rating,
    recovery,
    reputation,
    seed,
    sortition,
    standing,
    vrf,
)

__all__ = [
    "committee",
    "draw",
    "duties",
    "electorate",
    "explain",
    "opinion",
    "rating",
    "recovery",
    "reputation",
    "seed",
    "sortition",
    "standing",
    "vrf",
]
