"""Judging the losses of a window of performance: who alarmed, how it changed, and of what kind.

Rule.  Of each loss: its mean beside the reference's, with an interval as long as the levels of
performance make theirs; the alarms of each estimator, counted in the window's own cells, with their
places as long as these are remembered (:mod:`engine.alarm_memory`); and where it rose lately, the
name of the change (:mod:`engine.loss_history`).  Of the window: whether other events came or the
same ones are judged worse (:mod:`engine.concept_shift`).

Estimators *agree* on a loss when two alarmed over it in one of the last ``of_last`` windows, this
one included, or one did and the loss is significantly worse than the reference's: every estimator
alarms now and then without any change (docs/estimators.md).  A loss is *elevated* when its mean is
above the reference's by more than a tenth of that, and by ELEVATED standard errors or more, as the
reference's own blocks show them.  It is held to have risen when it is elevated and estimators agree
on it, or when it is elevated and was held so in the window before: an alarm comes once, and the
rise that it found lasts.  Without a reference two must alarm in the window itself.  While the
labels of a window are not all, as where only positives are reported early, only the losses of one
class are held.

An alarm is latched: the window in which it lies tells it whenever it is judged, and the newest one
is told after that.  Only the plane by arrival has losses: they are fed in the order in which the
labels came.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isnan, nan, sqrt
from typing import Final

import numpy as np
from scipy.special import ndtri

from detectors.intervals import ABSENT, Estimate, normal_quantile
from engine.alarm_memory import AlarmMemory, KeptAlarm
from engine.concept_shift import Shift, shift_of
from engine.levels import significance
from engine.loss_alarms import AlarmCells
from engine.loss_history import (
    LossHistory,
    LossPoint,
    NamedShape,
    WindowPoint,
    history_of,
    named_shape,
    note_window,
    points_before,
)
from engine.losses import LOSSES, Loss, MeanLoss, mean_losses
from engine.model import MonitoredModel
from engine.panes import Counts
from engine.performance import difference
from engine.performance_layout import PerformanceLayout
from engine.performance_levels import WORSE_BY_RATIO, PerformanceLevels, stretched
from engine.spec import WindowRule
from engine.windows import WindowRing

MAX_PLACES_TOLD: Final = 10
"""Alarms of an estimator that a judgement tells with their places."""
LEAST_AGREEING: Final = 2
ELEVATED: Final = 1.645
"""Standard errors: one window in twenty is so far above by chance."""
MIN_LOSSES: Final = 100
"""Labels below which nothing is compared, where the spec does not say."""
_USUAL: Final = normal_quantile(0.95)


@dataclass(frozen=True, slots=True)
class Watched:
    """What one estimator says of one loss in a window."""

    estimator: str
    alarms: int
    improvements: int
    since_ms: int | None
    """Start of the first pane with an alarm."""
    places: tuple[KeptAlarm, ...]
    """The newest alarms of the window, at most MAX_PLACES_TOLD."""
    last: KeptAlarm | None
    """The newest alarm up to the window's end, in it or before it."""


@dataclass(frozen=True, slots=True)
class LossVerdict:
    """One loss of a window."""

    name: str
    found: MeanLoss
    baseline: float
    """NaN where the reference has none."""
    worse: Estimate
    """Mean less the reference's, above 0 for worse; ABSENT without one."""
    score: float
    """The same in standard errors, dispersion included; NaN without a reference or a spread."""
    watched: tuple[Watched, ...]
    shape: NamedShape | None = None
    """None where it was not held to have risen lately."""
    held: bool = False
    """Whether it rose: estimators agree, and the loss bears them out, or did so and still does."""

    @property
    def significant(self) -> bool:
        """Whether it is worse than the reference's, for sure."""
        return self.worse.low > 0.0

    @property
    def elevated(self) -> bool:
        """Whether it is above the reference's, in effect and beyond what blocks of that do."""
        effect = self.worse.value > WORSE_BY_RATIO * self.baseline
        return effect and self.score >= ELEVATED

    @property
    def alarming(self) -> tuple[str, ...]:
        """Estimators that alarmed in the window."""
        return tuple(each.estimator for each in self.watched if each.alarms)


@dataclass(frozen=True, slots=True)
class Concept:
    """The losses of a window."""

    losses: tuple[LossVerdict, ...]
    shift: Shift

    def point(self, end_ms: int) -> WindowPoint:
        """The window as a point of the history."""
        return WindowPoint(
            end_ms,
            {
                loss.name: LossPoint(
                    loss.found.count,
                    loss.found.mean.value if loss.found.count else 0.0,
                    len(loss.alarming),
                    loss.held,
                )
                for loss in self.losses
            },
        )


@dataclass(frozen=True, slots=True)
class LossWindow:
    """What there is of a window."""

    ring: WindowRing
    end_ms: int
    revision: int
    counts: Counts
    alarms: AlarmMemory
    complete: bool = True
    """Whether its labels are all, as far as they get (:mod:`engine.performance_judging`)."""


class ConceptJudging:
    """Judges the losses of one model."""

    def __init__(
        self,
        model: MonitoredModel,
        cells: AlarmCells,
        levels: Mapping[str, PerformanceLevels],
    ) -> None:
        self._model, self._cells, self._levels = model, cells, levels
        watched = {name for _, name in cells.pairs}
        kind = model.spec.prediction.type
        self._losses = [loss for loss in LOSSES[kind] if loss.name in watched]
        self._reference: Counts | None = None
        self._usual: Mapping[str, MeanLoss] = {}
        profile = model.profile.performance
        if profile is not None and len(profile.cells) == self._layout.size:
            self._reference = np.array(profile.cells, dtype=np.int64)
            self._usual = mean_losses(self._layout, self._reference)

    @property
    def _layout(self) -> PerformanceLayout:
        layout = self._model.performance
        assert layout is not None, "only a model with performance has alarms"
        return layout

    def judge(self, window: LossWindow, histories: dict[str, LossHistory]) -> Concept:
        """Judge a window; one that is a point of its history is noted there, in place."""
        means = mean_losses(self._layout, window.counts)
        rule = window.ring.rule
        known = history_of(histories, rule.name, self._model.layout.hash)
        losses = [
            self._held(loss, self._loss(loss, means[loss.name], window), window, known)
            for loss in self._losses
        ]
        found = Concept(tuple(losses), self._shift(means, window))
        if window.revision == 0 and window.end_ms % rule.length_ms == 0:
            point = found.point(window.end_ms)
            note_window(histories, rule.name, point, self._model.layout.hash)
        history = history_of(histories, rule.name, self._model.layout.hash)
        named = [replace(loss, shape=named_shape(history, loss.name)) for loss in losses]
        return replace(found, losses=tuple(named))

    def _held(
        self, loss: Loss, verdict: LossVerdict, window: LossWindow, history: LossHistory | None
    ) -> LossVerdict:
        """The verdict with whether the loss is held to have risen."""
        if not (window.complete or loss.of_one_class):
            return verdict
        rules, length_ms = self._model.spec.concept, window.ring.rule.length_ms
        back = 1 if rules is None else rules.of_last
        alarming, end_ms = len(verdict.alarming), window.end_ms
        if isnan(verdict.score):
            return replace(verdict, held=alarming >= LEAST_AGREEING)
        lately = points_before(history, loss.name, end_ms - (back - 1) * length_ms, end_ms)
        most = max([alarming, *(point.alarming for point in lately)])
        agreed = most >= LEAST_AGREEING or (most > 0 and verdict.significant)
        last = points_before(history, loss.name, end_ms - length_ms, end_ms)
        lasts = any(point.held for point in last)
        return replace(verdict, held=verdict.elevated and (agreed or lasts))

    def _loss(self, loss: Loss, found: MeanLoss, window: LossWindow) -> LossVerdict:
        watched = []
        ring, end_ms = window.ring, window.end_ms
        amended = window.revision == 1
        inside = window.alarms.between(end_ms - ring.rule.length_ms, end_ms)
        for pair, (estimator, name) in enumerate(self._cells.pairs):
            if name != loss.name:
                continue
            cell = self._cells.alarms(pair)
            count = int(window.counts[cell])
            watched.append(
                Watched(
                    estimator,
                    count,
                    int(window.counts[self._cells.improvements(pair)]),
                    ring.first_with(cell, end_ms, amended=amended) if count else None,
                    tuple(each for each in inside if each.pair == pair)[-MAX_PLACES_TOLD:],
                    window.alarms.last_before(end_ms, pair),
                )
            )
        comparable = window.complete or loss.of_one_class
        then = self._usual.get(loss.name) if comparable else None
        worse, score = ABSENT, nan
        if then is not None and not then.mean.absent and not found.mean.absent:
            _, quantile, width = self._width(ring.rule, loss)
            worse = stretched(difference(found.mean, then.mean), width / _USUAL)
            side = worse.value - worse.low if worse.value > 0.0 else worse.high - worse.value
            score = worse.value * quantile / side if side > 0.0 else nan
        baseline = nan if then is None else then.mean.value
        return LossVerdict(loss.name, found, baseline, worse, score, tuple(watched))

    def _shift(self, means: Mapping[str, MeanLoss], window: LossWindow) -> Shift:
        rules, loss = self._model.spec.performance, LOSSES[self._model.spec.prediction.type][0]
        least = MIN_LOSSES if rules is None else rules.min_labels
        if self._reference is None or means[loss.name].count < least or not window.complete:
            return Shift("unknown")
        alpha, _, width = self._width(window.ring.rule, loss)
        return shift_of(self._model, self._reference, window.counts, alpha, width)

    def _width(self, window: WindowRule, loss: Loss) -> tuple[float, float, float]:
        """Significance, its quantile, and half an interval in errors of independent events."""
        levels = self._levels.get(window.name)
        if levels is None:
            alpha = significance(self._model.spec, window)
            quantile = float(ndtri(1.0 - alpha))
            return alpha, quantile, quantile
        dispersion, quantile = levels.stretch(loss.measure)
        return levels.alpha, quantile, quantile * sqrt(dispersion)
