"""The p-value of a window's volume, against streams whose counts are known to swing or not."""

from __future__ import annotations

import numpy as np
import orjson

from engine.profile import encode_profile
from engine.reference_table import ReferenceTable
from tests.engine.models import (
    HOUR,
    MINUTE,
    START,
    batch,
    beat,
    event,
    model_of,
    reference,
    run,
    spec_text,
    trees,
)
from tests.engine.reference_tables import MONDAY


def poisson_days(days: int, mean: float, factor_of_day: float, seed: int) -> ReferenceTable:
    """Events of ``days`` with ``mean`` an hour; every day's mean is off by its own factor."""
    rng = np.random.default_rng(seed)
    swing = np.exp(rng.normal(0.0, factor_of_day, days)) if factor_of_day else np.ones(days)
    times = [
        MONDAY + (day * 24 + hour) * HOUR + rng.integers(0, HOUR, rng.poisson(mean * swing[day]))
        for day in range(days)
        for hour in range(24)
    ]
    ts = np.sort(np.concatenate(times))
    known = reference(len(ts))
    numeric, categorical = known.numeric, known.categorical
    return ReferenceTable(rows=len(ts), numeric=numeric, categorical=categorical, ts_ms=ts)


def volume_p_values(table: ReferenceTable, counts: list[int]) -> list[float]:
    """Of hours with these many events, an hour after the other; the windows are an hour long."""
    rules = {"windows": "[1h]", "retraining": "{rules: {}}", "quality": "null"}
    model = model_of(spec_text(**rules), table)
    values = [
        orjson.dumps(event(i * 10_000 + k, START + i * HOUR + k * HOUR // n, score=..., decision=0))
        for i, n in enumerate(counts)
        for k in range(n)
    ]
    out, _ = run([model], 1, [batch([*values, beat(START + len(counts) * HOUR + MINUTE)])])
    found = [j for j in trees(out, "judgements") if j["end"][14:19] == "00:00" and j["events"]]
    return [j["operations"]["volume_p_value"] for j in found]


def test_a_volume_has_a_chance() -> None:
    """The usual 100 an hour are likely, 130 and 70 unlikely, 200 and 30 impossible; counts of a
    Poisson stream swing no more than Poisson's law."""
    table = poisson_days(28, 100.0, 0.0, 3)
    model = model_of(spec_text(windows="[1h]", retraining="{rules: {}}"), table)
    assert 1.0 <= model.profile.volume_dispersion["1h"] < 1.15
    usual, more, fewer, twice, third = volume_p_values(table, [100, 135, 65, 200, 30])
    assert usual > 0.3
    assert max(more, fewer) < 0.02
    assert max(twice, third) <= 1e-5


def test_counts_that_swing_by_themselves_are_no_anomaly() -> None:
    """Where days differ by a third of their own accord, 135 of 100 is nothing."""
    table = poisson_days(28, 100.0, 0.3, 4)
    model = model_of(spec_text(windows="[1h]", retraining="{rules: {}}"), table)
    assert model.profile.volume_dispersion["1h"] > 5
    (more,) = volume_p_values(table, [135])
    assert more > 0.1


def test_too_few_blocks_say_nothing() -> None:
    """Six days fit every hour's mean to one block: no dispersion, and so no p-value."""
    table = poisson_days(6, 20.0, 0.0, 5)
    model = model_of(spec_text(windows="[1h]", retraining="{rules: {}}"), table)
    assert model.profile.volume_dispersion == {}
    assert "volume_dispersion" not in orjson.loads(encode_profile(model.profile))
