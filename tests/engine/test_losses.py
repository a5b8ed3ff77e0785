"""Losses of matches, and the same losses over the cells that count them."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest

from detectors import adwin
from detectors.rising import build_for_losses
from engine.losses import LARGEST_ERROR, LOSSES, error_unit, losses_of, mean_losses
from engine.model import MonitoredModel
from engine.performance_counting import Matches, count_matches
from engine.performance_layout import PerformanceLayout
from engine.reference_table import ReferenceTable
from tests.engine.models import model_of, reference, spec_text

LABEL = "{ttl: 10m, lateness: 0s, amend: 1m, pane: 1m}"


def model(kind: str) -> MonitoredModel:
    """Of one kind, with a reference of its own labels."""
    known = reference(600)
    classes = [("cat", "dog", "owl")[i % 3] for i in range(600)]
    table = ReferenceTable(
        rows=600,
        numeric=known.numeric,
        categorical=known.categorical,
        score=known.score,
        decided=classes if kind == "multiclass" else None,
        labels=classes if kind == "multiclass" else np.arange(600) % 2 / 1.0,
    )
    text = spec_text(prediction=f"{{type: {kind}}}", inputs="[predictions, labels]", label=LABEL)
    return model_of(text, table)


def layout_of(kind: str) -> PerformanceLayout:
    """The cells of such a model."""
    layout = model(kind).performance
    assert layout is not None
    return layout


def matches(kind: str, rows: int = 400) -> Matches:
    """Random ones, some without a score or a decision."""
    random = np.random.default_rng(4)
    score = random.random(rows)
    score[::17] = np.nan
    decisions = {
        "binary": (score >= 0.5).astype(np.int64),
        "multiclass": random.integers(0, 3, rows),
        "regression": np.full(rows, -1),
    }[kind]
    if kind != "regression":
        decisions[::13] = -1
    labels = random.integers(0, 3 if kind == "multiclass" else 2, rows).astype(float)
    return Matches(
        slots=np.zeros(rows, np.int64),
        weights=np.ones(rows, np.int64),
        scores=score,
        decisions=decisions,
        values=np.full(rows, np.nan),
        segments=np.empty((0, rows), np.int64),
        labels=labels,
        delays_ms=np.zeros(rows, np.int64),
        assumed=np.zeros(rows, np.bool_),
    )


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_a_windows_mean_is_that_of_its_matches(kind: str) -> None:
    """Counts exactly, means within a fixed-point step."""
    layout, found = layout_of(kind), matches(kind)
    losses = losses_of(layout, found.scores, found.decisions, found.labels)
    means = mean_losses(layout, count_matches(layout, found, 1)[0])
    assert list(losses) == list(means) == [loss.name for loss in LOSSES[layout.kind]]
    for name, values in losses.items():
        known = values[np.isfinite(values)]
        assert means[name].count == len(known), name
        assert means[name].mean.value == pytest.approx(known.mean(), abs=1e-3), name
        assert means[name].mean.low <= means[name].mean.value <= means[name].mean.high


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_of_nothing_there_is_no_mean(kind: str) -> None:
    """Absent, never zero."""
    layout = layout_of(kind)
    for found in mean_losses(layout, np.zeros(layout.size, np.int64)).values():
        assert found.count == 0
        assert isnan(found.mean.value)


def test_each_kind_of_error_is_fed_by_its_own_labels_only() -> None:
    """Missed ones by positives, false alarms by negatives, and a bit is 0 or 1."""
    nan = float("nan")
    found = losses_of(
        layout_of("binary"),
        np.array([0.9, 0.2, 0.8, 0.1, nan, 1.5]),
        np.array([1, 0, 1, 0, -1, 1]),
        np.array([1.0, 1.0, 0.0, 0.0, 1.0, 1.0]),
    )
    told = {name: [None if isnan(v) else round(v, 9) for v in c] for name, c in found.items()}
    assert told == {
        "error": [0, 1, 1, 0, None, 0],
        "missed": [0, 1, None, None, None, 0],
        "false_alarm": [None, None, 1, 0, None, None],
        "squared_error": [0.01, 0.64, 0.64, 0.01, None, None],
    }


def test_an_error_beyond_all_numbers_is_no_error_of_ours() -> None:
    """It is the largest that there is."""
    found = losses_of(
        layout_of("regression"), np.array([1e308]), np.array([-1]), np.array([-1e308])
    )
    assert found["absolute_error"].tolist() == [LARGEST_ERROR]


def test_one_wild_label_does_not_blind_who_watches_errors() -> None:
    """A label of cents for euros, then errors that rise six times: ADWIN finds that as soon as it
    does without the one."""
    layout = layout_of("regression")
    random = np.random.default_rng(6)
    labels = random.normal(size=6_000)
    labels[3_000:] *= 6.0
    found = []
    for wild in (None, 1e6, 1e300):
        if wild is not None:
            labels[100] = wild
        none = np.full(6_000, -1)
        errors = losses_of(layout, np.zeros(6_000), none, labels * error_unit(layout))[
            "absolute_error"
        ]
        assert errors.max() <= LARGEST_ERROR
        bank = build_for_losses(adwin, adwin.Params(), 1)
        alarms = bank.advance(errors[np.newaxis])
        found.append([row for row in alarms.rows.tolist() if row >= 3_000][:1])
    assert found[0]
    assert abs(found[1][0] - found[0][0]) <= 64
    assert found[1] == found[2]
