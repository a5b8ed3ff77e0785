"""Measuring a whole window of one model: every feature and the score against their reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from detectors.discovery import statistics
from engine.business import business
from engine.class_shares import class_shares
from engine.discoveries import discovery_alpha
from engine.estimating import Estimating
from engine.judgement import AlarmCount, Judged, holds_back
from engine.layout import Layout
from engine.levels import comparison_share, significance
from engine.measuring import Bands, Comparer, Verdict
from engine.model import MonitoredModel
from engine.own_blocks import MIN_BLOCK_EVENTS
from engine.panes import Counts
from engine.positive_rate import positive_rate, score_moments
from engine.profile import Profile
from engine.quality import Quality, QualityChecks
from engine.spec import Spec, WindowRule
from engine.windows import WindowRing


class WindowJudging:
    """Measures windows of one model."""

    def __init__(self, model: MonitoredModel) -> None:
        self._model = model
        self._estimating = Estimating(model)
        found = statistics()
        params = statistic_params(model.spec)
        profile, layout = model.profile, model.layout
        least = least_values(profile)
        self._features = [
            Comparer(layout.column(f.name), profile.features[f.name], found, params, least=least)
            for f in model.spec.features
        ]
        self._score = None
        if layout.score is not None and profile.score is not None:
            self._score = Comparer(layout.score, profile.score, found, params, least=least)
        self._classes = None
        if layout.classes is not None and profile.classes is not None:
            self._classes = Comparer(
                layout.classes, profile.classes.shares, found, params, least=least
            )
        rules = model.spec.quality
        self._checks = None if rules is None else QualityChecks(model, rules)
        self._bands = {
            window.name: Bands(
                model.spec.psi_watch, model.spec.psi_drift, comparison_share(model.spec, window)
            )
            for window in model.spec.windows
        }
        self._alphas = {w.name: significance(model.spec, w) for w in model.spec.windows}

    def judge(
        self,
        window: WindowRule,
        end_ms: int,
        revision: int,
        counts: Counts,
        slices: Counts,
        alarms: Mapping[str, Mapping[str, AlarmCount]],
        first_event_ms: int,
    ) -> Judged:
        """Judge one window's counts."""
        bands = self._bands[window.name]
        verdicts = tuple(
            comparer.verdict(counts, slices, window.name, bands) for comparer in self._features
        )
        score = None
        if self._score is not None:
            score = self._score.verdict(counts, slices, window.name, bands)
        model, alpha = self._model, self._alphas[window.name]
        classes = None
        if self._classes is not None:
            verdict = self._classes.verdict(counts, slices, window.name, bands)
            classes = class_shares(model, verdict, window.name, alpha)
        quality = None
        if self._checks is not None:
            stale = {
                name: found["stale"].count for name, found in alarms.items() if "stale" in found
            }
            quality = self._checks.check(counts, window.name, stale, alpha)
        discovered = self._discovered(verdicts, quality, bands.alpha)
        if discovered > bands.alpha:
            verdicts = tuple(verdict.at(discovered) for verdict in verdicts)
        return Judged(
            self._model,
            window,
            end_ms,
            revision,
            counts,
            verdicts,
            score,
            alpha,
            alarms,
            first_event_ms,
            quality,
            positive_rate(model, counts, window.name, alpha),
            score_moments(model, counts, window.name),
            business(model, counts, alpha),
            self._estimating.estimate(counts),
            classes,
            self._estimating.usual,
            discovered=discovered,
        )

    def _discovered(
        self, verdicts: Sequence[Verdict], quality: Quality | None, alpha: float
    ) -> float:
        """Up to which p-value the features of this window are called moved."""
        sound = [
            verdict.chance
            for verdict in verdicts
            if verdict.chance is not None
            and not holds_back(quality, self._model.ancestors, verdict.name)
        ]
        return discovery_alpha(sound, alpha)


def least_values(profile: Profile) -> int:
    """Values that a window needs to be called moved: where the reference has times, as many as its
    own blocks had, for fewer it says nothing of what hangs together (five flights in five minutes
    share one hour and one reading of the weather).  Without times values are taken as independent,
    and the tests are exact however few there are."""
    return 0 if profile.made_by.start_ms is None else MIN_BLOCK_EVENTS


def statistic_params(spec: Spec) -> dict[str, Any]:
    """Parameters of every discovered statistic; those that smooth take the spec's pseudo-count."""
    params = {}
    for name, module in statistics().items():
        default = module.Params()
        smooths = hasattr(default, "pseudo_count")
        params[name] = replace(default, pseudo_count=spec.pseudo_count) if smooths else default
    return params


def alarms_in(
    layout: Layout, ring: WindowRing, counts: Counts, end_ms: int, *, amended: bool
) -> dict[str, dict[str, AlarmCount]]:
    """Alarms of the window that ends at ``end_ms``, by feature and estimator."""
    alarms: dict[str, dict[str, AlarmCount]] = {}
    for name, first_cell in layout.alarms.items():
        for cell, column in enumerate(layout.numeric, first_cell):
            count = int(counts[cell])
            since = ring.first_with(cell, end_ms, amended=amended) if count else None
            alarms.setdefault(column.name, {})[name] = AlarmCount(count, since)
    return alarms
