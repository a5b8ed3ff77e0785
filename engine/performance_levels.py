"""From measured performance to levels: UNKNOWN, STABLE, WATCH, DRIFT, for each measure.

Rule.  A level above STABLE needs an effect AND significance, and the worse direction.

* Against the reference: the measure is worse by more than ``worse_by`` (DRIFT) or half of it
  (WATCH), and the interval of the difference leaves 0 out.
* Against what was promised: the whole interval of the measure is beyond the limit (DRIFT).

A window is UNKNOWN with fewer than ``min_labels`` labels; where its labels are not all (too early,
or only of some decisions, when the reference's are of all); or when its interval is longer than
``worse_by`` and nothing is significant: what it cannot see it does not call STABLE.

Formulas.  The interval of the difference is Newcombe's (:func:`engine.performance.difference`).
Both are stretched from 95 % to the share of the model's false-alarm budget that falls to one
comparison (one-sided), and by the root of the dispersion that the reference's own blocks show
(:mod:`engine.own_performance`); with B blocks the quantile is Student's, of B - 1 degrees, as the
dispersion is an estimate itself.  A window whose length has no blocks takes those of the longest
length that has.

When it lies: accuracy, precision and F1 follow the share of positives, with no change in the model;
AUC and recall do not.  Without times in the training table nothing is known of blocks, events are
taken as independent, and a model with good days and bad days will be called worse on the bad ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, isnan, nan, sqrt
from typing import Final, Literal

from scipy.special import ndtri, stdtrit

from detectors.contract import P_VALUE_FLOOR
from detectors.intervals import ABSENT, Estimate, normal_quantile
from engine.budget_shares import window_share
from engine.label_windows import label_windows
from engine.levels import MAX_SIGNIFICANCE, Level, worst
from engine.measures import HIGHER_IS_WORSE, UNSIGNED, comparable
from engine.performance import Performance, difference
from engine.profile import OwnMeasure, Profile
from engine.spec import MeasureRule, PerformanceRules, Spec, WindowRule

Reason = Literal["", "few_labels", "early_labels", "selected", "absent", "imprecise"]
WORSE_BY_RATIO: Final = 0.10
"""Share of the reference's value by which a measure in a unit of its own may be worse."""
_USUAL: Final = normal_quantile(0.95)


@dataclass(frozen=True, slots=True)
class MeasureVerdict:
    """One measure of one window, judged."""

    name: str
    level: Level
    reason: Reason
    """Why it is UNKNOWN; empty else."""
    value: Estimate
    """As judged, its interval at the rule's significance."""
    baseline: float
    """NaN where the reference has none."""
    worse: Estimate
    """By how much it is worse than the reference, above 0 for worse; ABSENT without one."""
    worse_by: float
    """What is DRIFT; NaN where nothing is compared with the reference."""
    limit: float | None
    broken: bool
    """Whether the promise is broken, significantly."""
    error: float
    """Standard error of ``worse`` on the side of 0, dispersion included; NaN of none."""

    @property
    def fell(self) -> bool:
        """Whether it is worse than the reference by more than it may be, significantly."""
        return self.level == "DRIFT" and self.worse.low > 0.0 and self.worse.value > self.worse_by


@dataclass(frozen=True, slots=True)
class PerformanceVerdict:
    """What a window's performance comes to."""

    alpha: float
    """One-sided significance of each comparison."""
    measures: tuple[MeasureVerdict, ...]

    @property
    def level(self) -> Level:
        """The worst measure's."""
        return worst(measure.level for measure in self.measures)


def performance_alpha(spec: Spec, rules: PerformanceRules, window: WindowRule) -> float:
    """The share of the false-alarm budget of one comparison: what falls to a window, divided among
    the measures."""
    share = window_share(spec, window, len(label_windows(spec)))
    return min(MAX_SIGNIFICANCE, max(P_VALUE_FLOOR, share / max(1, len(rules.measures))))


class PerformanceLevels:
    """Judges the windows of one length of one model."""

    def __init__(
        self,
        spec: Spec,
        rules: PerformanceRules,
        window: WindowRule,
        profile: Profile,
        baseline: Performance | None,
    ) -> None:
        self.alpha = performance_alpha(spec, rules, window)
        self._rules = rules
        self._baseline = baseline
        self._own = _own_of(spec, window, profile)

    def judge(self, found: Performance, incomplete: Reason) -> PerformanceVerdict:
        """``incomplete`` is why the labels are not all, empty when they are."""
        reason = incomplete
        if not reason and found.labelled < self._rules.min_labels:
            reason = "few_labels"
        return PerformanceVerdict(
            self.alpha,
            tuple(
                self._measure(name, rule, found.measures.get(name, ABSENT), reason)
                for name, rule in self._rules.measures.items()
            ),
        )

    def _measure(
        self, name: str, rule: MeasureRule, raw: Estimate, incomplete: Reason
    ) -> MeasureVerdict:
        dispersion, quantile = self.stretch(name)
        factor = quantile * sqrt(dispersion) / _USUAL
        now, then = comparable(name, raw), self._reference(name, rule)
        value = stretched(now, factor)
        apart = difference(now, then) if name not in HIGHER_IS_WORSE else difference(then, now)
        worse = stretched(Estimate(-apart.value, -apart.high, -apart.low), factor)
        worse_by = rule.worse_by
        if worse_by is None:
            worse_by = nan if name in UNSIGNED else WORSE_BY_RATIO * abs(then.value)
        broken = _is_broken(name, rule.limit, value)
        reason: Reason = incomplete or ("absent" if now.absent else "")
        level = _level(worse, worse_by, broken=broken)
        judged_by_reference = isfinite(worse_by) and not then.absent
        if not reason and level == "STABLE" and judged_by_reference:
            # NaN of an end says that the interval has none: it is as long as can be.
            reason = "" if worse.value - worse.low <= worse_by else "imprecise"
        elif not reason and not judged_by_reference and rule.limit is None:
            reason = "absent"
        side = worse.value - worse.low if worse.value > 0.0 else worse.high - worse.value
        return MeasureVerdict(
            name=name,
            level="UNKNOWN" if reason else level,
            reason=reason,
            value=value,
            baseline=then.value,
            worse=worse,
            worse_by=worse_by,
            limit=rule.limit,
            broken=broken and not reason,
            error=side / quantile if quantile > 0.0 else nan,
        )

    def _reference(self, name: str, rule: MeasureRule) -> Estimate:
        if self._baseline is None or (name in UNSIGNED and rule.worse_by is None):
            return ABSENT
        return comparable(name, self._baseline.measures.get(name, ABSENT))

    def stretch(self, name: str) -> tuple[float, float]:
        """Dispersion, and the one-sided quantile in standard errors."""
        own = self._own.get(name)
        if own is None:
            return 1.0, float(ndtri(1.0 - self.alpha))
        return own.dispersion, float(stdtrit(own.blocks - 1, 1.0 - self.alpha))


def stretched(estimate: Estimate, factor: float) -> Estimate:
    """The same value with both ends so much further away."""
    value = estimate.value
    return Estimate(
        value, value - factor * (value - estimate.low), value + factor * (estimate.high - value)
    )


def _own_of(spec: Spec, window: WindowRule, profile: Profile) -> dict[str, OwnMeasure]:
    own = {} if profile.performance is None else profile.performance.own
    lengths = {each.name: each.length_ms for each in spec.windows}
    if window.name in own or not own:
        return own.get(window.name, {})
    known = [name for name in own if name in lengths]
    return own[max(known, key=lengths.__getitem__)] if known else {}


def _is_broken(name: str, limit: float | None, value: Estimate) -> bool:
    if limit is None or isnan(value.low) or isnan(value.high):
        return False
    return value.low > limit if name in HIGHER_IS_WORSE else value.high < limit


def _level(worse: Estimate, worse_by: float, *, broken: bool) -> Level:
    if broken:
        return "DRIFT"
    if not worse.low > 0.0:
        return "STABLE"
    if worse.value > worse_by:
        return "DRIFT"
    return "WATCH" if worse.value > worse_by / 2.0 else "STABLE"
