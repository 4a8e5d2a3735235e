"""Why C1 asks for one view: a schedule in which certificates of an older view confirm two rival blocks.

Found by hand, too long for a search: four voters a, b, c (honest) and x, of one unit each, so three make a quorum and
x signs and claims whatever it likes; three recovery views. The point is B, certified in view 1 but hidden from the
quorum of view 2, which goes on from an older block A. Under C1 the certificate of X (view 2) on A (view 0) confirms
nothing: only a second certificate of view 2 would, and whoever gave it would report X to view 3, where X outranks B.
Without "same view" A counts as confirmed at once, yet the states of view 3 need not outrank B: their signers
acknowledged A before B was certified.
"""

from __future__ import annotations

from tests.model.headers import BLOCK, BOUNDARY, CLOSING, GENESIS, REOPENING, Electorate, Shard
from tests.model.rules import Rules
from tests.model.story import Story

SHARD = Shard(((Electorate((1, 1, 1), 1),),), boundary_from=2, boundary_to=2, views=(3,))


def play(rules: Rules) -> tuple[Story, int, int]:
    """The schedule up to the step that breaks the mutant; with the numbers of A and B.

    Returns:
        the story, the rival blocks A and B.
    """
    story, number = Story(rules), rules.headers.number
    # View 0. The captured committee shows A to a and b. With x that is a certificate, which x keeps.
    a1 = number(BLOCK, 0, GENESIS, GENESIS, GENESIS)
    story.acknowledge("a", a1)
    story.acknowledge("b", a1)
    # View 1. b and c have met no certificate (b voted for A, but saw no second vote); x claims none either. So NV(1)
    # stands on the genesis boundary, and the dishonest proposer opens with B. b and c acknowledge it; x keeps this
    # certificate too.
    story.send_state("b", 1, GENESIS)
    story.send_state("c", 1, GENESIS)
    b1 = number(BOUNDARY, 1, GENESIS, GENESIS, GENESIS)
    story.acknowledge("b", b1)
    story.acknowledge("c", b1)
    # View 2. x shows the certificate of A to a, the certificate of B to nobody. a reports A, b nothing (it does not
    # know that B was certified), x nothing: NV(2) stands on A. The opening X on A is certified by a, b and x.
    story.send_state("a", 2, a1)
    story.send_state("b", 2, GENESIS)
    x2 = number(BOUNDARY, 2, a1, a1, GENESIS)
    story.acknowledge("a", x2)
    story.acknowledge("b", x2)  # X.justify = A: the mutant confirms A here; b's `high` is A from now on
    # View 3. x shows the certificate of B to c, the certificate of X to nobody. a reports A, c reports B: of the two
    # B ranks higher, (1, 1) against (0, 1). B is a boundary, so view 3 opens with a closing header Z on it (R6).
    story.send_state("a", 3, a1)
    story.send_state("c", 3, b1)
    z3 = number(REOPENING, 3, b1, b1, GENESIS)
    story.acknowledge("a", z3)
    story.acknowledge("c", z3)  # Z.justify = B: the mutant confirms B, the rival of A
    return story, a1, b1


def close(story: Story, boundary: int) -> None:
    """What the rules make of it: the closing header of Z gives the second certificate of view 3, and B is confirmed."""
    number = story.rules.headers.number
    z3 = number(REOPENING, 3, boundary, boundary, GENESIS)
    closing = number(CLOSING, 3, z3, z3, GENESIS)
    story.acknowledge("a", closing)
    story.acknowledge("c", closing)
