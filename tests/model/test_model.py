"""The model of finality: agreement holds with the rules, and breaks when one of them is taken out.

Rules named here: V1, V3, V4, V5, V6, V8, V9, C1, C2, R3, R4, R5, R6, E1, E2, E3, E4, E5 (docs/spec/finality.md).
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from tests.model import mutants, older_view
from tests.model.draws import draw_shard
from tests.model.evidence import is_framed
from tests.model.explore import Census, Report, explore, walk
from tests.model.headers import BLOCK, BOUNDARY, CLOSING, GENESIS, Shard
from tests.model.rules import Action, Rules, State
from tests.model.searches import ONE_EPOCH, SEARCHES
from tests.model.story import Story, tell

STEPS = 100
PATIENCE = (3, 6, 12, 24)
WALKS = 2_000
LONG_WALKS = 20_000
MUTANT_WALKS = 1_000
EXPOSED = [(name, mutant) for name, search in SEARCHES.items() for mutant in search.exposes]
RANDOMLY = (
    mutants.OneCertificateConfirms, mutants.OneVotePerHeight, mutants.StateWithoutHighest,
    mutants.AcknowledgingAfterState, mutants.LastIsForgotten, mutants.NotTheHighest, mutants.SecondBoundary,
    mutants.HalfDishonest,
)  # fmt: skip


def search_all(name: str, budget: int) -> Report:
    """All schedules of a shard with the rules; printed, and seen to be about something."""
    search = SEARCHES[name]
    report = explore(Rules(search.shard), budget)
    print(f"{name}: {report}")
    assert report.violation is None
    assert report.complete is (search.whole is not None and search.whole < budget)
    assert report.states == (search.whole if report.complete else budget)
    assert report.seen["confirm a block"] > 2_500
    assert (report.seen["in a later view"] > 10_000) is (search.shard.views[0] > 0)
    assert (report.seen["in a later epoch"] > 10_000) is (len(search.shard.electorates) > 1)
    return report


def random_schedule(kind: type[Rules], seed: int) -> tuple[Rules, State, list[Action]]:
    """One schedule on a shard of its own."""
    random = Random(seed)
    rules = kind(draw_shard(random, half=kind.unsound))
    return rules, *walk(rules, random, STEPS, random.choice(PATIENCE))


def search_at_random(seeds: range) -> Counter[str]:
    """Random schedules with the rules: no conflict, and no honest voter leaves what looks like evidence."""
    seen: Counter[str] = Counter()
    for seed in seeds:
        rules, state, taken = random_schedule(Rules, seed)
        assert not state.conflict, f"seed {seed}: {tell(rules, taken).lines}"
        assert not is_framed(rules, state), f"seed {seed}"
        Census(rules).add(state, seen)
    print(f"{len(seeds):,} random schedules, at their ends: {dict(sorted(seen.items()))}")
    return seen


@pytest.mark.parametrize("name", SEARCHES)
def test_all_schedules_agree(name: str) -> None:
    """V3-V6, V8, C1, R3-R6, E2-E5: every schedule of so many steps, up to renaming of equal voters."""
    search_all(name, SEARCHES[name].states)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name, search in SEARCHES.items() if search.long > search.states])
def test_all_schedules_agree_further(name: str) -> None:
    """The same with more work: the depth reached in about a minute."""
    assert search_all(name, SEARCHES[name].long).depth > 8


def test_random_schedules_agree() -> None:
    """4 to 7 voters, three epochs, three recovery views, electorates at random; V9 frames no honest voter."""
    seen = search_at_random(range(WALKS))
    assert seen["confirm a block"] > WALKS * 9 // 10
    assert seen["in a later view"] > WALKS // 4
    assert seen["in a later epoch"] > WALKS // 2
    assert seen["with rival certificates"] > WALKS // 10


@pytest.mark.long
def test_more_random_schedules_agree() -> None:
    assert search_at_random(range(WALKS, WALKS + LONG_WALKS))["confirm a boundary"] > LONG_WALKS // 2


@pytest.mark.parametrize(("name", "mutant"), EXPOSED)
def test_a_rule_taken_out_breaks_agreement(name: str, mutant: type[Rules]) -> None:
    """Within the budget in which the rules hold; what is found is the shortest schedule, and it plays again."""
    search = SEARCHES[name]
    rules = mutant(search.shard)
    report = explore(rules, search.states)
    print(f"{mutant.__name__}: {report}")
    assert report.violation is not None
    assert tell(rules, report.violation).state.conflict
    assert len(report.violation) == report.depth + 1 >= 6


@pytest.mark.parametrize("mutant", RANDOMLY)
def test_random_schedules_break_mutants(mutant: type[Rules]) -> None:
    """The same schedules that the rules pass; with half of the units dishonest the rules fall as well."""
    broken = next((seed for seed in range(MUTANT_WALKS) if random_schedule(mutant, seed)[1].conflict), None)
    print(f"{mutant.__name__}: seed {broken}")
    assert broken is not None


@pytest.mark.parametrize("mutant", [mutants.OneVotePerHeight, mutants.AcknowledgingAfterState, mutants.LastIsForgotten])
def test_who_breaks_a_vote_rule_leaves_evidence(mutant: type[Rules]) -> None:
    """V9, V1: the check that finds nobody framed under the rules finds those who break V3 or R3, or forget a vote."""
    assert any(is_framed(rules, state) for rules, state, _ in (random_schedule(mutant, seed) for seed in range(200)))


def test_certificates_of_an_older_view_confirm_nothing() -> None:
    """C1: the schedule of older_view.py, step by step; with the rules one block is confirmed, without the view two."""
    story, _, b = older_view.play(Rules(older_view.SHARD))
    assert story.state.confirmed == GENESIS
    older_view.close(story, b)
    assert story.state.confirmed == b
    assert not story.state.conflict
    assert len(story.lines) == 16


def test_certificates_of_an_older_view_would_confirm_rivals() -> None:
    """C1 without "same view": A is confirmed by the certificate of X, B by that of Z."""
    story, a, b = older_view.play(mutants.OlderViewCounts(older_view.SHARD))
    assert story.state.confirmed == a
    assert story.state.conflict
    assert not story.rules.headers.is_one_chain(a, b)


def test_a_story_refuses_what_the_rules_forbid() -> None:
    """R3: after its state for view 1 a voter acknowledges nothing of view 0; V3: nor anything off its chain."""
    rules = Rules(older_view.SHARD)
    story, number = Story(rules), rules.headers.number
    one, other = (number(BLOCK, 0, GENESIS, GENESIS, GENESIS, tag) for tag in (0, 1))
    story.acknowledge("a", one)
    with pytest.raises(ValueError, match="not allowed"):
        story.acknowledge("a", other)
    story.send_state("b", 1, GENESIS)
    with pytest.raises(ValueError, match="not allowed"):
        story.acknowledge("b", one)


def test_an_epoch_starts_with_the_proof_of_its_boundary() -> None:
    """E3, E4, C2: certified is not enough; the closing header's certificate starts the next epoch, E1 says whose."""
    rules = Rules(SEARCHES["epochs"].shard)
    story, number = Story(rules), rules.headers.number
    boundary = number(BOUNDARY, 0, GENESIS, GENESIS, GENESIS)
    for name in "ab":
        story.acknowledge(name, boundary)
    assert rules.bases(story.state) == [GENESIS]
    closing = number(CLOSING, 0, boundary, boundary, GENESIS)
    for name in "bc":
        story.acknowledge(name, closing)
    assert rules.bases(story.state) == [GENESIS, boundary]
    with pytest.raises(ValueError, match="not allowed"):  # E1: b has no units in the next epoch
        story.acknowledge("b", number(BOUNDARY, 0, boundary, boundary, boundary))
    for name in "da":
        story.acknowledge(name, number(BOUNDARY, 0, boundary, boundary, boundary))
    with pytest.raises(ValueError, match="not allowed"):  # E5: a has entered, and sends nothing in the old epoch
        story.acknowledge("a", closing)


def test_renaming_loses_nothing() -> None:
    """The states met with every voter under its own name are those that the search counts, once voters are unnamed."""
    shard = Shard(ONE_EPOCH, tags=1)
    rules = Rules(shard)
    rules.classes = tuple((voter, voter + 1) for voter in range(3))
    named, left = {rules.first()}, [rules.first()]
    while left:
        state = left.pop()
        after = {rules.apply(state, action) for action in rules.actions(state)} - named
        named |= after
        left.extend(sorted(after))
    unnamed = {tuple(sorted(state.voters)) for state in named}
    assert len(unnamed) == explore(Rules(shard), 1_000_000).states < len(named) / 4
