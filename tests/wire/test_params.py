"""WI-35: parameters are whole numbers with a reason, one text, one digest."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from bac.params import DEFAULT, MINIMAL, PRESETS, SECOND, Params, rows


def test_every_parameter_has_unit_formula_and_reason() -> None:
    """WI-35: the table that people read names all of them."""
    table = rows(DEFAULT)
    assert [name for name, *_ in table] == [field.name for field in fields(Params)]
    assert all(unit and formula and reason for _, _, unit, formula, reason in table)
    assert all(name.endswith("_us") == (unit == "µs") for name, _, unit, _, _ in table)
    assert all(name.endswith("_q16") == (unit == "q16") for name, _, unit, _, _ in table)


def test_the_values_that_the_protocol_fixes() -> None:
    """WI-35: the preset `default` is the protocol's."""
    assert DEFAULT == Params() == PRESETS["default"]
    assert (DEFAULT.max_units, DEFAULT.duties_per_epoch, DEFAULT.max_leaders) == (2**16, 8, 32)
    assert DEFAULT.primary_weight + DEFAULT.candidate_weight == 100
    assert (DEFAULT.acknowledgement_fanout, DEFAULT.view_doublings_max, DEFAULT.coin_period) == (4, 10, 10)
    assert DEFAULT.epoch_us <= 15 * SECOND
    assert (DEFAULT.residence_epochs, DEFAULT.heartbeat_us) == (2, SECOND)
    fees = (DEFAULT.fee_primary_percent, DEFAULT.fee_candidates_percent, DEFAULT.fee_voters_percent)
    assert fees == (40, 40, 20)


@pytest.mark.parametrize("params", PRESETS.values(), ids=PRESETS)
def test_text_and_back(params: Params) -> None:
    """WI-35: one text per set of parameters, and the digest is of that text."""
    assert Params.from_text(params.text()) == params
    assert all(line.isascii() and line.count("=") == 1 for line in params.text().splitlines())


def test_each_parameter_is_in_the_digest() -> None:
    """WI-35: nodes that differ in any value differ in the digest."""
    roomy = replace(DEFAULT, seed_rounds=10)  # so that every value can move by one
    digests = {DEFAULT.digest(), MINIMAL.digest(), roomy.digest()}
    tried = 0
    for field in fields(Params):
        for change in (1, -1):
            try:
                other = replace(roomy, **{field.name: getattr(roomy, field.name) + change})
            except ValueError:
                continue
            digests.add(other.digest())
            tried += 1
            break
    assert tried == len(fields(Params))
    assert len(digests) == tried + 3


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"max_units": 0}, "max_units must not be 0"),
        ({"repeat_us": -1}, "repeat_us must be a whole number"),
        ({"repeat_us": 1.5}, "repeat_us must be a whole number"),
        ({"repeat_us": True}, "repeat_us must be a whole number"),
        ({"repeat_us": 2**63}, "repeat_us must be a whole number"),
        ({"coin_period": 2}, "coin_period >= 3"),
        ({"seed_rounds": 13}, "seed_rounds <= epoch_rounds / 2"),
        ({"event_min_us": SECOND}, "event_min_us <= event_batch_us <= event_max_us"),
        ({"epoch_rounds": 60}, "<= epoch_us"),
        ({"fee_voters_percent": 21}, "fees <= 100 %"),
        ({"max_leaders": 3}, "4 <= min_leaders <= max_leaders"),
        ({"min_voters": 3}, "min_voters >= 4"),
        ({"vrf_key_lead": 2}, "3 <= vrf_key_lead <= 64"),
        ({"acknowledgement_keys_ahead": 2}, "acknowledgement_key_lead < acknowledgement_keys_ahead"),
        ({"view_timeout_max_us": SECOND}, "view_timeout_us <= view_timeout_max_us"),
        ({"view_doublings_max": 21}, "view_doublings_max <= 20"),
        ({"base_rate_q16": 65537}, "base_rate_q16 <= 1"),
        ({"evidence_decay_q16": 65537}, "evidence_decay_q16 <= 1"),
        ({"assumed_dishonest_q16": 43691}, "assumed_dishonest_q16 <= 2/3"),
    ],
    ids=str,
)
def test_contradictions_are_refused(changes: dict[str, Any], line: str) -> None:
    """WI-35: with the line that says which."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the line is compared below)
        replace(DEFAULT, **changes)
    assert line in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", "max_units=1\n", DEFAULT.text() + "more=1\n", DEFAULT.text()[:-1], DEFAULT.text().replace("=8\n", "=+8\n"),
     DEFAULT.text().replace("65536", "65_536"), DEFAULT.text().replace("max_units", "units"), "=\n", "a=b=c\n"],
)  # fmt: skip
def test_other_texts_are_refused(text: str) -> None:
    """WI-35: the text is canonical."""
    with pytest.raises(ValueError, match="text of parameters"):
        Params.from_text(text)
