"""V9 against the honest: what they have sent must never look like a deed of the dishonest."""

from __future__ import annotations

from tests.model.rules import Rules, State, Voter, bits


def is_framed(rules: Rules, state: State) -> bool:
    """Whether some honest voter has sent two messages that V9 takes for evidence."""
    return any(
        _voted_on_two_chains(rules, voter) or _hid_a_certificate(rules, voter)
        for voter in (rules.voters[number] for number in state.voters)
    )


def _voted_on_two_chains(rules: Rules, voter: Voter) -> bool:
    """Two acknowledgements of one epoch and view whose headers are not on one chain."""
    acks = bits(voter.acks)
    return any(
        _term(rules, x) == _term(rules, y) and not rules.headers.is_one_chain(x, y) for x in acks for y in acks if x < y
    )


def _hid_a_certificate(rules: Rules, voter: Voter) -> bool:
    """An acknowledgement in view v with justify j, and a state for a view above v that reports less than j."""
    for base, view, reported in voter.states:
        for x in bits(voter.acks):
            h = rules.table[x]
            if h.base == base and h.view < view and rules.rank(h.justify, base) > rules.rank(reported, base):
                return True
    return False


def _term(rules: Rules, header: int) -> tuple[int, int]:
    return rules.table[header].base, rules.table[header].view
