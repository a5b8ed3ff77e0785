"""The paired comparison of AUCs equals DeLong's pair by pair, and answers what has no answer."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import norm

from detectors.contract import IntArray
from detectors.paired_auc import LEAST_OF_CLASS, PairedAuc, paired_auc, worth
from detectors.ranking import ranking
from tests.detectors import naive_pairs as naive

BINS = 6
UNKNOWN = ("z", "p_greater", "p_either", "low", "high")


def joint(events: Sequence[tuple[int, int, int]], bins: int = BINS) -> tuple[IntArray, IntArray]:
    """Counts of (label, champion's bin, challenger's bin), the negatives' first."""
    counts = np.zeros((2, bins, bins), np.int64)
    for label, champion, challenger in events:
        counts[label, champion, challenger] += 1
    return counts[0], counts[1]


def drawn(positives: int, negatives: int, seed: int) -> list[tuple[int, int, int]]:
    """Events whose scores follow the label and each other."""
    rng = np.random.default_rng(seed)
    labels = np.repeat([1, 0], [positives, negatives])
    shared = rng.normal(size=labels.size) + labels
    scores = [shared + noise * rng.normal(size=labels.size) for noise in (0.8, 0.4)]
    places = [np.digitize(score, [-1.0, -0.3, 0.4, 1.1, 1.8]).tolist() for score in scores]
    return list(zip(labels.tolist(), *places, strict=True))


events = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, BINS - 1), st.integers(0, BINS - 1)),
    min_size=4,
    max_size=60,
)


def equal_the_twin(found: PairedAuc, rows: Sequence[tuple[int, int, int]]) -> None:
    """AUCs, variances and covariance are those of every pair."""
    aucs, matrix = naive.delong(rows)
    values = [found.champion, found.challenger, found.difference]
    np.testing.assert_allclose(values, [*aucs, aucs[1] - aucs[0]], rtol=1e-12, atol=1e-13)
    due = [matrix[0][0], matrix[1][1], matrix[0][1]]
    spread = [found.champion_variance, found.challenger_variance, found.covariance]
    np.testing.assert_allclose(spread, due, rtol=1e-11, atol=1e-15)
    apart = due[0] + due[1] - 2.0 * due[2]
    np.testing.assert_allclose(found.variance, apart, rtol=1e-9, atol=1e-15)


@given(rows=events)
def test_any_counts_equal_the_twin(rows: list[tuple[int, int, int]]) -> None:
    """Of two events of each class at least."""
    ones = sum(label for label, _, _ in rows)
    assume(min(ones, len(rows) - ones) > 1)
    equal_the_twin(paired_auc(*joint(rows)), rows)


@pytest.mark.parametrize(("positives", "negatives"), [(20, 20), (25, 180), (150, 40)])
def test_the_test_is_the_normal_one_of_the_twin(positives: int, negatives: int) -> None:
    """z, both p-values and the interval, from the twin's matrix."""
    rows = drawn(positives, negatives, seed=positives)
    found = paired_auc(*joint(rows), confidence=0.9)
    equal_the_twin(found, rows)
    (champion, challenger), matrix = naive.delong(rows)
    error = math.sqrt(matrix[0][0] + matrix[1][1] - 2 * matrix[0][1])
    gap = challenger - champion
    assert float(found.z) == pytest.approx(gap / error, rel=1e-9)
    assert float(found.p_greater) == pytest.approx(norm.sf(gap / error), rel=1e-9)
    assert float(found.p_either) == pytest.approx(2 * norm.sf(abs(gap / error)), rel=1e-9)
    half = 1.6448536269514722 * error
    assert (float(found.low), float(found.high)) == pytest.approx((gap - half, gap + half))


def test_each_auc_is_the_one_of_the_ranking() -> None:
    """From the margins of the joint counts, as the model's own histogram has it."""
    negatives, positives = joint(drawn(60, 300, seed=3))
    found = paired_auc(negatives, positives)
    for axis, value in ((1, found.champion), (0, found.challenger)):
        due = ranking(negatives.sum(axis), positives.sum(axis)).auc.estimate.value
        assert float(value) == pytest.approx(due, rel=1e-13)


@given(rows=events, swap=st.booleans())
def test_the_models_may_change_places(rows: list[tuple[int, int, int]], *, swap: bool) -> None:
    """The axes transposed are the same comparison seen from the other side; and the labels swapped
    with both scores turned round are the same AUCs."""
    negatives, positives = joint(rows * LEAST_OF_CLASS)
    there = paired_auc(negatives, positives)
    if swap:
        back = paired_auc(positives[::-1, ::-1], negatives[::-1, ::-1])
        sign = 1.0
    else:
        back = paired_auc(negatives.T, positives.T)
        sign = -1.0
    np.testing.assert_allclose(there.difference, sign * back.difference, atol=1e-13)
    np.testing.assert_allclose(there.variance, back.variance, rtol=1e-9, atol=1e-15)


def test_leading_axes_are_comparisons_of_their_own() -> None:
    """A stack of them is each by itself, to the last digits."""
    single = [joint(drawn(30 + seed, 90, seed)) for seed in range(6)]
    negatives, positives = np.array(single).reshape(2, 3, 2, BINS, BINS).transpose(2, 0, 1, 3, 4)
    together = dataclasses.asdict(paired_auc(negatives, positives))
    for place, counts in enumerate(single):
        for name, value in dataclasses.asdict(paired_auc(*counts)).items():
            np.testing.assert_allclose(together[name].ravel()[place], value, rtol=1e-10)


def test_counts_add_up() -> None:
    """Events split over partitions in any way are the same counts, so the same answer."""
    rows = drawn(40, 160, seed=9)
    negatives, positives = np.array([joint(rows[start::3]) for start in range(3)]).sum(axis=0)
    np.testing.assert_equal(
        dataclasses.asdict(paired_auc(negatives, positives)),
        dataclasses.asdict(paired_auc(*joint(rows))),
    )


@pytest.mark.parametrize(
    ("positives", "negatives"), [(0, 0), (0, 50), (50, 0), (1, 50), (50, 1), (1, 1), (19, 500)]
)
def test_too_little_has_no_test(positives: int, negatives: int) -> None:
    """AUCs of one event each, variances of two, a test of LEAST_OF_CLASS; else NaN, no warning."""
    found = paired_auc(*joint(drawn(positives, negatives, seed=2)))
    assert (int(found.positives), int(found.negatives)) == (positives, negatives)
    fewest = min(positives, negatives)
    assert math.isnan(found.difference) == math.isnan(found.champion) == (fewest < 1)
    assert math.isnan(found.variance) == math.isnan(found.covariance) == (fewest < 2)
    for name in UNKNOWN:
        assert math.isnan(getattr(found, name)), name


@pytest.mark.parametrize("bins", [1, 2, BINS])
def test_models_that_order_alike_are_not_told_apart(bins: int) -> None:
    """The same scores, one bin, perfect scores, and a score stretched: the variance is 0 exactly
    and there is no z, rather than one of rounding."""
    rng = np.random.default_rng(5)
    same = np.zeros((2, bins, bins), np.int64)
    same[:, range(bins), range(bins)] = rng.integers(30, 10**6, (2, bins))
    stretched = np.zeros((2, 3 * bins, 3 * bins), np.int64)
    stretched[:, range(bins), range(0, 3 * bins, 3)] = same[:, range(bins), range(bins)]
    perfect = np.zeros((2, bins + 1, bins + 1), np.int64)
    perfect[0, 0, 0] = perfect[1, bins, bins] = 10**6
    for counts in (same, stretched, perfect):
        found = paired_auc(*counts)
        assert float(found.difference) == float(found.variance) == 0.0
        assert all(math.isnan(getattr(found, name)) for name in UNKNOWN)
    assert float(paired_auc(*perfect).champion) == 1.0


def test_a_difference_without_variance_has_no_z() -> None:
    """Ties throughout against perfect scores, over cells whose shares do not add up to 1 exactly:
    rounding of their mean is no variance."""
    for seed in range(8):
        counts = np.zeros((2, 1, 60), np.int64)
        counts[0, 0, :30] = counts[1, 0, 30:] = np.random.default_rng(seed).integers(1, 999, 30)
        found = paired_auc(*counts)
        assert (float(found.champion), float(found.challenger)) == pytest.approx((0.5, 1.0))
        assert float(found.variance) == 0.0
        assert math.isnan(found.z)


def test_huge_counts_keep_their_digits() -> None:
    """2**40 times the counts: the same AUCs, the variance smaller by as much."""
    negatives, positives = joint(drawn(40, 160, seed=4))
    small, huge = paired_auc(negatives, positives), paired_auc(negatives << 40, positives << 40)
    assert float(huge.difference) == pytest.approx(float(small.difference), rel=1e-12)
    assert float(huge.z) == pytest.approx(float(small.z) * 2**20, rel=0.03)
    assert -1.0 <= float(huge.low) <= float(huge.difference) <= float(huge.high) <= 1.0


def test_few_events_would_err_more_often() -> None:
    """Without LEAST_OF_CLASS, 3 positives of equal models exceed 5 % in more than 7 %; at it, the
    z that is told does in at most 7 %."""
    rng = np.random.default_rng(8)
    counts = np.array(joint(drawn(200_000, 200_000, seed=1)), np.float64)
    counts += counts.transpose(0, 2, 1)
    shares = (counts / counts.sum(axis=(1, 2), keepdims=True)).reshape(2, -1)

    def exceeding(size: int) -> float:
        negatives, positives = (
            rng.multinomial(many, share, size=4_000).reshape(-1, BINS, BINS)
            for many, share in zip((300, size), shares, strict=True)
        )
        found = paired_auc(negatives, positives)
        with np.errstate(invalid="ignore", divide="ignore"):
            return float(np.mean(found.difference / np.sqrt(found.variance) > 1.6449))

    assert exceeding(3) > 0.07
    assert exceeding(LEAST_OF_CLASS) < 0.07


def test_information_never_shrinks() -> None:
    """The harmonic count; of nothing 0, and of huge counts without overflow."""
    assert worth([0, 0, 5, 30], [0, 9, 0, 60]).tolist() == [0.0, 0.0, 0.0, 20.0]
    assert float(worth(2**62, 2**62)) == pytest.approx(2.0**61)
    rng = np.random.default_rng(2)
    path = rng.integers(0, 4, (2, 500)).cumsum(axis=1)
    assert (np.diff(worth(*path)) >= 0.0).all()


def test_what_is_no_pair_of_histograms_is_refused() -> None:
    """Other shapes, no bins, parts of events, counts below zero, and a confidence of 1."""
    sound = np.ones((2, 2), np.int64)
    parts: Any = np.ones((2, 2))
    for counts in (np.ones((2, 3), np.int64), parts, -sound):
        with pytest.raises(ValueError, match=r"bins|counts"):
            paired_auc(sound, counts)
    with pytest.raises(ValueError, match="pairs of bins"):
        paired_auc(np.ones(3, np.int64), np.ones(3, np.int64))
    with pytest.raises(ValueError, match="one bin"):
        paired_auc(np.ones((0, 0), np.int64), np.ones((0, 0), np.int64))
    with pytest.raises(ValueError, match="confidence"):
        paired_auc(sound, sound, 1.0)
