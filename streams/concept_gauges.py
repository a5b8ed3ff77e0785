"""The gauges of concept drift: losses of the newest windows, who alarmed, and of what kind it is.

Rule.  A number that does not exist has no series.  A name (of a shape, of a kind) is a label of a
gauge that is 1, so an alert can ask for it; the others of its kind have no series.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from engine.concept_judging import LossVerdict
from engine.judge import Judge
from engine.tally import Tally
from streams.drift_gauges import GaugeSample, Labels

_WINDOW: Final = ("model", "version", "window")
_LOSS: Final = (*_WINDOW, "loss")
_OF_ALARMS, _OF_LOSSES = 1, 2
HELP: Final = {
    "model_loss_mean": "Mean loss over the labelled predictions of the newest window.",
    "model_loss_mean_baseline": "Mean loss of the training table's own labels.",
    "model_loss_alarms": "Alarms of an estimator over a loss in the newest window.",
    "model_loss_improvements": "Falls of a loss that an estimator found; never alarms.",
    "model_loss_last_alarm_timestamp_seconds": "Event time of an estimator's newest alarm.",
    "model_loss_shape": "How a loss changed over the windows before; 1 for its name.",
    "model_concept_kind": "Its kind: covariate, concept, both, none or unknown; 1 for its name.",
    "model_concept_mix_change": "Change of the mean loss that the mix of events explains.",
    "model_concept_conditional_change": "Change of the mean loss at an equal score or segment.",
}


def concept_help(metric: str) -> str | None:
    """What a metric of this file says; None for any other."""
    return HELP.get(metric)


def concept_samples(judge: Judge) -> Iterator[tuple[int, GaugeSample]]:
    """Gauges of one model's newest windows of performance with their priority."""
    spec = judge.model.spec
    for (_, window), judged in judge.latest_performance.items():
        if judged.concept is None:
            continue
        labels = (spec.model, spec.version, window)
        shift = judged.concept.shift
        yield _OF_ALARMS, _sample("model_concept_kind", ("kind",), (*labels, shift.kind), 1.0)
        for each in shift.groupings:
            of = (*labels, each.name)
            mix, rest = each.parts.mix.value, each.parts.conditional.value
            yield _OF_LOSSES, _sample("model_concept_mix_change", ("cells",), of, mix)
            yield _OF_LOSSES, _sample("model_concept_conditional_change", ("cells",), of, rest)
        for loss in judged.concept.losses:
            yield from _of_loss(loss, (*labels, loss.name))


def _of_loss(loss: LossVerdict, labels: Labels) -> Iterator[tuple[int, GaugeSample]]:
    for metric, value in (
        ("model_loss_mean", loss.found.mean.value),
        ("model_loss_mean_baseline", loss.baseline),
    ):
        if isfinite(value):
            yield _OF_LOSSES, GaugeSample(metric, _LOSS, labels, value)
    if loss.shape is not None:
        named = (*labels, loss.shape.shape.name)
        yield _OF_ALARMS, GaugeSample("model_loss_shape", (*_LOSS, "shape"), named, 1.0)
    names = (*_LOSS, "estimator")
    for each in loss.watched:
        of = (*labels, each.estimator)
        yield _OF_ALARMS, GaugeSample("model_loss_alarms", names, of, each.alarms)
        yield _OF_LOSSES, GaugeSample("model_loss_improvements", names, of, each.improvements)
        if each.last is not None:
            metric, at_s = "model_loss_last_alarm_timestamp_seconds", each.last.at_ms / 1000
            yield _OF_ALARMS, GaugeSample(metric, names, of, at_s)


def _sample(metric: str, more: Labels, labels: Labels, value: float) -> GaugeSample:
    return GaugeSample(metric, (*_WINDOW, *more), labels, value)


def losses(tallies: Mapping[int, Tally]) -> Iterable[Metric]:
    """How many losses wait for their pane to seal, per model over the partitions here."""
    by_model = ("model", "version")
    waiting = GaugeMetricFamily(
        "longshore_losses_waiting",
        "Labelled predictions that wait for their order before estimators see their losses.",
        labels=by_model,
    )
    left_out = CounterMetricFamily(
        "longshore_losses_left_out",
        "Labelled predictions that estimators did not see, above the bound on waiting ones.",
        labels=by_model,
    )
    totals: dict[str, tuple[int, int]] = {}
    for tally in tallies.values():
        for key, joining in tally.joinings.items():
            if joining.losses is not None:
                held = joining.losses.waiting
                now, gone = totals.get(key, (0, 0))
                totals[key] = (now + len(held), gone + held.left_out)
    for key, (now, gone) in totals.items():
        model = key.rsplit("@", 1)
        waiting.add_metric(model, now)
        left_out.add_metric(model, gone)
    return (waiting, left_out)
