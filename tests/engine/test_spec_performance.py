"""The ``performance`` section of a spec: defaults, what adds to them, and every fault."""

from __future__ import annotations

import pytest

from engine.retraining_rules import PerformanceDropRule
from engine.spec import MeasureRule, Spec
from engine.spec_reading import read_spec
from tests.engine.good_spec import LEAST, faults_of, one_fault

LABELS = LEAST + "inputs: [predictions, labels]\n"
SHORT = "label: {lateness: 0s, amend: 1m, ttl: 1d, pane: 5m"


def spec(performance: str = "", label: str = "", more: str = "") -> Spec:
    """A spec with labels and these sections."""
    return read_spec(text(performance, label, more))


def text(performance: str = "", label: str = "", more: str = "") -> str:
    """Its text."""
    section = f"performance: {performance}\n" if performance else ""
    return f"{LABELS}{SHORT}{label}}}\n{section}{more}"


def test_with_labels_performance_is_judged() -> None:
    """The usual measures by three points, and a rule that may ask for retraining."""
    rules = spec().performance
    assert rules is not None
    assert list(rules.measures) == ["accuracy", "precision", "recall", "f1", "auc"]
    assert set(rules.measures.values()) == {MeasureRule(worse_by=0.03)}
    assert (rules.by, rules.window, rules.min_labels) == ("arrival", "1h", 100)
    assert spec().retraining.performance == PerformanceDropRule(window="1h")


def test_without_labels_there_is_none() -> None:
    """Nothing is judged, and to ask for it is a fault."""
    least = read_spec(LEAST)
    assert least.performance is None
    assert least.retraining.performance is None
    assert one_fault(LEAST + "performance: {}\n").place == "performance"
    rules = LEAST + "retraining: {rules: {performance: {}}}\n"
    assert one_fault(rules).place == "retraining.rules.performance"


def test_it_can_be_switched_off() -> None:
    """All of it, one measure, or the rule alone."""
    assert spec("null").performance is None
    assert spec("null").retraining.performance is None
    rules = spec("{accuracy: null}").performance
    assert rules is not None
    assert "accuracy" not in rules.measures
    assert "auc" in rules.measures
    quiet = spec(more="retraining: {rules: {}}\n")
    assert quiet.performance is not None
    assert quiet.retraining.performance is None


def test_what_is_written_adds_to_the_usual() -> None:
    """Promises and bounds of single measures; the section's own bound is that of the others."""
    rules = spec(
        "{worse_by: 0.05, auc: {at_least: 0.75}, recall: {worse_by: 0.01}, "
        "log_loss: {at_most: 0.4}, chart: {sigmas: 2, ewma_weight: 0.1, ewma_sigmas: 2.5}}"
    ).performance
    assert rules is not None
    assert rules.measures["auc"] == MeasureRule(worse_by=0.05, limit=0.75)
    assert rules.measures["recall"] == MeasureRule(worse_by=0.01)
    assert rules.measures["log_loss"] == MeasureRule(worse_by=None, limit=0.4)
    assert rules.measures["accuracy"] == MeasureRule(worse_by=0.05)
    assert (rules.chart.sigmas, rules.chart.ewma_weight, rules.chart.ewma_sigmas) == (2, 0.1, 2.5)


@pytest.mark.parametrize(
    ("label", "by"),
    [
        ("", "arrival"),
        (", maturities: [5m, 1h]", "1h"),
        (", maturities: [5m, 1h, 2h], negative_after: 30m", "1h"),
        (", maturities: [5m], negative_after: 30m", "arrival"),
    ],
)
def test_only_complete_labels_are_judged(label: str, by: str) -> None:
    """The longest maturity; where only positives are reported the shortest that closes the rest."""
    rules = spec(label=label).performance
    assert rules is not None
    assert rules.by == by


@pytest.mark.parametrize(
    ("performance", "label", "place", "words"),
    [
        ("{by: 5m}", ", maturities: [5m], negative_after: 1h", "performance.by", "1h"),
        ("{by: 2h}", ", maturities: [5m]", "performance.by", "arrival, 5m"),
        ("{mae: {at_most: 1}}", "", "performance.mae", "no measure of a binary"),
        ("{acuracy: {}}", "", "performance.acuracy", "accuracy"),
        ("{auc: {at_most: 0.7}}", "", "performance.auc.at_most", "at_least"),
        ("{log_loss: {at_least: 0.7}}", "", "performance.log_loss.at_least", "at_most"),
        ("{auc: {at_least: 75}}", "", "performance.auc.at_least", "1"),
        ("{auc: {worse_by: 3}}", "", "performance.auc.worse_by", "1"),
        ("{worse_by: 0}", "", "performance.worse_by", "from"),
        ("{min_labels: 0}", "", "performance.min_labels", "1"),
        ("{window: 2h}", "", "performance.window", "5m, 1h, 7d"),
        ("{at_least: 4, of_last: 3}", "", "performance.at_least", "never"),
        ("{chart: {sigmas: 0}}", "", "performance.chart.sigmas", "from"),
        ("{chart: {ewma_weight: 2}}", "", "performance.chart.ewma_weight", "1"),
        ("{chart: {weight: 1}}", "", "performance.chart.weight", "ewma_weight"),
        ("[auc]", "", "performance", "mapping"),
    ],
)
def test_every_fault_has_its_place(performance: str, label: str, place: str, words: str) -> None:
    """One slip, one fault, and what is allowed."""
    fault = one_fault(text(performance, label))
    assert fault.place == place
    assert words in fault.message


def test_all_faults_are_told_at_once() -> None:
    """However many there are."""
    wrong = text("{by: x, worse_by: -1, auc: {at_least: 2}, min_labels: many, foo: 1}")
    assert len(faults_of(wrong)) == 5


def test_a_window_too_short_for_labels_cannot_be_asked_for() -> None:
    """It is named with the pane that is too long for it."""
    with_labels = f"{LABELS}label: {{lateness: 0s, amend: 1m, ttl: 1d, pane: 30m}}\n"
    faults = faults_of(
        f"{with_labels}performance: {{window: 5m}}\nretraining: {{rules: {{performance: "
        "{window: 5m}}}\n"
    )
    assert [fault.place for fault in faults] == ["performance", "retraining"]
    assert all("30m" in fault.message for fault in faults)
    rules = read_spec(with_labels).performance
    assert rules is not None
    assert rules.window == "1h"


def test_regressions_and_classes_have_measures_of_their_own() -> None:
    """Errors relative to the reference's; what is near 0 needs a bound in words."""
    kind = "prediction: {type: regression}\n"
    rules = spec(more=kind).performance
    assert rules is not None
    assert rules.measures == {"mae": MeasureRule(), "rmse": MeasureRule()}
    assert one_fault(text("{bias: {}}", more=kind)).place == "performance.bias"
    both = spec("{bias: {at_most: 2}, r2: {at_least: -1}}", more=kind).performance
    assert both is not None
    assert both.measures["bias"] == MeasureRule(limit=2)
    assert both.measures["r2"] == MeasureRule(worse_by=0.03, limit=-1)
    classes = spec(more="prediction: {type: multiclass}\n").performance
    assert classes is not None
    assert list(classes.measures) == ["accuracy", "precision", "recall", "f1"]
