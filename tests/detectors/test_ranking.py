"""Ranking from histograms: exact for the cells, and the raw scores' always inside the bound."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from detectors.ranking import Ranking, ranking, recall_at, reciprocals
from tests.detectors import naive_performance as naive
from tests.thoroughness import examples

if TYPE_CHECKING:
    from detectors.contract import FloatArray, IntArray

ROUNDING = 1e-12


def histograms(
    scores: FloatArray, labels: IntArray, edges: FloatArray
) -> tuple[IntArray, IntArray, IntArray]:
    """The cell of each score, and the counts of negatives and positives per cell."""
    cells = np.searchsorted(edges, scores, side="right")
    counts = [np.bincount(cells[labels == label], minlength=edges.size + 1) for label in (0, 1)]
    return cells, counts[0], counts[1]


def drawn(name: str, seed: int) -> tuple[FloatArray, IntArray]:
    """Scores and labels of one kind, both classes present."""
    rng = np.random.default_rng(seed)
    size = 400
    labels = (rng.random(size) < (0.02 if name == "rare" else 0.3)).astype(np.int64)
    labels[:2] = 0, 1
    scores = {
        "random": rng.random(size),
        "good": rng.normal(labels * 1.5, 1.0),
        "rare": rng.normal(labels * 2.0, 1.0),
        "inverted": rng.normal(-labels * 1.5, 1.0),
        "perfect": labels + rng.random(size) * 0.5,
        "perfectly wrong": -labels - rng.random(size) * 0.5,
        "all equal": np.full(size, 0.5),
        "ties everywhere": rng.integers(0, 4, size) + labels * rng.integers(0, 2, size) * 1.0,
        "heavy tails": rng.standard_cauchy(size) + labels * 3.0,
    }
    return scores[name].astype(np.float64), labels


KINDS = (
    *("random", "good", "rare", "inverted", "perfect", "perfectly wrong"),
    *("all equal", "ties everywhere", "heavy tails"),
)


@pytest.mark.parametrize("cells", [1, 2, 7, 60])
@pytest.mark.parametrize("name", KINDS)
def test_cells_are_exact_and_raw_scores_are_within_the_bound(name: str, cells: int) -> None:
    """scikit-learn on the cell numbers gives our value, on the raw scores something inside."""
    for seed in range(6):
        scores, labels = drawn(name, seed)
        edges = np.unique(np.quantile(scores, np.arange(1, cells) / cells)) if cells > 1 else []
        places, negatives, positives = histograms(scores, labels, np.asarray(edges, np.float64))
        found = ranking(negatives, positives)
        for binned, score in (
            (found.auc, roc_auc_score),
            (found.average_precision, average_precision_score),
        ):
            assert math.isclose(
                binned.estimate.value, score(labels, places), rel_tol=1e-12, abs_tol=1e-15
            )
            raw = score(labels, scores)
            assert binned.least - ROUNDING <= raw <= binned.most + ROUNDING
            assert binned.estimate.low <= binned.estimate.value <= binned.estimate.high
        raw = scipy.stats.ks_2samp(scores[labels == 1], scores[labels == 0]).statistic
        assert found.ks.least - ROUNDING <= raw <= found.ks.most + ROUNDING


@settings(max_examples=examples(150), deadline=None)
@given(
    events=st.lists(
        st.tuples(st.integers(0, 5), st.booleans(), st.floats(0, 0.9)), min_size=2, max_size=25
    ).filter(lambda events: len({label for _, label, _ in events}) == 2)
)
def test_any_events_are_within_the_bound_of_their_cells(
    events: list[tuple[int, bool, float]],
) -> None:
    """By the plain twins, pair by pair and threshold by threshold."""
    cells = [cell for cell, _, _ in events]
    labels = [int(label) for _, label, _ in events]
    raw = [cell + part for cell, _, part in events]
    _, negatives, positives = histograms(
        np.array(cells, np.float64), np.array(labels), np.arange(1.0, 6.0)
    )
    found = ranking(negatives, positives)
    for binned, twin in (
        (found.auc, naive.auc),
        (found.average_precision, naive.average_precision),
    ):
        assert math.isclose(binned.estimate.value, twin(cells, labels), abs_tol=1e-12)
        assert binned.least - ROUNDING <= twin(raw, labels) <= binned.most + ROUNDING


@pytest.mark.parametrize(
    ("negatives", "positives"), [((2, 1), (1, 2)), ((1, 2), (2, 1)), ((0, 3), (1, 2)), ((2,), (3,))]
)
def test_the_bound_is_reached(negatives: tuple[int, ...], positives: tuple[int, ...]) -> None:
    """Least and most are those over every weak order inside the cells, tried one by one."""
    found = ranking(np.array(negatives), np.array(positives))
    cells = [
        (cell, label)
        for cell, counts in enumerate(zip(negatives, positives, strict=True))
        for label, count in enumerate(counts)
        for _ in range(count)
    ]
    labels = [label for _, label in cells]
    for binned, twin in (
        (found.auc, naive.auc),
        (found.average_precision, naive.average_precision),
    ):
        reached = [
            twin([1e6 * cell + rank for (cell, _), rank in zip(cells, ranks, strict=True)], labels)
            for ranks in naive.orders(labels)
        ]
        assert math.isclose(min(reached), binned.least, rel_tol=1e-12)
        assert math.isclose(max(reached), binned.most, rel_tol=1e-12)


def test_huge_counts_keep_their_digits() -> None:
    """2**40 times the counts is the same ranking; bounds of few positives among many hold too."""
    rng = np.random.default_rng(1)
    negatives, positives = rng.integers(0, 900, 30), rng.integers(0, 50, 30)
    small, huge = ranking(negatives, positives), ranking(negatives << 40, positives << 40)
    for name in ("auc", "average_precision", "ks"):
        one, many = getattr(small, name), getattr(huge, name)
        assert math.isclose(one.estimate.value, many.estimate.value, rel_tol=1e-12)
        assert many.least <= many.estimate.value <= many.most
    narrow = huge.auc.estimate
    assert 0.0 < narrow.high - narrow.low < 1e-6
    rare = ranking(np.array([2**40, 2**40]), np.array([3, 4]))
    # The j-th positive of the upper cell comes after all its negatives, at j / (2**40 + j).
    assert rare.average_precision.least == pytest.approx(
        (sum(range(1, 5)) / 2**40 + sum(4 + j for j in (1, 2, 3)) / 2**41) / 7, rel=1e-3
    )


@pytest.mark.parametrize("start", [1, 5, 99, 100, 101, 10_000, 2**30])
@pytest.mark.parametrize("terms", [1, 2, 50, 3000])
def test_reciprocals_are_those_added_up(start: int, terms: int) -> None:
    """Term by term, on both sides of where the series takes over."""
    due = math.fsum(1.0 / (start + step) for step in range(terms))
    found = reciprocals(np.array([float(start)]), np.array([float(terms)]))
    assert math.isclose(found[0], due, rel_tol=3e-13)


def test_auc_interval_is_delongs() -> None:
    """Its variance as by placements of raw scores, event by event, and the assumed one by its share
    of ten events."""
    scores, labels = drawn("good", 3)
    edges = np.unique(scores)
    _, negatives, positives = histograms(scores, labels, edges)
    found = ranking(negatives, positives).auc
    high, low = scores[labels == 1], scores[labels == 0]
    wins = (high[:, None] > low[None, :]) + 0.5 * (high[:, None] == low[None, :])
    variance = wins.mean(axis=1).var(ddof=1) / high.size + wins.mean(axis=0).var(ddof=1) / low.size
    value = wins.mean()
    others = (labels.size - 2) / 2
    known = value * (1 - value) / high.size / low.size
    known *= 1 + others * ((1 - value) / (2 - value) + value / (1 + value))
    variance = (10 * known + high.size * variance) / (10 + high.size)
    half = 1.959963984540054 * math.sqrt(variance) / (value * (1 - value))
    place = math.log(value / (1 - value))
    assert found.least == found.most == pytest.approx(value)
    assert found.estimate.low == pytest.approx(1 / (1 + math.exp(half - place)))
    assert found.estimate.high == pytest.approx(1 / (1 + math.exp(-half - place)))


@pytest.mark.parametrize(
    ("positives", "gap", "most"), [(40, 1.2, 0.98), (5, 2.0, 1.0), (30, 2.5, 0.995)]
)
def test_auc_interval_holds_the_truth_about_as_often_as_it_says(
    positives: int, gap: float, most: float
) -> None:
    """400 seeded windows of 400 negatives, also of few positives far up: 92 % of them or more."""
    rng = np.random.default_rng(8)
    edges = np.linspace(-3, 6, 90)
    truth = scipy.stats.norm.cdf(gap / math.sqrt(2))
    held = 0
    for _ in range(400):
        scores = np.concatenate([rng.normal(size=400), rng.normal(gap, size=positives)])
        labels = np.repeat([0, 1], [400, positives])
        _, *counts = histograms(scores, labels, edges)
        one = ranking(*counts).auc.estimate
        held += one.low <= truth <= one.high
    assert 0.92 <= held / 400 <= most


def test_average_precision_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """400 seeded windows of 40 positives and 400 negatives: 92 to 99 % of them."""
    rng = np.random.default_rng(12)
    edges = np.linspace(-3, 5, 90)

    def counts(size: int, mean: float) -> IntArray:
        cells = np.searchsorted(edges, rng.normal(mean, size=size), side="right")
        return np.bincount(cells, minlength=edges.size + 1)

    truth = ranking(counts(4_000_000, 0.0), counts(400_000, 1.2)).average_precision.estimate.value
    found = [
        ranking(counts(400, 0.0), counts(40, 1.2)).average_precision.estimate for _ in range(400)
    ]
    assert 0.92 <= np.mean([one.low <= truth <= one.high for one in found]) <= 0.99


@pytest.mark.parametrize(
    ("negatives", "positives"),
    [([5, 0], [0, 4]), ([0, 5], [4, 0]), ([5], [4]), ([3, 1], [0, 1]), ([1, 0], [0, 1])],
)
def test_small_and_degenerate_windows_have_no_point_interval(
    negatives: list[int], positives: list[int]
) -> None:
    """Perfect, inverted, all equal, one event of a class: wide, not certain."""
    found = ranking(np.array(negatives), np.array(positives))
    for one in (found.auc.estimate, found.average_precision.estimate):
        assert one.low <= one.value <= one.high
        assert one.high - one.low > 0.3


def test_one_class_or_nothing_is_absent() -> None:
    """There is no ranking of positives alone."""
    for negatives, positives in (([3, 4], [0, 0]), ([0, 0], [3, 4]), ([0, 0], [0, 0])):
        found = ranking(np.array(negatives), np.array(positives))
        assert (found.positives, found.negatives) == (sum(positives), sum(negatives))
        for one in (found.auc, found.average_precision, found.ks):
            assert one.estimate.absent
            assert math.isnan(one.least)
            assert math.isnan(one.most)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 1.0])
def test_recall_at_a_share_of_alarms_is_within_its_bound(name: str, share: float) -> None:
    """The raw scores, ties broken either way, are inside; at all alarms it is 1, at none 0."""
    scores, labels = drawn(name, 2)
    edges = np.unique(np.quantile(scores, np.arange(1, 12) / 12))
    _, negatives, positives = histograms(scores, labels, edges)
    found = recall_at(negatives, positives, share)
    alarms = round(share * labels.size)
    for tie in (labels, -labels):
        top = np.lexsort((tie, scores))[labels.size - alarms :]
        recall = labels[top].sum() / labels.sum()
        assert found.least - ROUNDING <= recall <= found.most + ROUNDING
    assert found.least <= found.estimate.value <= found.most
    if share in {0.0, 1.0}:
        assert found.least == found.estimate.value == found.most == pytest.approx(share)


def test_recall_without_positives_is_absent() -> None:
    """Nothing to find."""
    assert recall_at(np.array([3]), np.array([0]), 0.5).estimate.absent


def test_histograms_that_are_none_are_refused() -> None:
    """Other shapes, negative counts, a share that is none."""
    good = np.array([1, 2])
    for negatives, positives in ((good, good[:1]), (good[:0], good[:0]), (good[None], good[None])):
        with pytest.raises(ValueError, match="same cells"):
            ranking(negatives, positives)
    with pytest.raises(ValueError, match="below zero"):
        ranking(good, -good)
    for share in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="share of alarms"):
            recall_at(good, good, share)


def test_the_same_counts_give_the_same_bytes() -> None:
    """Nothing hidden enters."""
    counts = np.arange(60), np.arange(60)[::-1]
    found: list[Ranking] = [ranking(*counts) for _ in range(2)]
    assert repr(found[0]) == repr(found[1])
