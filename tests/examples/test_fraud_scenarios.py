"""Scripted drift: each change moves what it names, from where it says, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import pytest

from examples.fraud.drift import KINDS, Change, Shape
from examples.fraud.scenarios import SCENARIOS, STATIONARY, Scenario, ScenarioError, scenario_of
from examples.fraud.tables import FEATURES
from examples.fraud.truth import TruthWriter
from tests.examples.fraud_streams import EVENTS, auc, payments, psi

HALF: Final = EVENTS // 2
OBSERVED: Final = ("ts", *FEATURES, "score", "latency_ms", "unit", "value")
STRENGTH: Final = {"amount": 1.0, "score": 1.5, "fraud_wave": 1.5, "volume": 2.0}
"""Of kinds whose strength is no share; all others come in full."""


@pytest.fixture(scope="module")
def still() -> pl.DataFrame:
    """A stream without drift."""
    return payments()


def changed(kind: str, shape: Shape = "sudden") -> Change:
    """A change of that kind, half-way, in full."""
    return Change(kind, shape, strength=STRENGTH.get(kind, 1.0))


@pytest.mark.parametrize("kind", [name for name in KINDS if name != "volume"])
def test_a_change_moves_what_it_names_and_nothing_else(kind: str, still: pl.DataFrame) -> None:
    """Before the start every event is as without drift.  After it the columns that the kind names
    differ, the first of them by PSI too, and all others are the same values; ``value``, what was
    really paid, moves only where people pay otherwise."""
    drifted = payments(changed(kind))
    assert drifted.head(HALF).equals(still.head(HALF))
    after, untouched = drifted.tail(HALF), still.tail(HALF)
    moved = {name for name in OBSERVED if not after[name].equals(untouched[name])}
    wanted = set(KINDS[kind].moves) - {"label"}
    if KINDS[kind].family == "covariate" and "amount" in wanted:
        wanted.add("value")
    assert moved == wanted
    first = KINDS[kind].moves[0]
    if kind == "missing":
        assert after["country"].null_count() == after["device"].null_count() == HALF
    elif first != "label":
        assert psi(still.head(HALF)[first], after[first]) > 0.20


def test_nothing_is_found_where_nothing_drifts(still: pl.DataFrame) -> None:
    """The test's own measure is silent on the two halves of a stream without drift.  Hours are
    left out: half a stream of a day is another time of the day."""
    for name in set(FEATURES) - {"hour"}:
        assert psi(still.head(HALF)[name], still.tail(HALF)[name]) < 0.02, name


def test_concept_drift_moves_the_fraud_and_not_its_rate(still: pl.DataFrame) -> None:
    """P(Y | X) moves (the model can no longer tell), P(X) holds to the value and P(Y) within
    chance."""
    drifted = payments(Change("concept", start=0.0, strength=1.0), events=400_000)
    assert drifted.head(EVENTS).drop("label").equals(still.with_columns().drop("label"))
    assert drifted["label"].mean() == pytest.approx(0.004, rel=0.12)
    assert auc(still) > 0.9
    assert auc(drifted) < 0.6


def test_a_wave_of_fraud_is_more_of_the_same(still: pl.DataFrame) -> None:
    """Fraud gets several times as frequent, the features of payments stay."""
    drifted = payments(Change("fraud_wave", start=0.0, strength=1.5))
    assert drifted.drop("label").equals(still.drop("label"))
    assert drifted["label"].sum() > 2.5 * still["label"].sum()
    assert auc(drifted) > 0.9


def test_a_surge_of_volume_is_the_same_payments_faster(still: pl.DataFrame) -> None:
    """Three times the rate; who pays what where is as before."""
    drifted = payments(changed("volume"))
    assert drifted.head(HALF).equals(still.head(HALF))
    for name in ("amount", "mcc", "country", "unit"):
        assert drifted[name].equals(still[name])
    lasted = [table["ts"].item(-1) - table["ts"].item(HALF) for table in (still, drifted)]
    assert lasted[0] > 2.0 * lasted[1]


def test_an_amount_in_cents_is_a_hundred_times_the_value(still: pl.DataFrame) -> None:
    """The fault is in what the model sees, and not in what was paid."""
    drifted = payments(changed("rescaled")).tail(HALF)
    assert np.allclose(drifted["amount"], still.tail(HALF)["value"] * 100)
    frozen = payments(changed("frozen")).tail(HALF)
    assert frozen["amount"].n_unique() == 1
    renamed = payments(changed("renamed")).tail(HALF)
    assert renamed["country"].equals(still.tail(HALF)["country"].str.to_lowercase())


@pytest.mark.parametrize(
    ("shape", "tenths"),
    [
        ("sudden", [0, 0, 1, 1, 1, 1, 1, 1, 1, 1]),
        ("incremental", [0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1, 1, 1]),
        ("gradual", [0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1, 1, 1]),
        ("recurring", [0, 0, 1, 0, 1, 0, 1, 0, 1, 0]),
    ],
)
def test_shapes_come_as_they_say(shape: Shape, tenths: list[float]) -> None:
    """The mean strength in each tenth of the stream, from 0.2 on; a gradual change is there in
    full or not at all, an incremental one in part."""
    change = Change("devices", shape, start=0.2, strength=0.8, ramp=0.4, period=0.1)
    place = (np.arange(100_000)) / 100_000
    found = change.strengths(place, np.random.default_rng(3).random(100_000))
    assert found.reshape(10, -1).mean(axis=1) == pytest.approx(0.8 * np.array(tenths), abs=0.02)
    assert (len(np.unique(found)) > 2) is (shape == "incremental")


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_the_truth_says_where_a_scenario_changes_the_stream(name: str, still: pl.DataFrame) -> None:
    """Outside the spans that the truth tells, events are those of the still stream; at the first
    event of a sudden span something that it moves differs."""
    scenario = SCENARIOS[name]
    table = payments(*scenario.changes)
    truth = TruthWriter(scenario, EVENTS)
    for piece in table.iter_slices(30_000):
        truth.watch(piece)
    tree = truth.as_tree()
    assert (tree["events"], tree["last_ts"]) == (EVENTS, table["ts"].item(-1))
    inside = np.zeros(EVENTS, dtype=bool)
    for change in tree["changes"]:
        assert change["family"] == KINDS[change["kind"]].family
        for span in change["spans"]:
            first, end = span["first_event"], span["end_event"]
            inside[first:end] = True
            assert span["first_ts"] == table["ts"].item(first)
            assert span["end_ts"] == (None if end == EVENTS else table["ts"].item(end))
    calm = pl.Series(~inside)
    if "volume" not in {change.kind for change in scenario.changes}:
        assert table.filter(calm).equals(still.filter(calm))
    assert (scenario == STATIONARY) == table.equals(still)


def test_a_scenario_may_come_from_a_file(tmp_path: Path) -> None:
    """YAML of the same form; what it says wrong is told with its place."""
    file = tmp_path / "mine.yaml"
    file.write_text(
        "name: mine\nsays: both\nchanges:\n- {kind: volume, strength: 1}\n"
        "- {kind: merchants, shape: gradual, start: 0.2, ramp: 0.1, strength: 0.5}\n"
    )
    volume = Change("volume", strength=1.0)
    gradual = Change("merchants", "gradual", 0.2, 0.5, 0.1)
    assert scenario_of(str(file)) == Scenario("mine", "both", (volume, gradual))
    file.write_text("name: mine\nsays: both\nchanges: [{kind: weather}]\n")
    with pytest.raises(ScenarioError, match=r"no such drift: 'weather'.*changes\[0\]"):
        scenario_of(str(file))
    with pytest.raises(ScenarioError, match="no such scenario"):
        scenario_of("weather")


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "weather"},
        {"kind": "amount", "start": 2.0},
        {"kind": "amount", "strength": -1.0},
        {"kind": "missing", "strength": 1.5},
        {"kind": "devices", "ramp": 0.0},
    ],
)
def test_a_script_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    """Unknown kinds, places outside the stream, shares above 1, ramps of no length."""
    with pytest.raises(ValueError, match=r"drift|start|strength|ramp"):
        Change(**wrong)  # type: ignore[arg-type]
