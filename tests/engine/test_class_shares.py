"""The decided classes of a multiclass model: a rare class that doubles, one that is new."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
import orjson
import pytest

from engine.model import MonitoredModel
from engine.pipeline import Pipeline
from engine.reference_table import ReferenceTable
from tests.engine.models import (
    MINUTE,
    SECOND,
    START,
    batch,
    beat,
    event,
    model_of,
    reference,
    run,
    said,
    spec_text,
    trees,
)
from tests.streams.test_metrics import exposed, live_of, samples

ROWS: Final = 20_000
A_MINUTE: Final = 2_000
USUAL: Final = {"cat": 1_180, "dog": 800, "owl": 20}
"""Decisions of a minute as the training table has them: an owl in a hundred."""


@cache
def model(**sections: str) -> MonitoredModel:
    """Decisions of the training table in the shares of USUAL."""
    known = reference(ROWS)
    decided = [name for name, n in USUAL.items() for _ in range(n * ROWS // A_MINUTE)]
    table = ReferenceTable(
        rows=ROWS, numeric=known.numeric, categorical=known.categorical, decided=decided
    )
    usual = {"windows": "[1m]", "quality": "null", "retraining": "{rules: {}}"}
    text = spec_text(**{**usual, "prediction": "{type: multiclass}", **sections})
    return model_of(text, table)


def stream(decisions: dict[str, int], *, by_scores: bool = False) -> list[bytes | None]:
    """A minute of so many decisions of each class, mixed, and the heartbeat that ends it."""
    names = [name for name, n in decisions.items() for _ in range(n)]
    order = np.random.default_rng(3).permutation(len(names))
    rng = np.random.default_rng(4)
    values: list[bytes | None] = []
    for i, at in enumerate(order.tolist()):
        x, y = rng.normal(size=2).tolist()
        told: dict[str, Any] = {"decision": names[at]}
        if by_scores:
            told = {"scores": {names[at]: 0.6, "zebra": 0.4}}
        features = {"x": x, "y": y, "c": "aaaabbbccd"[i % 10]}
        ts = START + i * MINUTE // len(names)
        values.append(orjson.dumps(event(i, ts, features=features, score=..., **told)))
    return [*values, beat(START + MINUTE + 30 * SECOND)]


def judged(decisions: dict[str, int], **how: bool) -> tuple[dict[str, Any], Pipeline]:
    """``prediction`` of the first minute."""
    out, pipeline = run([model()], 1, [batch(stream(decisions, **how))])
    first = next(j for j in trees(out, "judgements") if j["end"].endswith(":01:00Z"))
    assert first["level"] in ("UNKNOWN", "STABLE", "WATCH", "DRIFT")
    found: dict[str, Any] = first["prediction"]
    return found, pipeline


def test_shares_are_those_of_the_stream() -> None:
    """Counted by hand, against those of the training table."""
    found, _ = judged(USUAL)
    shares = found["classes"]["shares"]
    assert {name: one["share"] for name, one in shares.items()} == {
        "cat": 0.59,
        "dog": 0.4,
        "owl": 0.01,
    }
    assert all(one["share"] == one["expected"] for one in shares.values())
    assert found["level"] == found["classes"]["level"] == "STABLE"
    assert found["classes"]["psi"] == pytest.approx(0.0, abs=1e-5)


def test_a_rare_class_that_is_decided_three_times_as_often_is_drift() -> None:
    """1 % becomes 3 %: PSI of all classes is far below 0.1, the exact test of the class is not."""
    found, _ = judged({"cat": 1_140, "dog": 800, "owl": 60})
    classes = found["classes"]
    assert classes["psi"] < 0.05
    assert classes["shares"]["owl"]["level"] == "DRIFT"
    assert classes["shares"]["owl"]["odds_ratio"] == pytest.approx(3.06, abs=0.1)
    assert classes["shares"]["owl"]["p_value"] < 1e-4
    assert {classes["shares"][name]["level"] for name in ("cat", "dog")} == {"STABLE"}
    assert found["level"] == classes["level"] == "DRIFT"


def test_chance_is_no_drift() -> None:
    """27 owls of 2,000 where 20 are usual."""
    found, _ = judged({"cat": 1_173, "dog": 800, "owl": 27})
    assert found["level"] == "STABLE"


def test_what_was_never_decided_before_is_told_apart() -> None:
    """A new class is ``(unseen)``, and drift by its own test."""
    found, _ = judged({"cat": 1_150, "dog": 800, "owl": 20, "yak": 30})
    unseen = found["classes"]["shares"]["(unseen)"]
    assert (unseen["share"], unseen["expected"], unseen["level"]) == (0.015, 0.0, "DRIFT")


def test_the_highest_probability_is_the_decision() -> None:
    """Where only scores are told; and a prediction with neither is undecided, not a class."""
    assert judged(USUAL, by_scores=True)[0]["classes"] == judged(USUAL)[0]["classes"]
    undecided = orjson.dumps(event(9_999, START, score=0.9))
    out, _ = run([model()], 1, [batch([undecided, *stream(USUAL)])])
    found = next(j for j in trees(out, "judgements") if j["end"].endswith(":01:00Z"))
    assert found["prediction"]["classes"]["undecided"] == 1
    assert found["prediction"]["classes"]["events"] == A_MINUTE


def test_the_gauges_are_the_judgement() -> None:
    """One series a class, and the statistics of the whole."""
    found, pipeline = judged({"cat": 1_140, "dog": 800, "owl": 60})
    gauges = samples(exposed(live_of(pipeline)))
    window = 'model="m",version="v1",window="1m"'
    for name, one in found["classes"]["shares"].items():
        labels = f'{{class="{name}",{window}}}'
        assert gauges[f"prediction_class_ratio{labels}"] == one["share"]
        assert gauges[f"prediction_class_ratio_expected{labels}"] == one["expected"]
        assert gauges[f"prediction_class_ratio_p_value{labels}"] == one["p_value"]
        assert gauges[f"prediction_class_odds_ratio{labels}"] == one["odds_ratio"]
    assert gauges[f"prediction_class_level{{{window}}}"] == 3
    assert gauges[f"prediction_class_psi{{{window}}}"] == found["classes"]["psi"]


def test_partitions_and_batches_do_not_matter() -> None:
    """The same bytes from one batch and from many."""
    values = stream({"cat": 1_140, "dog": 800, "owl": 60})
    whole, _ = run([model()], 1, [batch(values)])
    cut = [batch(values[i : i + 77], first=i) for i in range(0, len(values), 77)]
    assert said(run([model()], 1, cut)[0]) == said(whole)


def test_a_table_that_does_not_say_what_was_decided() -> None:
    """No reference, no section, and no cells."""
    text = spec_text(prediction="{type: multiclass}")
    chosen = model_of(text, reference(2_000))
    assert chosen.layout.classes is None
    assert chosen.profile.classes is None


def test_blocks_say_how_far_a_share_swings() -> None:
    """A class that is decided in spells within the training period is not drift in such a spell."""
    rows = 24 * 60
    spell = np.arange(rows) // 60 % 4 == 0
    decided = np.where(spell & (np.arange(rows) % 4 == 0), "owl", "cat").tolist()
    known = reference(rows, step_ms=MINUTE)
    table = ReferenceTable(
        rows=rows,
        numeric=known.numeric,
        categorical=known.categorical,
        ts_ms=known.ts_ms,
        decided=decided,
    )
    chosen = model_of(
        spec_text(prediction="{type: multiclass}", windows="[1h]", retraining="{rules: {}}"), table
    )
    assert chosen.profile.classes is not None
    owl = chosen.profile.classes.own["1h"][1]
    assert owl.upper >= 0.25
    assert owl.dispersion > 5
