"""Own-block calibration: equal to a slow plain twin, conservative where blocks are few."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from detectors import psi
from detectors.contract import Sample
from engine.own_blocks import (
    BLOCKS_FOR_QUANTILE,
    MIN_BLOCK_EVENTS,
    block_ranges,
    own_blocks,
    psi_rows,
    reference_times,
    summarise,
)
from engine.profile import NumericProfile
from engine.reference_table import ReferenceTable
from engine.seasonal_mix import mix_slices
from engine.spec import Spec
from tests.engine.reference_tables import DAY, HOUR, MONDAY, profile_of, spec_of, table_of
from tests.thoroughness import examples

Counts = npt.NDArray[np.float64]


def measured(expected: Counts, actual: Counts, pseudo_count: float) -> float:
    """PSI as the detector says it."""
    sample = Sample(
        expected=expected,
        actual=actual.astype(np.int64),
        coarse=np.arange(len(expected)),
        edges=np.empty(0),
    )
    return psi.measure(sample, psi.Params(pseudo_count=pseudo_count)).value


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 90)), min_size=2, max_size=12),
    st.sampled_from([0.1, 0.5, 2.0]),
)
def test_rows_of_psi_equal_the_detector(cells: list[tuple[int, int]], pseudo_count: float) -> None:
    """The vectorised PSI and the detector agree to 1e-12, bins empty on both sides included."""
    expected = np.array([[e for e, _ in cells], [1 + e for e, _ in cells]], dtype=np.float64)
    actual = np.array([[a for _, a in cells], [1 + a for _, a in cells]], dtype=np.float64)
    expected[:, 0] += 1
    actual[:, 0] += 1
    rows = psi_rows(expected, actual, pseudo_count)
    for row in range(2):
        value = measured(expected[row], actual[row], pseudo_count)
        assert rows[row] == pytest.approx(value, rel=0, abs=1e-12)


def plain_blocks(table: ReferenceTable, spec: Spec, length_ms: int) -> list[float]:
    """The slow twin: each block's PSI against the rows outside it, counted one by one."""
    profile = profile_of(table, spec).features["x"]
    assert isinstance(profile, NumericProfile)
    assert table.ts_ms is not None
    rows = [
        (
            int(ts),
            profile.coarse[sum(edge <= x for edge in profile.edges)] if np.isfinite(x) else -1,
        )
        for ts, x in zip(table.ts_ms.tolist(), table.numeric["x"].tolist(), strict=True)
    ]
    bins = profile.coarse[-1] + 1
    first, last = min(ts for ts, _ in rows), max(ts for ts, _ in rows)
    values = []
    for block in range(first // length_ms, last // length_ms + 1):
        opens, closes = block * length_ms, (block + 1) * length_ms
        if opens < first // HOUR * HOUR or closes > (last // HOUR + 1) * HOUR:
            continue
        inside = [(ts, cell) for ts, cell in rows if opens <= ts < closes]
        outside = [(ts, cell) for ts, cell in rows if not opens <= ts < closes]
        actual = np.array([sum(c == b for _, c in inside) for b in range(bins)], dtype=np.float64)
        if actual.sum() >= MIN_BLOCK_EVENTS:
            expected = plain_expected(inside, outside, bins, spec)
            values.append(measured(expected, actual, spec.pseudo_count))
    return values


def plain_expected(
    inside: list[tuple[int, int]], outside: list[tuple[int, int]], bins: int, spec: Spec
) -> Counts:
    """The rest's counts; with a season its slices in the block's own proportions."""
    if spec.season is None:
        return np.array([sum(c == b for _, c in outside) for b in range(bins)], dtype=np.float64)
    mixed, variance = np.zeros(bins), 0.0
    known = {hour_of(ts) for ts, cell in outside if cell >= 0}
    among = [hour_of(ts) for ts, _ in inside if hour_of(ts) in known]
    for hour in set(among):
        share = among.count(hour) / len(among)
        cells = [c for ts, c in outside if hour_of(ts) == hour and c >= 0]
        mixed += [share * cells.count(b) / len(cells) for b in range(bins)]
        variance += share**2 / len(cells)
    return mixed / variance


def hour_of(ts_ms: int) -> int:
    """Hour of the day."""
    return ts_ms // HOUR % 24


@pytest.mark.parametrize("season", ["", "season: hour\n"])
def test_blocks_equal_the_plain_twin(season: str) -> None:
    """Each block against the rest, itself left out, with a season and without."""
    table = table_of(days=9, a_day=120)
    spec = spec_of("x: {type: numeric, bins: 5, fine_bins: 20}", season)
    values = plain_blocks(table, spec, DAY)
    own = profile_of(table, spec).features["x"].own["1d"]
    assert own.blocks == len(values) == 9
    assert own.median == pytest.approx(np.median(values), rel=1e-9)
    assert own.effective_size == pytest.approx(
        (filled(table, spec) - 1) / np.mean(values), rel=1e-9
    )


def filled(table: ReferenceTable, spec: Spec) -> int:
    """Coarse bins of x that hold something."""
    profile = profile_of(table, spec).features["x"]
    assert isinstance(profile, NumericProfile)
    return int(np.count_nonzero(np.bincount(profile.coarse, weights=profile.counts)))


def test_independent_rows_are_worth_themselves() -> None:
    """Without dependence the effective size is about n*m/(n+m), rows that come in equal tens
    about a tenth of it."""
    random = np.random.default_rng(3)
    table = table_of(days=60, a_day=2_000)
    spec = spec_of()
    alone = replace(table, numeric={"x": random.normal(size=table.rows)})
    shared = replace(table, numeric={"x": np.repeat(random.normal(size=table.rows // 10), 10)})
    nominal = 2_000 * 118_000 / 120_000
    sizes = [profile_of(t, spec).features["x"].own["1d"].effective_size for t in (alone, shared)]
    assert sizes[0] == pytest.approx(nominal, rel=0.1)
    assert sizes[1] == pytest.approx(nominal / 10, rel=0.15)


def test_a_season_explains_a_daily_swing() -> None:
    """A feature that only swings with the hour is far from its own mean in every hour, and not at
    all from its own mixture."""
    random = np.random.default_rng(5)
    table = table_of(days=30, a_day=2_400)
    assert table.ts_ms is not None
    swing = np.sin(table.ts_ms % DAY / DAY * 2 * np.pi) * 3
    table = replace(table, numeric={"x": swing + random.normal(size=table.rows)})
    plain = profile_of(table, spec_of()).features["x"].own["1h"]
    seasonal = profile_of(table, spec_of(more="season: hour\n")).features["x"].own["1h"]
    assert plain.median > 0.8
    assert seasonal.median < 0.2
    assert seasonal.effective_size > 5 * plain.effective_size


def test_few_blocks_give_a_cautious_percentile() -> None:
    """Below thirty blocks: the largest seen or the scaled chi-square's, whichever is more; from
    thirty on the sample's own, never below the interpolated one."""
    few = np.array([0.1, 0.2, 0.3])
    own = summarise(few, occupied=10, independent=50.0)
    assert own.q99 == pytest.approx(0.2 * stats.chi2.ppf(0.99, 9) / 9, rel=1e-12)
    wide = summarise(np.array([0.01] * 9 + [5.0]), occupied=10, independent=50.0)
    assert wide.q99 == 5.0
    many = np.linspace(0.0, 1.0, 1_000)
    assert summarise(many, 10, 50.0).q99 == np.quantile(many, 0.99, method="higher")
    enough = np.linspace(0.0, 0.1, BLOCKS_FOR_QUANTILE)
    assert summarise(enough, 10, 50.0).q99 == 0.1


def test_a_constant_feature_has_finite_numbers() -> None:
    """One bin never differs from itself: PSI 0, worth as much as the rows."""
    table = table_of(days=9, a_day=200)
    table = replace(table, numeric={"x": np.full(table.rows, 4.0)})
    own = profile_of(table, spec_of()).features["x"].own["1d"]
    assert (own.median, own.q99) == (0.0, 0.0)
    assert own.effective_size == pytest.approx(200 * 1_600 / 1_800)


def test_partly_covered_blocks_are_left_out() -> None:
    """A first or last block that the training span cuts is no block; an hour's slack is allowed."""
    noon = MONDAY + 12 * HOUR
    ts_ms = np.arange(noon, noon + 3 * DAY, HOUR // 4)
    ranges = block_ranges(ts_ms, DAY)
    assert [int(ts_ms[start]) for start, _ in ranges] == [MONDAY + DAY, MONDAY + 2 * DAY]
    assert [end - start for start, end in ranges] == [96, 96]
    late = np.arange(MONDAY + HOUR // 2, MONDAY + 2 * DAY - HOUR // 2, HOUR // 4)
    assert len(block_ranges(late, DAY)) == 2
    assert block_ranges(late[8:], DAY)[0][0] > 0


def test_thin_blocks_are_left_out() -> None:
    """A block with fewer valid values than MIN_BLOCK_EVENTS says nothing, and one block alone has
    no rest to vary against: weeks start on Thursday, as the epoch did."""
    table = table_of(days=21, a_day=20 * MIN_BLOCK_EVENTS)
    assert table.ts_ms is not None
    x = table.numeric["x"].copy()
    x[: 20 * MIN_BLOCK_EVENTS - MIN_BLOCK_EVENTS + 1] = np.nan
    own = profile_of(replace(table, numeric={"x": x}), spec_of()).features["x"].own
    assert own["1d"].blocks == 20
    assert "1h" not in own
    assert own["7d"].blocks == 2
    assert "7d" not in profile_of(table_of(days=14), spec_of()).features["x"].own


def test_blocks_are_counted_in_pieces_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many blocks are held at once changes nothing."""
    table = table_of(days=20)
    assert table.ts_ms is not None
    spec = spec_of(more="season: hour\n")
    times = reference_times(table.ts_ms, "hour")
    bins = np.random.default_rng(1).integers(-1, 6, table.rows)
    whole = own_blocks(bins, 6, times, spec.windows, 0.5)
    monkeypatch.setattr("engine.own_blocks._CHUNK_CELLS", 24 * 6 * 3)
    assert own_blocks(bins, 6, times, spec.windows, 0.5) == whole
    assert set(whole) == {"1h", "1d", "7d"}


@settings(max_examples=examples(50), deadline=None)
@given(st.lists(st.lists(st.integers(0, 50), min_size=3, max_size=3), min_size=2, max_size=5))
def test_a_mixture_in_the_references_own_shares_is_its_sum(slices: list[list[int]]) -> None:
    """Mixed as the reference is, the slices give back its counts."""
    counts = np.array(slices, dtype=np.float64)
    assert mix_slices(counts, counts.sum(axis=1)) == pytest.approx(counts.sum(axis=0))


def test_a_mixture_takes_the_windows_shares() -> None:
    """Only the slices that the window has count, each by its share; unknown ones take no part."""
    slices = np.array([[90, 10], [20, 80], [0, 0]])
    assert mix_slices(slices, [7, 0, 0]) == pytest.approx([90.0, 10.0])
    half = mix_slices(slices, [5, 5, 5])
    assert half == pytest.approx([110.0, 90.0])
    assert mix_slices(slices, [0, 0, 4]) == pytest.approx([110.0, 90.0])
    uneven = mix_slices(slices, [3, 1, 0])
    assert uneven / uneven.sum() == pytest.approx([0.725, 0.275])
    assert math.isclose(float(uneven.sum()), 1 / (0.75**2 / 100 + 0.25**2 / 100))
