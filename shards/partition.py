"""Cutting a shard in two where the fewest predicted links are lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shards.motion import Report
from shards.params import Params

# Eight directions a half turn round, in small integers.
_DIRECTIONS = ((1, 0), (2, 1), (1, 1), (1, 2), (0, 1), (-1, 2), (-1, 1), (-2, 1))


@dataclass(frozen=True, slots=True)
class Split:
    """A shard in two: `stay` keeps its number and chain, `leave` becomes a new shard. Both ordered by id."""

    stay: tuple[bytes, ...]
    leave: tuple[bytes, ...]


def decide_split(reports: Sequence[Report], params: Params, units: Mapping[bytes, int] | None = None) -> Split | None:
    """Whether the shard with these members splits, and how (docs/spec/shards.md SH-8, SH-9).

    Members are lined up along eight directions, as they stand now and as they will stand at the last look-ahead
    instant, and cut where the predicted links across are fewest for the product of the sizes (Wei and Cheng's ratio
    cut, 1991). Where they will stand parts streams that drive apart. A shard over by more than a quarter is just halved
    across its longer side where that can be: its halves, mostly still too large, are cut again.

    Args:
        reports: all members, in any order.
        params: sizes and look-ahead.
        units: voting units of members; members not named have none. If given, both halves must qualify as electorates.

    Returns:
        None if the shard is not too large, or no cut leaves two halves that qualify.
    """
    if len(reports) <= params.max_size:
        return None
    members = sorted(reports, key=lambda report: report.id)
    order, cut = _halved(members, params, units) if 4 * len(members) > 5 * params.max_size else ([], None)
    if cut is None:
        order, cut = _least_cut(members, params, units)
    if cut is None:
        return None
    halves = [tuple(members[i].id for i in sorted(half)) for half in (order[:cut], order[cut:])]
    stay, leave = sorted(halves, key=lambda half: (-_weight(half, units), -len(half), half))
    return Split(stay, leave)


def _weight(half: Sequence[bytes], units: Mapping[bytes, int] | None) -> int:
    return len(half) if units is None else sum(units.get(id_, 0) for id_ in half)


def _allowed(
    order: Sequence[int], members: Sequence[Report], params: Params, units: Mapping[bytes, int] | None
) -> list[bool]:
    """Entry k: whether the first k and the rest both stand."""
    count = len(order)
    least = max(params.min_size, count // 4)
    sizes = [least <= k <= count - least for k in range(count)]
    if units is None:
        return sizes
    held = [units.get(members[i].id, 0) for i in order]
    voters_all, units_all = sum(own > 0 for own in held), sum(held)
    voters = total = 0
    for k, own in enumerate(held):
        sizes[k] = sizes[k] and (
            min(voters, voters_all - voters) >= params.voters_min and min(total, units_all - total) >= params.units_min
        )
        voters += own > 0
        total += own
    return sizes


def _halved(
    members: Sequence[Report], params: Params, units: Mapping[bytes, int] | None
) -> tuple[list[int], int | None]:
    """The order along the longer side and the allowed cut nearest to the middle."""
    xs, ys = [report.x_cm for report in members], [report.y_cm for report in members]
    side = xs if max(xs) - min(xs) >= max(ys) - min(ys) else ys
    order = sorted(range(len(members)), key=side.__getitem__)
    allowed = [k for k, good in enumerate(_allowed(order, members, params, units)) if good]
    return order, min(allowed, key=lambda k: (abs(2 * k - len(order)), k), default=None)


def _least_cut(
    members: Sequence[Report], params: Params, units: Mapping[bytes, int] | None
) -> tuple[list[int], int | None]:
    """The order and place of the cut with the least links lost per product of sizes; ties: more even, first found."""
    count = len(members)
    links = _predicted_links(members, params)
    best: tuple[int, int, list[int], int | None] = (1, 0, [], None)
    for instant in sorted({0, params.look_ahead_s[-1]}):
        xs = [report.x_cm + report.vx_cm_s * instant for report in members]
        ys = [report.y_cm + report.vy_cm_s * instant for report in members]
        for east, north in _DIRECTIONS:
            along = [x * east + y * north for x, y in zip(xs, ys, strict=True)]
            order = sorted(range(count), key=along.__getitem__)
            allowed = _allowed(order, members, params, units)
            lost = 0
            for k, step in enumerate(_lost_steps(order, links)):
                lost += step
                # lost / sizes < best, in whole numbers, or equal and more even; best starts at infinity, 1 / 0.
                sizes = k * (count - k)
                here, there = lost * best[1], best[0] * sizes
                if allowed[k] and (here < there or (here == there and sizes > best[1])):
                    best = (lost, sizes, order, k)
    return best[2], best[3]


def _lost_steps(order: Sequence[int], links: Sequence[tuple[int, int, int]]) -> list[int]:
    """Entry k: what the links across a cut before position k grow by against the cut before position k - 1."""
    rank = [0] * len(order)
    for k, i in enumerate(order):
        rank[i] = k
    steps = [0] * (len(order) + 1)
    for i, j, weight in links:
        first, last = rank[i], rank[j]
        if first > last:
            first, last = last, first
        steps[first + 1] += weight
        steps[last + 1] -= weight
    return steps[:-1]


def _predicted_links(members: Sequence[Report], params: Params) -> list[tuple[int, int, int]]:
    """Pairs of members in range now, and the number of look-ahead instants at which they are."""
    range_cm, range2, instants = params.range_cm, params.range_cm**2, params.look_ahead_s
    links = []
    for i, one in enumerate(members):
        x, y, vx, vy = one.x_cm, one.y_cm, one.vx_cm_s, one.vy_cm_s
        for j in range(i):
            other = members[j]
            dx, dy = other.x_cm - x, other.y_cm - y
            if not (-range_cm <= dx <= range_cm and dx * dx + dy * dy <= range2):
                continue
            dvx, dvy = other.vx_cm_s - vx, other.vy_cm_s - vy
            weight = sum((dx + dvx * t) ** 2 + (dy + dvy * t) ** 2 <= range2 for t in instants)
            if weight:
                links.append((j, i, weight))
    return links
