"""A request that bad data hold is told as long as it is held, though their own alert is over."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import orjson

from engine.reference_table import ReferenceTable
from tests.engine.models import MINUTE, START, batch, beat, event, model_of, run, spec_text, trees

A_MINUTE: Final = 400
MINUTES: Final = 20
BAD: Final = range(5, 6)
"""The first minute of the second five; real drift goes on from then."""
RULES: Final = (
    "{cooldown: 30m, rules: {psi_features: "
    "{above: 0.2, features: 1, window: 5m, at_least: 1, of_last: 1}}}"
)


def said(more: str = "") -> dict[str, list[dict[str, Any]]]:
    """Of a tariff that moves, standing still for half of the BAD minute, and of what is made from
    it; ``more`` stands in the spec of both."""
    rng = np.random.default_rng(3)
    reference = rng.uniform(10.0, 60.0, 8_000)
    table = ReferenceTable(
        rows=len(reference),
        numeric={"tariff": reference, "made": reference * 2.0},
        categorical={},
    )
    text = spec_text(
        windows="[1m, 5m]",
        features=f"\n  tariff: {{type: numeric{more}}}"
        f"\n  made: {{type: numeric, upstream: [tariff]{more}}}\n",
        retraining=RULES,
        quality="{window: 1m}",
        alerts="{calm: 1}",
    )
    values = []
    for i in range(A_MINUTE * MINUTES):
        minute = i // A_MINUTE
        tariff = rng.uniform(10.0, 60.0) if minute < BAD.start else rng.uniform(40.0, 60.0)
        if minute in BAD and i % 2:
            tariff = 29.0
        row = {"tariff": tariff, "made": tariff * 2.0}
        at = START + i * (MINUTE // A_MINUTE)
        values.append(orjson.dumps(event(i, at, features=row, score=..., decision=0)))
    end = beat(START + (MINUTES + 2) * MINUTE)
    out, _ = run([model_of(text, table)], 1, [batch([*values, end])])
    return {topic: trees(out, topic) for topic in ("judgements", "alerts", "retraining-triggers")}


def test_a_longer_window_tells_that_it_holds_a_request() -> None:
    """The minute's own alert is over when five minutes are judged; theirs says what holds, and ends
    with the first that are sound, which asks."""
    records = said()
    told = [(a["cause"], a["state"], a["end"][14:16]) for a in records["alerts"]]
    assert ("data_quality", "resolved", "09") in told
    assert ("data_quality_5m", "open", "10") in told
    assert ("data_quality_5m", "resolved", "15") in told
    (opened, _) = (a for a in records["alerts"] if a["cause"] == "data_quality_5m")
    assert opened["evidence"]["observed"]["retraining"] == "held"
    named = {row["feature"]: row["faults"] for row in opened["evidence"]["features"]}
    assert named["tariff"] == [{"fault": "repeated", "found_in": "earlier windows"}]
    (trigger,) = records["retraining-triggers"]
    assert trigger["window"]["end"][14:16] == "15"


def test_what_is_declared_normal_holds_nothing() -> None:
    """The same stream, where both may stand still."""
    records = said(", unchecked: [repeated]")
    assert [(a["cause"], a["state"]) for a in records["alerts"]] == [("data_drift", "open")]
    (trigger,) = records["retraining-triggers"]
    assert trigger["window"]["end"][14:16] == "10"
