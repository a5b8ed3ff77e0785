"""The ``comparison`` section of a spec: this version against a champion of the same model.

Rule.  The section stands in the challenger's spec and names the champion's version; everything else
has a default.  A guard on what this model cannot tell is a fault.  What is of splits only:
:mod:`engine.spec_split`.
"""

from __future__ import annotations

from typing import Final

from engine.champion.deciding import MAX_LOOKS
from engine.champion.guards import LATENCY_METRICS, METRICS, OF_APPROVALS, usual_guards
from engine.comparison_rules import ComparisonRules, Guard, Margin, Measure, Mode, is_split
from engine.durations import UNITS_MS, format_duration
from engine.spec import LabelRules, PredictionSpec, TimeRules, Topic
from engine.spec_faults import did_you_mean
from engine.spec_fields import Fields
from engine.spec_split import read_split, refuse_endless_stages

DAY_MS: Final = UNITS_MS["d"]
MAX_SCORE_BINS: Final = 60
"""Two of them squared are the cells of a pane."""
MAX_GUARD: Final = 1e12
MAX_OPEN_LOOKS: Final = 1_000
"""Looks whose labels may still come at one time; each is a pane that is held open."""
_VERSION: Final = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}"


def read_comparison(
    spec: Fields,
    version: str,
    prediction: PredictionSpec,
    inputs: tuple[Topic, ...],
    time: TimeRules,
    label: LabelRules,
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
    maturity_ms = _read_maturity(fields, label)
    within_ms = fields.duration("within", UNITS_MS["h"], 0, 7 * DAY_MS)
    users_ms = time.lateness_ms + within_ms
    labels_ms = max(users_ms, label.lateness_ms) + maturity_ms % looks_ms - looks_ms
    rules = ComparisonRules(
        champion=champion,
        mode=mode,
        measure=fields.choice("measure", "auc", measures),
        better_by=fields.number("better_by", 0.02, 0.0, 0.99),
        margin=fields.choice("margin", "estimated", margins),
        significance=fields.number("significance", 0.05, 1e-6, 0.2),
        looks_ms=looks_ms,
        length_ms=fields.duration("length", max(28 * DAY_MS, looks_ms), looks_ms),
        score_bins=fields.whole("score_bins", 20, 2, MAX_SCORE_BINS),
        guards=usual_guards(_read_guards(fields, approvals=spec.has("business"))),
        maturity_ms=maturity_ms,
        within_ms=within_ms,
        **read_split(fields, mode, looks_ms, max(users_ms, labels_ms)),
    )
    fields.close()
    _refuse_lengths(fields, rules, label)
    return rules


def _refuse_lengths(fields: Fields, rules: ComparisonRules, label: LabelRules) -> None:
    """Faults for too many looks, or too few."""
    looks_ms = rules.looks_ms
    if fields.sound("looks", "length") and rules.length_ms > MAX_LOOKS * rules.looks_ms:
        fields.fault(
            "length",
            f"{format_duration(rules.length_ms)} has more than {MAX_LOOKS} looks of "
            f"{format_duration(rules.looks_ms)}",
        )
    if is_split(rules) and fields.sound("looks", "length") and rules.length_ms < 2 * looks_ms:
        fields.fault("length", "of a split is two looks at least: the first counts for no ratio")
    refuse_endless_stages(fields, rules)
    open_ms = rules.maturity_ms + label.lateness_ms + label.amend_ms + rules.within_ms
    if fields.sound("looks", "maturity") and open_ms // rules.looks_ms > MAX_OPEN_LOOKS:
        fields.fault(
            "looks",
            f"{open_ms // looks_ms} looks of {format_duration(looks_ms)} are open "
            f"within maturity + lateness + amend of labels, at most {MAX_OPEN_LOOKS}: look less "
            "often",
        )


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


def _read_guards(fields: Fields, *, approvals: bool) -> dict[str, Guard]:
    section = fields.section("guards")
    found = {}
    for metric in section.mapping.entries:
        if metric not in METRICS:
            listed = did_you_mean(metric, METRICS) or f"; there are: {', '.join(METRICS)}"
            section.fault(metric, f"is no metric of a guard{listed}")
        elif metric in OF_APPROVALS and not approvals:
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
