"""Reading a spec: defaults, bounds, and every fault at once with its place."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.retraining_rules import PsiFeaturesRule, VolumeRule
from engine.spec import AlarmBudget, LabelRules, Spec
from engine.spec_faults import MAX_FAULTS, SpecError
from engine.spec_reading import read_spec, spec_hash
from engine.spec_sections import MAX_FEATURES
from engine.spec_yaml import MAX_SPEC_BYTES
from tests.engine.good_spec import DOCUMENTED, FULL, LEAST, faults_of, one_fault
from tests.thoroughness import examples

DAY = 86_400_000


def spec_or_error(text: str) -> Spec | SpecError:
    """What reading a text comes to."""
    try:
        return read_spec(text)
    except SpecError as error:
        return error


def test_the_documented_spec_is_read_whole() -> None:
    """Every field of the documentation's example arrives."""
    spec = read_spec(DOCUMENTED)
    amount, mcc, country = spec.features
    assert (spec.model, spec.version, spec.segments) == ("fraud", "2026.11", ("channel",))
    assert spec.inventory.next_review == "2027-06-30"
    assert (amount.low, amount.high, amount.importance, amount.required) == (0.0, None, 0.4, True)
    assert (mcc.type, mcc.categories, country.sensitive) == ("categorical", 50, True)
    assert spec.inputs == ("predictions", "labels")
    assert spec.label.maturities_ms == (3_600_000, DAY, 30 * DAY)
    assert spec.label.negative_after_ms == 90 * DAY
    assert spec.retraining.psi_features == PsiFeaturesRule(window="1h")
    assert spec.retraining.volume == VolumeRule(window="1h")
    assert spec.columns["score"] == "y_pred_proba"


def test_all_that_is_optional_has_a_default() -> None:
    """Model, version, owner, windows and features are enough."""
    spec = read_spec(LEAST)
    assert spec.inputs == ("predictions",)
    assert spec.label == LabelRules()
    assert spec.budget == AlarmBudget()
    assert (spec.psi_watch, spec.psi_drift, spec.pseudo_count) == (0.10, 0.20, 0.5)
    assert (spec.season, spec.duplicates_last, spec.estimators) == (None, 0, {"adwin": {}})
    assert spec.retraining.psi_features == PsiFeaturesRule(features=1, window="1h")
    assert spec.retraining.volume is None
    assert (spec.segments, spec.columns) == ((), {})


def test_everything_can_be_said() -> None:
    """The further keys are read as well."""
    spec = read_spec(FULL)
    assert spec.season == "hour"
    assert spec.duplicates_last == 1000
    assert spec.budget == AlarmBudget(false_pages=2.0, per_ms=7 * DAY)
    assert (spec.psi_watch, spec.psi_drift, spec.pseudo_count) == (0.05, 0.15, 1.0)
    assert spec.estimators == {"adwin": {"delta": 0.002}}
    assert spec.window("1h").judge_every_ms == 600_000
    assert spec.features[0].fine_bins == 50


def test_rules_that_are_written_are_the_only_ones() -> None:
    """``rules: {}`` switches every rule off; one written alone leaves the other off."""
    off = read_spec(LEAST + "retraining: {rules: {}}\n").retraining
    assert (off.psi_features, off.volume) == (None, None)
    volume = read_spec(LEAST + "retraining: {rules: {volume: }}\n").retraining
    assert volume.psi_features is None
    assert volume.volume == VolumeRule(window="1h")


def test_a_rule_window_may_be_spelled_otherwise() -> None:
    """60m is the window 1h."""
    rule = read_spec(LEAST + "retraining: {rules: {volume: {window: 60m}}}\n").retraining.volume
    assert rule is not None
    assert rule.window == "1h"


def test_fine_bins_merge_into_equal_coarse_ones() -> None:
    """By default the fine bins are the least multiple of the coarse ones from 60 on."""
    for bins, fine_bins in [(10, 60), (7, 63), (8, 64), (100, 100)]:
        spec = read_spec(LEAST.replace("numeric", f"numeric, bins: {bins}"))
        assert (spec.features[0].bins, spec.features[0].fine_bins) == (bins, fine_bins)


SPOILED: dict[str, tuple[tuple[str, ...], Any, str]] = {
    "model": (("model",), "a b", "letters"),
    "version": (("version",), 2026.11, "quote it"),
    "owner": (("inventory", "owner"), None, "no value"),
    "tier": (("inventory", "risk_tier"), "hihg", "did you mean 'high'"),
    "review": (("inventory", "next_review"), "2027-13-01", "must be a date"),
    "idle": (("time", "idle"), "30", "not a duration"),
    "lateness": (("time", "lateness"), "99d", "must be from 0s to 30d"),
    "bins": (("features", "amount", "bins"), 1, "from 2 to 100"),
    "required": (("features", "amount", "required"), "maybe", "true or false"),
    "range": (("features", "amount", "range"), [3, 1], "low to high"),
    "importance": (("features", "amount", "importance"), float("inf"), "finite"),
    "categories": (("features", "mcc", "categories"), 0, "from 1 to 1000"),
    "not a feature key": (("features", "mcc", "sensitiv"), True, "did you mean 'sensitive'"),
    "threshold": (("prediction", "threshold"), "high", "finite number"),
    "inputs": (("inputs",), ["labels"], "must have predictions"),
    "ttl": (("label", "ttl"), "0s", "must be from 1m"),
    "segments": (("segments",), "channel", "must be a list"),
    "season": (("season",), "month", "one of hour, weekday"),
    "duplicates": (("duplicates", "last"), -1, "from 0"),
    "pages": (("budget", "false_pages"), 0, "from 1e-06"),
    "watch": (("psi", "watch"), 0.9, "below drift"),
    "pseudo": (("psi", "pseudo_count"), 0, "from 1e-09"),
    "estimator": (("estimators", "adwinn"), {}, "did you mean 'adwin'"),
    "rule": (("retraining", "rules", "psi_feature"), {}, "did you mean 'psi_features'"),
    "rule window": (("retraining", "rules", "volume", "window"), "2h", "none of the windows"),
    "rule factor": (("retraining", "rules", "volume", "factor"), 1, "above 1"),
    "k of n": (("retraining", "rules", "psi_features", "at_least"), 4, "can never be"),
    "columns": (("columns", "even_id"), "id", "did you mean 'event_id'"),
    "unknown": (("window",), [], "did you mean 'windows'"),
}


@settings(max_examples=examples(60), deadline=None)
@given(st.sets(st.sampled_from(sorted(SPOILED)), min_size=1, max_size=8))
def test_every_fault_is_listed_once_with_its_place(names: set[str]) -> None:
    """A spec spoiled in k places has exactly k faults, at those places, in the order of lines."""
    tree = yaml.safe_load(FULL)
    for name in names:
        path, value, _ = SPOILED[name]
        at = tree
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value
    text = yaml.safe_dump(tree, sort_keys=False)
    faults = faults_of(text)
    assert sorted(f.place for f in faults) == sorted(".".join(SPOILED[n][0]) for n in names)
    for name in names:
        path, _, said = SPOILED[name]
        (fault,) = (f for f in faults if f.place == ".".join(path))
        assert said in fault.message
        assert text.splitlines()[fault.line - 1].strip().startswith(path[-1])
    assert [f.line for f in faults] == sorted(f.line for f in faults)


@pytest.mark.parametrize("key", ["model", "version", "inventory", "windows", "features"])
def test_what_is_required_is_missed(key: str) -> None:
    """A key without a default is a fault where it is missing."""
    tree = yaml.safe_load(LEAST)
    del tree[key]
    fault = one_fault(yaml.safe_dump(tree))
    assert (fault.place, fault.message) == (key, "is required")


@pytest.mark.parametrize(
    ("text", "place", "said", "line"),
    [
        (LEAST + "model: other\n", "model", "written twice, first on line 1", 7),
        (LEAST.replace("x: {", "x: &a {"), "features.x", "anchors are not used", 6),
        (LEAST + "psi: *a\n", "psi", "aliases are not used", 7),
        (LEAST + "psi: !!python/object:os.system {}\n", "psi", "tag", 7),
        (LEAST.replace("x:", "on:"), "features.on", "quote it", 6),
        (LEAST.replace("v1", "1"), "version", 'quote it, "1"', 2),
        (LEAST.replace("x:", '"\\x07":'), 'features."\\u0007"', "control characters", 6),
        (LEAST.replace("x:", "a" * 201 + ":"), "features." + "a" * 201, "at most 200", 6),
        (LEAST.replace("numeric", "numeric, categories: 3"), "features.x.categories", "only", 6),
        (LEAST.replace("numeric", "categorical, bins: 3"), "features.x.bins", "only", 6),
        (LEAST.replace("numeric", "numeric, fine_bins: 5"), "features.x.fine_bins", "bins", 6),
        (LEAST.replace("numeric", "numbers"), "features.x.type", "numeric, categorical", 6),
        (LEAST.replace("{type: numeric}", "{}"), "features.x.type", "is required", 6),
        (LEAST.replace("{type: numeric}", "numeric"), "features.x", "must be a mapping", 6),
        (LEAST + "time: {pane: 7s}\nseason: hour\n", "windows", "", 4),
        (LEAST + "label: {ttl: 1d, negative_after: 2d}\n", "label.negative_after", "ttl", 7),
        (LEAST + "label: {ttl: 1d, maturities: [2d]}\n", "label.maturities[0]", "ttl", 7),
        (LEAST + "columns: {ts_zone: CET}\n", "columns.ts_zone", "only be UTC", 7),
        (LEAST + "psi: {watch: 1:30}\n", "psi.watch", "finite number", 7),
        (LEAST + 'psi: {watch: "0.1"}\n', "psi.watch", "finite number", 7),
        (LEAST + "psi:\n", "psi", "must be a mapping", 7),
        (LEAST + "time: {pane: 100ms, amend: 30d}\n", "time.pane", "panes open", 7),
    ],
)
def test_a_fault_says_where_and_what(text: str, place: str, said: str, line: int) -> None:
    """Place, line and a sentence, for what YAML allows and a spec does not."""
    fault = faults_of(text)[0]
    assert fault.place.startswith(place)
    assert said in fault.message
    assert fault.line == line


def test_a_season_needs_a_pane_that_fits_its_slices() -> None:
    """A base pane across the end of an hour would belong to two slices."""
    text = LEAST.replace("[5m, 1h, 7d]", "[7m]") + "time: {pane: 7m}\nseason: hour\n"
    fault = one_fault(text)
    assert (fault.place, "divides 1h" in fault.message) == ("season", True)
    assert read_spec(text.replace("7m", "8h").replace("hour", "weekday")).season == "weekday"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        "a: [",
        "a: b: c",
        "\tx: 1",
        "model: m\n---\nmodel: n\n",
        "\x00",
        "a: " + "[" * 9999,
    ],
)
def test_what_is_no_yaml_mapping_is_one_fault(text: str) -> None:
    """There is nothing to list in a file that cannot be read at all."""
    assert one_fault(text).message


def test_a_spec_is_bounded() -> None:
    """Size, nesting and features have limits, and aliases cannot multiply a small file."""
    assert "bytes" in one_fault("#" * (MAX_SPEC_BYTES + 1)).message
    many = "".join(f"  f{i}: {{type: numeric}}\n" for i in range(MAX_FEATURES + 1))
    assert "at most 2000" in one_fault(LEAST + many).message
    laughs = "a: &a [x]\n" + "".join(f"b{i}: [{'*a, ' * 50}]\n" for i in range(50))
    assert any("aliases" in fault.message for fault in faults_of(laughs))


def test_feature_names_are_free_text() -> None:
    """Spaces, dots and other letters are allowed, and their place is quoted."""
    named = LEAST.replace("x:", '"größe in m.":')
    assert read_spec(named).features[0].name == "größe in m."
    assert one_fault(named.replace("numeric", "n")).place == 'features."größe in m.".type'


@pytest.mark.parametrize("name", ['a"b', "a\\b"])
def test_a_feature_name_that_no_decoder_takes_is_a_fault(name: str) -> None:
    """It passed the check, and the worker ended at its start."""
    assert "must not contain" in one_fault(LEAST.replace("x:", f"'{name}':")).message


def test_estimators_are_those_that_are_known() -> None:
    """Names come from discovery; an empty mapping switches all off."""
    text = LEAST + "estimators: {kswin: {alpha: 1e-4, seed: 3, fast: true, mode: slow}}\n"
    assert "there are: adwin" in one_fault(text).message
    known = read_spec(text, known_estimators=["adwin", "kswin"]).estimators
    assert known == {"kswin": {"alpha": 1e-4, "seed": 3, "fast": True, "mode": "slow"}}
    assert read_spec(LEAST + "estimators: {}\n").estimators == {}


def test_an_estimator_of_losses_is_refused_at_its_place() -> None:
    """Features have no right and wrong: what counts errors is no estimator for them."""
    text = LEAST + "estimators:\n  adwin: {}\n  ddm: {warm_start: 50}\n"
    for known in (["adwin"], ["adwin", "kswin"]):
        with pytest.raises(SpecError) as raised:
            read_spec(text, known, ["ddm"])
        (fault,) = raised.value.faults
        assert fault.place == "estimators.ddm"
        assert fault.line == text[: text.index("ddm")].count("\n") + 1
        assert fault.message == (
            f"watches losses, not features; for features there are: {', '.join(known)}"
        )
    assert "ddm" in read_spec(text, ["adwin", "ddm"], ["ddm"]).estimators


def test_the_hash_names_what_is_said_not_how() -> None:
    """Comments, order of keys and spelling of durations do not change it; any value does."""
    said = read_spec(LEAST)
    written = yaml.safe_dump(yaml.safe_load(LEAST), sort_keys=True) + "# a comment\n"
    assert spec_hash(read_spec(written.replace("1h", "60m"))) == spec_hash(said)
    assert spec_hash(said).startswith("sha256:")
    assert spec_hash(read_spec(LEAST.replace("v1", "v2"))) != spec_hash(said)


@settings(max_examples=examples(150), deadline=None)
@given(st.text(max_size=60), st.integers(0, len(FULL)), st.integers(0, 30))
def test_no_text_breaks_the_reader(inserted: str, at: int, cut: int) -> None:
    """Whatever a file holds, it is a spec or a list of faults."""
    outcome = spec_or_error(FULL[:at] + inserted + FULL[at + cut :])
    assert isinstance(outcome, Spec) or (outcome.faults and "in the spec" in str(outcome))


def test_the_error_prints_every_fault_with_its_place() -> None:
    """One line a fault, in the order of the file; beyond MAX_FAULTS the rest is counted."""
    text = LEAST.replace("numeric", "numbers") + "psy: {}\n"
    assert str(spec_or_error(text)).splitlines() == [
        "2 faults in the spec:",
        (
            "  line 6, features.x.type: must be one of numeric, categorical, not 'numbers'"
            " (did you mean 'numeric'?)"
        ),
        "  line 7, psy: is not a key of a spec here (did you mean 'psi'?)",
    ]
    many = LEAST + "".join(f"unknown{i}: 1\n" for i in range(MAX_FAULTS + 5))
    assert str(spec_or_error(many)).endswith("\n  and 5 more")
