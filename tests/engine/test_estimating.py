"""The estimate of performance in a judgement of the data."""

from __future__ import annotations

import numpy as np
import orjson
import pytest

from engine.model import MonitoredModel
from engine.reference_table import ReferenceTable
from tests.engine.models import MINUTE, SECOND, START, batch, beat, event, model_of, run, spec_text
from tests.engine.models import trees as trees_of

ROWS = 20_000


def model(*, labels: bool = True) -> MonitoredModel:
    """Scores that come true as often as they say."""
    random = np.random.default_rng(1)
    score = random.integers(0, 101, ROWS) / 100
    table = ReferenceTable(
        rows=ROWS,
        numeric={"x": random.normal(size=ROWS), "y": random.normal(size=ROWS)},
        categorical={"c": random.choice(["a", "b"], ROWS).tolist()},
        score=score,
        labels=(random.random(ROWS) < score).astype(float) if labels else None,
    )
    text = spec_text(inputs="[predictions, labels]", estimators="{}", windows="[5m]")
    return model_of(text.replace("window: 1m", "window: 5m"), table)


def judged(one: MonitoredModel) -> dict[str, object]:
    """The judgement of five minutes of predictions, without a single label."""
    random = np.random.default_rng(2)
    values = [
        orjson.dumps(event(i, START + i * 100, score=float(random.integers(0, 101) / 100)))
        for i in range(2_000)
    ]
    values.append(beat(START + 5 * MINUTE + 30 * SECOND))
    tree: dict[str, object] = trees_of(run([one], 1, [batch(values)])[0], "judgements")[-1]
    return tree


def test_labels_are_foretold() -> None:
    """Of uniform scores that are calibrated, a decision at one half is right three times in four,
    and a positive outranks a negative five times in six."""
    found = judged(model())["estimated"]
    assert isinstance(found, dict)
    assert found["accuracy"] == pytest.approx(0.75, abs=0.03)
    assert found["auc"] == pytest.approx(5 / 6, abs=0.03)
    low, high = found["intervals"]["accuracy"]
    assert low < 0.75 < high
    assert found["unseen_ratio"] == 0


def test_without_labels_in_the_reference_there_is_no_estimate() -> None:
    """Absent, never zero."""
    assert "estimated" not in judged(model(labels=False))
