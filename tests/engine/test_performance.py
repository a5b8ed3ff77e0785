"""Matches to cells and cells to numbers, for every kind of model, against plain arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.intervals import Estimate
from engine.model import MonitoredModel
from engine.performance import difference, measure
from engine.performance_counting import Matches, count_matches
from engine.performance_layout import ASSUMED, DELAYS, MATCHED, PREDICTED, PerformanceLayout
from engine.performance_tree import label_delay_s, performance_tree
from engine.reference_table import ReferenceTable
from tests.engine.models import model_of, spec_text

ROWS = 400
BOTH = {"inputs": "[predictions, labels]", "estimators": "{}", "segments": "[channel]"}


def table(kind: str) -> ReferenceTable:
    """A training table with labels and two channels."""
    random = np.random.default_rng(3)
    score = random.random(ROWS)
    labels = {
        "binary": (random.random(ROWS) < score).astype(float),
        "multiclass": random.choice(["a", "b", "c"], ROWS).tolist(),
        "regression": score * 10 + random.normal(size=ROWS),
    }
    return ReferenceTable(
        rows=ROWS,
        numeric={"x": random.normal(size=ROWS), "y": random.normal(size=ROWS)},
        categorical={"c": random.choice(["a", "b"], ROWS).tolist()},
        score=score * 10 if kind == "regression" else score,
        labels=labels[kind],
        decided=random.choice(["a", "b"], ROWS).tolist() if kind == "multiclass" else None,
        segments={"channel": random.choice(["web", "app", None], ROWS).tolist()},
        values=random.random(ROWS) * 100,
    )


def model(kind: str) -> MonitoredModel:
    """A model of this kind."""
    return model_of(spec_text(prediction=f"{{type: {kind}}}", **BOTH), table(kind))


def layout_of(kind: str) -> PerformanceLayout:
    """Its cells."""
    layout = model(kind).performance
    assert layout is not None
    return layout


def drawn(kind: str, seed: int, rows: int = 300) -> Matches:
    """Random matches into three vectors, missing values, predictions without a label and
    withdrawn ones among them."""
    random = np.random.default_rng(seed)
    score = random.random(rows) * (10 if kind == "regression" else 1)
    score[random.random(rows) < 0.1] = np.nan
    labels = {
        "binary": random.integers(0, 2, rows).astype(float),
        "multiclass": random.integers(0, 4, rows).astype(float),
        "regression": random.normal(size=rows) * 10,
    }[kind]
    labels[random.random(rows) < 0.1] = np.nan
    high = {"binary": 2, "multiclass": 4, "regression": 0}[kind]
    return Matches(
        slots=random.integers(0, 3, rows),
        weights=np.where(random.random(rows) < 0.1, -1, 1),
        scores=score,
        decisions=random.integers(-1, high, rows),
        values=np.where(random.random(rows) < 0.2, np.nan, random.random(rows) * 50),
        segments=random.integers(0, 4, (1, rows)),
        labels=labels,
        delays_ms=random.integers(-1_000, 10_000_000_000, rows),
        assumed=random.random(rows) < 0.1,
    )


def chosen(matches: Matches, rows: list[int]) -> Matches:
    """Some of the matches."""
    return Matches(
        matches.slots[rows],
        matches.weights[rows],
        matches.scores[rows],
        matches.decisions[rows],
        matches.values[rows],
        matches.segments[:, rows],
        matches.labels[rows],
        matches.delays_ms[rows],
        matches.assumed[rows],
    )


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_cells_add_up_in_any_order_and_parts(kind: str) -> None:
    """One by one, or all at once, forwards or backwards: the same whole numbers."""
    layout, matches = layout_of(kind), drawn(kind, 1)
    whole = count_matches(layout, matches, 3)
    rows = list(range(len(matches.slots)))
    assert (whole == count_matches(layout, chosen(matches, rows[::-1]), 3)).all()
    parts = sum(count_matches(layout, chosen(matches, [row]), 3) for row in rows)
    assert (whole == parts).all()
    assert not count_matches(layout, chosen(matches, []), 3).any()


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_taking_a_match_away_leaves_nothing(kind: str) -> None:
    """Every cell comes back to what it was."""
    layout, matches = layout_of(kind), drawn(kind, 2)
    back = Matches(
        matches.slots,
        -matches.weights,
        *(getattr(matches, name) for name in ("scores", "decisions", "values", "segments")),
        *(getattr(matches, name) for name in ("labels", "delays_ms", "assumed")),
    )
    assert not (count_matches(layout, matches, 3) + count_matches(layout, back, 3)).any()


def positive(matches: Matches) -> Matches:
    """Only those that add, all into one vector."""
    rows = np.flatnonzero(matches.weights > 0).tolist()
    kept = chosen(matches, rows)
    kept.slots[:] = 0
    return kept


def test_binary_numbers() -> None:
    """Against sums over the matches themselves."""
    layout, matches = layout_of("binary"), positive(drawn("binary", 4, 2_000))
    counts = count_matches(layout, matches, 1)[0]
    found = measure(layout, counts)
    labelled = ~np.isnan(matches.labels)
    decided = labelled & (matches.decisions >= 0)
    scored = labelled & np.isfinite(matches.scores)
    truth, score = matches.labels, matches.scores
    right = matches.decisions[decided] == truth[decided]
    assert counts[PREDICTED] == (~labelled).sum()
    assert found.labelled == counts[MATCHED] == labelled.sum()
    assert counts[ASSUMED] == (labelled & matches.assumed).sum()
    assert counts[DELAYS : DELAYS + 12].sum() == (labelled & ~matches.assumed).sum()
    assert found.measures["accuracy"].value == pytest.approx(right.mean())
    squared = (score[scored] - truth[scored]) ** 2
    assert found.measures["brier"].value == pytest.approx(squared.mean(), abs=1e-6)
    pairs = np.sign(score[scored & (truth == 1)][:, None] - score[scored & (truth == 0)])
    assert found.measures["auc"].value == pytest.approx((pairs.mean() + 1) / 2, abs=0.01)
    tree = performance_tree(layout, counts, found, None)
    wrong = decided & (matches.decisions == 1) & (truth == 0) & np.isfinite(matches.values)
    assert tree["value"]["false_positive"] == pytest.approx(
        np.rint(matches.values[wrong] * 100).sum() / 100
    )
    web = decided & (matches.segments[0] == 0)
    name = layout.segments[0].values[0]
    assert tree["segments"]["channel"][name]["labelled"] == web.sum()
    assert set(tree["segments"]["channel"]) == {*layout.segments[0].values, "(other)", "(missing)"}


def test_multiclass_numbers() -> None:
    """Against the share of equal classes; unknown classes are one of their own."""
    layout, matches = layout_of("multiclass"), positive(drawn("multiclass", 5, 2_000))
    assert sorted(layout.classes) == ["a", "b", "c"]
    found = measure(layout, count_matches(layout, matches, 1)[0])
    decided = ~np.isnan(matches.labels) & (matches.decisions >= 0)
    right = matches.decisions[decided] == matches.labels[decided]
    assert found.measures["accuracy"].value == pytest.approx(right.mean())
    recalls = [right[matches.labels[decided] == k].mean() for k in range(4)]
    assert found.measures["recall"].value == pytest.approx(np.mean(recalls))


def test_regression_numbers() -> None:
    """Against the errors themselves, to the fixed-point step."""
    layout, matches = layout_of("regression"), positive(drawn("regression", 6, 2_000))
    found = measure(layout, count_matches(layout, matches, 1)[0]).measures
    both = ~np.isnan(matches.labels) & np.isfinite(matches.scores)
    error = matches.scores[both] - matches.labels[both]
    truth = matches.labels[both]
    assert found["mae"].value == pytest.approx(np.abs(error).mean(), abs=layout.step)
    assert found["bias"].value == pytest.approx(error.mean(), abs=layout.step)
    assert found["rmse"].value == pytest.approx(np.sqrt((error**2).mean()), abs=layout.step)
    explained = 1 - (error**2).sum() / ((truth - truth.mean()) ** 2).sum()
    assert found["r2"].value == pytest.approx(explained, abs=1e-3)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_nothing_says_nothing(kind: str) -> None:
    """Absent, never zero."""
    layout = layout_of(kind)
    empty = np.zeros(layout.size, np.int64)
    assert measure(layout, empty).measures == {}
    assert label_delay_s(empty) == {}
    tree = performance_tree(layout, empty, measure(layout, empty), None)
    assert tree.keys() <= {"labelled", "intervals", "confusion"}
    assert "accuracy" not in tree


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_the_reference_is_counted_like_a_window(kind: str) -> None:
    """The profile's cells are those of the same rows as matches; they are kept in the file."""
    one = model(kind)
    layout, reference = one.performance, one.profile.performance
    assert layout is not None
    assert reference is not None
    cells = np.array(reference.cells)
    assert cells.shape == (layout.size,)
    assert cells[MATCHED] == ROWS
    assert cells[ASSUMED] == 0
    assert reference.segments == {"channel": tuple(layout.segments[0].values)}
    assert measure(layout, cells).measures


def test_a_difference_has_newcombes_interval() -> None:
    """The example of Newcombe (1998): 56/70 less 48/80 is 0.2, from 0.0524 to 0.3339."""
    then = Estimate(0.6, 0.4905, 0.7003)
    now = Estimate(0.8, 0.6916, 0.8775)
    found = difference(now, then)
    assert found.value == pytest.approx(0.2)
    assert found.low == pytest.approx(0.0524, abs=5e-4)
    assert found.high == pytest.approx(0.3339, abs=5e-4)
