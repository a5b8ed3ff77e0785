"""How rates swing between the blocks of a reference, against loops over its rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from detectors.rate_shift import dispersion, upper_rate
from engine.own_blocks import MIN_BLOCK_EVENTS
from engine.profile import CategoricalProfile, NumericProfile, OwnRate, ProfileError, decode_profile
from engine.profile_features import lowest_decade
from engine.reference_table import ReferenceTable
from tests.detectors.naive_quality import decade_cell
from tests.engine.reference_tables import DAY, profile_of, shuffled, spec_of, table_of

FEATURES = "x: {type: numeric, range: [-2, 4]}\nc: {type: categorical}"


def table() -> ReferenceTable:
    """Twenty days: x swings with the day, is missing on day 3 more often, constant on day 7; one
    day has a text and the highest value of its own."""
    found = table_of(a_day=100)
    day = np.arange(found.rows) // 100
    x = found.numeric["x"].copy()
    x[(day == 3) & (np.arange(found.rows) % 3 == 0)] = np.nan
    x[day == 7] = 1.25
    x[(day == 11) & (np.arange(found.rows) % 20 == 0)] = 9.5
    texts = np.array(found.categorical["c"], dtype=object)
    texts[(day == 5) & (np.arange(found.rows) % 10 == 0)] = "rare"
    return ReferenceTable(
        rows=found.rows,
        numeric={"x": x},
        categorical={"c": texts.tolist()},
        score=found.score,
        ts_ms=found.ts_ms,
    )


def by_day(known: ReferenceTable, judge: Callable[[list[object], list[object]], tuple[int, int]],
           values: list[object]) -> OwnRate:  # fmt: skip
    """The rate of each day, by (hits, size) of its values and of all the others."""
    assert known.ts_ms is not None
    days = (known.ts_ms // DAY).tolist()
    hits, sizes = [], []
    for day in sorted(set(days)):
        own = [v for v, d in zip(values, days, strict=True) if d == day]
        rest = [v for v, d in zip(values, days, strict=True) if d != day]
        hit, size = judge(own, rest)
        if size >= MIN_BLOCK_EVENTS:
            hits.append(float(hit))
            sizes.append(float(size))
    hit_array, size_array = np.array(hits), np.array(sizes)
    rates = hit_array / size_array
    return OwnRate(
        blocks=len(hits),
        lower=1.0 - upper_rate(1.0 - rates),
        upper=upper_rate(rates),
        dispersion=dispersion(hit_array, size_array),
    )


def missing(own: list[object], _rest: list[object]) -> tuple[int, int]:
    """Null values of all."""
    return sum(v is None or v != v for v in own), len(own)  # noqa: PLR0124 - NaN


def outside(own: list[object], rest: list[object]) -> tuple[int, int]:
    """Values beyond those of the other days, of the finite ones."""
    finite = [v for v in own if isinstance(v, float) and np.isfinite(v)]
    others = [v for v in rest if isinstance(v, float) and np.isfinite(v)]
    low, high = min(others), max(others)
    return sum(not low <= v <= high for v in finite), len(finite)


def unseen(own: list[object], rest: list[object]) -> tuple[int, int]:
    """Texts that no other day has."""
    known = set(rest)
    return sum(t is not None and t not in known for t in own), sum(t is not None for t in own)


def test_rates_equal_the_plain_way() -> None:
    """Missing, beyond the other blocks, unseen in them, day by day; constant days are counted."""
    known = table()
    profile = profile_of(known, spec_of(FEATURES))
    x, c = profile.features["x"], profile.features["c"]
    assert isinstance(x, NumericProfile)
    assert isinstance(c, CategoricalProfile)
    values, texts = known.numeric["x"].tolist(), list(known.categorical["c"])
    assert x.rates["1d"]["missing"] == by_day(known, missing, values)
    assert x.rates["1d"]["outlier"] == by_day(known, outside, values)
    assert x.rates["1d"]["outlier"].upper > 0.04
    assert c.rates["1d"]["missing"] == by_day(known, missing, texts)
    assert c.rates["1d"]["unseen"] == by_day(known, unseen, texts)
    assert c.rates["1d"]["unseen"].upper > 0.08
    assert x.rates["1d"]["constant"].upper == 1 / 20
    assert x.rates["1d"]["missing"].upper > 0.3


def test_the_reference_counts_what_windows_are_compared_with() -> None:
    """Values outside the range, decades, and decisions by the threshold."""
    known = table()
    profile = profile_of(known, spec_of(FEATURES))
    x = profile.features["x"]
    assert isinstance(x, NumericProfile)
    finite = [v for v in known.numeric["x"].tolist() if np.isfinite(v)]
    assert x.range == (-2.0, 4.0)
    assert x.out_of_range == sum(not -2 <= v <= 4 for v in finite) > 0
    assert x.decade_low == lowest_decade(np.array(finite))
    cells = [decade_cell(v, x.decade_low, len(x.decades)) for v in finite]
    assert list(x.decades) == [cells.count(i) for i in range(len(x.decades))]
    assert known.score is not None
    assert profile.decided == known.rows
    assert profile.positives == int((known.score >= 0.5).sum())
    assert profile.positive_own["1d"].dispersion < 2.2


def test_the_order_of_rows_changes_nothing() -> None:
    """Rates, decades and decisions are those of the rows, not of their order."""
    spec = spec_of(FEATURES)
    assert profile_of(shuffled(table(), 4), spec) == profile_of(table(), spec)


def test_without_times_nothing_swings() -> None:
    """The counts are there, the blocks are not."""
    known = table()
    still = ReferenceTable(rows=known.rows, numeric=known.numeric, categorical=known.categorical)
    x = profile_of(still, spec_of(FEATURES)).features["x"]
    assert x.rates == {}
    assert isinstance(x, NumericProfile)
    assert sum(x.decades) > 0


def test_an_old_profile_is_refused_with_what_to_do() -> None:
    """Schema 1 has no rates: checks that are silently off would watch nothing."""
    with pytest.raises(ProfileError, match=r"schema 1.*build it again"):
        decode_profile(b'{"schema": 1, "model": "m"}')
