"""The judgement of one window: what was measured, in the form that the topic carries.

Rule.  A section that the spec or the data do not support is absent, never zero; a number that does
not exist (NaN) is absent too.  Bins are told only of columns that are WATCH or DRIFT, and those of
a sensitive feature by number, never by category.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from detectors.cbpe import EstimatedPerformance
from engine.bad_spells import RECORDS
from engine.business import Business
from engine.class_shares import ClassShares, classes_tree
from engine.estimating import estimated_tree
from engine.judgement_sections import (
    business_tree,
    operations_tree,
    prediction_tree,
    quality_tree,
)
from engine.layout import EVENTS, PREDICTIONS, NumericColumn
from engine.levels import Level, worst
from engine.measuring import Verdict, mean_and_stddev
from engine.model import MonitoredModel
from engine.operations import Compared, against_usual
from engine.panes import Counts
from engine.positive_rate import RateVerdict, ScoreMoments
from engine.quality import Quality
from engine.quality_feature import Rates
from engine.quiet import maintenance_tree
from engine.spec import WindowRule
from engine.timestamps import ms_to_rfc3339
from engine.upstream import Ancestors, roots_of
from engine.verdict_tree import put, verdict_tree
from engine.volume import Volume, volume

JUDGEMENT_SCHEMA: Final = 1
MAX_FEATURES_WITH_BINS: Final = 100
"""Features of a judgement that have their bins told, those that moved most: with all of them, the
judgement of a thousand features that moved would be larger than a broker takes."""
DRIFTED_FEATURES: Final = 3
"""Features over that make the data section DRIFT when the spec has no rule of its own."""


@dataclass(frozen=True, slots=True)
class AlarmCount:
    """Alarms of one estimator on one feature in a window, over all source partitions."""

    count: int
    since_ms: int | None
    """Start of the first pane of the window that has one."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One closed window with its verdicts, for the decisions and for the world."""

    model: MonitoredModel
    window: WindowRule
    end_ms: int
    revision: int
    counts: Counts
    verdicts: tuple[Verdict, ...]
    """One per feature."""
    score: Verdict | None
    alpha: float
    alarms: Mapping[str, Mapping[str, AlarmCount]]
    """Feature -> estimator -> its alarms in the window; numeric features only."""
    first_event_ms: int
    """Start of the first base pane that ever held an event of this model."""
    quality: Quality | None = None
    """None where the spec switches the checks off."""
    positive: RateVerdict | None = None
    moments: ScoreMoments | None = None
    business: Business | None = None
    estimated: EstimatedPerformance | None = None
    """What the labels will probably say; None where the training table had none."""
    classes: ClassShares | None = None
    """None unless the model is multiclass and the profile says what is usual."""
    estimated_usual: EstimatedPerformance | None = None
    """The same of the training table's own scores."""
    usual: Sequence[int] = ()
    """Counts of the windows before (:mod:`engine.operations`); empty where nothing is known."""
    earlier: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Feature -> faults that shorter windows found in a part of this one
    (:mod:`engine.bad_spells`)."""
    discovered: float = 0.0
    """The p-value up to which features are called moved (:mod:`engine.discoveries`)."""

    @property
    def start_ms(self) -> int:
        """Start of the window."""
        return self.end_ms - self.window.length_ms

    @property
    def events(self) -> int:
        """Events, or predictions where the features come apart, whichever are more."""
        return int(max(self.counts[EVENTS], self.counts[PREDICTIONS]))

    @property
    def is_disjoint(self) -> bool:
        """Whether it belongs to the windows that tile time; the sliding ones confirm nothing."""
        return self.end_ms % self.window.length_ms == 0

    def held_back(self, feature: str) -> bool:
        """Whether a feature's values, or those that it is made from, are bad, so that nothing that
        they show counts as drift."""
        if RECORDS in self.earlier:
            return True
        above = self.model.ancestors.get(feature, ())
        if any(name in self.earlier for name in (feature, *above)):
            return True
        return holds_back(self.quality, self.model.ancestors, feature)

    def drifted(self, above: float) -> list[Verdict]:
        """The features that are over ``above`` and not held back."""
        return [
            v
            for v in self.verdicts
            if v.over(above, self.discovered) and not self.held_back(v.name)
        ]

    def causes(self, above: float) -> dict[str, list[str]]:
        """Of these features the ones that moved by themselves, with those made from them that did
        too."""
        return roots_of([v.name for v in self.drifted(above)], self.model.ancestors)

    def retraining_held(self, wanted: int | None = None) -> bool:
        """Whether bad data made the difference to the rule on PSI: with what is held back enough
        features (``wanted``, or what the rule asks for) are over its bound, and without not."""
        rule = self.model.spec.retraining.psi_features
        if rule is None or self.window.name != rule.window:
            return False
        over = [v.name for v in self.verdicts if v.over(rule.above, self.discovered)]
        with_bad = len(roots_of(over, self.model.ancestors))
        return len(self.causes(rule.above)) < (wanted or rule.features) <= with_bad

    def prediction_level(self) -> Level:
        """The worst of score, positive decisions and decided classes; UNKNOWN without any."""
        parts = (self.score, self.positive, self.classes)
        return worst(part.level for part in parts if part is not None)

    def data_level(self) -> Level:
        """DRIFT when as many features as the rule wants are over its bound, WATCH when any is
        DRIFT or WATCH."""
        rule = self.model.spec.retraining.psi_features
        wanted = rule.features if rule is not None else DRIFTED_FEATURES
        above = rule.above if rule is not None else self.model.spec.psi_drift
        drifted = len(self.causes(above))
        level = worst(v.level for v in self.verdicts)
        if drifted >= min(wanted, max(1, len(self.verdicts))):
            return "DRIFT"
        return "WATCH" if level == "DRIFT" else level

    def volume(self) -> Volume | None:
        """Events against the profile's same hours of the week."""
        return volume(self.model, self.counts, self.window, self.end_ms, self.first_event_ms)

    def against_usual(self) -> dict[str, Compared]:
        """Errors and slow answers against the windows before."""
        return against_usual(self.model, self.counts, self.usual, self.alpha)

    def level(self) -> Level:
        """The worst section; bad data are WATCH, and good data say nothing of drift."""
        quality: Level = "WATCH" if self.quality is not None and self.quality.bad else "UNKNOWN"
        return worst([self.data_level(), self.prediction_level(), quality])

    def as_tree(self) -> dict[str, Any]:
        """The judgement as builtins, in the order in which people read it."""
        spec = self.model.spec
        tree: dict[str, Any] = {
            "schema": JUDGEMENT_SCHEMA,
            "model": spec.model,
            "version": spec.version,
            "window": self.window.name,
            "start": ms_to_rfc3339(self.start_ms),
            "end": ms_to_rfc3339(self.end_ms),
            "revision": self.revision,
            "events": self.events,
            "level": self.level(),
            "data": self._data(),
            "features": self._features(),
        }
        tree.update((name, section) for name, section in self._sections() if section)
        tree["conventions"] = {
            "psi": {"bins": "reference quantiles", "pseudo_count": spec.pseudo_count},
            "significance": self.alpha,
            "significance_of_features": self.discovered,
            "calibration": self._calibration(),
        }
        tree |= maintenance_tree(spec, self.start_ms, self.end_ms)
        tree["profile"] = self.model.profile.hash
        tree["spec"] = self.model.policy_hash
        return tree

    def _sections(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """What is absent where there is nothing to say."""
        model, counts = self.model, self.counts
        prediction = prediction_tree(model, counts, self.score, self.positive, self.moments)
        if self.classes is not None and self.classes.verdict.events:
            prediction = {
                "level": self.prediction_level(),
                **{name: value for name, value in prediction.items() if name != "level"},
                "classes": classes_tree(model, self.classes),
            }
        yield "prediction", prediction
        if self.estimated is not None:
            yield "estimated", estimated_tree(self.estimated)
        if self.quality is not None:
            yield "quality", quality_tree(model, counts, self.quality)
        length_ms, compared = self.window.length_ms, self.against_usual()
        yield "operations", operations_tree(model, counts, length_ms, self.volume(), compared)
        if self.business is not None:
            yield "business", business_tree(self.business)

    def _calibration(self) -> str:
        """Whether the profile knows the tail of every feature at this length of window."""
        profiles = (self.model.profile.features[f.name] for f in self.model.spec.features)
        found = [profile.own.get(self.window.name) for profile in profiles]
        known = [own is not None and own.tail_size is not None for own in found]
        return "profile" if known and all(known) else "part" if any(known) else "closed form"

    def _data(self) -> dict[str, Any]:
        tree: dict[str, Any] = {"level": self.data_level()}
        held = [v.name for v in self.verdicts if v.level == "DRIFT" and self.held_back(v.name)]
        if held:
            tree["held_back"] = held
        if held and self.retraining_held():
            tree["retraining"] = "held: bad data"
        return tree

    def _features(self) -> dict[str, Any]:
        moved = sorted(self.verdicts, key=_movement)[-MAX_FEATURES_WITH_BINS:]
        told = {verdict.name for verdict in moved}
        return {v.name: self._feature(v, bins=v.name in told) for v in self.verdicts}

    def _feature(self, verdict: Verdict, *, bins: bool) -> dict[str, Any]:
        column = self.model.layout.column(verdict.name)
        tree = verdict_tree(verdict, self.model, bins=bins)
        rates = Rates(column, self.counts)
        for name in ("outlier", "unseen"):
            if rates.hits.get(name, (0, 0))[0]:
                tree[name] = rates.hits[name][0]
        if self.quality is not None and verdict.name in self.quality.faults:
            tree["quality_fault"] = [f.kind for f in self.quality.faults[verdict.name]]
        if verdict.name in self.earlier:
            tree["quality_fault_earlier"] = list(self.earlier[verdict.name])
        if isinstance(column, NumericColumn):
            outside = rates.hits["out_of_range"][0]
            if outside:
                tree["out_of_range"] = outside
            mean, stddev = mean_and_stddev(column, self.counts)
            put(tree, "mean", mean)
            put(tree, "stddev", stddev)
            for name, alarms in self.alarms.get(verdict.name, {}).items():
                tree[name] = {"alarms": alarms.count}
                if alarms.since_ms is not None:
                    tree[name]["since"] = ms_to_rfc3339(alarms.since_ms)
        return tree


def holds_back(quality: Quality | None, ancestors: Ancestors, feature: str) -> bool:
    """Whether what a feature's values show is not to be called drift: they, or those that it is
    made from, are bad."""
    if quality is None:
        return False
    return any(quality.holds_back(name) for name in (feature, *ancestors.get(feature, ())))


def _movement(verdict: Verdict) -> tuple[float, str]:
    """By how much a column moved, for an order."""
    psi = verdict.measures["psi"].value if "psi" in verdict.measures else 0.0
    return (psi if np.isfinite(psi) else 0.0), verdict.name
