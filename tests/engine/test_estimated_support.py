"""Performance that is estimated to have fallen: fewer features are then enough, and never none."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from engine.model import MonitoredModel
from engine.reference_table import ReferenceTable
from engine.spec_faults import SpecError
from engine.spec_reading import read_spec
from tests.engine.models import MINUTE, START, batch, beat, event, model_of, run, spec_text, trees
from tests.engine.test_performance_decisions import LABEL

PSI = "psi_features: {features: 2, window: 1m, at_least: 1, of_last: 1}"


def reference() -> ReferenceTable:
    """Nine rows of ten with scores of 0.1 and 0.9, each true nine times of ten; the others with
    0.45 and 0.55, true six times of ten."""
    rows = 4_000
    number = np.arange(rows)
    high, unsure = number % 2 == 1, number // 2 % 10 == 9
    turn = number // 20 % 10
    right = np.where(unsure, turn < 6, turn != 0)
    score = np.where(unsure, np.where(high, 0.55, 0.45), np.where(high, 0.9, 0.1))
    return ReferenceTable(
        rows=rows,
        numeric={"x": number.astype(np.float64) % 8, "y": number % 5.0},
        categorical={"c": ["ab"[i % 2] for i in range(rows)]},
        score=score,
        labels=(high == right).astype(float),
    )


def model(support: str) -> MonitoredModel:
    """Two features are asked for, or with ``support`` one."""
    return model_of(
        spec_text(
            inputs="[predictions, labels]",
            label=LABEL,
            estimators="{}",
            windows="[1m]",
            quality="null",
            retraining=f"{{cooldown: 1h, rules: {{{PSI}{support}}}}}",
        ),
        reference(),
    )


def asked(chosen: MonitoredModel, *, drift: bool, unsure: bool) -> list[dict[str, Any]]:
    """Triggers where x drifts or not, and scores are between those of the reference or not."""
    values: list[bytes | None] = []
    for i in range(400):
        features = {"x": i % 8 + 20.0 * drift, "y": i % 5.0, "c": "ab"[i % 2]}
        score = (0.45, 0.55)[i % 2] if unsure else (0.1, 0.9)[i % 2]
        values.append(orjson.dumps(event(i, START + i * 300, features=features, score=score)))
    out = run([chosen], 1, [batch([*values, beat(START + 5 * MINUTE)])])[0]
    return trees(out, "retraining-triggers")


def test_one_feature_is_enough_with_the_estimate() -> None:
    """Neither it alone, nor the estimate alone, nor both without the rule ask."""
    supported = model(", estimated: {features: 1}")
    (trigger,) = asked(supported, drift=True, unsure=True)
    assert trigger["threshold"]["features"] == 1
    assert trigger["observed"]["estimated_worse"]["accuracy"] > 0.2
    answers = {step["question"]: step["answer"] for step in trigger["path"]}
    assert answers["is performance estimated to be worse?"] == "yes"
    assert asked(supported, drift=True, unsure=False) == []
    assert asked(supported, drift=False, unsure=True) == []
    assert asked(model(""), drift=True, unsure=True) == []


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("{estimated: {features: 1}}", "is nothing by itself"),
        (f"{{{PSI}, estimated: {{features: 2}}}}", "must be fewer than psi_features asks for"),
    ],
)
def test_what_supports_nothing_is_a_fault(rules: str, message: str) -> None:
    """It names the rule that it is for."""
    with pytest.raises(SpecError, match=message):
        read_spec(spec_text(retraining=f"{{rules: {rules}}}"))
