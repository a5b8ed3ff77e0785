"""What bad records hold back, what bad data must not end, and nights that are no bad data."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import orjson
import pytest

from engine.reference_table import ReferenceTable
from tests.engine.models import MINUTE, START, batch, beat, event, model_of, run, spec_text, trees
from tests.engine.test_injected_faults import (
    A_MINUTE,
    BAD_FROM,
    DRIFTS,
    MINUTES,
    Row,
    model,
    replaced,
    said,
)

RECORD_FAULTS: Final[dict[str, dict[str, Any]]] = {
    "duplicates": {
        "again": lambda i: 1 + (i >= BAD_FROM * A_MINUTE and i % 5 == 0),
        "chosen": {"quality": "{window: 1m}", "duplicates": "{last: 1000}"},
    },
    "freshness": {
        "record_ms": START + (MINUTES + 1) * MINUTE,
        "chosen": {"quality": "{window: 1m, freshness: 1m}"},
    },
}


@pytest.mark.parametrize("name", list(RECORD_FAULTS))
def test_bad_records_hold_everything_back(name: str) -> None:
    """Drift in records that are told twice, or too late to be those of now, asks for nothing; the
    fault has its name in judgement and alert."""
    how = dict(RECORD_FAULTS[name])
    chosen = model(**how.pop("chosen"))
    judgements, alerts, triggers = said(DRIFTS["mean"], chosen, **how)
    assert triggers == []
    (alert,) = [a for a in alerts if a["state"] == "open"]
    assert alert["cause"] == "data_quality"
    drifts_at_once = name == "duplicates"  # too old were the records before they drifted
    assert ("retraining" in alert["evidence"]["observed"]) == drifts_at_once
    assert [one["fault"] for one in alert["evidence"]["observed"]["records"]] == [name]
    bad = judgements[BAD_FROM]
    assert bad["quality"]["level"] == "WATCH"
    assert list(bad["quality"]["records"]) == [name]
    assert bad["data"]["held_back"] == ["speed"]
    assert bad["data"]["retraining"] == "held: bad data"
    _, alerts, triggers = said(DRIFTS["mean"], chosen)
    assert len(triggers) == 1
    assert {a["cause"] for a in alerts} == {"data_drift"}


def test_ages_are_held_against_the_limit_itself() -> None:
    """Written two and a half minutes after START, the first minute's events are 90 s to 150 s old:
    half of them over two minutes, 55 of 60 seconds' worth over 95 s, none over the oldest."""
    log_ms = START + 2 * MINUTE + 30_000

    def share(limit: str) -> float:
        chosen = model(quality=f"{{window: 1m, freshness: {limit}}}")
        judgements, _, _ = said(lambda row, _i: row, chosen, record_ms=log_ms)
        faults = judgements[0]["quality"].get("records", {})
        observed: float = faults.get("freshness", {}).get("observed", 0.0)
        return observed

    assert share("2m") == pytest.approx(0.5, abs=0.01)
    assert share("95s") == pytest.approx(55 / 60, abs=0.01)
    assert share("150s") == 0.0


def test_bad_data_end_no_episode_of_drift() -> None:
    """Drift from the fourth minute on, and in the sixth half of the drifted values are null too:
    the episode is not called over by values that nobody can read."""
    surge = replaced("speed", None, 0.5)

    def both(row: Row, i: int) -> Row:
        moved = DRIFTS["mean"](row, i)
        return surge(moved, i) if i >= (MINUTES - 1) * A_MINUTE else moved

    _, alerts, _ = said(both)
    assert [(a["cause"], a["state"]) for a in alerts] == [
        ("data_drift", "open"),
        ("data_quality", "open"),
    ]


DAY: Final = 24 * 60 * MINUTE


def nights_and_days(days: int, first_ms: int) -> Row:
    """Times, hours and speeds of events: one a minute at night, three by day."""
    minute = np.repeat(np.arange(days * 24 * 60), 3)
    third = np.tile([0, 1, 2], days * 24 * 60)
    kept = (minute // 60 % 24 >= 10) | (third == 0)
    minute, third = minute[kept], third[kept]
    speed = np.random.default_rng(days).normal(50, 10, len(minute))
    ts_ms = first_ms + minute * MINUTE + third * (MINUTE // 3)
    return {"ts_ms": ts_ms, "hour": (minute // 60 % 24).astype(float), "speed": speed}


@pytest.mark.parametrize("with_times", [True, False])
def test_an_hour_of_the_night_is_no_other_unit(with_times: bool) -> None:  # noqa: FBT001 - a case
    """The hours 1 and 2 are a tenth of the usual size and a digit shorter, every night: where the
    training table has times they pass, and a speed in another unit still does not."""
    known = nights_and_days(20, START - START % DAY - 20 * DAY)
    table = ReferenceTable(
        rows=len(known["hour"]),
        numeric={"hour": known["hour"], "speed": known["speed"]},
        categorical={},
        ts_ms=known["ts_ms"] if with_times else None,
    )
    features = "{hour: {type: numeric}, speed: {type: numeric}}"
    text = spec_text(windows="[1h]", features=features, retraining="{rules: {}}")
    stream = nights_and_days(1, START - START % DAY)
    values: list[bytes | None] = []
    for i, ts in enumerate(stream["ts_ms"].tolist()):
        hour, speed = float(stream["hour"][i]), float(stream["speed"][i])
        row = {"hour": hour, "speed": speed * 10 if hour == 20 else speed}
        values.append(orjson.dumps(event(i, ts, features=row, score=..., decision=0)))
    end = beat(START - START % DAY + DAY + MINUTE)
    out, _ = run([model_of(text, table)], 1, [batch([*values, end])])
    rescaled = [
        (feature, int(judgement["start"][11:13]))
        for judgement in trees(out, "judgements")
        if judgement["end"][14:19] == "00:00"
        for feature, tree in judgement["features"].items()
        if "rescaled" in tree.get("quality_fault", [])
    ]
    assert rescaled == [*([] if with_times else [("hour", 1), ("hour", 2)]), ("speed", 20)]
