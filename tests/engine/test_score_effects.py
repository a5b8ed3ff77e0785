"""What a feature's move does to the score, against a loop over the rows."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from engine.model import build_model
from engine.profile import NumericProfile, decode_profile, encode_profile
from engine.profile_building import build_profile
from engine.reference_table import ReferenceTable
from engine.spec_reading import read_spec
from tests.engine.models import MINUTE, START, beat, logs_of, run, spec_text, trees
from tests.engine.models import event as an_event
from tests.engine.reference_tables import MADE_BY

FEATURES = """
  x: {type: numeric, bins: 5, fine_bins: 20, importance: 0.2}
  y: {type: numeric, bins: 5, fine_bins: 20, importance: 1.0}
  c: {type: categorical, categories: 2}
"""
SPEC = spec_text(
    features=FEATURES,
    windows="[1m]",
    retraining="{rules: {psi_features: {above: 0.2, features: 1, window: 1m, at_least: 1}}}",
)


def table(*, scored: bool = True) -> ReferenceTable:
    """The score follows x, hardly y, and c a little."""
    rng = np.random.default_rng(8)
    x, y = rng.normal(size=4_000), rng.normal(size=4_000)
    texts = rng.choice(["a", "b", "z"], 4_000, p=[0.5, 0.4, 0.1])
    score = 1 / (1 + np.exp(-(2 * x + 0.01 * y + (texts == "b"))))
    score[::50] = np.nan
    x[::33] = np.nan
    return ReferenceTable(
        rows=4_000,
        numeric={"x": x, "y": y},
        categorical={"c": texts.tolist()},
        score=score if scored else None,
    )


def test_means_are_those_of_the_rows() -> None:
    """By cell, in standard deviations of the score, rows without either left out."""
    known, profile = table(), build_profile(read_spec(SPEC), table(), MADE_BY)
    assert known.score is not None
    assert profile.score is not None
    away = (known.score - profile.score.mean) / profile.score.stddev
    x = profile.features["x"]
    assert isinstance(x, NumericProfile)
    cell = np.searchsorted(np.array(x.edges), known.numeric["x"], side="right")
    for number, mean in enumerate(profile.score_by_cell["x"]):
        rows = (cell == number) & np.isfinite(known.numeric["x"]) & np.isfinite(away)
        plain = float(away[rows].mean()) if rows.any() else 0.0
        assert mean == pytest.approx(plain, abs=1e-3)
    texts = np.array(known.categorical["c"])
    for number, text in enumerate(["a", "b", "z"]):
        rows = (texts == text) & np.isfinite(away)
        assert profile.score_by_cell["c"][number] == pytest.approx(
            float(away[rows].mean()), abs=1e-3
        )


def shuffled(known: ReferenceTable) -> ReferenceTable:
    """The same rows in another order."""
    order = np.random.default_rng(1).permutation(known.rows)
    texts = list(known.categorical["c"])
    assert known.score is not None
    return ReferenceTable(
        rows=known.rows,
        numeric={name: column[order] for name, column in known.numeric.items()},
        categorical={"c": [texts[i] for i in order]},
        score=known.score[order],
    )


def test_the_order_of_rows_changes_nothing() -> None:
    """To the last bit."""
    spec = read_spec(SPEC)
    assert build_profile(spec, shuffled(table()), MADE_BY) == build_profile(spec, table(), MADE_BY)


def evidence(*, scored: bool = True, old: bool = False) -> list[dict[str, Any]]:
    """Of a trigger of a minute in which y moved more than x."""
    spec = read_spec(SPEC)
    profile = build_profile(spec, table(scored=scored), MADE_BY)
    if old:
        profile = msgspec.structs.replace(profile, score_by_cell={})
    rng = np.random.default_rng(2)
    events = []
    for i in range(600):
        features = {"x": float(rng.normal() + 1.0), "y": float(rng.normal() + 1.5), "c": "a"}
        events.append(an_event(i, START + i * 100, features=features, score=0.5))
    model = build_model(spec, decode_profile(encode_profile(profile)))
    logs = logs_of(events, 1)
    logs.append(type(logs[0])("predictions", 0, [600], [-1], [None], [beat(START + 3 * MINUTE)]))
    out, _ = run([model], 1, logs)
    found: list[dict[str, Any]] = trees(out, "retraining-triggers")[0]["evidence"]
    return found


def test_what_moves_the_score_comes_first() -> None:
    """First x, though y moved more and is called five times as important; the effect is told,
    with its sign."""
    ranked = evidence()
    assert [row["feature"] for row in ranked if row["feature"] != "c"] == ["x", "y"]
    effects = {row["feature"]: row["score_effect"] for row in ranked}
    assert effects["x"] > 0.5
    assert abs(effects["y"]) < 0.1


@pytest.mark.parametrize("how", [{"scored": False}, {"old": True}])
def test_without_effects_the_order_is_that_of_psi_and_importance(how: dict[str, bool]) -> None:
    """A table without scores, and a profile of before: as it was, and the profile's hash too."""
    ranked = evidence(**how)
    assert [row["feature"] for row in ranked if row["feature"] != "c"] == ["y", "x"]
    assert all("score_effect" not in row for row in ranked)
