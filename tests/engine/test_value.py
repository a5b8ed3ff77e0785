"""What a prediction is worth, read once for the business section and for the join."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import orjson
import pytest

from engine.model import MonitoredModel
from tests.engine.models import (
    HOUR,
    MINUTE,
    START,
    batch,
    beat,
    model_of,
    raw,
    run,
    spec_text,
    trees,
)

LABEL: Final = "{ttl: 10m, lateness: 30s, amend: 1m, pane: 1m}"
BUSINESS: Final = "{approved: negative}"
BOTH: Final = {"business": BUSINESS, "inputs": "[predictions, labels]", "label": LABEL}
MADE: Final = (
    (0.9, 10.0, 0),
    (0.9, 2.5, 1),
    (0.1, 7.0, 1),
    (0.1, "a lot", 1),
    (0.1, None, 0),
    (0.9, [1], 0),
)
"""Score, value and what turned out to be true."""


@cache
def model(*, business: bool, labels: bool) -> MonitoredModel:
    """With a business section, labels, or both."""
    left_out = set() if business else {"business"}
    left_out |= set() if labels else {"inputs", "label"}
    return model_of(
        spec_text(windows="[1m]", **{k: v for k, v in BOTH.items() if k not in left_out})
    )


def judged(which: MonitoredModel) -> dict[str, dict[str, Any]]:
    """Judgements of the first minute by section, the data's under ``data``."""
    made = [raw(i, START + i, score=score, value=value) for i, (score, value, _) in enumerate(MADE)]
    batches = [batch([*made, beat(START + HOUR)])]
    if "labels" in which.spec.inputs:
        known = [
            {"event_id": f"e{i}", "model": "m", "ts": START + MINUTE // 2, "label": label}
            for i, (*_, label) in enumerate(MADE)
        ]
        told = [orjson.dumps(label) for label in known]
        batches.append(batch([*told, beat(START + HOUR)], topic="labels"))
    out, _ = run([which], 1, batches)
    assert not trees(out, "dead-letters")
    found = trees(out, "judgements")
    first = [j for j in found if j["end"].endswith("10:01:00Z") and not j["revision"]]
    return {j.get("section", "data"): j for j in first}


@pytest.mark.parametrize("labels", [False, True])
def test_a_bad_value_costs_nothing_but_itself(labels: bool) -> None:  # noqa: FBT001
    """Its prediction counts like any other, and the sums are of the others' values, whether or not
    labels are joined too."""
    found = judged(model(business=True, labels=labels))["data"]
    assert found["events"] == len(MADE)
    of_what = found["business"]["value_by_decision"]
    assert of_what == {
        "positive": {"values": 2, "total": 12.5},
        "negative": {"values": 1, "total": 7.0},
    }


@pytest.mark.parametrize("business", [False, True])
def test_what_wrong_decisions_are_worth(business: bool) -> None:  # noqa: FBT001
    """The value of a false alarm and of a miss; a prediction without a usable one adds nothing."""
    found = judged(model(business=business, labels=True))["performance"]["performance"]
    assert found["labelled"] == len(MADE)
    assert found["value"] == {"false_positive": 10.0, "false_negative": 7.0}
