"""The ``comparison`` section of a spec: this version against a champion of the same model.

Rule.  The section stands in the challenger's spec and names the champion's version; everything else
has a default.  What only a split has (``ratio``, ``stages``) is a fault without one, and so is a
guard on what this model cannot tell.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from engine.champion.deciding import MAX_LOOKS
from engine.champion.guards import LATENCY_METRICS, METRICS, OF_APPROVALS, usual_guards
from engine.comparison_rules import ComparisonRules, Guard, Margin, Measure, Mode
from engine.durations import UNITS_MS, format_duration
from engine.spec import BusinessRules, LabelRules, PredictionSpec, Topic
from engine.spec_faults import did_you_mean
from engine.spec_fields import Fields, finite_number
from engine.spec_yaml import Scalar

DAY_MS: Final = UNITS_MS["d"]
MAX_SCORE_BINS: Final = 60
"""Two of them squared are the cells of a pane."""
MAX_STAGES: Final = 20
MAX_GUARD: Final = 1e12
PERCENT: Final = 100.0
ARMS: Final = 2
_VERSION: Final = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}"


def read_comparison(
    spec: Fields,
    version: str,
    prediction: PredictionSpec,
    inputs: tuple[Topic, ...],
    label: LabelRules,
    business: BusinessRules | None,
) -> ComparisonRules | None:
    """``comparison``; None where there is none."""
    if not spec.has("comparison") or spec.nothing("comparison"):
        spec.know("comparison")
        return None
    fields = spec.section("comparison")
    if prediction.type != "binary":
        spec.fault("comparison", f"is for binary models, not for a {prediction.type} one")
    if "labels" not in inputs:
        spec.fault("comparison", "is for a model with labels among its inputs")
    champion = fields.text("champion", None, _VERSION, "a version as in the champion's spec")
    if fields.sound("champion") and champion == version:
        fields.fault("champion", "is this version itself: name the one that it is compared with")
    modes: tuple[Mode, ...] = ("shadow", "split")
    measures: tuple[Measure, ...] = ("auc", "accuracy")
    margins: tuple[Margin, ...] = ("estimated", "tested")
    mode = fields.choice("mode", "shadow", modes)
    looks_ms = fields.duration("looks", DAY_MS, UNITS_MS["s"], 30 * DAY_MS)
    rules = ComparisonRules(
        champion=champion,
        mode=mode,
        ratio=_read_ratio(fields, mode),
        stages=_read_stages(fields, mode),
        measure=fields.choice("measure", "auc", measures),
        better_by=fields.number("better_by", 0.02, 0.0, 0.99),
        margin=fields.choice("margin", "estimated", margins),
        significance=fields.number("significance", 0.05, 1e-6, 0.2),
        looks_ms=looks_ms,
        length_ms=fields.duration("length", max(28 * DAY_MS, looks_ms), looks_ms),
        maturity_ms=_read_maturity(fields, label),
        within_ms=fields.duration("within", UNITS_MS["h"], 0, 7 * DAY_MS),
        score_bins=fields.whole("score_bins", 20, 2, MAX_SCORE_BINS),
        guards=usual_guards(_read_guards(fields, business)),
    )
    fields.close()
    if fields.sound("looks", "length") and rules.length_ms > MAX_LOOKS * rules.looks_ms:
        fields.fault(
            "length",
            f"{format_duration(rules.length_ms)} has more than {MAX_LOOKS} looks of "
            f"{format_duration(rules.looks_ms)}",
        )
    return rules


def _read_maturity(fields: Fields, label: LabelRules) -> int:
    complete_ms = label.negative_after_ms or 0
    usual_ms = max(max(label.maturities_ms, default=7 * DAY_MS), complete_ms)
    maturity_ms = fields.duration("maturity", usual_ms, UNITS_MS["s"])
    if fields.sound("maturity") and maturity_ms < complete_ms:
        fields.fault(
            "maturity",
            f"after {format_duration(maturity_ms)} only what is reported early is known: negatives "
            f"are known after {format_duration(complete_ms)} (label.negative_after)",
        )
    return maturity_ms


def _read_ratio(fields: Fields, mode: Mode) -> tuple[float, float]:
    if fields.has("ratio") and mode != "split":
        fields.fault("ratio", "is for mode: split")
    if fields.has("ratio") and fields.has("stages"):
        fields.fault("ratio", "says what stages says: keep one of the two")
    found = _numbers(fields, "ratio", ARMS)
    if not fields.has("ratio") or not fields.sound("ratio"):
        return (0.8, 0.2)
    if len(found) != ARMS or not all(each > 0.0 for each in found):
        fields.fault("ratio", "must be the champion's and the challenger's share, such as [80, 20]")
        return (0.8, 0.2)
    whole = sum(found)
    return (found[0] / whole, found[1] / whole)


def _read_stages(fields: Fields, mode: Mode) -> tuple[float, ...]:
    if fields.has("stages") and mode != "split":
        fields.fault("stages", "is for mode: split")
    found = _numbers(fields, "stages", MAX_STAGES)
    if not fields.has("stages") or not fields.sound("stages"):
        return ()
    rising = all(low < high for low, high in pairwise(found))
    if len(found) < ARMS or not rising or not found[0] > 0.0 or found[-1] != PERCENT:
        fields.fault("stages", "must be rising per cents up to 100, such as [5, 20, 100]")
        return ()
    return tuple(each / PERCENT for each in found)


def _numbers(fields: Fields, key: str, most: int) -> list[float]:
    found = []
    for item in fields.items(key, most):
        number = finite_number(item) if isinstance(item, Scalar) else None
        if number is None:
            fields.fault_at(key, item, "must be a number")
            continue
        found.append(number)
    return found


def _read_guards(fields: Fields, business: BusinessRules | None) -> dict[str, Guard]:
    section = fields.section("guards")
    found = {}
    for metric in section.mapping.entries:
        if metric not in METRICS:
            listed = did_you_mean(metric, METRICS) or f"; there are: {', '.join(METRICS)}"
            section.fault(metric, f"is no metric of a guard{listed}")
        elif metric in OF_APPROVALS and business is None:
            section.fault(metric, "needs to know which decision is an approval: add business")
        else:
            found[metric] = _read_guard(section, metric)
    section.know(*section.mapping.entries)
    return found


def _read_guard(section: Fields, metric: str) -> Guard:
    fields = section.section(metric)
    bounds: dict[str, float] = {}
    for key in ("at_most", "at_least", "worse_by"):
        if fields.has(key):
            if metric in LATENCY_METRICS:
                bounds[key] = float(fields.duration(key, 0))
            elif metric == "value_per_prediction":
                bounds[key] = fields.number(key, 0.0, -MAX_GUARD, MAX_GUARD)
            else:
                bounds[key] = fields.number(key, 0.0, 0.0, 1.0)
    if fields.has("worse_by_share"):
        bounds["worse_by_share"] = fields.number("worse_by_share", 0.0, 0.0, 1.0)
    fields.know("at_most", "at_least", "worse_by", "worse_by_share")
    fields.close()
    if not bounds and fields.sound("at_most", "at_least", "worse_by", "worse_by_share"):
        section.fault(metric, "needs at_most, at_least, worse_by or worse_by_share")
    return Guard(
        at_most=bounds.get("at_most"),
        at_least=bounds.get("at_least"),
        worse_by=bounds.get("worse_by"),
        worse_by_share=bounds.get("worse_by_share"),
    )
