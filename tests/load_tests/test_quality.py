"""The detection-quality harness: its arithmetic, its streams, and that it can say no."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from detectors.contract import Alarms, FloatArray
from load_tests.quality import alarming
from load_tests.quality.__main__ import measure_all
from load_tests.quality.alarming import (
    WINDOW_ROWS,
    StatisticAlarms,
    estimator_alarms,
    with_baselines,
)
from load_tests.quality.cells import Plan, cells_of, measure
from load_tests.quality.columns import Columns
from load_tests.quality.injections import (
    KINDS,
    MEDIUM_KINDS,
    MEDIUM_PSI,
    MEDIUM_TOLERANCE,
    inject,
    medium_shares,
    named_features,
)
from load_tests.quality.real_data import DATASETS, real_data
from load_tests.quality.results import resumed, save
from load_tests.quality.river_streams import from_after, river_stream
from load_tests.quality.scoring import Score, score, together

SMALL = Plan(seeds=1, months=0, rows=3_000, warm_rows=500, datasets=(), families=("Sine",))
ROWS, CHANGE = 4_000, 2_000


@pytest.mark.parametrize(
    ("alarms", "expected"),
    [
        ([], Score(0, 1_000, 2, [])),
        ([10, 999], Score(2, 1_000, 2, [])),
        ([1_000, 1_500, 1_999], Score(0, 1_000, 2, [0])),
        ([3_100, 1_200], Score(0, 1_000, 2, [200, 100])),
        ([2_500], Score(0, 1_000, 2, [])),
    ],
)
def test_alarms_are_false_before_the_first_change_and_late_after_it(
    alarms: list[int], expected: Score
) -> None:
    """Two changes, of which the first ends before the second begins."""
    assert score(alarms, 4_000, (1_000, 3_000), (2_000, 4_000)) == expected


def test_sums_rates_and_intervals() -> None:
    """Rates per 100,000 with the exact Poisson interval; nothing measured is no number."""
    total = together([Score(3, 50_000, 2, [10]), Score(7, 50_000, 1, [30]), Score(0, 0, 1, [])])
    assert total == Score(10, 100_000, 4, [10, 30])
    assert (total.missed, total.false_rate, total.median_delay()) == (2, 10.0, 20.0)
    assert total.false_rate_interval() == pytest.approx((4.795, 18.390), abs=1e-3)
    assert Score(0, 100_000).false_rate_interval() == pytest.approx((0.0, 3.689), abs=1e-3)
    nothing = Score()
    figures = (nothing.false_rate, nothing.median_delay(), *nothing.false_rate_interval())
    assert np.isnan(figures).all()


def test_always_is_never_late_and_never_is_never_wrong() -> None:
    """The two ends that every detector lies between."""
    found = with_baselines({}, ROWS, 1)
    always, never = (score(found[n], ROWS, (CHANGE,), (ROWS,)) for n in ("always", "never"))
    assert (always.false_rate, always.delays) == (100_000.0, [0])
    assert (never.false_rate, never.missed) == (0.0, 1)


def test_changes_come_where_they_are_said_to() -> None:
    """Rows from the second concept, by kind of change."""
    random = np.random.default_rng(1)
    tenths = {
        "stationary": [0] * 10,
        "sudden": [0] * 5 + [1] * 5,
        "gradual": [0] * 5 + [0.5] + [1] * 4,
        "recurring": [0, 0, 1, 1, 0, 0, 1, 1, 0, 0],
    }
    for kind, shares in tenths.items():
        rows = from_after(kind, 10_000, random)  # type: ignore[arg-type]
        assert rows.reshape(10, -1).mean(axis=1) == pytest.approx(shares, abs=0.05)
    stream = Columns(
        np.empty((0, 50)),
        np.empty((0, 50), np.int32),
        np.zeros(50),
        (10, 20, 30, 40),
        (10, 30),
        frozenset(("features",)),
    )
    away = stream.changes_of("features", from_reference=True)
    assert (away, stream.ends_of(away)) == ((10, 30), (20, 40))
    assert stream.changes_of("losses", from_reference=False) == ()


@pytest.mark.parametrize(("family", "moves"), [("Sine", False), ("RandomRBF", True)])
def test_a_change_of_concept_costs_the_model_and_may_leave_the_features(
    family: str,
    moves: bool,  # noqa: FBT001 - a column of the table above
) -> None:
    """Losses rise at the change; features move only where the stream says so."""
    _, stream = river_stream(family, "sudden", 1, 4_000, 2_000)
    before, after = stream.losses[1_000:2_000].mean(), stream.losses[2_000:2_500].mean()
    assert after > 1.25 * before
    spread = stream.numeric[:, :2_000].std(axis=1)
    gap = (stream.numeric[:, 2_000:].mean(axis=1) - stream.numeric[:, :2_000].mean(axis=1)) / spread
    assert bool(np.abs(gap).max() > 0.1) is moves
    assert ("features" in stream.moves) is moves
    again = river_stream(family, "sudden", 1, 4_000, 2_000)[1]
    assert np.array_equal(again.numeric, stream.numeric)
    assert np.array_equal(again.losses, stream.losses)


@dataclass(frozen=True)
class NoParams:
    """Of a detector made up here."""


class OneRise:
    """Alarms once upwards and once downwards."""

    def advance(self, columns: FloatArray) -> Alarms:
        assert columns.shape[1] > 9
        rows = np.array([5, 9])
        means = np.array([0.1, 0.5])
        return Alarms(np.zeros(2, np.int64), rows, rows, means, means[::-1].copy())

    def snapshot(self) -> bytes:
        return b""


def test_estimators_are_found_by_discovery_and_run_on_what_they_watch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One over losses alone is not run on features, one that does not say runs on both; over losses
    an alarm whose mean fell is no news."""
    said = {"Params": NoParams, "build": lambda _params, _streams: OneRise()}
    made_up = {
        "losses_only": SimpleNamespace(**said, WATCHES=("losses",)),
        "either": SimpleNamespace(**said),
    }
    monkeypatch.setattr(alarming, "estimators", lambda: made_up)
    stream = Columns(np.zeros((2, 20)), np.empty((0, 20), np.int32), np.zeros(20))
    assert estimator_alarms(stream, "features") == {"either": [5, 9]}
    assert estimator_alarms(stream, "losses") == {"losses_only": [5], "either": [5]}


@pytest.mark.parametrize("table", DATASETS)
@pytest.mark.parametrize("kind", list(KINDS))
def test_an_injection_changes_what_it_names_and_nothing_else(table: str, kind: str) -> None:
    """From the row on, the named features or the losses; the rest keeps its values."""
    data = real_data(table)
    still = data.drawn(ROWS, 1)
    changed = inject(data, still, kind, 0.4, CHANGE, 1)
    layout = data.model.layout
    named = set(named_features(data, kind))
    for columns, before, after in (
        (layout.numeric, still.numeric, changed.numeric),
        (layout.categorical, still.codes, changed.codes),
    ):
        for column, old, new in zip(columns, before, after, strict=True):
            assert np.array_equal(old[:CHANGE], new[:CHANGE], equal_nan=True)
            same = np.array_equal(old[CHANGE:], new[CHANGE:], equal_nan=True)
            assert same is (column.name not in named), column.name
    known = np.isfinite(still.losses)
    flipped = (still.losses != changed.losses)[known][CHANGE:].mean()
    assert flipped == (pytest.approx(0.4, abs=0.05) if kind == "flip" else 0.0)
    assert changed.moves == {"losses" if kind == "flip" else "features"}


@pytest.mark.parametrize("table", DATASETS)
@pytest.mark.parametrize("kind", MEDIUM_KINDS)
def test_medium_is_the_same_for_every_kind(table: str, kind: str) -> None:
    """PSI 0.25 +- 0.02 on each named feature, from the reference alone."""
    found = medium_shares(real_data(table), kind)
    assert set(found) == set(named_features(real_data(table), kind))
    assert all(abs(psi - MEDIUM_PSI) <= MEDIUM_TOLERANCE for _, psi in found.values())
    assert all(0.0 < share < 1.0 for share, _ in found.values())


def test_statistics_alarm_at_a_change_and_seldom_without() -> None:
    """Every statistic that applies finds a large shift at once; on still rows hardly any window
    alarms."""
    data = real_data("flights")
    still = data.drawn(10 * WINDOW_ROWS, 2)
    alarms = StatisticAlarms(data.model, still, 2)
    assert all(len(rows) <= 1 for rows in alarms.alarms(still).values())
    lost = alarms.alarms(inject(data, still, "missing", 0.8, 5 * WINDOW_ROWS, 2))
    assert all(len(rows) <= 1 for rows in lost.values())
    shifted = alarms.alarms(inject(data, still, "shift", 0.8, 5 * WINDOW_ROWS, 2))
    late = list(range(6 * WINDOW_ROWS - 1, 10 * WINDOW_ROWS, WINDOW_ROWS))
    for name in ("psi", "ks", "wasserstein", "jensen_shannon", "chi_square", "levels"):
        assert set(late) <= set(shifted[name]), name


def test_a_run_that_was_stopped_goes_on_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    """Cells that are there are not measured again; a plan of other rows begins anew."""
    whole, stopped = tmp_path / "whole.json", tmp_path / "stopped.json"
    quiet = Console(quiet=True)
    measure_all(resumed(whole, SMALL), whole, quiet)
    partly = resumed(stopped, SMALL)
    cells = list(cells_of(SMALL))
    partly.cells = {"/".join(c): r for c, r in zip(cells, [measure(cells[0], SMALL)], strict=False)}
    save(stopped, partly)
    assert len(resumed(stopped, SMALL).lacking()) == len(cells) - 1 == 3
    measure_all(resumed(stopped, SMALL), stopped, quiet)
    assert stopped.read_bytes() == whole.read_bytes()
    assert resumed(whole, SMALL).lacking() == []
    assert len(resumed(whole, Plan(rows=9_000)).cells) == 0
    stopped.write_bytes(b"{")
    assert resumed(stopped, SMALL).cells == {}
