"""Labels that are not all: too early, or of some decisions only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import orjson
import pytest

from tests.engine.models import batch, model_of, run, spec_text
from tests.engine.models import trees as told
from tests.engine.test_performance_decisions import effects, model, reference, sections, streams


def test_labels_that_are_early_are_not_judged() -> None:
    """By arrival, negatives closed after three minutes: nothing is said of the first three."""
    label = "{ttl: 10m, lateness: 0s, amend: 1m, pane: 1m, negative_after: 3m}"
    found = sections(effects("wwwwww", model(label=label)))
    reasons = [each["performance"]["levels"]["accuracy"].get("reason", "") for each in found[:6]]
    assert reasons == ["early_labels"] * 3 + [""] * 3


@pytest.mark.parametrize("kind", ["0", "1"])
def test_a_selected_cohort_is_not_judged(kind: str) -> None:
    """Only predictions of one decision have labels; by the reference all have."""
    label = "{ttl: 10m, lateness: 0s, amend: 1m, pane: 1m, maturities: [1m]}"
    chosen = model(label=label)
    made, labels = streams("www")
    ends = labels.values[-1]
    kept = [
        value
        for value in labels.values[:-1]
        if (int(orjson.loads(value or b"")["event_id"][1:]) % 2 == 1) == (kind == "1")
    ]
    out = run([chosen], 1, [made, batch([*kept, ends], topic="labels")])[0]
    cohorts = [tree["cohorts"]["1m"] for tree in sections(out) if tree["section"] == "cohorts"]
    assert cohorts[0]["selected"] is True
    assert cohorts[0]["levels"]["accuracy"]["reason"] == "selected"
    assert cohorts[0]["decisions"]["1"]["labelled_ratio"] == float(kind == "1")
    assert not told(out, "retraining-triggers")
    arrivals = [tree for tree in sections(out) if tree["section"] == "performance"]
    assert arrivals
    assert not [tree for tree in arrivals if "level" in tree]


def test_a_reference_that_is_selected_so_too_is_comparable() -> None:
    """Its labels are of the same decisions."""
    whole = reference()
    assert whole.score is not None
    labels = np.where(whole.score > 0.5, np.array(whole.labels, dtype=float), np.nan)
    text = spec_text(
        inputs="[predictions, labels]",
        label="{ttl: 10m, lateness: 0s, amend: 1m, pane: 1m, maturities: [1m]}",
        estimators="{}",
        windows="[{length: 1m, judge_every: 1m}]",
        performance="{min_labels: 50, auc: null, precision: null, recall: null, f1: null}",
    )
    chosen = model_of(text, replace(whole, labels=labels))
    made, told_ = streams("ww")
    kept = [v for v in told_.values[:-1] if int(orjson.loads(v or b"")["event_id"][1:]) % 2 == 1]
    out = run([chosen], 1, [made, batch([*kept, told_.values[-1]], topic="labels")])[0]
    cohorts = [tree["cohorts"]["1m"] for tree in sections(out) if tree["section"] == "cohorts"]
    assert cohorts[0]["selected"] is True
    assert cohorts[0]["levels"]["accuracy"]["level"] == "DRIFT"
