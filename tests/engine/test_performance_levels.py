"""Levels of performance: an effect and significance, the worse direction only, and UNKNOWN for what
cannot be told."""

from __future__ import annotations

from math import isnan, sqrt

import msgspec
import pytest
from scipy.special import ndtri, stdtrit

from detectors.intervals import Estimate, wilson
from engine.levels import MAX_SIGNIFICANCE
from engine.measures import comparable
from engine.model import MonitoredModel
from engine.performance import Performance, difference
from engine.performance_levels import (
    MeasureVerdict,
    PerformanceLevels,
    performance_alpha,
    stretched,
)
from engine.profile import OwnMeasure
from engine.spec import MeasureRule
from tests.engine.models import model_of, spec_text
from tests.engine.test_performance import table

LABEL = "{ttl: 10m, lateness: 0s, amend: 1m, pane: 1m}"
REFERENCE = 100_000


def levels(
    rule: MeasureRule,
    baseline: Estimate | None,
    *,
    measure: str = "accuracy",
    own: OwnMeasure | None = None,
) -> PerformanceLevels:
    """How one measure of one window length is judged."""
    model = _model()
    rules = model.spec.performance
    assert rules is not None
    reference = model.profile.performance
    assert reference is not None
    own_of = {} if own is None else {"1m": {measure: own}}
    profile = msgspec.structs.replace(
        model.profile, performance=msgspec.structs.replace(reference, own=own_of)
    )
    found = None if baseline is None else Performance(REFERENCE, 0, {measure: baseline})
    return PerformanceLevels(
        model.spec,
        msgspec.structs.replace(rules, measures={measure: rule}),
        model.spec.windows[-1],
        profile,
        found,
    )


def _model() -> MonitoredModel:
    return model_of(
        spec_text(inputs="[predictions, labels]", label=LABEL, estimators="{}"), table("binary")
    )


def verdict(
    right: int,
    labelled: int,
    *,
    share: float = 0.9,
    rule: MeasureRule | None = None,
    own: OwnMeasure | None = None,
    reason: str = "",
) -> MeasureVerdict:
    """``right`` of ``labelled`` against a reference of ``share``."""
    judge = levels(
        rule if rule is not None else MeasureRule(worse_by=0.03),
        wilson(share * REFERENCE, REFERENCE),
        own=own,
    )
    found = Performance(labelled, 0, {"accuracy": wilson(right, labelled)})
    (one,) = judge.judge(found, reason).measures  # type: ignore[arg-type]
    return one


@pytest.mark.parametrize(
    ("right", "labelled", "level", "reason"),
    [
        (9_000, 10_000, "STABLE", ""),
        (8_500, 10_000, "DRIFT", ""),
        (8_800, 10_000, "WATCH", ""),
        (8_880, 10_000, "STABLE", ""),  # significant, and too little to matter
        (9_900, 10_000, "STABLE", ""),  # however much better
        (87, 100, "UNKNOWN", "imprecise"),  # three points down, which may be chance
        (60, 100, "DRIFT", ""),
        (0, 99, "UNKNOWN", "few_labels"),
        (0, 0, "UNKNOWN", "few_labels"),
    ],
)
def test_a_level_needs_an_effect_and_significance(
    right: int, labelled: int, level: str, reason: str
) -> None:
    """Three points are DRIFT, half of them WATCH."""
    one = verdict(right, labelled)
    assert (one.level, one.reason) == (level, reason)
    assert one.fell == (level == "DRIFT")


@pytest.mark.parametrize("right", range(7_000, 10_001, 100))
def test_a_drop_within_the_interval_is_never_above_stable(right: int) -> None:
    """Whatever the drop."""
    one = verdict(right // 10, 1_000)
    assert one.level in {"STABLE", "UNKNOWN"} or one.worse.low > 0.0
    if one.level == "DRIFT":
        assert one.worse.value > 0.03


def test_the_interval_is_that_of_the_budget() -> None:
    """Newcombe's at 95 %, stretched to one-sided alpha."""
    one = verdict(8_800, 10_000)
    model = _model()
    rules = model.spec.performance
    assert rules is not None
    one_rule = msgspec.structs.replace(rules, measures={"accuracy": MeasureRule()})
    alpha = performance_alpha(model.spec, one_rule, model.spec.windows[-1])
    assert alpha == MAX_SIGNIFICANCE
    plain = difference(wilson(8_800, 10_000), wilson(0.9 * REFERENCE, REFERENCE))
    factor = float(ndtri(1 - alpha)) / 1.959964
    assert one.worse.value == pytest.approx(-plain.value)
    assert one.worse.low == pytest.approx(-plain.value - factor * (plain.high - plain.value))
    assert one.error == pytest.approx((plain.high - plain.value) / 1.959964)


def test_a_smaller_budget_is_a_longer_interval() -> None:
    """One false page in 30 days over three sections, five measures and two windows."""
    text = spec_text(
        inputs="[predictions, labels]",
        label=LABEL,
        estimators="{}",
        budget="{false_pages: 1, per: 30d}",
    )
    spec = model_of(text, table("binary")).spec
    assert spec.performance is not None
    alpha = performance_alpha(spec, spec.performance, spec.windows[-1])
    assert alpha == pytest.approx(1 / (30 * 24 * 12 * 5 * 2 * 3))


def test_what_swings_by_itself_needs_more() -> None:
    """The interval grows by the root of the dispersion, and by Student's quantile."""
    own = OwnMeasure(blocks=10, dispersion=16.0)
    plain, swinging = verdict(8_600, 10_000), verdict(8_600, 10_000, own=own)
    assert (plain.level, swinging.level) == ("DRIFT", "DRIFT")
    ratio = (swinging.worse.value - swinging.worse.low) / (plain.worse.value - plain.worse.low)
    expected = 4.0 * float(stdtrit(9, 0.95)) / float(ndtri(0.95))
    assert ratio == pytest.approx(expected)
    assert swinging.error == pytest.approx(4.0 * plain.error)
    assert verdict(8_600, 1_000 * 9, own=OwnMeasure(blocks=10, dispersion=400.0)).level == "UNKNOWN"


@pytest.mark.parametrize(
    ("right", "level", "broken"),
    [(7_600, "STABLE", False), (7_480, "STABLE", False), (7_300, "DRIFT", True)],
)
def test_a_promise_is_broken_by_the_whole_interval(right: int, level: str, broken: bool) -> None:  # noqa: FBT001
    """0.75 promised; 0.748 of 10,000 may be chance."""
    one = verdict(right, 10_000, share=0.75, rule=MeasureRule(worse_by=0.2, limit=0.75))
    assert (one.level, one.broken) == (level, broken)
    assert not one.fell


def test_a_promise_needs_no_reference() -> None:
    """Without labels in the training table only the promise is judged."""
    judge = levels(MeasureRule(worse_by=0.03, limit=0.75), None)
    found = Performance(10_000, 0, {"accuracy": wilson(9_000, 10_000)})
    (one,) = judge.judge(found, "").measures
    assert (one.level, one.reason) == ("STABLE", "")
    assert isnan(one.worse.value)
    (one,) = levels(MeasureRule(worse_by=0.03), None).judge(found, "").measures
    assert (one.level, one.reason) == ("UNKNOWN", "absent")


@pytest.mark.parametrize("reason", ["early_labels", "selected"])
def test_labels_that_are_not_all_say_nothing(reason: str) -> None:
    """Not even that a promise is broken."""
    one = verdict(10, 10_000, rule=MeasureRule(worse_by=0.03, limit=0.8), reason=reason)
    assert (one.level, one.reason, one.broken, one.fell) == ("UNKNOWN", reason, False, False)


def test_errors_are_worse_when_higher() -> None:
    """By a tenth of the reference's unless told otherwise; less is never worse."""
    found = [("STABLE", 1.0), ("WATCH", 1.08), ("DRIFT", 1.2), ("STABLE", 0.5)]
    for level, value in found:
        judge = levels(MeasureRule(), Estimate(1.0, 0.999, 1.001), measure="mae")
        now = Performance(1_000, 0, {"mae": Estimate(value, value - 0.01, value + 0.01)})
        (one,) = judge.judge(now, "").measures
        assert one.level == level
        assert one.worse.value == pytest.approx(value - 1.0)
        assert one.worse_by == pytest.approx(0.1)


def test_a_bias_is_judged_by_its_size() -> None:
    """Too little is as wrong as too much."""
    assert comparable("bias", Estimate(-3.0, -4.0, -1.0)) == Estimate(3.0, 1.0, 4.0)
    assert comparable("bias", Estimate(0.5, -1.0, 2.0)) == Estimate(0.5, 0.0, 2.0)
    assert comparable("mae", Estimate(0.5, -1.0, 2.0)) == Estimate(0.5, -1.0, 2.0)
    judge = levels(MeasureRule(limit=2.0), Estimate(0.0, -0.1, 0.1), measure="bias")
    now = Performance(1_000, 0, {"bias": Estimate(-3.0, -3.5, -2.5)})
    (one,) = judge.judge(now, "").measures
    assert (one.level, one.broken) == ("DRIFT", True)


def test_an_interval_that_does_not_exist_is_no_certainty() -> None:
    """NaN ends are UNKNOWN, not STABLE."""
    nowhere = Estimate(0.2, float("nan"), float("nan"))
    judge = levels(MeasureRule(worse_by=0.03, limit=0.5), wilson(9, 10))
    (one,) = judge.judge(Performance(1_000, 0, {"accuracy": nowhere}), "").measures
    assert (one.level, one.reason, one.broken) == ("UNKNOWN", "imprecise", False)


def test_stretching_keeps_the_value() -> None:
    """Both ends move away from it."""
    assert stretched(Estimate(1.0, 0.5, 2.0), 2.0) == Estimate(1.0, 0.0, 3.0)
    assert stretched(Estimate(1.0, 0.5, 2.0), sqrt(1.0)) == Estimate(1.0, 0.5, 2.0)
