"""The ``performance`` section of a spec: how what the labels say is judged.

Rule.  With labels among the inputs performance is judged by its usual measures and bounds; what is
written adds to them, ``null`` behind a measure leaves it out, and ``performance: null`` switches
all of it off.

What is judged must be complete.  The cohorts of the longest maturity are, or without maturities the
labels as they arrive.  Where only positives are reported, a prediction is complete after
``negative_after``: then only a maturity as long will do, or the labels as they arrive, once so much
time has passed since the first.
"""

from __future__ import annotations

from typing import Final

import msgspec

from detectors.control_chart import Params
from engine.business_figures import OUTCOME_FIGURES
from engine.durations import format_duration
from engine.label_windows import label_pane_ms, label_windows
from engine.measures import HIGHER_IS_WORSE, MEASURES, SHARES, UNSIGNED, USUAL_MEASURES
from engine.spec import (
    ChartRules,
    LabelRules,
    MeasureRule,
    PerformanceRules,
    PredictionSpec,
    Spec,
    Topic,
    WindowRule,
)
from engine.spec_fields import Fields
from engine.spec_retraining import default_window, read_confirmation, read_window

ARRIVAL: Final = "arrival"
USUAL_WORSE_BY: Final = 0.03
"""Points of a share, and of R2."""
MAX_MIN_LABELS: Final = 1_000_000_000
MAX_SIGMAS: Final = 100.0
_LIMITS: Final = {False: "at_least", True: "at_most"}


def read_performance(
    spec: Fields,
    windows: tuple[WindowRule, ...] | None,
    prediction: PredictionSpec,
    inputs: tuple[Topic, ...],
    label: LabelRules,
) -> PerformanceRules | None:
    """``performance``; its default window is chosen by :func:`with_windows_of_labels`."""
    if spec.nothing("performance"):
        return None
    if "labels" not in inputs:
        if spec.has("performance"):
            spec.fault("performance", "is for a model with labels among its inputs")
        spec.know("performance")
        return None
    fields = spec.section("performance")
    by = _read_view(fields, label)
    window = read_window(fields, windows) if fields.has("window") else ""
    fields.know("window")
    at_least, of_last = read_confirmation(fields, 1, 1)
    min_labels = fields.whole("min_labels", 100, 1, MAX_MIN_LABELS)
    usual = fields.number("worse_by", USUAL_WORSE_BY, 1e-9, 1.0)
    measures = _read_measures(fields, prediction, usual)
    chart = _read_chart(fields)
    fields.close()
    return PerformanceRules(
        by=by,
        window=window,
        at_least=at_least,
        of_last=of_last,
        min_labels=min_labels,
        measures=measures,
        chart=chart,
    )


def _read_view(fields: Fields, label: LabelRules) -> str:
    complete_ms = label.negative_after_ms or 0
    complete = [ms for ms in label.maturities_ms if ms >= complete_ms]
    usual = ARRIVAL
    if complete:
        usual = format_duration(min(complete) if complete_ms else max(complete))
    if not fields.has("by"):
        fields.know("by")
        return usual
    views = (ARRIVAL, *map(format_duration, label.maturities_ms))
    by = fields.choice("by", ARRIVAL, views)
    chosen = dict(zip(views[1:], label.maturities_ms, strict=True)).get(by)
    if chosen is not None and chosen < complete_ms:
        fields.fault(
            "by",
            f"after {by} only what is reported early is known: negatives are known after "
            f"{format_duration(complete_ms)} (label.negative_after)",
        )
    return by


def _read_measures(
    fields: Fields, prediction: PredictionSpec, usual: float
) -> dict[str, MeasureRule]:
    kind = prediction.type
    found = {}
    for name in MEASURES[kind]:
        if fields.has(name) and fields.nothing(name):
            continue
        if fields.has(name):
            found[name] = _read_measure(fields, name, usual)
        elif name in USUAL_MEASURES[kind]:
            found[name] = MeasureRule(worse_by=usual if name in SHARES else None)
    foreign = {name for names in MEASURES.values() for name in names} - set(MEASURES[kind])
    for name in sorted(foreign):
        if fields.has(name):
            listed = ", ".join(MEASURES[kind])
            fields.fault(name, f"is no measure of a {kind} model; there are: {listed}")
    fields.know(*MEASURES[kind], *foreign)
    return found


def _read_measure(section: Fields, name: str, usual: float) -> MeasureRule:
    fields = section.section(name)
    worse_by: float | None = usual if name in SHARES or name == "r2" else None
    highest = 1.0 if name in SHARES else float("inf")
    if fields.has("worse_by"):
        worse_by = fields.number("worse_by", usual, 1e-9, highest)
    key, other = _LIMITS[name in HIGHER_IS_WORSE], _LIMITS[name not in HIGHER_IS_WORSE]
    if fields.has(other):
        better = "low" if name in HIGHER_IS_WORSE else "high"
        fields.fault(other, f"{name} is better when {better}: say {key}")
    limit = None
    if fields.has(key):
        limit = fields.number(key, 0.0, 0.0 if name != "r2" else -float("inf"), highest)
    if name in UNSIGNED and worse_by is None and limit is None:
        section.fault(name, "needs at_most or worse_by: what is near 0 has no usual bound")
    fields.know("worse_by", key, other)
    fields.close()
    return MeasureRule(worse_by=worse_by, limit=limit)


def _read_chart(section: Fields) -> ChartRules:
    fields = section.section("chart")
    usual = Params()
    rules = ChartRules(
        sigmas=fields.number("sigmas", usual.sigmas, 1e-3, MAX_SIGMAS),
        ewma_weight=fields.number("ewma_weight", usual.ewma_weight, 1e-3, 1.0),
        ewma_sigmas=fields.number("ewma_sigmas", usual.ewma_sigmas, 1e-3, MAX_SIGMAS),
    )
    fields.close()
    return rules


def refuse_outcomes_nobody_reads(spec: Spec, fields: Fields) -> None:
    """Limits of what decisions turned out to be are read in windows that have performance."""
    rules = spec.business
    asked = [name for name in OUTCOME_FIGURES if rules is not None and name in rules.limits]
    if rules is None or not asked or not fields.sound("business", "inputs", "prediction"):
        return
    known = [window.name for window in label_windows(spec)]
    if rules.window not in known:
        fields.fault(
            "business",
            f"limits of {' and '.join(asked)} are looked at in windows with performance, and those "
            f"of {rules.window} have none (label.pane is "
            f"{format_duration(label_pane_ms(spec))}); say window: {' or '.join(known) or '-'}",
        )


def with_windows_of_labels(spec: Spec, fields: Fields) -> Spec:
    """The spec with the windows of its rules on performance chosen; a fault for one that has none.

    A spec whose windows are all too short for labels judges no performance.
    """
    rules, drop = spec.performance, spec.retraining.performance
    if rules is None:
        return spec
    known = label_windows(spec)
    named = [("performance", rules.window)]
    if drop is not None:
        named.append(("retraining", drop.window))
    for section, window in named:
        if window and window not in {each.name for each in known}:
            pane = format_duration(label_pane_ms(spec))
            fields.fault(
                section,
                f"windows of {window} have no performance: they are no whole number of its panes "
                f"of {pane} (label.pane)",
            )
    if not known:
        budget = spec.retraining.budget
        if budget is not None:
            budget = msgspec.structs.replace(budget, performance=0)
        retraining = msgspec.structs.replace(
            spec.retraining, performance=None, budget=budget, improvement_veto=False
        )
        return msgspec.structs.replace(spec, performance=None, retraining=retraining)
    usual = default_window(known)
    rules = msgspec.structs.replace(rules, window=rules.window or usual)
    if drop is not None:
        drop = msgspec.structs.replace(drop, window=drop.window or usual)
    retraining = msgspec.structs.replace(spec.retraining, performance=drop)
    return msgspec.structs.replace(spec, performance=rules, retraining=retraining)
