"""Wishes, states and the timer: how a view ends (R1 to R4). What it knows is bounded: one wish, one state per voter.

Source: docs/spec/finality.md R1 to R4.
"""

from __future__ import annotations

from bac.finality.epochs import Epoch
from bac.finality.newview import form, units_of
from bac.types import NodeId
from bac.wire.votes import NewView, StateAnnouncement, Wish


class Recovery:
    """What the voters of one epoch wish for."""

    def __init__(self, epoch: Epoch) -> None:
        self.wish = 0
        self.new_views: dict[int, NewView] = {}
        self._electorate = epoch.electorate
        self._wishes: dict[NodeId, Wish] = {}
        self._states: dict[NodeId, StateAnnouncement] = {}

    def is_news(self, wish: Wish) -> bool:
        """Whether it is higher than what is known of its voter."""
        known = self._wishes.get(wish.identity)
        return known is None or (wish.view, wish.confirmed) > (known.view, known.confirmed)

    def add_wish(self, wish: Wish) -> None:
        """Keeps the highest wish of each voter, and the highest confirmed height with it."""
        if self.is_news(wish):
            self._wishes[wish.identity] = wish

    def wishes_for(self, view: int, confirmed: int) -> tuple[Wish, ...]:
        """R3: the wishes for `view` or a higher one that count, ascending by identity."""
        found = [self._wishes[each] for each in sorted(self._wishes) if each in self._electorate.places]
        return tuple(wish for wish in found if wish.view >= view and wish.confirmed >= confirmed)

    def add_state(self, announced: StateAnnouncement) -> None:
        """Keeps the highest state of each voter; the first of one view."""
        known = self._states.get(announced.state.identity)
        if known is None or announced.state.view > known.state.view:
            self._states[announced.state.identity] = announced

    def has_state(self, announced: StateAnnouncement) -> bool:
        """Whether this state is not news."""
        known = self._states.get(announced.state.identity)
        return known is not None and known.state.view >= announced.state.view

    def _levels(self, confirmed: int) -> list[tuple[int, int]]:
        """(view, units) of each voter's wish, highest first. R2: a wish counts where nothing higher is confirmed."""
        if not self._wishes and not self._states:
            return []
        levels: dict[NodeId, int] = {}
        for identity, wish in self._wishes.items():
            if wish.confirmed >= confirmed:
                levels[identity] = wish.view
        for identity, announced in self._states.items():
            levels[identity] = max(levels.get(identity, 0), announced.state.view)
        members = self._electorate.members
        found = [(levels[each.identity], each.units) for each in members if each.identity in levels]
        return sorted(found, reverse=True)

    def joined(self, confirmed: int) -> int:
        """R2: the largest view that voters with more than a third of the units wish for; 0 for none."""
        return self._reached(confirmed, 1)

    def agreed(self, confirmed: int) -> int:
        """R3: the largest view that a quorum wishes for; 0 for none."""
        return self._reached(confirmed, 2)

    def _reached(self, confirmed: int, thirds: int) -> int:
        seen = 0
        for view, units in self._levels(confirmed):
            seen += units
            if 3 * seen > thirds * self._electorate.total_units:
                return view
        return 0

    def state_views(self) -> list[int]:
        """Views for which there are states, the highest first."""
        return sorted({each.state.view for each in self._states.values()}, reverse=True)

    def new_view(self, view: int) -> NewView | None:
        """R4: NV(`view`), if a quorum of states for it is here."""
        known = self.new_views.get(view)
        if known is not None:
            return known
        units = sum(units_of(self._electorate, each.state) for each in self._states.values() if each.state.view == view)
        if not self._electorate.is_quorum(units):
            return None
        formed = form(self._states.values(), view, self._electorate)
        if formed is not None:
            self.keep(view, formed)
        return formed

    def keep(self, view: int, new_view: NewView) -> None:
        """Remembers NV(`view`) to answer with; of the last views only."""
        self.new_views.setdefault(view, new_view)
        while len(self.new_views) > 4:
            del self.new_views[min(self.new_views)]

    def highest_new_view(self) -> int:
        """The highest view whose NV is here; 0 for none."""
        return max(self.new_views, default=0)
