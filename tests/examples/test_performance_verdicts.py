"""What is said of performance on real data: silence where nothing changed, else its cause."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson
import polars as pl
import pytest

from engine.model import build_model
from engine.profile_building import build_profile
from engine.spec_reading import read_spec
from load_tests.estimates import Stream, summary, table, turned
from streams.replay import Source, replay
from streams.tables import read_table
from tests.engine.reference_tables import MADE_BY

EXAMPLES: Final = Path("examples")
ACS_SPEC: Final = """\
model: acs
version: v1
inventory: {owner: labour-statistics}
time: {pane: 1d, lateness: 1h, amend: 6h}
windows: [{length: 30d, judge_every: 30d}]
features: {AGEP: {type: numeric}}
estimators: {}
inputs: [predictions, labels]
label: {ttl: 90d, lateness: 1d, amend: 1d}
"""
FLIGHTS_SPEC: Final = """\
model: flights
version: v1
inventory: {owner: flight-operations}
time: {pane: 1h, lateness: 1h, amend: 6h}
windows: [{length: 1d, judge_every: 1d}]
features: {dep_delay: {type: numeric}}
estimators: {}
inputs: [predictions, labels]
label: {ttl: 3d, lateness: 1h, amend: 6h}
"""
COLUMNS: Final = ("event_id", "ts", "score", "decision")


def said(
    spec_text: str, parts: dict[str, pl.DataFrame], folder: Path
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Sections of performance, and triggers."""
    spec = read_spec(spec_text)
    for name, frame in parts.items():
        frame.write_parquet(folder / f"{name}.parquet")
    profile = build_profile(spec, read_table(folder / "reference.parquet", spec), MADE_BY)
    sources = [
        Source("predictions", folder / "predictions.parquet", spec),
        Source("labels", folder / "labels.parquet", spec),
    ]
    replay([build_model(spec, profile)], sources, 1, folder)
    found, triggers = (
        [orjson.loads(line) for line in (folder / f"{name}.ndjson").read_bytes().splitlines()]
        for name in ("judgements", "retraining-triggers")
    )
    return [t["performance"] for t in found if "section" in t and t["revision"] == 0], triggers


def alerted(folder: Path) -> set[str]:
    """The rules that alerted."""
    alerts = (folder / "alerts.ndjson").read_bytes().splitlines()
    return {orjson.loads(alert)["rule"] for alert in alerts}


def acs(days: int) -> dict[str, pl.DataFrame]:
    """The census example, its first days."""
    tables = {
        name: pl.read_parquet(EXAMPLES / "acs" / f"{name}.parquet")
        for name in ("reference", "predictions", "labels")
    }
    end = datetime(2016, 1, 1, tzinfo=UTC) + timedelta(days=days)
    made = tables["predictions"].filter(pl.col("ts") < end).select("AGEP", *COLUMNS)
    known = tables["labels"].join(made.select("event_id"), on="event_id", how="semi")
    reference = tables["reference"].select("AGEP", *COLUMNS, "label")
    return {"reference": reference, "predictions": made, "labels": known}


def test_a_year_of_census_is_silent(tmp_path: Path) -> None:
    """No window is worse by three points; the estimate is right to a point and a half."""
    sections, triggers = said(ACS_SPEC, acs(400), tmp_path)
    judged = [each for each in sections if each["labelled"] >= 5_000]
    assert len(judged) >= 11
    assert {each["level"] for each in judged} <= {"STABLE", "WATCH"}
    assert not [t for t in triggers if t["rule"] == "performance"]
    errors = [abs(each["estimated_error"]["accuracy"]) for each in judged]
    assert max(errors) < 0.015
    assert {each["concept"]["kind"] for each in judged} == {"none"}
    assert "concept" not in alerted(tmp_path)


def test_labels_turned_round_are_concept_drift(tmp_path: Path) -> None:
    """From August on: the second window asks, and the estimate saw nothing."""
    parts = acs(330)
    since = datetime(2016, 8, 1, tzinfo=UTC)
    parts["labels"] = turned(parts["predictions"], parts["labels"], int(since.timestamp() * 1000))
    sections, triggers = said(ACS_SPEC, parts, tmp_path)
    asked = next(t for t in triggers if t["rule"] == "performance")
    assert (asked["cause"], asked["drift_type"]) == ("concept_drift", "concept")
    # Labels come 30 days later; one window has both kinds.
    assert "2016-09" <= asked["window"]["end"] < "2017"
    late = [each for each in sections if each["labelled"] >= 5_000][-2]
    assert late["level"] == "DRIFT"
    assert late["estimated_error"]["accuracy"] > 0.07
    assert abs(late["estimated"]["accuracy"] - late["baseline"]["accuracy"]) < 0.02
    assert late["concept"]["kind"] == "concept"
    assert late["concept"]["losses"]["error"]["held"]
    assert "concept" in alerted(tmp_path)


@pytest.mark.parametrize("week", range(8))
def test_a_week_of_the_training_months_left_out_asks_for_nothing(week: int, tmp_path: Path) -> None:
    """Bad days of January and February are in what the others know of bad days."""
    training = pl.read_parquet(EXAMPLES / "flights" / "reference.parquet")
    start = datetime(2013, 1, 3, tzinfo=UTC) + timedelta(weeks=week)
    of_week = pl.col("ts").is_between(start, start + timedelta(weeks=1), closed="left")
    left_out = training.filter(of_week)
    columns = ("dep_delay", *COLUMNS)
    labels = left_out.filter(pl.col("label").is_not_null()).select(
        "event_id", "label", label_ts=pl.col("ts") + timedelta(hours=3)
    )
    parts = {
        "reference": training.filter(~of_week).select(*columns, "label"),
        "predictions": left_out.select(columns),
        "labels": labels.sort("label_ts"),
    }
    sections, triggers = said(FLIGHTS_SPEC, parts, tmp_path)
    assert len(sections) >= 6  # the last day waits for the day behind it
    assert not [t for t in triggers if t["rule"] == "performance"]
    assert "concept" not in alerted(tmp_path)


def test_the_table_says_what_the_judgements_say() -> None:
    """Means weighted by labels, before and after; a window with some of both is left out."""

    def section(start_ms: int, labelled: int, error: float) -> dict[str, Any]:
        measures = ("accuracy", "recall", "auc")
        return {
            "start_ms": start_ms,
            "end_ms": start_ms + 10,
            "labelled": labelled,
            "level": "DRIFT" if error > 0.05 else "STABLE",
            **dict.fromkeys(measures, 0.8),
            "estimated": {**dict.fromkeys(measures, 0.8 + error), "intervals": {}},
            "estimated_error": dict.fromkeys(measures, error),
        }

    nothing = pl.DataFrame()
    stream = Stream("flights", "concept drift", "", nothing, nothing, nothing, 25)
    sections = [section(0, 100, 0.0), section(10, 300, 0.02), section(20, 900, 0.9)]
    row = summary(stream, [*sections, section(30, 200, 0.1), section(40, 50, 9.0)])
    assert row["before"]["accuracy"]["error"] == pytest.approx(0.015)
    assert row["before"]["accuracy"]["largest_error"] == pytest.approx(0.02)
    assert row["after"]["auc"]["error"] == pytest.approx(0.1)
    assert row["after"]["levels"]["DRIFT"] == 1
    lines = table([row])
    assert len(lines) == 2 + 6
    assert "| flights | concept drift | 1 | auc | 0.900 | 0.800 | +0.100 |" in lines[-1]
