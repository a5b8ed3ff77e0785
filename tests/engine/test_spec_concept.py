"""The ``concept`` section of a spec: defaults, what can be chosen, and every fault."""

from __future__ import annotations

import pytest

from engine.spec import ConceptRules
from engine.spec_reading import read_spec
from tests.engine.good_spec import LEAST, faults_of, one_fault

LABELS = LEAST + "inputs: [predictions, labels]\n"
SHORT = "label: {lateness: 0s, amend: 1m, ttl: 1d, pane: 10m}\n"


def rules(section: str = "", kind: str = "binary") -> ConceptRules | None:
    """The section of a model of a kind."""
    return read_spec(text(section, kind)).concept


def text(section: str = "", kind: str = "binary") -> str:
    """A spec with labels and this section."""
    written = f"concept: {section}\n" if section else ""
    return f"{LABELS}{SHORT}prediction: {{type: {kind}}}\n{written}"


def test_with_labels_losses_are_watched() -> None:
    """By estimators that hardly ever alarm without a change."""
    found = rules()
    assert found is not None
    assert found.estimators == {"adwin": {}, "ddm": {}, "hddm_a": {}}
    assert found.losses == ("error", "missed", "false_alarm", "squared_error")
    assert (found.window, found.at_least, found.of_last) == ("1h", 2, 3)
    classes = rules(kind="multiclass")
    assert classes is not None
    assert classes.losses == ("error",)
    reals = rules(kind="regression")
    assert reals is not None
    assert (reals.losses, reals.estimators) == (("absolute_error",), {"adwin": {}})


def test_it_is_off_without_labels_or_performance_and_can_be_asked_for() -> None:
    """Asked for without labels it is a fault."""
    assert read_spec(LEAST).concept is None
    assert one_fault(LEAST + "concept: {}\n").place == "concept"
    assert rules("null") is None
    assert read_spec(text() + "performance: null\n").concept is None
    assert read_spec(text("{losses: [error]}") + "performance: null\n").concept is not None


def test_what_is_chosen_is_taken() -> None:
    """Estimators with their parameters, losses in one order, confirmation."""
    found = rules(
        "{estimators: {kswin: {alpha: 0.001}, eddm: }, losses: [missed, error], window: 1h, "
        "at_least: 2, of_last: 3}"
    )
    assert found == ConceptRules(
        estimators={"kswin": {"alpha": 0.001}, "eddm": {}},
        losses=("error", "missed"),
        window="1h",
        at_least=2,
        of_last=3,
    )


@pytest.mark.parametrize(
    ("section", "place", "says"),
    [
        ("{estimators: {ddmm: {}}}", "concept.estimators.ddmm", "did you mean 'ddm'"),
        ("{estimators: {stale: {}}}", "concept.estimators.stale", "no estimator over losses"),
        ("{estimators: {}}", "concept.estimators", "concept: null"),
        (
            "{estimators: {ddm: {warm_strat: 3}}}",
            "concept.estimators.ddm.warm_strat",
            "did you mean 'warm_start'",
        ),
        ("{estimators: {ddm: {drift_threshold: 0}}}", "concept.estimators.ddm", "at least 1"),
        ("{estimators: {ddm: {}}, losses: [squared_error]}", "concept.estimators.ddm", "0 and 1"),
        ("{losses: [mistakes]}", "concept.losses[0]", "a loss of a binary model is error"),
        ("{losses: []}", "concept.losses", "names none"),
        ("{window: 5m}", "concept", "no performance"),
        ("{window: 2h}", "concept.window", "none of the windows"),
        ("{at_least: 3, of_last: 2}", "concept.at_least", "can never be"),
        ("{estimator: {}}", "concept.estimator", "did you mean 'estimators'"),
    ],
)
def test_every_fault_has_its_place(section: str, place: str, says: str) -> None:
    """And its line, and says what is allowed."""
    fault = one_fault(text(section))
    assert fault.place == place
    assert says in fault.message
    assert fault.line > 0


def test_all_faults_are_listed() -> None:
    """In one look."""
    found = faults_of(text("{estimators: {ddm: {warm_start: -1}, x: {}}, losses: [y], of: 1}"))
    assert {fault.place for fault in found} == {
        "concept.estimators.ddm",
        "concept.estimators.x",
        "concept.losses[0]",
        "concept.of",
    }
