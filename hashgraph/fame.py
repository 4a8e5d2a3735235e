"""Fame: the election of each round's witnesses by the witnesses of all later rounds (Baird 2016, "decideFame").

Every later witness y votes on all candidates of a round at once: a ballot is an integer with a 1 in the lane of each
candidate voted famous (witness.py), and a tally is a sum of ballots, weighted. Decisions of any voter bind
(docs/spec/hashgraph.md HG-6).

A voter that collects votes of less than a supermajority abstains (HG-6, a departure). It can come to that, since a
witness may have its round from a parent that strongly saw a supermajority, and then see a fork that hides some of them.

A candidate that arrives when voters exist already is no ancestor of them. So the votes of the next round on it are no,
and the open lane of an old ballot says so. Voters of distance 2 or more are counted again: they may toss a coin.
"""

from __future__ import annotations

from hashgraph.graph import Graph
from hashgraph.witness import Round, Rounds, Witness


class Fame:
    """Votes of witnesses and the decisions that follow. ``closed`` is the last round whose election is over."""

    def __init__(self, graph: Graph, rounds: Rounds, coin_period: int) -> None:
        if type(coin_period) is not int or coin_period < 3:
            raise ValueError("coin_period must be a whole number of at least 3")
        self.graph = graph
        self.rounds = rounds
        self.coin_period = coin_period
        self.closed = 0

    def elect(self, witness: Witness) -> None:
        """Counts the votes of a new witness on all open rounds below it, and those of later witnesses on it."""
        own = witness.node.round
        for number in range(self.closed + 1, own):
            self._vote(witness, self.rounds.by_number[number])
        if own > self.closed:
            self.recount(own, own + 2)

    def recount(self, number: int, first: int) -> None:
        """Lets the witnesses of rounds `first` and later vote on round `number` (again: votes never change)."""
        candidates = self.rounds.by_number[number]
        for later in range(first, self.rounds.last + 1):
            for voter in self.rounds.by_number[later].witnesses:
                self._vote(voter, candidates)

    def close(self, candidates: Round) -> None:
        """Ends the election of a round, and forgets what only elections up to it could need."""
        self.closed = candidates.number
        for later in range(self.closed + 1, self.rounds.last + 1):
            for voter in self.rounds.by_number[later].witnesses:
                voter.ballots.pop(self.closed, None)
                if later <= self.closed + 2:
                    voter.strong = None  # the next election counts from three rounds above

    def is_decided(self, candidates: Round) -> bool:
        """Whether every known witness of the round is decided and at least one is famous."""
        decided = candidates.famous | candidates.infamous
        return candidates.famous != 0 and decided == self.rounds.lanes.ones(len(candidates.witnesses))

    def is_famous(self, witness: Witness) -> bool | None:
        """The decision on a witness; None while undecided. One that comes after its round closed is not famous."""
        candidates = self.rounds.by_number[witness.node.round]
        if candidates.famous & witness.lane:
            return True
        return False if candidates.infamous & witness.lane or candidates.number <= self.closed else None

    def _vote(self, voter: Witness, candidates: Round) -> None:
        distance = voter.node.round - candidates.number
        if distance == 1:
            # Own ancestors among the candidates, less those of creators caught forking: "sees".
            vote: int | None = voter.node.before & ~self.rounds.lanes_caught(voter.node, candidates)
        else:
            vote = self._count(voter, candidates, is_coin=distance % self.coin_period == 0)
        if vote is not None:
            voter.ballots[candidates.number] = vote * voter.weight

    def _count(self, voter: Witness, candidates: Round, *, is_coin: bool) -> int | None:
        """The vote that follows from the votes that `voter` collects; None where it abstains (HG-6)."""
        if voter.strong is None:
            voter.strong = self.rounds.strongly_seen(voter.node)
        number, count = candidates.number, len(candidates.witnesses)
        electors = [witness for witness in voter.strong if number in witness.ballots]
        collected = sum([witness.weight for witness in electors])
        lanes, quorum = self.rounds.lanes, self.graph.supermajority
        if collected < quorum:
            return None
        yes = sum([witness.ballots[number] for witness in electors])
        ones = lanes.ones(count)
        surely_yes = lanes.at_least(yes, quorum, count)
        surely_no = ones & ~lanes.at_least(yes, collected - quorum + 1, count)
        if is_coin:
            return surely_yes | (ones & ~surely_no if self._toss(voter) else 0)
        candidates.famous |= surely_yes & ~candidates.infamous
        candidates.infamous |= surely_no & ~candidates.famous
        return lanes.at_least(yes, (collected + 1) // 2, count)

    def _toss(self, voter: Witness) -> int:
        signature = voter.node.event.signature
        return signature[len(signature) // 2] & 1
