"""Bad data put into a clean stream, and real drift beside it: alerts of one, triggers of the other.

Every fault is large enough to be drift by its PSI.  It opens a ``data_quality`` alert that names it
and asks for no retraining; a drift as large asks for retraining and opens no such alert.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

import numpy as np
import orjson
import pytest

from engine.model import MonitoredModel
from engine.reference_table import ReferenceTable
from tests.engine.models import MINUTE, START, batch, beat, event, model_of, run, spec_text, trees

ROWS: Final = 8_000
A_MINUTE: Final = 400
MINUTES: Final = 6
BAD_FROM: Final = 3
WORDS: Final = ("red", "green", "blue")
FEATURES: Final = """
  amount: {type: numeric, bins: 5, fine_bins: 20, range: [0, null]}
  speed: {type: numeric, bins: 5, fine_bins: 20, unit: km/h}
  colour: {type: categorical}
"""
RULES: Final = (
    "{cooldown: 3m, rules: {psi_features: "
    "{above: 0.2, features: 1, window: 1m, at_least: 2, of_last: 3}}}"
)
Row = dict[str, Any]


def drawn(rng: np.random.Generator, rows: int) -> list[Row]:
    """Clean feature rows: now and then an amount is missing."""
    amount = np.round(rng.lognormal(3.0, 0.6, rows), 2).tolist()
    speed, words = rng.normal(50, 10, rows).tolist(), rng.choice(WORDS, rows, p=[0.5, 0.3, 0.2])
    return [
        {"amount": a if i % 50 else None, "speed": s, "colour": str(w)}
        for i, (a, s, w) in enumerate(zip(amount, speed, words, strict=True))
    ]


@cache
def model(**sections: str) -> MonitoredModel:
    """Its training rows are drawn as the stream is."""
    rows = drawn(np.random.default_rng(1), ROWS)
    table = ReferenceTable(
        rows=ROWS,
        numeric={
            name: np.array([np.nan if r[name] is None else r[name] for r in rows])
            for name in ("amount", "speed")
        },
        categorical={"colour": [r["colour"] for r in rows]},
    )
    text = spec_text(windows="[1m]", features=FEATURES, retraining=RULES, **sections)
    return model_of(text, table)


def said(
    spoil: Callable[[Row, int], Row],
    chosen: MonitoredModel | None = None,
    *,
    again: Callable[[int], int] = lambda _i: 1,
    record_ms: int = -1,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Judgements, alerts and triggers of a stream whose rows are spoilt from BAD_FROM on; each is
    told ``again(i)`` times, with its record's time where that is not -1."""
    values: list[bytes | None] = []
    rows = drawn(np.random.default_rng(2), A_MINUTE * MINUTES)
    for i, row in enumerate(rows):
        changed = spoil(dict(row), i) if i >= BAD_FROM * A_MINUTE else row
        ts = START + i * (MINUTE // A_MINUTE)
        told = orjson.dumps(event(i, ts, features=changed, score=..., decision=0))
        values += [told] * again(i)
    end = beat(START + (MINUTES + 2) * MINUTE)
    log = batch([*values, end], record_ms=record_ms)
    out, _ = run([chosen or model(quality="{window: 1m}")], 1, [log])
    judgements, alerts, triggers = (
        trees(out, topic) for topic in ("judgements", "alerts", "retraining-triggers")
    )
    whole = [j for j in judgements if j["revision"] == 0 and j["end"][17:19] == "00"]
    return whole, alerts, triggers


def scaled(feature: str, factor: float) -> Callable[[Row, int], Row]:
    """One feature in another unit."""

    def spoil(row: Row, _i: int) -> Row:
        if row[feature] is not None:
            row[feature] *= factor
        return row

    return spoil


def replaced(feature: str, value: object, share: float = 1.0) -> Callable[[Row, int], Row]:
    """One feature's value replaced in a share of the rows, evenly."""

    def spoil(row: Row, i: int) -> Row:
        if (i * share) % 1.0 + share >= 1.0:
            row[feature] = value
        return row

    return spoil


def renamed(row: Row, _i: int) -> Row:
    """Every red is called rouge."""
    if row["colour"] == "red":
        row["colour"] = "rouge"
    return row


def half_in_cents(row: Row, i: int) -> Row:
    """Every second amount in another unit."""
    return scaled("amount", 100.0)(row, i) if i % 2 else row


FAULTS: Final[dict[str, tuple[str, str, Callable[[Row, int], Row]]]] = {
    **{f"x {f:g}": ("amount", "rescaled", scaled("amount", f)) for f in (10, 100, 1000)},
    **{f"x {f:g}": ("speed", "rescaled", scaled("speed", f)) for f in (0.1, 0.01, 0.001)},
    "null surge": ("amount", "missing", replaced("amount", None, 0.3)),
    "type change": ("speed", "invalid", replaced("speed", "49.5")),
    "a few wrong types": ("speed", "invalid", replaced("speed", "n/a", 0.1)),
    "negative amounts": ("amount", "out_of_range", replaced("amount", -1.0, 0.2)),
    "placeholders": ("speed", "outlier", replaced("speed", 99_999.0, 0.1)),
    "rename": ("colour", "unseen", renamed),
    "constant sensor": ("speed", "constant", replaced("speed", 52.0)),
    "a third stands still": ("speed", "repeated", replaced("speed", 52.0, 0.33)),
    "0 for nothing": ("amount", "zeros", replaced("amount", 0.0, 0.2)),
    "miles for kilometres": ("speed", "converted", scaled("speed", 0.621371)),
    "wrong sign": ("speed", "converted", scaled("speed", -1.0)),
    "half in cents": ("amount", "converted", half_in_cents),
    "one category": ("colour", "constant", replaced("colour", "red")),
}


@pytest.mark.parametrize("name", list(FAULTS))
def test_bad_data_alert_and_ask_for_nothing(name: str) -> None:
    """One episode opens with the first bad minute, names feature and fault, and no other feature;
    the feature is held back from the rule, and nothing asks for retraining."""
    feature, fault, spoil = FAULTS[name]
    judgements, alerts, triggers = said(spoil)
    assert triggers == []
    (alert,) = alerts
    assert (alert["cause"], alert["state"]) == ("data_quality", "open")
    assert alert["since"][14:16] == f"{BAD_FROM:02}"
    (named,) = alert["evidence"]["features"]
    assert named["feature"] == feature
    assert fault in [one["fault"] for one in named["faults"]]
    for number, judgement in enumerate(judgements):
        bad = BAD_FROM <= number < MINUTES
        for other, tree in judgement["features"].items():
            assert (fault in tree.get("quality_fault", [])) is (bad and other == feature)
        if bad and judgement["features"][feature]["level"] == "DRIFT":
            assert judgement["data"]["held_back"] == [feature]
            assert judgement["data"]["level"] == "WATCH"


DRIFTS: Final[dict[str, Callable[[Row, int], Row]]] = {
    "mean": lambda row, _i: {**row, "speed": row["speed"] + 25.0},
    "far mean": lambda row, _i: {**row, "speed": row["speed"] + 60.0},
    "factor of three": scaled("amount", 3.0),
    "factor of five": scaled("amount", 5.0),
    "spread": lambda row, _i: {**row, "speed": 50.0 + 3.0 * (row["speed"] - 50.0)},
    "shares": lambda row, i: {**row, "colour": "blue" if i % 2 else row["colour"]},
}


@pytest.mark.parametrize("name", list(DRIFTS))
def test_real_drift_asks_for_retraining_and_is_no_bad_data(name: str) -> None:
    """Drift of the same size keeps its trigger."""
    judgements, alerts, triggers = said(DRIFTS[name])
    assert len(triggers) == 1
    assert {alert["cause"] for alert in alerts} == {"data_drift"}
    faults = [t for j in judgements for t in j["features"].values() if "quality_fault" in t]
    assert faults == []


def psi_of(spoil: Callable[[Row, int], Row], feature: str) -> float:
    """PSI of the first spoilt minute."""
    psi: float = said(spoil)[0][BAD_FROM]["features"][feature]["psi"]
    return psi


@pytest.mark.parametrize("name", ["x 1000", "x 0.001", "constant sensor", "placeholders"])
def test_it_is_not_the_size_of_psi_that_tells_them_apart(name: str) -> None:
    """A real drift of at least the same PSI asks for retraining; the fault did not."""
    feature, _, spoil = FAULTS[name]
    assert psi_of(spoil, feature) <= psi_of(DRIFTS["far mean"], "speed") * 1.05


def test_a_clean_stream_says_nothing() -> None:
    """Neither alert nor trigger, and no fault in any window."""
    judgements, alerts, triggers = said(lambda row, _i: row)
    assert (alerts, triggers) == ([], [])
    assert {j["quality"]["level"] for j in judgements if j["events"]} == {"STABLE"}


def test_an_episode_is_resolved_by_the_first_clean_window() -> None:
    """One bad minute: open, and resolved a minute later."""
    surge = replaced("amount", None, 0.4)
    _, alerts, _ = said(lambda row, i: surge(row, i) if i < (BAD_FROM + 1) * A_MINUTE else row)
    assert [alert["state"] for alert in alerts] == ["open", "resolved"]
    assert alerts[0]["episode"] == alerts[1]["episode"]


def test_a_stale_sensor() -> None:
    """A value that does not change over more events than the spec allows is stale, also where it
    takes another value now and then."""
    estimators = "{stale: {after: 150}}"

    def stuck(row: Row, i: int) -> Row:
        return {**row, "speed": 50.0 + i // 190}

    _, alerts, triggers = said(stuck, model(quality="{window: 1m}", estimators=estimators))
    assert triggers == []
    kinds = {f["fault"] for a in alerts for n in a["evidence"]["features"] for f in n["faults"]}
    assert kinds == {"stale"}


def test_the_checks_can_be_switched_off() -> None:
    """``quality: null`` alerts nobody, and bad data then are drift; ``unchecked`` does so for one
    fault of one feature."""
    _, alerts, triggers = said(scaled("amount", 100.0), model(quality="null"))
    assert {alert["cause"] for alert in alerts} == {"data_drift"}
    assert len(triggers) == 1
    features = FEATURES.replace("range: [0, null]", "unchecked: [rescaled, outlier]")
    text = spec_text(windows="[1m]", features=features, retraining=RULES, quality="{window: 1m}")
    table = ReferenceTable(
        rows=ROWS,
        numeric={n: np.array([r[n] or np.nan for r in clean()]) for n in ("amount", "speed")},
        categorical={"colour": [r["colour"] for r in clean()]},
    )
    judgements, _, triggers = said(scaled("amount", 100.0), model_of(text, table))
    assert len(triggers) == 1
    assert {j["quality"]["level"] for j in judgements if j["events"]} == {"STABLE"}


def clean() -> list[Row]:
    """The training rows of :func:`model`."""
    return drawn(np.random.default_rng(1), ROWS)
