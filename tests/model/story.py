"""A schedule told with names: voters that the search treats as one keep theirs from the first step to the last."""

from __future__ import annotations

from tests.model.rules import ACKNOWLEDGE, STATE, Action, Rules


class Story:
    """Follows one schedule. A step that the rules do not allow is refused.

    Args:
        rules: the rules, or a mutant; honest voters are called a, b, c and so on.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.state = rules.first()
        self.names = [chr(ord("a") + place) for place in range(len(self.state.voters))]
        self.lines: list[str] = []

    def acknowledge(self, name: str, header: int) -> None:
        h = self.rules.table[header]
        self.step(Action(self.names.index(name), ACKNOWLEDGE, h.base, h.view, header))

    def send_state(self, name: str, view: int, certificate: int) -> None:
        """In the epoch that the voter is in."""
        place = self.names.index(name)
        self.step(Action(place, STATE, self.rules.voters[self.state.voters[place]].base, view, certificate))

    def step(self, action: Action) -> None:
        """Take a step; then put the names in the order in which the rules put the voters."""
        state, place = self.state, action.place
        twin = next(
            p
            for a, b in self.rules.classes
            for p in range(a, b)
            if a <= place < b and state.voters[p] == state.voters[place]
        )
        if action._replace(place=twin) not in self.rules.actions(state):
            raise ValueError(f"not allowed: {self._tell(action)}")
        self.lines.append(self._tell(action))
        self.state = self.rules.apply(state, action)
        left = list(self.state.voters)
        for p, number in enumerate(state.voters):
            if p != place:
                left.remove(number)
        cast = list(zip(state.voters, self.names, strict=True))
        cast[place] = (left[0], self.names[place])
        for a, b in self.rules.classes:
            cast[a:b] = sorted(cast[a:b])
        self.names = [name for _, name in cast]

    def _tell(self, action: Action) -> str:
        name, header = self.names[action.place], self.rules.headers.describe(action.header)
        if action.kind == STATE:
            return f"{name} enters view {action.view} and reports the certificate of {header}"
        return f"{name} {'acknowledges' if action.kind == ACKNOWLEDGE else 'restarts, having acknowledged'} {header}"


def tell(rules: Rules, steps: list[Action]) -> Story:
    """The story of a schedule that a search found."""
    story = Story(rules)
    for action in steps:
        story.step(action)
    return story
