"""The judgement's JSON: what stands in it, what is absent, and how bins are named."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import orjson
import pytest

from engine.model import MonitoredModel
from engine.reference_table import ReferenceTable
from tests.engine.models import (
    HOUR,
    SECOND,
    START,
    batch,
    beat,
    event,
    model_of,
    raw,
    run,
    spec_text,
    trees,
)


@cache
def atoms() -> MonitoredModel:
    """Rain: none in half of the rows, 5 in a quarter, anything up to 10 in the rest."""
    random = np.random.default_rng(1)
    rain = np.concatenate([np.zeros(2_000), np.full(1_000, 5.0), random.uniform(0, 10, 1_000)])
    table = ReferenceTable(rows=4_000, numeric={"rain": rain}, categorical={})
    return model_of(spec_text(features="{rain: {type: numeric}}", retraining="{rules: {}}"), table)


def first_minute(model: MonitoredModel, values: list[bytes]) -> dict[str, Any]:
    """Revision 0 of the first whole minute."""
    out, _ = run([model], 1, [batch([*values, beat(START + HOUR)])])
    found = trees(out, "judgements")
    return next(j for j in found if j["window"] == "1m" and j["end"].endswith("10:01:00Z"))


def test_the_bins_of_single_values_can_be_read() -> None:
    """A value with a bin of its own is ``[v,v]`` and its neighbours stop short of it; no name holds
    the double next to a value, and every name is there once."""
    values = [raw(i, START + i * 100, features={"rain": 12.0 + i}) for i in range(500)]
    feature = first_minute(atoms(), values)["features"]["rain"]
    names = [b["bin"] for b in feature["bins"]]
    assert {"[0,0]", "[5,5]"} <= set(names)
    assert any(name.startswith("(0,") for name in names)
    assert any(name.startswith("(5,") for name in names)
    assert not any("e-324" in name for name in names)
    assert len(set(names)) == len(names)
    assert sum(b["expected"] for b in feature["bins"]) == pytest.approx(1.0)
    assert feature["bins"][0]["actual"] == 1.0
    assert feature["bins"][0]["bin"].endswith(",inf)")


def test_sections_without_data_are_absent() -> None:
    """Without scores, decisions or latencies there is no such number; nothing is zero instead."""
    values = [
        raw(i, START + i * SECOND, score=..., decision="approve", latency_ms=...) for i in range(50)
    ]
    found = first_minute(model_of(spec_text(quality="null")), values)
    assert "prediction" not in found
    assert found["operations"] == {"events_per_second": 50 / 60, "error_rate": 0.0}
    assert {"performance", "estimated", "quality", "business"}.isdisjoint(found)


def test_decisions_are_the_services_own_or_else_the_thresholds() -> None:
    """A decision that is given counts, also against the score; an absent one is score >= 0.5."""
    rows = [(0.9, 0), (0.1, 1), (0.5, None), (0.49, None), (None, 1)]
    values = [
        orjson.dumps(event(i, START + i, score=score, decision=decision))
        for i, (score, decision) in enumerate(rows)
    ]
    assert first_minute(model_of(), values)["prediction"]["positive_rate"] == 3 / 5


def test_errors_and_latencies_are_operations() -> None:
    """A prediction that failed has neither score nor decision, counts as an event and an error."""
    values = [raw(i, START + i * SECOND, latency_ms=3.0) for i in range(40)]
    values += [
        raw(40 + i, START + 40 * SECOND, score=..., error={"code": 7}, latency_ms=90.0)
        for i in range(10)
    ]
    operations = first_minute(model_of(), values)["operations"]
    assert operations["error_rate"] == 10 / 50
    assert operations["latency_ms"]["mean"] == pytest.approx((40 * 3 + 10 * 90) / 50)
    assert 2.5 <= operations["latency_ms"]["0.5"] <= 5.0
    assert 50.0 <= operations["latency_ms"]["0.99"] <= 100.0


def test_every_number_of_a_judgement_exists() -> None:
    """No NaN, no infinity, and no null: what does not exist is absent."""
    values = [raw(i, START + i * SECOND, features={"x": 1e308, "c": "new"}) for i in range(55)]
    out, _ = run([model_of()], 1, [batch([*values, beat(START + HOUR)])])

    def walk(tree: object) -> None:
        assert tree is not None
        for branch in tree.values() if isinstance(tree, dict) else ():
            walk(branch)
        for branch in tree if isinstance(tree, list) else ():
            walk(branch)

    for judgement in trees(out, "judgements"):
        walk(judgement)
