"""The sections of a spec that bound what is normal: ``quality``, ``business`` and ``budget``.

Rule.  Quality is on unless ``quality: null`` switches it off; business is off unless written.
"""

from __future__ import annotations

from typing import Final, Literal

from engine.business_figures import FIGURES, GROUPS, OUTCOME_FIGURES
from engine.durations import UNITS_MS
from engine.spec import (
    AlarmBudget,
    BusinessRules,
    Cost,
    Limit,
    OperationsRules,
    QualityRules,
    Spec,
    WindowRule,
)
from engine.spec_fields import Fields
from engine.spec_retraining import default_window, read_confirmation, read_window

MAX_FALSE_PAGES: Final = 1e4
MAX_VALUE_STEP: Final = 1e6
MAX_COST: Final = 1e9
"""Of one decision, either way."""
_MINUTE: Final = UNITS_MS["m"]
_DAY: Final = UNITS_MS["d"]
_APPROVED: Final[tuple[Literal["positive", "negative"], ...]] = ("positive", "negative")


def read_quality(spec: Fields, windows: tuple[WindowRule, ...] | None) -> QualityRules | None:
    """``quality``: floors of the effects; ``null`` switches the checks off."""
    if spec.nothing("quality"):
        return None
    fields = spec.section("quality")
    usual = QualityRules()

    def points(name: str, default: float) -> float:
        return fields.number(name, default, 0.0, 1.0)

    window = read_window(fields, windows)
    at_least, of_last = read_confirmation(fields, 1, 1)
    rules = QualityRules(
        window=window,
        at_least=at_least,
        of_last=of_last,
        missing=points("missing", usual.missing),
        invalid=points("invalid", usual.invalid),
        out_of_range=points("out_of_range", usual.out_of_range),
        outlier=points("outlier", usual.outlier),
        unseen=points("unseen", usual.unseen),
        duplicates=points("duplicates", usual.duplicates),
        freshness_ms=_read_freshness(fields),
        stale_records=points("stale_records", usual.stale_records),
        rescaled=points("rescaled", usual.rescaled),
        zeros=points("zeros", usual.zeros),
        repeated=points("repeated", usual.repeated),
    )
    fields.close()
    return rules


def _read_freshness(fields: Fields) -> int | None:
    """The age from which a prediction is too old; off unless written."""
    if not fields.has("freshness") or fields.nothing("freshness"):
        fields.know("freshness")
        return None
    return fields.duration("freshness", _MINUTE, 1)


def read_business(spec: Fields, windows: tuple[WindowRule, ...] | None) -> BusinessRules | None:
    """``business``: what an approval is, the unit of values, and the limits of the figures."""
    if not spec.has("business"):
        spec.know("business")
        return None
    if spec.nothing("business"):
        return BusinessRules(window=default_window(windows or ()))
    fields = spec.section("business")
    window = read_window(fields, windows)
    at_least, of_last = read_confirmation(fields, 1, 1)
    approved = fields.choice("approved", _APPROVED[0], _APPROVED)
    step = fields.number("value_step", 0.01, 1e-9, MAX_VALUE_STEP)
    known = (*FIGURES, *OUTCOME_FIGURES)
    limits = {name: _read_limit(fields, name) for name in known if fields.has(name)}
    fields.know(*known)
    costs = _read_costs(fields)
    if "cost_per_prediction" in limits and not costs and fields.sound("costs"):
        fields.fault("cost_per_prediction", "needs costs, which say what a decision costs")
    fields.close()
    return BusinessRules(
        window=window,
        at_least=at_least,
        of_last=of_last,
        approved=approved,
        value_step=step,
        limits=limits,
        costs=costs,
    )


def _read_costs(section: Fields) -> dict[str, Cost]:
    if not section.has("costs"):
        section.know("costs")
        return {}
    fields = section.section("costs")
    costs = {}
    for name in GROUPS:
        if fields.has(name):
            one = fields.section(name)
            each = one.number("each", 0.0, -MAX_COST, MAX_COST)
            of_value = one.number("of_value", 0.0, -MAX_COST, MAX_COST)
            one.close()
            costs[name] = Cost(each=each, of_value=of_value)
    fields.know(*GROUPS)
    fields.close()
    return costs


def refuse_outcomes_without_labels(spec: Spec, fields: Fields) -> None:
    """Costs and rates of what came true need a binary model with labels."""
    rules = spec.business
    if rules is None or not fields.sound("inputs", "prediction", "business"):
        return
    if "labels" in spec.inputs and spec.prediction.type == "binary":
        return
    asked = [name for name in OUTCOME_FIGURES if name in rules.limits]
    for key in [*asked, *(["costs"] if rules.costs else [])]:
        fields.section("business").fault(key, "needs labels among inputs, and a binary prediction")


def refuse_kpi_without_limits(spec: Spec, fields: Fields) -> None:
    """The rule ``business_kpi`` reads limits of figures that are known with the prediction."""
    rules = spec.business
    if spec.retraining.business_kpi is None or not fields.sound("business"):
        return
    if rules is None or not any(name in rules.limits for name in FIGURES):
        fields.section("retraining").section("rules").fault(
            "business_kpi", f"needs business.limits of one of {', '.join(FIGURES)}"
        )


def read_operations(spec: Fields, windows: tuple[WindowRule, ...] | None) -> OperationsRules | None:
    """``operations``: how much errors and latency may rise; off unless written."""
    if not spec.has("operations"):
        spec.know("operations")
        return None
    if spec.nothing("operations"):
        return OperationsRules(window=default_window(windows or ()))
    fields = spec.section("operations")
    window = read_window(fields, windows)
    at_least, of_last = read_confirmation(fields, 1, 1)
    errors = fields.number("errors", 0.01, 0.0, 1.0)
    slow = fields.number("slow", 0.05, 0.0, 1.0)
    fields.close()
    return OperationsRules(
        window=window, at_least=at_least, of_last=of_last, errors=errors, slow=slow
    )


def _read_limit(section: Fields, name: str) -> Limit:
    fields = section.section(name)
    low = None if not fields.has("min") or fields.nothing("min") else fields.number("min", 0.0)
    high = None if not fields.has("max") or fields.nothing("max") else fields.number("max", 0.0)
    fields.know("min", "max")
    fields.close()
    if low is None and high is None and fields.sound("min", "max") and section.sound(name):
        section.fault(name, "needs min, max or both")
    if low is not None and high is not None and fields.sound("min", "max") and low > high:
        fields.fault("min", f"({low:g}) must not be above max ({high:g})")
    return Limit(low=low, high=high)


def read_budget(spec: Fields) -> AlarmBudget:
    """``budget``: the one knob for false alarms."""
    fields = spec.section("budget")
    pages = fields.number("false_pages", 1.0, 1e-6, MAX_FALSE_PAGES)
    per_ms = fields.duration("per", 30 * _DAY, _MINUTE)
    fields.close()
    return AlarmBudget(false_pages=pages, per_ms=per_ms)
