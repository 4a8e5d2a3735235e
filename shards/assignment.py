"""Vehicles to shards, by decisions that each shard takes for itself.

Theory of operation. A pair of vehicles within radio range is a link. Shards are good if links lie inside them for
long and vehicles seldom change shard. Nobody sees the whole map: a shard's chain knows the reports of its own members
and its neighbours' summaries, no more. From these it predicts how many links, over the look-ahead instants, a member
has inside and would have in a neighbour (`shards.summary.Field`), and decides:

- `decide_join`   an arrival joins the shard with room in which it has most links;
- `decide_merge`  a shard below the minimum closes into the neighbour with most links and room;
- `decide_split`  a shard above the maximum is cut where fewest links are lost (`shards.partition`);
- `decide_move`   a member asks to move where it gains more links than it loses, by more than the cost of a handover;
- `decide_exchange`  a full shard lets an asker in by letting that member go that loses least, if both together gain.

The cost is the hysteresis: a member that just moved would have to gain the cost again to move back. Exchange matters as
much: where traffic is dense all shards are full, and without it everybody would stay where there was room on arrival.

`assign` plays one round of all shards: summaries are frozen before each kind of decision, as in boundary headers, and
requests are served in one order, the largest gain first. All arithmetic is in integers, every tie ends at an id, and
nothing depends on the order of the input.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from shards.centres import Centres
from shards.motion import Report
from shards.params import Params
from shards.partition import decide_split
from shards.summary import Field, Summary, summarise

NEIGHBOURS = 16
"""A shard that has to close asks so many of the nearest."""


class Cause(StrEnum):
    """Why a vehicle is in another shard than before."""

    JOIN = "join"
    MERGE = "merge"
    SPLIT = "split"
    MOVE = "move"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Change:
    """One vehicle's change of shard; `source` is None for an arrival, `gain` in links times instants where weighed."""

    vehicle: bytes
    source: int | None
    target: int
    cause: Cause
    gain: int = 0


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who is in which shard.

    Attributes:
        shard_of: vehicle to shard, ordered by vehicle. Not to be changed.
        next_shard: the first number never given; numbers of closed shards are not given again.
        changes: what differs from the assignment before and why, ordered by vehicle; arrivals have no source.
    """

    shard_of: Mapping[bytes, int]
    next_shard: int = 0
    changes: tuple[Change, ...] = ()

    def members(self) -> dict[int, list[bytes]]:
        """Shards in ascending order to their vehicles in ascending order."""
        members: dict[int, list[bytes]] = {shard: [] for shard in sorted(self.shard_of.values())}
        for vehicle, shard in sorted(self.shard_of.items()):
            members[shard].append(vehicle)
        return members


@dataclass(frozen=True, slots=True)
class Move:
    """A member's request to go from its shard to another, and what it gains: links times instants, cost deducted."""

    vehicle: bytes
    source: int
    target: int
    gain: int

    def rank(self) -> tuple[int, bytes, int]:
        """Requests are served in ascending rank: the largest gain first."""
        return -self.gain, self.vehicle, self.target


def decide_move(report: Report, own: Summary, neighbours: Iterable[Summary], params: Params) -> Move | None:
    """Whether a member asks to move, and where to (docs/spec/shards.md SH-5).

    It moves for links if it gains more than it loses and a handover costs. Else it moves as a stray: to the nearest
    centre by far, if that costs it no link. Where traffic is sparse, only this keeps shards in one piece.

    Args:
        report: the member's report.
        own: its shard's summary, the member included.
        neighbours: summaries of the shards around. Whether the target has room is the target's to say.
        params: look-ahead, cost, ratio.
    """
    summaries = {summary.shard: summary for summary in (own, *neighbours)}
    links = Field(summaries.values(), params).links(report, own.shard)
    moves = _moves(report.id, own.shard, links, params)
    if moves and moves[0].gain > 0:
        return moves[0]
    return _stray(report, own, links, Centres(summaries), params)


def _moves(vehicle: bytes, source: int, links: Mapping[int, int], params: Params) -> list[Move]:
    """The vehicle's moves to all shards that it has links to, the best first; gains may be negative."""
    price = links.get(source, 0) + params.handover_cost
    moves = [Move(vehicle, source, shard, gain - price) for shard, gain in links.items() if shard != source]
    return sorted(moves, key=Move.rank)


def _stray(report: Report, own: Summary, links: Mapping[int, int], centres: Centres, params: Params) -> Move | None:
    """The move of a member that is much nearer to another centre and has no fewer links there; its gain counts 1."""
    least, own2 = links.get(own.shard, 0), _distance2(own, report)
    if least > max((found for shard, found in links.items() if shard != own.shard), default=0):
        return None
    for far2, shard in centres.nearest(report.x_cm, report.y_cm):
        if params.stray_ratio * far2 >= own2:
            return None
        if shard != own.shard and links.get(shard, 0) >= least:
            return Move(report.id, own.shard, shard, 1)
    return None


def decide_join(report: Report, neighbours: Iterable[Summary], params: Params) -> int | None:
    """The shard that an arrival joins (docs/spec/shards.md SH-4), None if there is no shard at all.

    Of those with room that with most links; without links the nearest centre within reach; where none has room, the
    one with most links or else the nearest, which will split.
    """
    summaries = {summary.shard: summary for summary in neighbours}
    if not summaries:
        return None
    links = Field(summaries.values(), params).links(report)
    sizes = {shard: summary.count for shard, summary in summaries.items()}
    return _join(report, links, summaries, Centres(summaries), sizes, params)


def _join(
    report: Report,
    links: Mapping[int, int],
    summaries: Mapping[int, Summary],
    centres: Centres,
    sizes: Mapping[int, int],
    params: Params,
) -> int:
    def rank(shard: int) -> tuple[int, int, int]:
        return -links[shard], _distance2(summaries[shard], report), shard

    roomy = [shard for shard in links if sizes[shard] < params.max_size]
    if roomy:
        return min(roomy, key=rank)
    nearest = None
    for far2, shard in centres.nearest(report.x_cm, report.y_cm):
        if nearest is None:
            nearest = shard
        if far2 > params.reach_cm**2:
            break
        if sizes[shard] < params.max_size:
            return shard
    assert nearest is not None, "there is a shard to join"
    return min(links, key=rank, default=nearest)


def _distance2(summary: Summary, other: Report | Summary) -> int:
    return (summary.x_cm - other.x_cm) ** 2 + (summary.y_cm - other.y_cm) ** 2


def decide_merge(own: Summary, neighbours: Iterable[Summary], params: Params) -> int | None:
    """The shard into which this one closes, None if it stands (docs/spec/shards.md SH-7).

    A shard below the minimum closes into the neighbour with most links between the two, then the nearest, of those
    that hold both together. None is also the answer where no neighbour can.
    """
    if own.count >= params.min_size:
        return None
    hosts = {
        summary.shard: summary
        for summary in neighbours
        if summary.shard != own.shard and own.count + summary.count <= params.max_size
    }
    field = Field(hosts.values(), params)
    links: dict[int, int] = {}
    for cell in own.cells:
        mean = Report(b"", 0, cell.x_cm, cell.y_cm, cell.vx_cm_s, cell.vy_cm_s)
        for shard, found in field.links(mean).items():
            links[shard] = links.get(shard, 0) + cell.size * found
    return min(hosts, key=lambda s: (-links.get(s, 0), _distance2(hosts[s], own), s), default=None)


def decide_exchange(request: Move, releases: Iterable[Move], has_room: Callable[[int], bool]) -> Move | None:
    """Which member a full shard lets go to let an asker in (docs/spec/shards.md SH-6), None if it refuses.

    Args:
        request: a move into this shard.
        releases: moves of its members out of it, in the order of `Move.rank`; their gains are mostly losses.
        has_room: whether a shard takes one more; the place that the asker leaves is always free.
    """
    for release in releases:
        if request.gain + release.gain <= 0:
            return None
        if release.target == request.source or has_room(release.target):
            return release
    return None


def assign(reports: Iterable[Report], previous: Assignment | None, params: Params) -> Assignment:
    """One round of all shards' decisions (docs/spec/shards.md SH-10): pure, independent of the reports' order.

    Vehicles without a report have left; without `previous` everybody starts in one shard, which splits.

    Raises:
        ValueError: two reports of one vehicle; a shard in `previous` that was never given.
    """
    if previous is not None and max(previous.shard_of.values(), default=-1) >= previous.next_shard:
        raise ValueError(f"shards from {previous.next_shard} on were never given")
    ordered = sorted(reports, key=lambda report: report.id)
    for one, other in itertools.pairwise(ordered):
        if one.id == other.id:
            raise ValueError(f"two reports of vehicle {one.id.hex()}")
    return _Round(ordered, previous or Assignment({}), params).played()


class _Round:
    """The working state of one assignment: who is where, how many, and why."""

    def __init__(self, reports: Sequence[Report], previous: Assignment, params: Params) -> None:
        self._params = params
        self._reports = {report.id: report for report in reports}
        self._before = previous.shard_of
        self._next = previous.next_shard
        self._why: dict[bytes, tuple[Cause, int]] = {}
        self._shard_of: dict[bytes, int] = {}
        self._sizes: dict[int, int] = {}
        for vehicle in self._reports:
            if vehicle in previous.shard_of:
                self._put(vehicle, previous.shard_of[vehicle])

    def played(self) -> Assignment:
        self._join()
        self._merge()
        self._split()
        moved: set[bytes] = set()
        for _ in range(self._params.rounds):
            self._move(moved)
        shard_of = {vehicle: self._shard_of[vehicle] for vehicle in self._reports}
        return Assignment(shard_of, self._next, tuple(self._changes()))

    def _changes(self) -> Iterator[Change]:
        for vehicle in self._reports:
            source, target = self._before.get(vehicle), self._shard_of[vehicle]
            if source is None:
                yield Change(vehicle, None, target, Cause.JOIN)
            elif source != target:
                yield Change(vehicle, source, target, *self._why[vehicle])

    def _put(self, vehicle: bytes, shard: int) -> None:
        source = self._shard_of.get(vehicle)
        if source is not None:
            self._sizes[source] -= 1
        self._shard_of[vehicle] = shard
        self._sizes[shard] = self._sizes.get(shard, 0) + 1

    def _change(self, vehicle: bytes, target: int, cause: Cause, gain: int = 0) -> None:
        self._why[vehicle] = cause, gain
        self._put(vehicle, target)

    def _found(self) -> int:
        self._next += 1
        return self._next - 1

    def _members(self) -> dict[int, list[Report]]:
        members: dict[int, list[Report]] = {shard: [] for shard in sorted(self._sizes) if self._sizes[shard]}
        for vehicle, report in self._reports.items():
            if vehicle in self._shard_of:
                members[self._shard_of[vehicle]].append(report)
        return members

    def _summaries(self) -> dict[int, Summary]:
        return {shard: summarise(shard, own, self._params) for shard, own in self._members().items()}

    def _join(self) -> None:
        arrivals = [report for vehicle, report in self._reports.items() if vehicle not in self._shard_of]
        if not arrivals:
            return
        summaries = self._summaries()
        founded = None if summaries else self._found()
        field, centres = Field(summaries.values(), self._params), Centres(summaries)
        for report in arrivals:
            shard = founded
            if shard is None:
                links = field.links(report)
                shard = _join(report, links, summaries, centres, self._sizes, self._params)
            self._put(report.id, shard)

    def _merge(self) -> None:
        members = self._members()
        small = [shard for shard in members if len(members[shard]) < self._params.min_size]
        if not small or len(members) == 1:
            return
        summaries = self._summaries()
        centres = Centres(summaries)
        grown: set[int] = set()
        for shard in sorted(small, key=lambda shard: (len(members[shard]), shard)):
            # Who took in another is no longer as its summary said: it waits for the next assignment.
            if shard in grown:
                continue
            own = summaries[shard]
            nearest = (summaries[near] for _, near in centres.nearest(own.x_cm, own.y_cm) if near in summaries)
            target = decide_merge(own, itertools.islice(nearest, NEIGHBOURS + 1), self._params)
            if target is not None:
                grown.add(target)
                for report in members[shard]:
                    self._change(report.id, target, Cause.MERGE)
                members[target] += members.pop(shard)
                summaries[target] = summarise(target, members[target], self._params)
                del summaries[shard]

    def _split(self) -> None:
        members = self._members()
        todo = [shard for shard, own in members.items() if len(own) > self._params.max_size]
        while todo:
            shard = todo.pop()
            split = decide_split(members[shard], self._params)
            assert split is not None, "two halves of the minimum fit into more than the maximum"
            founded = self._found()
            for part, ids in ((shard, split.stay), (founded, split.leave)):
                members[part] = [self._reports[id_] for id_ in ids]
                if len(ids) > self._params.max_size:
                    todo.append(part)
                elif ids and self._shard_of[ids[0]] != part:
                    for vehicle in ids:
                        self._change(vehicle, part, Cause.SPLIT)

    def _move(self, moved: set[bytes]) -> None:
        """Members ask, shards answer; nobody moves twice in one assignment."""
        summaries = self._summaries()
        field, centres = Field(summaries.values(), self._params), Centres(summaries)
        requests: list[Move] = []
        releases: dict[int, list[Move]] = {}
        for vehicle, report in self._reports.items():
            shard = self._shard_of[vehicle]
            if vehicle in moved or field.is_settled(report, shard):
                continue
            links = field.links(report, shard)
            moves = _moves(vehicle, shard, links, self._params)
            if not moves or moves[0].gain <= 0:
                stray = _stray(report, summaries[shard], links, centres, self._params)
                moves = [stray, *moves] if stray else moves
            if moves and moves[0].gain > 0:
                requests.append(moves[0])
            releases.setdefault(shard, []).extend(moves)
        for own in releases.values():
            own.sort(key=Move.rank)
        self._serve(sorted(requests, key=Move.rank), releases, moved)

    def _serve(self, requests: Sequence[Move], releases: Mapping[int, Sequence[Move]], moved: set[bytes]) -> None:
        def has_room(shard: int) -> bool:
            return self._sizes[shard] < self._params.max_size

        for request in requests:
            if request.vehicle in moved or self._sizes[request.source] <= self._params.min_size:
                continue
            if not has_room(request.target):
                standing = (move for move in releases.get(request.target, ()) if move.vehicle not in moved)
                release = decide_exchange(request, standing, has_room)
                if release is None:
                    continue
                moved.add(release.vehicle)
                self._change(release.vehicle, release.target, Cause.RELEASE, release.gain)
            moved.add(request.vehicle)
            self._change(request.vehicle, request.target, Cause.MOVE, request.gain)
