"""What to monitor in one model and when to act: the typed form of a monitor spec.

Rule.  A spec is complete and consistent once it exists: :mod:`engine.spec_reading` turns YAML into
one of these or into the list of every fault with its place, so nothing further on checks again.
Durations are milliseconds, units stand last in names.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from engine.alert_rules import AlertRules
from engine.comparison_rules import ComparisonRules
from engine.retraining_rules import Retraining

Topic = Literal["features", "predictions", "labels"]
Season = Literal["hour", "weekday"]
Parameters = dict[str, float | int | str | bool]
"""Of an estimator."""


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers for the model; what a model-risk inventory asks for."""

    owner: str
    purpose: str = ""
    risk_tier: Literal["low", "medium", "high"] = "medium"
    status: Literal["development", "shadow", "production", "retired"] = "production"
    next_review: str | None = None


class TimeRules(msgspec.Struct, frozen=True, kw_only=True):
    """Event time: the smallest slice counted, and how late a record may come."""

    pane_ms: int = 10_000
    lateness_ms: int = 30_000
    amend_ms: int = 600_000
    idle_ms: int = 30_000


class WindowRule(msgspec.Struct, frozen=True, kw_only=True):
    """A window: ``length_ms`` is a whole number (at most 60) of its ring's panes ``pane_ms``, which
    is a multiple of the base pane; it is judged at every multiple of ``judge_every_ms``, which
    divides the length."""

    name: str
    length_ms: int
    pane_ms: int
    judge_every_ms: int


class FeatureSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One monitored feature."""

    name: str
    type: Literal["numeric", "categorical"]
    bins: int = 10
    fine_bins: int = 60
    categories: int = 50
    required: bool = False
    low: float | None = None
    high: float | None = None
    importance: float | None = None
    upstream: tuple[str, ...] = ()
    """Features that this one is made from: what moves them moves it as well, and is one cause."""
    sensitive: bool = False
    unit: str = ""
    """What its values are in, of :mod:`engine.unit_conversions`; empty where nobody says."""
    unchecked: tuple[str, ...] = ()
    """Kinds of quality fault that are normal for this feature (:mod:`engine.quality`)."""


class PredictionSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What the model says."""

    type: Literal["binary", "multiclass", "regression"] = "binary"
    threshold: float = 0.5
    bins: int = 10
    fine_bins: int = 60
    rate_watch: float = 1.5
    """Odds of a positive decision over the reference's, or the inverse, that are WATCH."""
    rate_drift: float = 2.0


class LabelRules(msgspec.Struct, frozen=True, kw_only=True):
    """The labels' own clock."""

    ttl_ms: int = 90 * 86_400_000
    lateness_ms: int = 86_400_000
    amend_ms: int = 7 * 86_400_000
    maturities_ms: tuple[int, ...] = ()
    negative_after_ms: int | None = None
    pane_ms: int | None = None
    """Base pane of performance; None chooses one (see :mod:`engine.label_windows`)."""
    idle_ms: int = 86_400_000
    """How long a partition of labels must be silent, by the worker's clock, to be called idle."""
    pending: int = 500_000
    """Events of one source partition that may wait in the join; beyond it the oldest are let go."""


class QualityRules(msgspec.Struct, frozen=True, kw_only=True):
    """Bad data: how far a rate may be above what the reference does by itself (in points, 0.05 is
    five in a hundred) before it is a fault; each must be significant as well."""

    window: str = ""
    at_least: int = 1
    of_last: int = 1
    missing: float = 0.05
    invalid: float = 0.05
    out_of_range: float = 0.01
    outlier: float = 0.05
    unseen: float = 0.05
    duplicates: float = 0.05
    freshness_ms: int | None = None
    """Record time less event time from which a prediction is too old; None looks at no ages."""
    stale_records: float = 0.05
    """Share of the predictions that may be too old."""
    rescaled: float = 0.3
    """Distance of the decimal exponents from the reference's that may be a change of unit."""
    zeros: float = 0.05
    repeated: float = 0.15


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """From where to where a number may be; None is an open end."""

    low: float | None = None
    high: float | None = None


class OperationsRules(msgspec.Struct, frozen=True, kw_only=True):
    """Errors and latency against the model's own windows before."""

    window: str = ""
    at_least: int = 1
    of_last: int = 1
    errors: float = 0.01
    """Points that the share of errors may rise by."""
    slow: float = 0.05
    """Points that the share of predictions slower than the usual P95 may rise by."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What one decision costs, by what it turned out to be; below zero it earns."""

    each: float = 0.0
    of_value: float = 0.0
    """Share of the prediction's ``value``; without a value only ``each`` counts."""


class BusinessRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the decisions are worth: ``value`` of the predictions, and limits of the figures."""

    window: str = ""
    at_least: int = 1
    of_last: int = 1
    approved: Literal["positive", "negative"] = "positive"
    """The decision that is an approval: of a fraud model it is the negative one."""
    value_step: float = 0.01
    """Values are summed as whole numbers of this, clipped at 2**31 of them."""
    limits: dict[str, Limit] = msgspec.field(default_factory=dict)
    """Figure (of :mod:`engine.business_figures`) -> its limits."""
    costs: dict[str, Cost] = msgspec.field(default_factory=dict)
    """What the decision was (:data:`engine.business_figures.GROUPS`) -> its cost; binary only."""


class MeasureRule(msgspec.Struct, frozen=True, kw_only=True):
    """How one measure of performance is judged."""

    worse_by: float | None = None
    """How much worse than the reference is DRIFT, in the measure's own unit (0.03 of a share are
    three points); half of it is WATCH.  None: :data:`engine.performance_levels.WORSE_BY_RATIO` of
    the reference's value."""
    limit: float | None = None
    """What was promised: at least so much, or at most of a measure that is better when low."""


class ChartRules(msgspec.Struct, frozen=True, kw_only=True):
    """Control charts of performance (:mod:`detectors.control_chart`)."""

    sigmas: float = 3.0
    ewma_weight: float = 0.2
    ewma_sigmas: float = 3.0


class PerformanceRules(msgspec.Struct, frozen=True, kw_only=True):
    """How performance is judged once labels come; None of a spec without labels."""

    by: str
    """Whose windows are judged: ``arrival``, or a maturity such as ``30d``, whose cohorts are."""
    window: str = ""
    """Of the promises: in ``at_least`` of the last ``of_last`` of them one must be broken."""
    at_least: int = 1
    of_last: int = 1
    min_labels: int = 100
    """A window with fewer is UNKNOWN."""
    measures: dict[str, MeasureRule] = msgspec.field(default_factory=dict)
    chart: ChartRules = ChartRules()


class ConceptRules(msgspec.Struct, frozen=True, kw_only=True):
    """Estimators over the losses of joined labels; None of a spec without labels."""

    estimators: dict[str, Parameters]
    losses: tuple[str, ...]
    """Which they watch (:data:`engine.losses.LOSSES`)."""
    window: str = ""
    at_least: int = 2
    of_last: int = 3


class AlarmBudget(msgspec.Struct, frozen=True, kw_only=True):
    """The one knob for false alarms: at most ``false_pages`` per ``per_ms`` for this model."""

    false_pages: float = 1.0
    per_ms: int = 30 * 86_400_000


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """A whole monitor spec."""

    model: str
    version: str
    inventory: Inventory
    time: TimeRules
    windows: tuple[WindowRule, ...]
    features: tuple[FeatureSpec, ...]
    prediction: PredictionSpec
    inputs: tuple[Topic, ...]
    label: LabelRules
    segments: tuple[str, ...]
    season: Season | None
    duplicates_last: int
    retraining: Retraining
    quality: QualityRules | None
    """None switches the checks off."""
    business: BusinessRules | None
    """None without the section; ``value`` is read with it only."""
    operations: OperationsRules | None
    """None without the section."""
    performance: PerformanceRules | None
    """None without labels, or where it is switched off."""
    concept: ConceptRules | None
    comparison: ComparisonRules | None
    alerts: AlertRules
    budget: AlarmBudget
    psi_watch: float
    psi_drift: float
    pseudo_count: float
    estimators: dict[str, Parameters]
    """Estimator name -> its parameters; ``{"adwin": {}}`` by default, ``{}`` switches all off."""
    columns: dict[str, str]
    """Field of the event -> column, for reading tables."""

    def clock(self, topic: Topic) -> TimeRules | LabelRules:
        """What says how late a record of this topic may come; labels have their own."""
        return self.label if topic == "labels" else self.time

    def window(self, name: str) -> WindowRule:
        """The window called ``name``; KeyError if there is none (a read spec has it)."""
        for window in self.windows:
            if window.name == name:
                return window
        raise KeyError(name)
