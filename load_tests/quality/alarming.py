"""Which rows each discovered detector alarms at, beside one that always and one that never does.

Rule.  Estimators run as they are built by default, over the columns that they watch: features as
they come, or losses.  Over losses only a rise is news, so an alarm whose mean fell does not count.

A statistic compares windows with the reference.  It alarms at the last row of a window when, on any
feature that it applies to, its p-value is at most ALPHA over the number of those features; one
without a p-value when its largest value over the features, each in units of the noise of its own
counts, is above the (1 - ALPHA) quantile of
what pairs of windows and references drawn from the reference's counts give.  ``levels`` is what the
judge says: DRIFT on any feature.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import Final

import numpy as np

from detectors.contract import Bank
from detectors.discovery import estimators, statistics
from engine.judgement import Judged
from engine.measuring import Verdict
from engine.model import MonitoredModel
from engine.window_judging import statistic_params
from load_tests.quality.columns import Columns, Watched
from load_tests.quality.measured import measured_windows

WINDOW_ROWS: Final = 1_000
ALPHA: Final = 0.01
"""False alarms per window that a statistic may have."""
NULL_WINDOWS: Final = 400
ALWAYS, NEVER, LEVELS = "always", "never", "levels"
BOTH: Final[tuple[Watched, ...]] = ("features", "losses")


def watched_by(module: ModuleType) -> tuple[Watched, ...]:
    """What the columns of an estimator may be; one that does not say takes any."""
    found: tuple[Watched, ...] = getattr(module, "WATCHES", BOTH)
    return found


def estimator_alarms(columns: Columns, watched: Watched) -> dict[str, list[int]]:
    """Estimator -> rows of its alarms on any column, ascending and each once."""
    rows = columns.numeric if watched == "features" else columns.losses[np.newaxis]
    found: dict[str, list[int]] = {}
    for name, module in estimators().items():
        if watched not in watched_by(module):
            continue
        bank: Bank = module.build(module.Params(), len(rows))
        alarms = bank.advance(rows)
        news = (
            alarms.after > alarms.before
            if watched == "losses"
            else np.full(len(alarms.rows), fill_value=True)
        )
        found[name] = sorted(set(alarms.rows[news].tolist()))
    return found


class StatisticAlarms:
    """The statistics over one model, with what their values without a p-value mean."""

    def __init__(self, model: MonitoredModel, columns: Columns, seed: int) -> None:
        """``columns`` are any rows of the model: only the shape of its windows is taken."""
        self._model = model
        first = next(measured_windows(model, columns, WINDOW_ROWS))
        self._bounds = null_bounds(first, model, seed)

    def alarms(self, columns: Columns) -> dict[str, list[int]]:
        """Statistic, and LEVELS -> last rows of the windows that alarm."""
        found: dict[str, list[int]] = {name: [] for name in (*statistics(), LEVELS)}
        for number, judged in enumerate(measured_windows(self._model, columns, WINDOW_ROWS)):
            row = (number + 1) * WINDOW_ROWS - 1
            if any(verdict.level == "DRIFT" for verdict in judged.verdicts):
                found[LEVELS].append(row)
            for name in statistics():
                if self._fires(name, judged.verdicts):
                    found[name].append(row)
        return found

    def _fires(self, name: str, verdicts: tuple[Verdict, ...]) -> bool:
        measures = [v.measures[name] for v in verdicts if name in v.measures]
        bound = self._bounds.get(name)
        if bound is not None:
            scaled = (
                _on_one_scale(v, v.measures[name].value) for v in verdicts if name in v.measures
            )
            return max(scaled, default=0.0) > bound
        told = [m.p_value for m in measures if m.p_value is not None]
        return min(told, default=1.0) <= ALPHA / max(1, len(told))


def _on_one_scale(verdict: Verdict, value: float) -> float:
    """A distance over what noise is worth at these counts: sqrt(1/n + 1/m)."""
    n, m = float(verdict.sample.actual.sum()), float(verdict.sample.expected.sum())
    return value * math.sqrt(n * m / (n + m)) if n and m else 0.0


def null_bounds(judged: Judged, model: MonitoredModel, seed: int) -> dict[str, float]:
    """Statistic without a p-value -> its largest value over the features, on one scale, that
    1 - ALPHA of the windows drawn from the reference's own counts stay below."""
    random, params = np.random.default_rng([seed, 17]), statistic_params(model.spec)
    found: dict[str, float] = {}
    for name, module in statistics().items():
        measured = [v for v in judged.verdicts if name in v.measures]
        if not measured or measured[0].measures[name].p_value is not None:
            continue
        largest = np.zeros(NULL_WINDOWS)
        for verdict in measured:
            sample = verdict.sample
            shares = sample.expected / sample.expected.sum()
            for turn in range(NULL_WINDOWS):
                # The reference is a sample too: both sides are drawn.
                known = random.multinomial(int(sample.expected.sum()), shares).astype(np.float64)
                drawn = random.multinomial(max(1, verdict.events), shares)
                pair = replace(sample, expected=known, actual=drawn)
                value = module.measure(pair, params[name]).value
                largest[turn] = max(largest[turn], _on_one_scale(verdict, value))
        found[name] = float(np.quantile(largest, 1.0 - ALPHA))
    return found


def with_baselines(found: Mapping[str, list[int]], rows: int, step: int) -> dict[str, list[int]]:
    """The same beside ALWAYS, which alarms whenever it may, and NEVER."""
    return {**found, ALWAYS: list(range(step - 1, rows, step)), NEVER: []}
