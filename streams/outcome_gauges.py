"""The gauges of what decisions turned out to be worth: defaults and the cost of errors.

Rule.  Those of windows by arrival are ``business_...``, those of cohorts ``business_cohort_...``
with their maturity; what the training table says stands beside as ``_baseline``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from engine.business_outcomes import Outcomes
from engine.judge import Judge
from streams.drift_gauges import GaugeSample, Labels

_WINDOW: Final = ("model", "version", "window")
_OF_FAULTS, _OF_MODELS = 1, 2
METRICS: Final = {"default_rate": "default_ratio", "cost_per_prediction": "cost_per_prediction"}
"""Figure -> the end of its metric's name."""
_SAYS: Final = {
    "default_ratio": "Share of the approved predictions that turned out otherwise",
    "cost_per_prediction": "Mean cost of a decided prediction, by the spec's costs",
    "error_cost": "What all the wrong decisions of a kind cost",
}


def outcome_samples(judge: Judge) -> Iterator[tuple[int, GaugeSample]]:
    """Gauges of one model's newest windows of performance with their priority."""
    spec = judge.model.spec
    for (plane, window), judged in judge.latest_performance.items():
        if judged.outcomes is None:
            continue
        prefix = "business"
        names: Labels = _WINDOW
        labels: Labels = (spec.model, spec.version, window)
        if judged.plane.maturity_ms is not None:
            prefix, names, labels = "business_cohort", (*names, "maturity"), (*labels, plane)
        yield from _of_window(judged.outcomes, prefix, names, labels)
        usual = judged.usual_outcomes
        for name, figure in ({} if usual is None else usual.figures).items():
            metric = f"{prefix}_{METRICS[name]}_baseline"
            yield _OF_MODELS, GaugeSample(metric, names, labels, figure.value)


def _of_window(
    found: Outcomes, prefix: str, names: Labels, labels: Labels
) -> Iterator[tuple[int, GaugeSample]]:
    for name, figure in found.figures.items():
        metric = f"{prefix}_{METRICS[name]}"
        yield _OF_MODELS, GaugeSample(metric, names, labels, figure.value)
    for error, cost in found.errors.items():
        sample = GaugeSample(f"{prefix}_error_cost", (*names, "error"), (*labels, error), cost)
        yield _OF_MODELS, sample
    for broken in found.broken:
        of_figure = (*names, "figure")
        metric = f"{prefix}_limit_broken"
        yield _OF_FAULTS, GaugeSample(metric, of_figure, (*labels, broken.figure), 1)


def outcome_help(metric: str) -> str | None:
    """What a metric of this file says; None for any other."""
    for prefix, of in (("business_cohort_", "of a cohort's newest window"), ("business_", "")):
        name = metric.removeprefix(prefix)
        if metric.startswith(prefix) and name.removesuffix("_baseline") in _SAYS:
            says = _SAYS[name.removesuffix("_baseline")]
            if name.endswith("_baseline"):
                return f"{says}, in the training table."
            return f"{says}, {of or 'of the newest window by arrival of labels'}."
        if metric == "business_cohort_limit_broken":
            return "Figures of a cohort significantly beyond the spec's limit."
    return None
