"""Attacks are filters: what they change, what they leave, and how they compose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import pytest

from bac.crypto.standin import StandIn
from bac.errors import Code, Rejected
from bac.protocol import Accuse, Commit, Effect, Persist, Send, SetTimer
from bac.sim.attacks import (
    ATTACKS,
    Attack,
    Attacker,
    CrossDomain,
    DelayToEdge,
    Flood,
    Forged,
    Replay,
    Seat,
    Selective,
    Silent,
    Truncated,
)
from bac.sim.broadcast.messages import CAP, Anything, Block, Certificate, Echo, Payment, root_of
from bac.sim.broadcast.trial import EchoTrial
from bac.sim.codec import MessageCodec
from bac.sim.mangle import change_signatures, signatures
from bac.sim.run import simulate
from bac.types import Hash, Height, Micros
from bac.wire.votes import Ballot
from bac.wire.votes import Certificate as QuorumCertificate
from tests.sim.echo import Heard, Said, ids
from tests.sim.thin import Scripted
from tests.sim.worlds import world

ME, *PEERS = ids(7)
SUITE = StandIn(b"m" * 32, "ed25519-list")
KEYS = SUITE.key_pair(b"s" * 32)
HASH = Hash(b"h" * 32)
BLOCK = Block(0, 1, HASH, (Payment(b"p" * 32, 1),), root_of(0, 1), KEYS.sign(b"block"))
ECHOES = tuple(Echo(voter, 0, 1, HASH, KEYS.sign(bytes([voter]))) for voter in range(3))
CERTIFICATE = Certificate(BLOCK, ECHOES)


def seat(seed: int = 0) -> Seat:
    return Seat(tuple(PEERS), Random(seed), KEYS.sign, edge_us=1_000)


def through(*attacks: type[Attack], effects: Sequence[Effect], seed: int = 0) -> list[Effect]:
    return list(Attacker(Scripted({"start": lambda _, now: effects}), seat(seed), attacks).start(Micros(0)))


OTHERS: list[Effect] = [Persist(b"k", b"v"), SetTimer("t", Micros(5)), Commit(1, 2), Accuse(3)]


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=list(ATTACKS))
def test_every_attack_says_what_it_tries_to_break_and_filters_sends_only(attack: type[Attack]) -> None:
    """SI-21, SI-22: what the node records, sets, commits and shows passes as it is, in order."""
    assert "Tries to break" in str(attack.__doc__)
    assert [effect for effect in through(attack, effects=OTHERS) if effect in OTHERS] == OTHERS
    assert through(attack, effects=[]) == []


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=list(ATTACKS))
def test_an_attacker_is_as_deterministic_as_the_node_in_it(attack: type[Attack]) -> None:
    """SI-2, SI-21."""
    effects: list[Effect] = [Send(tuple(PEERS), CERTIFICATE) for _ in range(20)]
    assert through(attack, effects=effects, seed=1) == through(attack, effects=effects, seed=1)


def test_silent_sends_nothing() -> None:
    """SI-22."""
    assert through(Silent, effects=[*OTHERS, Send(tuple(PEERS), Heard(1))]) == OTHERS


def test_selective_talks_to_the_same_half() -> None:
    """SI-22."""
    first, second, *others = through(Selective, effects=[Send(tuple(PEERS), Heard(n)) for n in (1, 2)])
    assert isinstance(first, Send)
    assert isinstance(second, Send)
    assert (len(first.to), first.to, others) == (3, second.to, [])
    strangers = tuple(peer for peer in PEERS if peer not in first.to)
    assert through(Selective, effects=[Send(strangers, Heard(1))]) == []


def test_delay_holds_everything_to_the_edge() -> None:
    """SI-22: each message leaves edge_us after it was sent, in order, at the times of the attacker's own timer."""
    sends = [Send((PEERS[0],), Heard(n)) for n in range(3)]
    inner = Scripted({"start": lambda _, now: sends[:2], "timer": lambda name, now: [sends[2]]})
    attacker = Attacker(inner, seat(), [DelayToEdge])
    (alarm,) = attacker.start(Micros(0))
    assert alarm == SetTimer("attack 0", Micros(1_000))
    assert attacker.on_timer("own", Micros(600)) == []
    assert attacker.on_timer("attack 0", Micros(1_000)) == [*sends[:2], SetTimer("attack 0", Micros(1_600))]
    assert attacker.on_timer("attack 0", Micros(1_600)) == [sends[2]]


def test_replay_says_again_what_it_said() -> None:
    """SI-22."""
    said: list[Effect] = [Send(tuple(PEERS), Heard(n)) for n in range(200)]
    done = through(Replay, effects=said)
    extra = [effect for effect in done if effect not in said]
    assert [effect for effect in done if effect in said] == said
    assert 60 < len(extra) < 140
    for effect in extra:
        assert isinstance(effect, Send)
        assert len(effect.to) == 1
        assert effect.message.number < 200


def mangled(attack: type[Attack]) -> list[Certificate]:
    done = through(attack, effects=[Send(tuple(PEERS), CERTIFICATE) for _ in range(100)])
    messages = [effect.message for effect in done if isinstance(effect, Send)]
    assert len(messages) == 100
    changed = [message for message in messages if message != CERTIFICATE]
    assert 30 < len(changed) < 70
    return changed


def test_forged_signatures_have_the_right_size_and_do_not_verify() -> None:
    """SI-22: all else in the message is as it was."""
    for message in mangled(Forged):
        assert [len(signature) for signature in signatures(message)] == [64] * 4
        assert not any(new in signatures(CERTIFICATE) for new in signatures(message))
        assert change_signatures(message, lambda _: b"") == change_signatures(CERTIFICATE, lambda _: b"")


def test_truncated_signatures_do_not_decode() -> None:
    """SI-17, SI-22: the bytes exist, and every receiver's decoder refuses them."""
    codec = MessageCodec(Anything, CAP)
    for message in mangled(Truncated):
        with pytest.raises(Rejected) as caught:
            codec.decode(codec.encode(message))
        assert caught.value.code is Code.MALFORMED


def test_cross_domain_signatures_are_its_own_on_something_else() -> None:
    """SI-21, SI-22: made with its own key alone, either seen before or for a domain that no protocol has."""
    own = list(signatures(CERTIFICATE))
    foreign = {KEYS.sign(b"another domain" + signature) for signature in own}
    for message in mangled(CrossDomain):
        for new, old in zip(signatures(message), own, strict=True):
            assert new != old
            assert new in own or new in foreign


def test_flood_repeats_for_ever() -> None:
    """SI-22."""
    attacker = Attacker(Scripted({"start": lambda _, now: [Send((PEERS[0],), Heard(1))]}), seat(), [Flood])
    assert attacker.start(Micros(0)) == [Send((PEERS[0],), Heard(1)), SetTimer("attack 0", Micros(10_000))]
    wave = [Send(tuple(PEERS), Heard(1)), SetTimer("attack 0", Micros(20_000))]
    assert list(attacker.on_timer("attack 0", Micros(10_000))) == wave


def test_filters_compose_in_order() -> None:
    """SI-21: what a later filter gets is what the earlier ones let through, also from their own timers."""
    flood_then_delay = Attacker(
        Scripted({"start": lambda _, now: [Send((PEERS[0],), Heard(1))]}), seat(), [Flood, DelayToEdge]
    )
    started = flood_then_delay.start(Micros(0))
    assert started == [SetTimer("attack 1", Micros(1_000)), SetTimer("attack 0", Micros(10_000))]
    assert flood_then_delay.on_timer("attack 1", Micros(1_000)) == [Send((PEERS[0],), Heard(1))]
    wave = flood_then_delay.on_timer("attack 0", Micros(10_000))
    assert wave == [SetTimer("attack 1", Micros(11_000)), SetTimer("attack 0", Micros(20_000))]
    assert through(Silent, Flood, effects=[Send((PEERS[0],), Heard(1))]) == []


@dataclass(frozen=True)
class Vote:
    voter: int
    signature: bytes
    co_signatures: tuple[bytes, ...]
    blob: bytes
    inner: tuple[Echo, ...] = ()


def test_signatures_are_found_by_name_in_any_frozen_type() -> None:
    """SI-22: structures, dataclasses, tuples of signatures, nested; opaque bytes are left alone."""
    vote = Vote(1, b"a", (b"b", b"c"), b"blob", ECHOES[:1])
    assert list(signatures(vote)) == [b"a", b"b", b"c", ECHOES[0].signature]
    changed = change_signatures(vote, lambda signature: signature + b"!")
    assert (changed.signature, changed.co_signatures, changed.blob) == (b"a!", (b"b!", b"c!"), b"blob")
    assert changed.inner[0].signature == ECHOES[0].signature + b"!"
    certificate = QuorumCertificate(Ballot(1, 0, Height(1), HASH), b"\x07", b"a" * 64)
    assert list(signatures(certificate)) == [b"a" * 64]
    plain = Said(b"x", 1, "text")
    assert change_signatures(plain, lambda _: b"") is plain


@pytest.mark.parametrize("name", ATTACKS)
def test_one_attacker_of_four_breaks_nothing(name: str) -> None:
    """SI-22, SI-31: safety and liveness hold for the other three, whatever the attack."""
    report = simulate(world(attacks=((3, (name,)),)), EchoTrial)
    assert report.holds, report.verdicts
    assert report.tally["malformed"] > 0 or name != "truncated"
    assert report.tally.get("rejected: bad-signature", 0) > 0 or name not in {"forged", "cross-domain"}
