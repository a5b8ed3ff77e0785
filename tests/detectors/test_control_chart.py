"""Control charts signal as often as they say without drift, soon with it, never for the better."""

from __future__ import annotations

import json
import math
from collections import Counter

import numpy as np
import pytest

from detectors.contract import ForeignSnapshotError
from detectors.control_chart import (
    RECENT_WINDOWS,
    SCORE_CLIP,
    ChartPoint,
    ChartState,
    Params,
    advanced,
    ewma_limit,
    mean_score,
    rate_error,
    rate_limits,
    restored,
    score_of_p_value,
)

DEFAULT = Params()


def run(scores: list[float], params: Params = DEFAULT) -> list[ChartPoint]:
    """The points of a series from its start."""
    state, points = ChartState(), []
    for score in scores:
        state, point = advanced(state, score, params)
        points.append(point)
    return points


def test_signals_are_as_rare_as_the_head_says() -> None:
    """60,000 seeded windows without drift; the average, which lingers, within a third."""
    found = Counter[str]()
    points = run(np.random.default_rng(3).normal(size=60_000).tolist())
    for point in points:
        found.update(point.signals)
        found["any"] += bool(point.signals)
    due = {
        "limit": 0.00135, "ewma": 0.00135, "two_of_three": 0.0010, "four_of_five": 0.0022,
        "eight_in_row": 0.0039, "any": 1 / 110,
    }  # fmt: skip
    for signal, chance in due.items():
        assert 0.67 <= found[signal] / 60_000 / chance <= 1.4, signal


@pytest.mark.parametrize(("shift", "windows_max"), [(1.0, 12.0), (2.0, 5.0), (4.0, 1.5)])
def test_a_lasting_shift_is_found_soon(shift: float, windows_max: float) -> None:
    """The mean wait over 100 seeded series, twenty quiet windows before."""
    rng = np.random.default_rng(5)
    waits = []
    for _ in range(100):
        points = run([*rng.normal(size=20).clip(-2, 2), *(rng.normal(size=60) + shift)])
        waits.append(next(at for at, one in enumerate(points[20:], 1) if one.alarm))
    assert np.mean(waits) <= windows_max


def test_an_improvement_never_signals() -> None:
    """Better and better, in every rule, for both directions."""
    for direction, rate in (("higher_is_worse", 0.01), ("lower_is_worse", 0.99)):
        scores = [
            mean_score(rate, 0.5, rate_error(0.5, trials), direction) for trials in range(20, 200)
        ]
        assert all(score < -3 for score in scores)
        assert not any(point.signals for point in run(scores))


def test_each_rule_by_hand() -> None:
    """The window that completes it signals, the one before does not, and nor does one too few."""
    assert run([3.01])[0].signals[:1] == ("limit",)
    assert "limit" not in run([3.0])[0].signals
    assert "two_of_three" in run([2.1, -1.0, 2.1])[2].signals
    assert "two_of_three" not in run([2.1, -1.0, -1.0, 2.1])[3].signals
    assert "four_of_five" in run([1.1, 1.1, -1.0, 1.1, 1.1])[4].signals
    assert "four_of_five" not in run([1.1, 1.1, 1.1, 1.1, -1.0])[4].signals
    row = run([0.1] * 8)
    assert [point.signals for point in row] == [()] * 7 + [("eight_in_row",)]
    assert not row[7].alarm
    assert run([0.1] * 8, Params(alarms=("eight_in_row",)))[7].alarm


def test_the_average_and_its_limit_by_hand() -> None:
    """E = w z + (1 - w) e; the limit tends to that of many windows."""
    points = run([1.0, -1.0, 2.0], Params(ewma_weight=0.5))
    assert [point.ewma for point in points] == [0.5, -0.25, 0.875]
    # Variance after two windows of weights 1/2 and 1/4.
    assert points[1].ewma_limit == pytest.approx(3 * math.sqrt(0.25 + 0.0625))
    assert ewma_limit(10**6, DEFAULT) == pytest.approx(1.0)
    assert math.isnan(ewma_limit(0, DEFAULT))


def test_wild_and_missing_windows() -> None:
    """Infinite is the limit at once and the clip in the average; no value changes nothing."""
    points = run([math.inf, 0.0])
    assert "limit" in points[0].signals
    assert points[0].ewma == pytest.approx(0.2 * SCORE_CLIP)
    assert not points[1].alarm or points[1].signals == ("ewma",)
    state, _ = advanced(ChartState(), 1.5, DEFAULT)
    after, point = advanced(state, math.nan, DEFAULT)
    assert after == state
    assert point.signals == ()
    assert not point.alarm
    assert run([-math.inf])[0].signals == ()


def test_limits_of_a_rate_grow_as_the_window_shrinks() -> None:
    """Three standard errors of its own size and of the reference's, wider when dispersed."""
    assert rate_error(0.1, 900) == pytest.approx(0.01)
    assert rate_limits(0.1, rate_error(0.1, 900), 3.0) == pytest.approx((0.07, 0.13))
    assert rate_error(0.1, 900, 900) == pytest.approx(0.01 * math.sqrt(2))
    assert rate_error(0.1, 900, dispersion=2.5) == pytest.approx(0.025)
    assert rate_limits(0.1, rate_error(0.1, 9), 3.0)[0] == 0.0
    assert math.isnan(rate_error(0.1, 0))
    assert math.isnan(mean_score(math.nan, 0.1, 0.1, "higher_is_worse"))
    assert mean_score(0.1, 0.0, rate_error(0.0, 10), "higher_is_worse") == math.inf
    assert mean_score(0.1, 0.0, 0.0, "lower_is_worse") == -math.inf
    assert mean_score(0.0, 0.0, 0.0, "lower_is_worse") == 0.0


def test_scores_of_p_values() -> None:
    """As rare as the p-value, finite at both ends."""
    assert score_of_p_value(0.00134989803) == pytest.approx(3.0)
    assert score_of_p_value(0.5) == pytest.approx(0.0)
    assert score_of_p_value(0.0) == pytest.approx(4.7534, abs=1e-3) == -score_of_p_value(1.0)


def test_a_snapshot_continues_exactly() -> None:
    """Through JSON, after any number of windows; the state stays small."""
    scores = np.random.default_rng(1).normal(size=40).tolist()
    whole = run(scores)
    state = ChartState()
    for at, score in enumerate(scores):
        state = restored(json.loads(json.dumps(state.snapshot())))
        state, point = advanced(state, score, DEFAULT)
        assert point == whole[at]
        assert len(state.recent) == min(at + 1, RECENT_WINDOWS)


@pytest.mark.parametrize(
    "snapshot",
    [
        None, {}, [], [1, 2, 3], [2, 0, 0.0, []], [1, 1, 0.0, []], [1, 1, 0.0, ["1"]],
        [1, 1, math.nan, [0.0]], [1, 1, 0.0, [7.0]], [1, 1, 0.0, [math.nan]], [1, -1, 0.0, []],
        [1, 1, 9.0, [0.0]], [1, 10**400, 0.0, [0.0] * 8], "abcd",
    ],
)  # fmt: skip
def test_damaged_and_foreign_snapshots_are_refused(snapshot: object) -> None:
    """Never restored by halves."""
    with pytest.raises(ForeignSnapshotError, match="control chart"):
        restored(snapshot)


def test_settings_that_mean_nothing_are_refused() -> None:
    """Limits, weights, signals, shares, errors and directions."""
    for wrong in (
        {"sigmas": 0.0}, {"ewma_sigmas": math.inf}, {"ewma_weight": 0.0}, {"ewma_weight": 1.1},
        {"alarms": ("often",)},
    ):  # fmt: skip
        with pytest.raises(ValueError, match="control chart"):
            Params(**wrong)
    for arguments in ((1.1, 5), (0.1, -1), (0.1, 5, 0.0), (0.1, 5, 5, 0.5)):
        with pytest.raises(ValueError, match="control chart"):
            rate_error(*arguments)
    with pytest.raises(ValueError, match="direction"):
        mean_score(0.1, 0.1, 0.1, "worse")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="negative"):
        mean_score(0.1, 0.1, -0.1, "lower_is_worse")
