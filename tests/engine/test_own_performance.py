"""How performance swings within the training period, and who gets labels by decision."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detectors.intervals import wilson
from engine.own_performance import MAX_BLOCKS, MIN_BLOCKS, matches_of, own_performance
from engine.performance import measure
from engine.performance_counting import Matches, count_matches
from engine.performance_layout import PREDICTED, PerformanceLayout
from engine.performance_tree import (
    class_numbers,
    decision_delay_s,
    labelled_by_decision,
    performance_tree,
    selected,
)
from engine.profile import OwnMeasure
from engine.profile_performance import with_performance
from engine.spec import WindowRule
from tests.engine.models import MINUTE
from tests.engine.test_performance import drawn, layout_of, model, positive, table

MINUTE_WINDOW = WindowRule(name="1m", length_ms=MINUTE, pane_ms=MINUTE, judge_every_ms=MINUTE)
A_BLOCK = 200


def labelled(rights: list[float], seed: int = 1) -> tuple[Matches, np.ndarray]:
    """A minute of matches a share, of which so many decisions are right; and their times."""
    random = np.random.default_rng(seed)
    rows = len(rights) * A_BLOCK
    decisions = random.integers(0, 2, rows)
    right = random.random(rows) < np.repeat(rights, A_BLOCK)
    truth = np.where(right, decisions, 1 - decisions).astype(float)
    matches = replace(
        drawn("binary", 1, rows),
        slots=np.zeros(rows, np.int64),
        weights=np.ones(rows, np.int64),
        scores=random.random(rows),
        decisions=decisions,
        labels=truth,
    )
    times = np.repeat(np.arange(len(rights)), A_BLOCK) * MINUTE + np.arange(rows) % A_BLOCK * 300
    return matches, times.astype(np.int64)


def dispersion(rights: list[float], shuffle: int = 0) -> dict[str, OwnMeasure]:
    """What the profile keeps of such blocks."""
    layout = layout_of("binary")
    matches, times = labelled(rights)
    order = np.random.default_rng(shuffle).permutation(len(times))
    matches = matches_of(matches, order, matches.slots)
    whole = measure(layout, count_matches(layout, matches, 1)[0])
    return own_performance(layout, matches, times[order], whole, [MINUTE_WINDOW]).get("1m", {})


def test_independent_events_have_a_dispersion_of_one() -> None:
    """Give or take what sixty blocks allow."""
    found = dispersion([0.8] * 60)
    assert found["accuracy"].blocks == 60
    assert 1.0 <= found["accuracy"].dispersion < 1.5


def test_good_and_bad_minutes_disperse() -> None:
    """Shares of 0.7 and 0.9: a variance of 0.01 over 0.16 / 200 by chance, and that itself."""
    found = dispersion([0.7, 0.9] * 30)
    assert found["accuracy"].dispersion == pytest.approx(0.01 / (0.16 / A_BLOCK) + 1.0, rel=0.25)


def test_the_dispersion_is_that_of_the_blocks_themselves() -> None:
    """Six blocks by hand: the mean of five squares, as one degree went into the whole."""
    rights = [0.7, 0.9] * 3
    matches, _ = labelled(rights)
    right = (matches.labels == matches.decisions).reshape(len(rights), A_BLOCK)
    squares = []
    for hits in right.sum(axis=1).tolist():
        gap, block = hits / A_BLOCK - right.mean(), wilson(hits, A_BLOCK)
        half = block.value - block.low if gap > 0 else block.high - block.value
        squares.append((gap * 1.959964 / half) ** 2)
    assert dispersion(rights)["accuracy"].dispersion == pytest.approx(sum(squares) / 5, rel=1e-6)


def test_the_order_of_rows_does_not_matter() -> None:
    """Blocks are those of the times."""
    assert dispersion([0.7, 0.9] * 5, 0) == dispersion([0.7, 0.9] * 5, 3)


def test_few_blocks_say_nothing_and_many_are_thinned() -> None:
    """Between the two bounds."""
    assert dispersion([0.8] * (MIN_BLOCKS - 1)) == {}
    assert dispersion([0.8] * MIN_BLOCKS)["accuracy"].blocks == MIN_BLOCKS
    assert dispersion([0.8] * (MAX_BLOCKS + 20))["accuracy"].blocks == MAX_BLOCKS


def counted(kind: str, matches: Matches) -> tuple[PerformanceLayout, np.ndarray]:
    """The cells of matches in one vector."""
    layout = layout_of(kind)
    return layout, count_matches(layout, matches, 1)[0]


def test_predictions_and_labels_are_counted_by_decision() -> None:
    """Made, labelled and after how long, against the matches themselves."""
    matches = positive(drawn("binary", 8, 3_000))
    layout, counts = counted("binary", matches)
    made = np.isnan(matches.labels)
    for number, (name, known, predicted) in enumerate(labelled_by_decision(layout, counts)):
        of_decision = matches.decisions == number
        assert name == str(number)
        assert predicted == (made & of_decision).sum()
        assert known == (~made & of_decision).sum()
        delays = matches.delays_ms[~made & of_decision & ~matches.assumed]
        told = decision_delay_s(layout, counts, number)["0.5"]
        # Cells are days to months wide and delays even over them: a cell apart at most.
        assert told == pytest.approx(
            np.median(np.clip(delays, 60_000, 90 * 86_400_000)) / 1000, rel=0.1
        )
    tree = performance_tree(layout, counts, measure(layout, counts), None)
    assert tree["decisions"]["1"]["predictions"] == (made & (matches.decisions == 1)).sum()


@pytest.mark.parametrize(
    ("made", "known", "expected"),
    [
        ((1_000, 1_000), (900, 900), False),
        ((1_000, 1_000), (900, 0), True),  # only one decision ever gets labels
        ((1_000, 1_000), (0, 900), True),
        ((1_000, 1_000), (900, 89), True),
        ((1_000, 1_000), (900, 91), False),
        ((1_000, 29), (900, 0), False),  # too few to say so
        ((1_000, 1_000), (0, 0), False),  # nobody has labels yet
    ],
)
def test_a_cohort_is_selected_when_one_decision_gets_no_labels(
    made: tuple[int, int],
    known: tuple[int, int],
    expected: bool,  # noqa: FBT001
) -> None:
    """A tenth of the other's rate is the bound."""
    layout = layout_of("binary")
    counts = np.zeros(layout.size, np.int64)
    counts[layout.made : layout.made + 2] = made
    counts[layout.confusion], counts[layout.confusion + 3] = known
    counts[PREDICTED] = sum(made)
    assert selected(layout, counts) is expected
    tree = performance_tree(layout, counts, measure(layout, counts), None)
    assert tree.get("selected", False) is expected


def test_each_class_has_its_numbers() -> None:
    """Precision, recall and F1 against the matches; a regression has no classes."""
    matches = positive(drawn("multiclass", 9, 3_000))
    layout, counts = counted("multiclass", matches)
    found = class_numbers(layout, counts)
    known = ~np.isnan(matches.labels) & (matches.decisions >= 0)
    for number, name in enumerate([*layout.classes, "(other)"]):
        truth, said = matches.labels[known] == number, matches.decisions[known] == number
        assert found[name]["labelled"] == truth.sum()
        assert found[name]["recall"] == pytest.approx((truth & said).sum() / truth.sum())
        assert found[name]["precision"] == pytest.approx((truth & said).sum() / said.sum())
    tree = performance_tree(layout, counts, measure(layout, counts), None)
    assert tree["micro"]["f1"] == tree["accuracy"]
    supports = np.array([each["labelled"] for each in found.values()])
    recalls = np.array([each["recall"] for each in found.values()])
    assert tree["weighted"]["recall"] == pytest.approx(np.average(recalls, weights=supports))
    assert tree["recall"] == pytest.approx(recalls.mean())
    assert class_numbers(layout_of("regression"), np.zeros(9_999, np.int64)) == {}


def test_the_rmse_has_an_interval() -> None:
    """From sums of the squared errors, which hold the truth."""
    matches = positive(drawn("regression", 10, 3_000))
    layout, counts = counted("regression", matches)
    rmse = measure(layout, counts).measures["rmse"]
    known = ~np.isnan(matches.labels) & np.isfinite(matches.scores)
    squares = np.square(matches.scores[known] - matches.labels[known])
    half = 1.96 * squares.std(ddof=1) / np.sqrt(len(squares)) / squares.mean() / 2
    assert rmse.low == pytest.approx(rmse.value / np.exp(half), rel=1e-3)
    assert rmse.high == pytest.approx(rmse.value * np.exp(half), rel=1e-3)


def test_the_reference_counts_all_its_predictions() -> None:
    """Rows without a label too, by decision: who gets none there gets none in production."""
    whole = table("binary")
    labels = np.array(whole.labels, dtype=float)
    assert whole.score is not None
    labels[whole.score >= 0.5] = np.nan
    some = model("binary")
    profile = with_performance(some.profile, some.spec, replace(whole, labels=labels))
    assert profile.performance is not None
    layout = some.performance
    assert layout is not None
    cells = np.array(profile.performance.cells)
    assert cells[PREDICTED] == whole.rows
    assert selected(layout, cells)
