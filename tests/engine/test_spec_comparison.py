"""``comparison`` of a spec: the least that it says, everything that it may say, and its faults."""

from __future__ import annotations

import pytest

from engine.comparison_rules import ComparisonRules, Guard, Stage
from engine.durations import UNITS_MS
from engine.spec_reading import read_spec
from tests.engine.good_spec import LEAST, faults_of, one_fault

DAY_MS = UNITS_MS["d"]
LABELLED = LEAST + "inputs: [predictions, labels]\n"


def rules(text: str, more: str = "") -> ComparisonRules:
    """What a spec with this section says of the comparison."""
    found = read_spec(f"{LABELLED}{more}comparison: {text}\n").comparison
    assert found is not None
    return found


def test_the_champion_is_enough() -> None:
    """Everything else has a default: shadow, AUC, two points, 5 %, daily for 28 days."""
    found = rules("{champion: v0}")
    assert found == ComparisonRules(
        champion="v0",
        mode="shadow",
        measure="auc",
        better_by=0.02,
        margin="estimated",
        significance=0.05,
        looks_ms=DAY_MS,
        length_ms=28 * DAY_MS,
        maturity_ms=7 * DAY_MS,
        within_ms=UNITS_MS["h"],
        score_bins=20,
        guards={
            "latency_p95": Guard(worse_by_share=0.05, usual=True),
            "error_rate": Guard(worse_by=0.001, usual=True),
        },
    )
    assert read_spec(LABELLED).comparison is None
    assert read_spec(LABELLED + "comparison: null\n").comparison is None


def test_everything_can_be_said() -> None:
    """With guards in their own units."""
    found = rules(
        "{champion: v0, mode: shadow, measure: accuracy, better_by: 0.01, "
        "margin: tested, significance: 0.01, looks: 12h, length: 14d, maturity: 3d, within: 5m, "
        "score_bins: 10, guards: {latency_p95: {at_most: 52ms}, approval_rate: {worse_by: 0.01}, "
        "error_rate: {at_most: 0.01, worse_by_share: 0.1}}}",
        "business: {approved: negative}\n",
    )
    assert (found.measure, found.better_by, found.margin) == ("accuracy", 0.01, "tested")
    assert (found.looks_ms, found.length_ms) == (DAY_MS // 2, 14 * DAY_MS)
    assert found.guards == {
        "latency_p95": Guard(at_most=52.0),
        "approval_rate": Guard(worse_by=0.01),
        "error_rate": Guard(at_most=0.01, worse_by_share=0.1),
    }


def test_a_split_has_one_share_or_stages() -> None:
    """Half unless it is said; a last stage of all is the promotion and no stage of the split."""
    plain = rules("{champion: v0, mode: split}")
    assert (plain.mode, plain.share, plain.stages, plain.settle_ms) == ("split", 0.5, (), DAY_MS)
    assert (plain.share_significance, plain.run) == (0.001, 1)
    found = rules(
        "{champion: v0, mode: split, share_significance: 0.0001, run: 3, settle: 2d, "
        "stages: [{share: 0.05, least: 2d, events: 1000}, {share: 0.2}, {share: 1}]}"
    )
    assert found.stages == (
        Stage(share=0.05, least_ms=2 * DAY_MS, events=1000),
        Stage(share=0.2, least_ms=DAY_MS, events=0),
    )
    assert (found.share, found.settle_ms, found.run) == (None, 2 * DAY_MS, 3)
    assert found.share_significance == 0.0001


def test_a_stage_settles_after_it_was_told() -> None:
    """One look of a day; of an hour as many as the labels are late, and one to move users in."""
    hourly = "{champion: v0, mode: split, looks: 1h, length: 10d, stages: [{share: 0.1}]}"
    assert rules(hourly).settle_ms == DAY_MS
    assert rules(hourly, "label: {lateness: 1h}\n").settle_ms == 2 * UNITS_MS["h"]


def test_the_maturity_is_that_of_the_labels() -> None:
    """The longest one, and never before negatives are known."""
    longest = rules("{champion: v0}", "label: {maturities: [1h, 30d], ttl: 90d}\n")
    assert longest.maturity_ms == 30 * DAY_MS
    late = rules("{champion: v0}", "label: {maturities: [1h], negative_after: 60d}\n")
    assert late.maturity_ms == 60 * DAY_MS


@pytest.mark.parametrize(
    ("section", "place", "words"),
    [
        ("{}", "comparison.champion", "is required"),
        ("{champion: v0, share: 0.2}", "comparison.share", "is of mode: split"),
        ("{champion: v0, stages: [{share: 0.2}]}", "comparison.stages", "is of mode: split"),
        ("{champion: v0, mode: split, share: 1}", "comparison.share", "to 0.999"),
        ("{champion: v0, mode: split, length: 1d}", "comparison.length", "two looks at least"),
        ("{champion: v0, mode: split, settle: 2d}", "comparison.settle", "is of stages"),
        ("{champion: v0, mode: split, stages: []}", "comparison.stages", "has no stage"),
        ("{champion: v0, mode: split, stages: [5]}", "comparison.stages[0]", "must be a mapping"),
        (
            "{champion: v0, mode: split, stages: [{events: 5}]}",
            "comparison.stages[0].share",
            "is required",
        ),
        (
            "{champion: v0, mode: split, stages: [{share: 0.2}, {share: 0.1}]}",
            "comparison.stages[1].share",
            "above that of the stage before",
        ),
        (
            "{champion: v0, mode: split, stages: [{share: 1}]}",
            "comparison.stages[0].share",
            "only a last stage may be 1",
        ),
        (
            "{champion: v0, mode: split, share: 0.2, stages: [{share: 0.2}]}",
            "comparison.share",
            "stands in each",
        ),
        (
            "{champion: v0, mode: split, stages: [{share: 0.2}], settle: 1h}",
            "comparison.settle",
            "whole number of looks",
        ),
        (
            "{champion: v0, mode: split, stages: [{share: 0.2}], settle: 0s}",
            "comparison.settle",
            "over before anybody knows",
        ),
        (
            "{champion: v0, mode: split, stages: [{share: 0.2, least: 27d}, {share: 0.5}]}",
            "comparison.stages",
            "stage 1 takes 30d at least",
        ),
        (
            "{champion: v0, mode: split, stages: [{share: 0.2}, {share: 0.5, least: 29d}]}",
            "comparison.stages",
            "stage 2 takes 29d at least",
        ),
        (
            "{champion: v0, mode: split, stages: [{share: 0.2}, {share: 1, least: 2d}]}",
            "comparison.stages[1].least",
            "is the promotion itself",
        ),
        ("{champion: v0, mode: splt, share: 0.2}", "comparison.mode", "one of shadow"),
        (
            "{champion: v0, mode: split, stages: [{share: x}, {share: 0.3}]}",
            "comparison.stages[0].share",
            "finite number",
        ),
        ("{champion: v1}", "comparison.champion", "this version itself"),
        ("{champion: v0, mode: mirror}", "comparison.mode", "one of shadow"),
        ("{champion: v0, measure: f1}", "comparison.measure", "auc, accuracy"),
        ("{champion: v0, better_by: 2}", "comparison.better_by", "from 0 to 0.99"),
        ("{champion: v0, significance: 0.5}", "comparison.significance", "0.2"),
        ("{champion: v0, looks: 1h, length: 28d}", "comparison.length", "more than 400 looks"),
        ("{champion: v0, looks: 10m, length: 1d}", "comparison.looks", "are open"),
        ("{champion: v0, score_bins: 100}", "comparison.score_bins", "from 2 to 60"),
        ("{champion: v0, loks: 1d}", "comparison.loks", "did you mean 'looks'"),
        (
            "{champion: v0, guards: {latency_p90: {at_most: 1ms}}}",
            "comparison.guards.latency_p90",
            "did you mean",
        ),
        (
            "{champion: v0, guards: {latency_p95: {at_most: 52}}}",
            "comparison.guards.latency_p95.at_most",
            "is not a duration",
        ),
        (
            "{champion: v0, guards: {accuracy: {}}}",
            "comparison.guards.accuracy",
            "needs at_most, at_least",
        ),
        (
            "{champion: v0, guards: {approval_rate: {at_least: 0.6}}}",
            "comparison.guards.approval_rate",
            "add business",
        ),
    ],
)
def test_each_fault_has_its_place(section: str, place: str, words: str) -> None:
    """And nothing else is wrong with the file."""
    fault = one_fault(f"{LABELLED}comparison: {section}\n")
    assert fault.place == place
    assert words in fault.message


def test_it_is_for_binary_models_with_labels() -> None:
    """Both are told at once; a maturity below negative_after is a fault too."""
    found = faults_of(LEAST + "prediction: {type: regression}\ncomparison: {champion: v0}\n")
    assert [fault.place for fault in found] == ["comparison", "comparison"]
    early = LABELLED + "label: {negative_after: 60d}\ncomparison: {champion: v0, maturity: 1d}\n"
    assert one_fault(early).place == "comparison.maturity"


def test_a_pane_that_leaves_no_window_of_labels_is_a_fault() -> None:
    """Nothing would read them."""
    odd = "label: {pane: 7m}\ncomparison: {champion: v0}\n"
    fault = one_fault(LABELLED.replace("[5m, 1h, 7d]", "[5m, 1h]") + odd)
    assert fault.place == "comparison"
    assert "whole number of label.pane, 7m" in fault.message
