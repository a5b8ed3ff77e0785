"""The kind of a change where there are segments only, and what decides where there is a score."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from engine.concept_shift import Shift, shift_of
from engine.model import MonitoredModel
from engine.panes import Counts
from engine.performance_counting import Matches, count_matches
from engine.reference_table import ReferenceTable
from tests.engine.models import model_of, spec_text

ROWS = 8_000
LABEL = "{ttl: 10m, lateness: 0s, amend: 1m, pane: 1m}"
ALPHA, WIDTH = 1e-4, 3.7
CHANNELS = ("web", "shop")


def drawn(kind: str, seed: int, *, shops: float = 0.3, worse: float = 1.0) -> dict[str, object]:
    """Rows of a stream: shops are harder than the web, and everything by ``worse`` as hard."""
    random = np.random.default_rng(seed)
    shop = random.random(ROWS) < shops
    hard = np.where(shop, 0.3, 0.1) * worse
    if kind == "multiclass":
        truth = random.integers(0, 3, ROWS)
        wrong = random.random(ROWS) < hard
        return {"shop": shop, "decided": (truth + wrong) % 3, "labels": truth}
    score = random.random(ROWS)
    return {"shop": shop, "score": score, "labels": score + random.normal(size=ROWS) * hard}


@cache
def model(kind: str) -> MonitoredModel:
    """With the usual stream as its reference."""
    rows = drawn(kind, 1)
    classes = np.array(["cat", "dog", "owl"])
    table = ReferenceTable(
        rows=ROWS,
        numeric={"x": np.arange(ROWS) % 8.0, "y": np.arange(ROWS) % 5.0},
        categorical={"c": ["ab"[i % 2] for i in range(ROWS)]},
        score=None if kind == "multiclass" else rows["score"],  # type: ignore[arg-type]
        decided=classes[rows["decided"]].tolist() if kind == "multiclass" else None,  # type: ignore[index]
        labels=classes[rows["labels"]].tolist() if kind == "multiclass" else rows["labels"],  # type: ignore[index, arg-type]
        segments={"channel": [CHANNELS[int(s)] for s in rows["shop"]]},  # type: ignore[attr-defined]
    )
    text = spec_text(
        prediction=f"{{type: {kind}}}",
        inputs="[predictions, labels]",
        label=LABEL,
        segments="[channel]",
        estimators="{}",
    )
    return model_of(text, table)


def counts_of(kind: str, **how: float) -> Counts:
    """The cells of a window of such a stream."""
    layout = model(kind).performance
    assert layout is not None
    rows = drawn(kind, 2, **how)
    codes = [layout.segments[0].values.index(CHANNELS[int(s)]) for s in rows["shop"]]  # type: ignore[attr-defined]
    named = {name: number for number, name in enumerate(layout.classes)}
    numbers = np.array([named[name] for name in ("cat", "dog", "owl")] if named else [0, 1, 2])
    is_multiclass = kind == "multiclass"
    return count_matches(
        layout,
        Matches(
            slots=np.zeros(ROWS, np.int64),
            weights=np.ones(ROWS, np.int64),
            scores=np.full(ROWS, np.nan) if is_multiclass else rows["score"],  # type: ignore[arg-type]
            decisions=numbers[rows["decided"]] if is_multiclass else np.full(ROWS, -1),
            values=np.full(ROWS, np.nan),
            segments=np.array([codes], np.int64),
            labels=np.asarray(
                numbers[rows["labels"]] if is_multiclass else rows["labels"], np.float64
            ),
            delays_ms=np.zeros(ROWS, np.int64),
            assumed=np.zeros(ROWS, np.bool_),
        ),
        1,
    )[0]


def kind_of(kind: str, **how: float) -> Shift:
    """What kind of change it is."""
    reference = model(kind).profile.performance
    assert reference is not None
    cells = np.array(reference.cells, np.int64)
    return shift_of(model(kind), cells, counts_of(kind, **how), ALPHA, WIDTH)


@pytest.mark.parametrize("kind", ["multiclass", "regression"])
@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({}, "none"),
        ({"shops": 0.7}, "covariate"),
        ({"worse": 1.4}, "concept"),
        ({"shops": 0.7, "worse": 1.4}, "both"),
        ({"worse": 0.6}, "none"),
        ({"shops": 0.7, "worse": 0.6}, "covariate"),
    ],
)
def test_segments_tell_the_mix_from_the_meaning(
    kind: str, how: dict[str, float], expected: str
) -> None:
    """Of models without a score to go by; better is never a change of meaning for the worse."""
    found = kind_of(kind, **how)
    assert found.kind == expected
    (channel,) = found.groupings
    parts = channel.parts
    total = parts.mix.value + parts.conditional.value + parts.unseen
    assert total == pytest.approx(parts.after - parts.before, abs=1e-9)


def test_a_reference_without_cells_says_nothing() -> None:
    """Neither does a window without a match."""
    chosen = model("multiclass")
    layout = chosen.performance
    assert layout is not None
    nothing = np.zeros(layout.size, np.int64)
    assert shift_of(chosen, nothing, counts_of("multiclass"), ALPHA, WIDTH).kind == "unknown"
