"""The rules of finality as a transition system: what honest voters may do, and what that makes certain.

Theory of operation. A state holds what honest voters have sent and what they must remember, nothing else. Messages
never leave the network: a voter may act on any of them at any time or never, so every order of delivery, delay, loss
and repetition is some schedule, and timers and wishes (R1, R2), which promise nothing, allow a new view at any time.
Three further simplifications leave out no behaviour:

- The dishonest have sent everything already. A header is certified as soon as the honest who acknowledged it make a
  quorum together with all the dishonest; the states of the dishonest claim whatever certificate helps.
- A header needs no step of its own. Whoever may make it (a captured committee, a dishonest proposer: anything valid)
  makes it when its first honest voter acknowledges it; a dishonest proposer also acts like an honest one where that
  helps.
- Learning a certificate matters in one place only, the state a voter sends, so the two are one step. In the same way
  a voter enters a higher view (R4) or the next epoch (E5) with its first step there.

All that an honest voter remembers is durable (V1), so a crash and restart is a step that changes nothing; where a
mutant forgets, it does. Each step names its rules (docs/spec/finality.md). Mutants (mutants.py) override one method
each.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from tests.model.headers import BLOCK, BOUNDARY, CLOSING, GENESIS, REOPENING, Electorate, Headers, Shard

ACKNOWLEDGE, STATE, RESTART = range(3)


class Voter(NamedTuple):
    """What V1 makes an honest voter store, and what it has sent in its life."""

    base: int  # boundary on which its epoch stands
    view: int
    last: int  # last header acknowledged in this view; the base: none
    high: int  # highest-ranked certificate that it must report
    acks: int  # bit mask of headers acknowledged, ever
    states: tuple[tuple[int, int, int], ...]  # (base, view, reported certificate), ever


class State(NamedTuple):
    voters: tuple[int, ...]  # numbers of voters in Rules.voters, sorted among equals
    certified: int  # bit mask; follows from the voters
    confirmed: int  # highest confirmed block; follows from the voters
    conflict: bool  # agreement is broken


class Action(NamedTuple):
    place: int  # of the voter in State.voters
    kind: int
    base: int  # the epoch to act in
    view: int
    header: int  # acknowledged, or reported in a state


@cache
def bits(mask: int) -> tuple[int, ...]:
    return tuple(bit for bit in range(mask.bit_length()) if mask >> bit & 1)


class Rules:
    """The rules for one shard. Voters and headers are numbered as they appear; a state is a handful of integers."""

    unsound = False  # set where the assumption itself is dropped

    def __init__(self, shard: Shard) -> None:
        assert all(electorate.is_sound() for variants in shard.electorates for electorate in variants) or self.unsound
        self.shard = shard
        self.headers = Headers(shard)
        self.table = self.headers.table
        self.classes = shard.classes()
        self.voters: list[Voter] = []
        self._numbers: dict[Voter, int] = {}
        self._offers: dict[tuple[int, int, int], list[int]] = {}

    # ------------------------------------------------------------------ rules that a mutant changes

    def extends(self, last: int, header: int) -> bool:
        """V3: what a voter acknowledges in one view is one chain."""
        return self.headers.descends(header, last)

    def confirms(self, header: int) -> int | None:
        """C1: the certificate of X confirms X.justify, if that is of the same view (and epoch)."""
        x = self.table[header]
        y = self.table[x.justify]
        return x.justify if x.justify != x.base and y.view == x.view else None

    def reports(self, voter: Voter, view: int, certified: int) -> list[int]:
        """R3: a state carries the highest certificate known, `high` (V8) or a higher one met since, of views below."""
        least = self.rank(voter.high, voter.base)
        certificates = (x for x in bits(certified) if self.table[x].base == voter.base)
        return [voter.high, *(x for x in certificates if self.table[x].view < view and self.table[x].rank > least)]

    def promise(self, voter: Voter, view: int, reported: int) -> Voter:
        """R3: `view := w, last := none`, durable, then the state; nothing below w is acknowledged any more."""
        sent = (*voter.states, (voter.base, view, reported))
        return Voter(voter.base, view, voter.base, reported, voter.acks, sent)

    def starts_epoch(self, boundary: int, state: State) -> bool:
        """E4: nobody acts in the next epoch before it holds the proof (C2) that the boundary is confirmed."""
        return self.headers.descends(state.confirmed, boundary)

    def restart(self, voter: Voter) -> Voter:
        """V1: whatever binds a voter is durable before it is sent, so nothing is lost."""
        return voter

    def opening_kind(self, highest: int, base: int) -> int:
        """R5: a view opens with the boundary of the epoch; R6: if there is one already, with a closing header on it."""
        kind = self.table[highest].kind
        return BOUNDARY if highest == base or kind == BLOCK else REOPENING

    def is_highest(self, rank: int, claimed: int) -> bool:
        """R4: no state in NV claims a rank above the certificate that it names as its highest."""
        return claimed <= rank

    def has_quorum(self, header: int, honest_units: int) -> bool:
        """Whether these honest voters certify a header, together with all the dishonest."""
        return self.electorate(self.table[header].base).is_quorum(honest_units)

    # ------------------------------------------------------------------ headers on offer

    def offers(self, state: State, base: int, known: int) -> list[int]:
        """Headers of the epoch on `base` that are valid for a voter who holds all that has been sent."""
        key = (base, known, state.certified)
        if key not in self._offers:
            self._offers[key] = [*self._view_0(base, known, state.certified), *self._closings(base, state.certified)]
        found = list(self._offers[key])
        for view in range(1, self._views(base) + 1):
            found.extend(self._openings(state, base, view, known))
        return found

    def _view_0(self, base: int, known: int, certified: int) -> list[int]:
        """V4, V5, E2: what the committee signs, on headers somebody acknowledged or (skipping) up to so many others."""
        found: list[int] = []
        parents = [base, *(x for x in bits(known) if self._is_open(x, base))]
        for _ in range(self.shard.skipping + 1):
            children = [child for parent in parents for child in self._children(parent, base, known, certified)]
            found.extend(child for child in children if child not in found)
            parents = [child for child in children if self._is_open(child, base) and not known >> child & 1]
        return found

    def _is_open(self, header: int, base: int) -> bool:
        h = self.table[header]
        return h.base == base and h.view == 0 and h.kind == BLOCK

    def _children(self, parent: int, base: int, known: int, certified: int) -> list[int]:
        height = 1 if parent == base else self.table[parent].height + 1
        kinds = [BLOCK] * (height < self.shard.boundary_to) + [BOUNDARY] * (height >= self.shard.boundary_from)
        content = [
            (kind, 0, parent, justify, base) for kind in kinds for justify in self._justify(parent, base, certified)
        ]
        if self.shard.captured:
            return [x for c in content for x in self._rivals(*c, known)]
        children = [self.headers.number(*c) for c in content]
        return [x for x in children if known >> x & 1] or children

    def _justify(self, parent: int, base: int, certified: int) -> list[int]:
        """V5: a certificate of an ancestor, of this view or the opening's, never lower than the parent's."""
        inherited = base if parent == base else self.table[parent].justify
        least = self.rank(inherited, base)
        certificates = (x for x in bits(certified & self.table[parent].ancestors) if self.table[x].base == base)
        return [inherited, *(x for x in certificates if self.table[x].rank > least)]

    def _rivals(self, kind: int, view: int, parent: int, justify: int, base: int, known: int) -> list[int]:
        """Headers that differ in the tag alone, named in the order in which they are first acknowledged."""
        found = []
        forks = parent == base or self.table[parent].height < self.shard.forks_to
        for tag in range(self.shard.tags if forks else 1):
            found.append(self.headers.number(kind, view, parent, justify, base, tag))
            if not known >> found[-1] & 1:
                break
        return found

    def _closings(self, base: int, certified: int) -> list[int]:
        """E3: who holds the certificate of a boundary (or R6 opening) builds the one closing header on it."""
        return [
            self.headers.number(CLOSING, self.table[y].view, y, y, base)
            for y in bits(certified)
            if self.table[y].base == base and self.table[y].kind in (BOUNDARY, REOPENING)
        ]

    def _openings(self, state: State, base: int, view: int, known: int) -> list[int]:
        """V6: parent and justify of an opening are the highest certificate of an NV, states of a quorum (R4)."""
        electorate = self.electorate(base)
        claims = [
            (units, self.rank(high, base))
            for units, number in zip(electorate.honest, state.voters, strict=True)
            for at, for_view, high in self.voters[number].states
            if at == base and for_view == view
        ]
        if not electorate.is_quorum(sum(units for units, _ in claims)):
            return []
        found: list[int] = []
        for x in (base, *bits(state.certified)):
            if x == base or (self.table[x].base == base and self.table[x].view < view):
                rank = self.rank(x, base)
                units = sum(units for units, claimed in claims if self.is_highest(rank, claimed))
                if electorate.is_quorum(units):
                    found.extend(self._rivals(self.opening_kind(x, base), view, x, x, base, known))
        if view in self.shard.honest_proposers:
            return [x for x in found if known >> x & 1] or found
        return found

    # ------------------------------------------------------------------ steps

    def first(self) -> State:
        fresh = self._store(Voter(GENESIS, 0, GENESIS, GENESIS, 0, ()))
        return State((fresh,) * len(self.shard.electorates[0][0].honest), 0, GENESIS, False)

    def electorate(self, base: int) -> Electorate:
        electorate = self.table[base].next_electorate
        assert electorate is not None
        return electorate

    def rank(self, header: int, base: int) -> int:
        """(view, height) in one number; the boundary that the epoch stands on counts as (-1, 0), V6."""
        return 0 if header == base else self.table[header].rank

    def bases(self, state: State) -> list[int]:
        """Boundaries on which an epoch may have started."""
        ended = (x for x in bits(state.certified) if self.table[x].next_electorate is not None)
        return [GENESIS, *(x for x in ended if self.starts_epoch(x, state))]

    def actions(self, state: State) -> list[Action]:
        """Every step that some honest voter may take; of voters that only a name tells apart, one."""
        known = 0
        for number in state.voters:
            known |= self.voters[number].acks
        found: list[Action] = []
        for base in self.bases(state):
            offers = self.offers(state, base, known)
            for place in self._distinct(state):
                if self.electorate(base).honest[place]:
                    found.extend(self._steps(state, place, base, offers))
        for place in self._distinct(state):
            voter = self.voters[state.voters[place]]
            if self.restart(voter) != voter:
                found.append(Action(place, RESTART, voter.base, voter.view, voter.last))
        return found

    def _views(self, base: int) -> int:
        return self.shard.views[self.table[base].epoch]

    def _distinct(self, state: State) -> list[int]:
        voters = state.voters
        return [p for a, b in self.classes for p in range(a, b) if p == a or voters[p] != voters[p - 1]]

    def _enter(self, voter: Voter, base: int) -> Voter | None:
        """E5: who holds the proof of L_e enters e + 1 and sends nothing in e any more."""
        if base == voter.base:
            return voter
        if self.table[base].epoch <= self.table[voter.base].epoch:
            return None
        return Voter(base, 0, base, base, voter.acks, voter.states)

    def _steps(self, state: State, place: int, base: int, offers: list[int]) -> list[Action]:
        voter = self._enter(self.voters[state.voters[place]], base)
        if voter is None:
            return []
        found = []
        for x in offers:
            view = self.table[x].view
            # V3 in the view it is in; R4: an opening of a higher view takes it there
            if not voter.acks >> x & 1 and (view > voter.view or (view == voter.view and self.extends(voter.last, x))):
                found.append(Action(place, ACKNOWLEDGE, base, view, x))
        sent = max((view for at, view, _ in voter.states if at == base), default=0)
        for view in range(max(voter.view, sent) + 1, self._views(base) + 1):
            found.extend(Action(place, STATE, base, view, high) for high in self.reports(voter, view, state.certified))
        return found

    def apply(self, state: State, action: Action) -> State:
        """The state after a step; equal voters are put in order, so renamed states are one state."""
        voter = self._enter(self.voters[state.voters[action.place]], action.base)
        assert voter is not None
        if action.kind == RESTART:
            return self._with(state, action.place, self.restart(voter))
        if action.kind == STATE:
            return self._with(state, action.place, self.promise(voter, action.view, action.header))
        justify = self.table[action.header].justify
        base, acks = voter.base, voter.acks | 1 << action.header
        high = justify if self.rank(justify, base) > self.rank(voter.high, base) else voter.high
        after = Voter(base, action.view, action.header, high, acks, voter.states)  # V8
        return self._certify(self._with(state, action.place, after), action.header)

    def _certify(self, state: State, header: int) -> State:
        """A certificate is acknowledgements by a quorum; C1 says what it confirms; then agreement is checked."""
        x = self.table[header]
        units = zip(self.electorate(x.base).honest, state.voters, strict=True)
        for_it = sum(unit for unit, number in units if self.voters[number].acks >> header & 1)
        if state.certified >> header & 1 or not self.has_quorum(header, for_it):
            return state
        state = state._replace(certified=state.certified | 1 << header)
        confirmed = self.confirms(header)
        return state if confirmed is None else self._confirm(state, self.table[confirmed].block)

    def _confirm(self, state: State, block: int) -> State:
        if not self.headers.is_one_chain(block, state.confirmed) or self.table[block].second_boundary:
            return state._replace(conflict=True)
        return state if self.headers.descends(state.confirmed, block) else state._replace(confirmed=block)

    def _with(self, state: State, place: int, voter: Voter) -> State:
        voters = list(state.voters)
        voters[place] = self._store(voter)
        for a, b in self.classes:
            if a <= place < b:
                voters[a:b] = sorted(voters[a:b])
        return State(tuple(voters), state.certified, state.confirmed, state.conflict)

    def _store(self, voter: Voter) -> int:
        if voter not in self._numbers:
            self._numbers[voter] = len(self.voters)
            self.voters.append(voter)
        return self._numbers[voter]
