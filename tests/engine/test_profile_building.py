"""The reference profile: cells, counts, moments, rates, and independence of the rows' order."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.category_text import category_text
from engine.profile import (
    CategoricalProfile,
    NumericProfile,
    ProfileError,
    decode_profile,
    encode_profile,
)
from engine.profile_building import build_profile
from engine.profile_features import MAX_OTHERS, moments
from engine.reference_table import ReferenceTable
from tests.engine.reference_tables import MADE_BY, profile_of, shuffled, spec_of, table_of
from tests.thoroughness import examples

BOTH = "x: {type: numeric}\nc: {type: categorical, categories: 2}"


def numeric_of(values: list[float], more: str = "") -> NumericProfile:
    """The profile of one numeric column without times."""
    table = ReferenceTable(len(values), {"x": np.array(values, dtype=np.float64)}, {})
    found = profile_of(table, spec_of(f"x: {{type: numeric{more}}}")).features["x"]
    assert isinstance(found, NumericProfile)
    return found


def categorical_of(
    values: list[object], categories: int = 50, invalid: int = 0
) -> CategoricalProfile:
    """The profile of one categorical column without times."""
    texts = [category_text(value) for value in values]
    table = ReferenceTable(len(values), {}, {"c": texts}, invalid_categories={"c": invalid})
    spec = spec_of(f"c: {{type: categorical, categories: {categories}}}")
    found = profile_of(table, spec).features["c"]
    assert isinstance(found, CategoricalProfile)
    return found


@settings(max_examples=examples(10), deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["", "season: hour\n", "season: weekday\n"]))
def test_the_order_of_rows_changes_no_byte(seed: int, season: str) -> None:
    """A shuffled table gives the same file."""
    table = table_of(days=9, a_day=200)
    spec = spec_of(BOTH, season)
    expected = encode_profile(profile_of(table, spec))
    assert encode_profile(profile_of(shuffled(table, seed), spec)) == expected


def test_a_profile_survives_its_file() -> None:
    """What is written reads back equal, its hash filled in."""
    profile = profile_of(table_of(), spec_of(BOTH, "season: hour\n"))
    read = decode_profile(encode_profile(profile))
    assert read.hash.startswith("sha256:")
    assert read.features == profile.features
    assert (read.score, read.volume, read.made_by) == (
        profile.score,
        profile.volume,
        profile.made_by,
    )


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(
        st.one_of(
            st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0])
        ),
        max_size=80,
    ),
    st.floats(-10, 10),
)
def test_every_value_is_in_one_cell(values: list[float], finite: float) -> None:
    """Counts, missing and invalid add up to the rows; the outer cells are empty by making."""
    values = [*values, finite]
    found = numeric_of(values)
    assert sum(found.counts) + found.missing + found.invalid == len(values)
    assert found.missing == sum(math.isnan(v) for v in values)
    assert found.invalid == sum(math.isinf(v) for v in values)
    assert (found.counts[0], found.counts[-1]) == (0, 0)
    assert len(found.counts) == len(found.coarse) == len(found.edges) + 1
    for cell, count in enumerate(found.counts):
        low = -math.inf if cell == 0 else found.edges[cell - 1]
        high = math.inf if cell == len(found.edges) else found.edges[cell]
        assert count == sum(low <= v < high for v in values if math.isfinite(v))


def test_bins_are_the_users() -> None:
    """Without ties the coarse bins are as many as asked for, with a cell below and one above."""
    found = numeric_of([float(v) for v in range(6_000)], ", bins: 8")
    merged = np.bincount(found.coarse, weights=found.counts)
    assert found.coarse[-1] == 9
    assert merged[1:-1] == pytest.approx(np.full(8, 750.0), rel=0.05)


def test_moments_are_the_populations() -> None:
    """Mean and population standard deviation; 1.0 as the unit of a constant."""
    found = numeric_of([1.0, 2.0, 3.0, 6.0, math.nan, math.inf])
    assert (found.mean, found.stddev) == (3.0, math.sqrt(3.5))
    constant = numeric_of([0.1] * 7)
    assert (constant.mean, constant.stddev) == (0.1, 1.0)
    assert len(constant.edges) == 2


@pytest.mark.parametrize("values", [[-1e308, 1e308], [1e-320, 2e-320], [0.0, 1e300, -1e300]])
def test_moments_stay_finite(values: list[float]) -> None:
    """The largest and the smallest doubles neither overflow nor give a spread of zero."""
    mean, stddev = moments(np.sort(np.array(values)))
    assert math.isfinite(mean)
    assert 0.0 < stddev < math.inf


def test_negative_zero_is_zero() -> None:
    """The sign of zero is no difference in the data, so it is none in the file."""
    signs = numeric_of([-0.0, 0.0, 1.0, 2.0])
    assert repr(signs) == repr(numeric_of([0.0, -0.0, 1.0, 2.0]))
    assert math.copysign(1.0, signs.edges[0]) == 1.0


def test_categories_are_the_largest_and_ties_go_by_text() -> None:
    """Top shares first, equal shares by their text; the rest is other, nothing is unseen."""
    found = categorical_of(
        ["b", "a", "a", "d", "c", "c", "b", None, "e", 5, 5.0, "5"], categories=3
    )
    assert found.categories == ("5", "a", "b")
    assert found.others == ("c", "d", "e")
    assert found.counts == (3, 2, 2, 4, 0)
    assert (found.missing, found.invalid, found.open_vocabulary) == (1, 0, False)


def test_more_texts_than_are_listed_open_the_vocabulary() -> None:
    """Beyond MAX_OTHERS an unlisted text may be an old one, so it counts as other."""
    texts: list[object] = [f"t{i:05}" for i in range(MAX_OTHERS + 1)]
    assert not categorical_of(texts, categories=1).open_vocabulary
    more = categorical_of([*texts, "t99999"], categories=1)
    assert more.open_vocabulary
    assert len(more.others) == MAX_OTHERS
    assert more.counts[1] == MAX_OTHERS + 1


@settings(max_examples=examples(50), deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "c", "d", None]), min_size=1, max_size=50))
def test_category_counts_equal_a_plain_count(values: list[object]) -> None:
    """Each category has its count, other the rest, missing the None."""
    found = categorical_of([*values, "a"], categories=2)
    shares = Counter([*values, "a"])
    for text, count in zip(found.categories, found.counts, strict=False):
        assert count == shares[text]
    assert found.missing == shares[None]
    assert sum(found.counts) == len(values) + 1 - shares[None]


def test_values_that_name_no_category_are_invalid_not_missing() -> None:
    """The table says how many of its None are invalid."""
    found = categorical_of(["a", None, [], {}], invalid=2)
    assert (found.missing, found.invalid) == (1, 2)


def test_slices_add_up_to_the_counts() -> None:
    """24 hours or 7 weekdays, each like the counts; none without a season."""
    table = table_of()
    for season, slices in (("hour", 24), ("weekday", 7)):
        profile = profile_of(table, spec_of(BOTH, f"season: {season}\n"))
        for feature in profile.features.values():
            assert len(feature.slices) == slices
            assert tuple(np.sum(feature.slices, axis=0).tolist()) == feature.counts
    assert profile_of(table, spec_of(BOTH)).features["x"].slices == ()


def test_the_score_is_built_like_a_feature() -> None:
    """With the bins of ``prediction``; its absence leaves it out."""
    table = table_of()
    spec = spec_of("x: {type: numeric}", "prediction: {bins: 5, fine_bins: 20}\n")
    score = profile_of(table, spec).score
    assert score is not None
    assert score.coarse[-1] == 6
    assert sum(score.counts) == table.rows
    assert "1d" in score.own
    assert profile_of(replace(table, score=None), spec).score is None


def test_the_positive_rate_is_of_decisions_or_else_of_scores() -> None:
    """Decisions where there are some, else score >= threshold; nothing for regression."""
    table = replace(table_of(days=2, a_day=4), score=np.array([0.2, 0.5, 0.7, 0.1] * 2))
    spec = spec_of()
    assert profile_of(table, spec).positive_rate == 0.5
    decided = replace(table, decision=np.array([1.0, 0.0, np.nan, 0.0] * 2))
    assert profile_of(decided, spec).positive_rate == 1 / 3
    assert profile_of(table, spec_of(more="prediction: {threshold: 0.7}\n")).positive_rate == 0.25
    assert profile_of(table, spec_of(more="prediction: {type: regression}\n")).positive_rate is None
    assert profile_of(replace(table, score=None), spec).positive_rate is None


def test_provenance_gets_the_tables_rows_and_span() -> None:
    """Rows, first and last time come from the table, the rest from the caller."""
    table = table_of(days=3)
    made_by = profile_of(table, spec_of()).made_by
    assert table.ts_ms is not None
    assert (made_by.data_rows, made_by.code_commit) == (table.rows, MADE_BY.code_commit)
    assert (made_by.start_ms, made_by.end_ms) == (int(table.ts_ms[0]), int(table.ts_ms[-1]))
    assert profile_of(replace(table, ts_ms=None), spec_of()).made_by.start_ms is None


def test_without_times_there_is_no_calibration() -> None:
    """No own blocks, no volume, no slices."""
    profile = profile_of(replace(table_of(), ts_ms=None), spec_of(BOTH))
    assert profile.volume == ()
    assert all(feature.own == {} for feature in profile.features.values())


def test_progress_is_told_of_each_feature() -> None:
    """One call a feature, in the order of the spec, and one for the score."""
    told: list[str] = []
    build_profile(spec_of(BOTH), table_of(days=2), MADE_BY, told.append)
    assert told == ["x", "c", "score"]


def test_every_reason_against_a_table_is_listed() -> None:
    """What cannot be a reference is refused, with all that is wrong with it."""
    table = ReferenceTable(
        2,
        {"x": np.array([np.nan, np.inf]), "y": np.array([1.0, np.finfo(np.float64).max])},
        {"c": [None, None]},
        score=np.array([np.nan, np.nan]),
    )
    names = "x: {type: numeric}\ny: {type: numeric}\nc: {type: categorical}\nz: {type: numeric}"
    with pytest.raises(ProfileError) as caught:
        profile_of(table, spec_of(names, "season: hour\n"))
    for said in (
        "season hour needs times",
        "'x' has no valid value",
        "'y' holds the largest double",
        "'c' has no valid value",
        "'z' has no numeric column",
        "the score has no valid value",
    ):
        assert said in str(caught.value)
    with pytest.raises(ProfileError, match="no rows"):
        profile_of(ReferenceTable(0, {"x": np.empty(0)}, {}), spec_of())
