"""From numbers to levels: floors, significance, own blocks, seasons, the worked table."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest
from scipy.stats import chi2

from detectors.contract import P_VALUE_FLOOR
from engine.levels import MAX_SIGNIFICANCE, feature_level, noise, significance, worst
from engine.model import MonitoredModel
from engine.reference_table import ReferenceTable
from engine.spec_reading import read_spec
from tests.engine.models import (
    HOUR,
    MINUTE,
    START,
    batch,
    beat,
    event,
    model_of,
    raw,
    run,
    spec_text,
    trees,
)
from tests.engine.reference_tables import MONDAY

EXPECTED = (0.08, 0.15, 0.30, 0.25, 0.15, 0.07)
ACTUAL = (0.05, 0.10, 0.22, 0.28, 0.22, 0.13)
WORKED = sum((a - e) * np.log(a / e) for a, e in zip(ACTUAL, EXPECTED, strict=True))


def level(**numbers: float) -> str:
    """The level of one comparison; what is not said is large, significant and quiet."""
    usual = {"p_value": 1e-6, "noise_psi": 0.01, "alpha": 1e-3, "watch": 0.1, "drift": 0.2}
    return feature_level(**{**usual, **numbers})


def test_a_level_needs_an_effect_and_significance() -> None:
    """Up to 0.10 STABLE, up to 0.20 WATCH, beyond DRIFT; without significance never above STABLE,
    and UNKNOWN where noise alone could reach the lower band."""
    assert level(corrected=0.1) == "STABLE"
    assert level(corrected=0.1001) == level(corrected=0.2) == "WATCH"
    assert level(corrected=0.2001) == "DRIFT"
    assert level(corrected=5.0, p_value=1.1e-3) == "STABLE"
    assert level(corrected=5.0, p_value=1e-3) == "DRIFT"
    assert level(corrected=5.0, p_value=0.01, noise_psi=0.11) == "UNKNOWN"
    assert level(corrected=0.0, p_value=1e-6, noise_psi=0.5) == "STABLE"
    assert level(corrected=0.25, watch=0.3, drift=0.3) == "STABLE"


def test_the_budget_is_shared_by_all_comparisons() -> None:
    """False pages allowed, over features and score, disjoint windows of the period and window
    lengths; never below the floor of p-values, never above five per cent."""
    spec = read_spec(spec_text(budget="{false_pages: 2, per: 1d}"))
    minute, five = spec.windows
    assert significance(spec, minute) == pytest.approx(2 / (1440 * 4 * 2 * 2))
    assert significance(spec, five) == pytest.approx(2 / (288 * 4 * 2 * 2))
    strict = read_spec(spec_text(budget="{false_pages: 0.000001, per: 90d}"))
    assert significance(strict, strict.windows[0]) == P_VALUE_FLOOR
    generous = read_spec(spec_text(budget="{false_pages: 10000, per: 1d}"))
    assert significance(generous, generous.windows[0]) == MAX_SIGNIFICANCE


def test_noise_is_what_chance_reaches() -> None:
    """The quantile of the null law of PSI: chi-square of B - 1 over n."""
    assert noise(0.01, 6, 250.0) == pytest.approx(chi2.isf(0.01, 5) / 250)


def test_the_worst_level_counts() -> None:
    """UNKNOWN is below STABLE: it is no alarm."""
    assert worst([]) == "UNKNOWN"
    assert worst(["UNKNOWN", "STABLE"]) == "STABLE"
    assert worst(["DRIFT", "WATCH", "UNKNOWN"]) == "DRIFT"


def last_judgement(
    model: MonitoredModel, values: list[bytes], window: str, end_ms: int
) -> dict[str, Any]:
    """The judgement of the window that ends at ``end_ms``."""
    out, _ = run([model], 1, [batch([*values, beat(end_ms + HOUR)])])
    text = [j for j in trees(out, "judgements") if j["window"] == window and j["revision"] == 0]
    stamp = f"{np.datetime64(end_ms, 'ms').astype('datetime64[s]')}Z"
    return next(j for j in text if j["end"] == stamp)


def test_a_small_window_is_unknown() -> None:
    """Five events tell nothing: every feature is UNKNOWN, and so is the window."""
    spread = [
        (-1.2, 0.1, "a"),
        (0.8, -0.3, "b"),
        (0.2, 1.5, "c"),
        (-0.4, -1.1, "d"),
        (1.7, 0.6, "a"),
    ]
    values = [
        raw(i, START + i, features=dict(zip("xyc", row, strict=True)), score=0.1 + i / 6)
        for i, row in enumerate(spread)
    ]
    found = last_judgement(model_of(), values, "1m", START + MINUTE)
    assert found["level"] == found["data"]["level"] == "UNKNOWN"
    assert {f["level"] for f in found["features"].values()} == {"UNKNOWN"}


def test_an_empty_window_is_unknown_and_has_no_numbers() -> None:
    """No data is not "no drift": statistics that do not exist are absent, never zero."""
    values = [raw(1, START)]
    found = last_judgement(model_of(), values, "1m", START + 2 * MINUTE)
    assert found["events"] == 0
    assert found["level"] == "UNKNOWN"
    x = found["features"]["x"]
    assert not {"psi", "psi_p_value", "ks", "wasserstein", "mean"} & set(x)
    assert "prediction" not in found
    assert "operations" not in found


@pytest.mark.parametrize("kind", ["numeric", "categorical"])
def test_the_credit_score_table(kind: str) -> None:
    """The worked example of the field, expected .08 .15 .30 .25 .15 .07 against actual .05 .10 .22
    .28 .22 .13, gives PSI 0.1265 through profile, tally, panes, window and judgement: WATCH."""
    table = np.repeat(np.arange(6), (np.array(EXPECTED) * 100_000).round().astype(int))
    actual = np.repeat(np.arange(6), (np.array(ACTUAL) * 20_000).round().astype(int))
    line = "{type: numeric, bins: 20}" if kind == "numeric" else "{type: categorical}"
    text = spec_text(
        windows="[5m]",
        features=f"{{s: {line}}}",
        estimators="{}",
        psi="{pseudo_count: 0.001}",
        retraining="{rules: {}}",
    )
    reference = ReferenceTable(
        rows=len(table),
        numeric={"s": table.astype(np.float64)} if kind == "numeric" else {},
        categorical={"s": table.astype(str).tolist()} if kind == "categorical" else {},
    )
    values = [
        orjson.dumps(event(i, START + i * 10, features={"s": value}))
        for i, value in enumerate(actual.tolist())
    ]
    found = last_judgement(model_of(text, reference), values, "5m", START + 5 * MINUTE)
    score = found["features"]["s"]
    assert score["events"] == 20_000
    assert round(score["psi"], 4) == round(float(WORKED), 4) == 0.1265
    assert score["psi_bias"] == pytest.approx(5 * (1 / 20_000 + 1 / 100_000))
    assert score["psi_corrected"] == pytest.approx(score["psi"] - score["psi_bias"])
    assert score["level"] == "WATCH"
    shares = sorted((round(b["expected"], 2), round(b["actual"], 2)) for b in score["bins"])
    assert shares == sorted(zip(EXPECTED, ACTUAL, strict=True))
    assert sum(b["contribution"] for b in score["bins"]) == pytest.approx(score["psi"])


def swinging(days: int) -> ReferenceTable:
    """Two events a minute whose x follows the hour of the day."""
    rows = days * 24 * 120
    ts_ms = MONDAY + np.arange(rows, dtype=np.int64) * 30_000
    noise_ = np.random.default_rng(5).normal(size=rows)
    hour = ts_ms // HOUR % 24
    return ReferenceTable(
        rows=rows, numeric={"x": noise_ * 0.3 + hour}, categorical={}, ts_ms=ts_ms
    )


def hour_of_events(level_: float) -> list[bytes]:
    """Two events a minute for an hour from START, 10 o'clock."""
    random = np.random.default_rng(6)
    return [
        raw(i, START + i * 30_000, features={"x": level_ + 0.3 * float(random.normal())})
        for i in range(120)
    ]


def hourly(table: ReferenceTable, **more: str) -> MonitoredModel:
    """One numeric feature in windows of an hour."""
    text = spec_text(
        windows="[1h]", features="{x: {type: numeric}}", retraining="{rules: {}}", **more
    )
    return model_of(text, table)


def test_a_feature_that_swings_in_training_has_not_drifted() -> None:
    """Each hour of the training days is far from their whole, so an hour like them is no drift when
    the profile knows its own blocks, and DRIFT when it had no times to know them from."""
    table = swinging(3)
    timeless = ReferenceTable(rows=table.rows, numeric=table.numeric, categorical={})
    values, end = hour_of_events(10.0), START + HOUR
    naive = last_judgement(hourly(timeless), values, "1h", end)["features"]["x"]
    known = last_judgement(hourly(table), values, "1h", end)["features"]["x"]
    assert naive["psi"] == known["psi"] > 1.0
    assert naive["level"] == "DRIFT"
    assert known["level"] in ("STABLE", "UNKNOWN")
    assert naive["psi_threshold"] == 0.2
    assert known["psi_threshold"] == hourly(table).profile.features["x"].own["1h"].q99 > 1.0


def test_a_season_compares_like_with_like() -> None:
    """With ``season: hour`` ten o'clock is held against ten o'clock: its usual level is near, the
    level of another hour is drift although the day as a whole holds it."""
    model = hourly(swinging(3), season="hour")
    end = START + HOUR
    usual = last_judgement(model, hour_of_events(10.0), "1h", end)["features"]["x"]
    moved = last_judgement(model, hour_of_events(17.0), "1h", end)["features"]["x"]
    assert abs(usual["psi_corrected"]) < 0.1
    assert usual["level"] != "DRIFT"
    assert moved["psi"] > 2.0
    assert moved["level"] == "DRIFT"


def test_bins_are_told_of_moved_features_only_and_never_a_sensitive_category() -> None:
    """A sensitive feature's categories are numbered in judgements; STABLE features have no bins."""
    text = spec_text(features="{x: {type: numeric}, c: {type: categorical, sensitive: true}}")
    random = np.random.default_rng(7)
    values = [
        raw(i, START + i * 100, features={"x": float(random.normal()), "c": "d"})
        for i in range(600)
    ]
    found = last_judgement(model_of(text), values, "1m", START + MINUTE)["features"]
    assert found["c"]["level"] == "DRIFT"
    names = {b["bin"] for b in found["c"]["bins"]}
    assert names == {"category 0", "category 1", "category 2", "category 3"}
    assert found["x"]["level"] == "STABLE"
    assert "bins" not in found["x"]
