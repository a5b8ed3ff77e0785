"""The measure from the counts of matches: against what the raw answers say."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from scipy.stats import rankdata

from engine.champion.cells import LABELS, MATCH_CELLS, MatchLayout, nothing
from engine.champion.guards import decisions_of
from engine.champion.measuring import measure
from engine.comparison_rules import Measure, Mode
from engine.panes import Counts
from load_tests.champion_runs import rules_of

BINS = 10
EVENTS = 4_000


def raw(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, score bins and decisions of both versions, shapes (n,), (2, n) and (2, n)."""
    random = np.random.default_rng(seed)
    labels = (random.random(EVENTS) < 0.3).astype(np.int64)
    scores = random.normal(size=(2, EVENTS)) + labels * np.array([[0.8], [1.1]])
    bins = np.clip(np.floor(scores * 2 + 4), 0, BINS - 1).astype(np.int64)
    return labels, bins, (scores > 0.5).astype(np.int64)


def counted(mode: Mode, arms: np.ndarray | None = None) -> Counts:
    """The cells of them; of a split ``arms`` says who got which event."""
    labels, bins, decisions = raw(1)
    layout, cells = MatchLayout(mode, BINS), nothing(MatchLayout(mode, BINS).size)
    for row in range(EVENTS):
        if arms is None:
            code, at = decisions[0, row] * 3 + decisions[1, row], bins[0, row] * 11 + bins[1, row]
        else:
            arm = arms[row]
            code, at = arm * 3 + decisions[arm, row], arm * 11 + bins[arm, row]
        cells[MATCH_CELLS + labels[row] * layout.decision_cells + code] += 1
        cells[layout.scores + labels[row] * layout.score_cells + at] += 1
    return cells


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Mann and Whitney's."""
    ranks, positive = rankdata(scores), labels == 1
    m, n = int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - m * (m + 1) / 2) / (m * n))


@pytest.mark.parametrize("kind", ["auc", "accuracy"])
@pytest.mark.parametrize("mode", ["shadow", "split"])
def test_values_are_those_of_the_raw_answers(kind: Measure, mode: Mode) -> None:
    """And the signs of all that is told agree."""
    labels, bins, decisions = raw(1)
    arms = np.arange(EVENTS) % 5 // 4 if mode == "split" else None
    found = measure(rules_of(kind, mode), MatchLayout(mode, BINS), counted(mode, arms))
    for arm, value in enumerate((found.champion, found.challenger)):
        own = slice(None) if arms is None else arms == arm
        right = float((decisions[arm] == labels)[own].mean())
        assert value == pytest.approx(auc(labels[own], bins[arm][own]) if kind == "auc" else right)
    assert found.difference.value == pytest.approx(found.challenger - found.champion)
    assert found.difference.low < found.difference.value < found.difference.high
    assert math.copysign(1.0, found.z) == math.copysign(1.0, found.difference.value)
    assert found.z_margin < found.z
    swapped = measure(
        msgspec.structs.replace(rules_of(kind, mode), better_by=0.0),
        MatchLayout(mode, BINS),
        counted(mode, arms),
    )
    assert swapped.z_margin == pytest.approx(swapped.z, rel=1e-6)


def test_each_version_has_its_own_table_of_decisions() -> None:
    """By label and decision."""
    labels, _, decisions = raw(1)
    layout = MatchLayout("shadow", BINS)
    for arm in range(2):
        table = decisions_of(layout, counted("shadow"), arm)
        for label in range(LABELS):
            for said in range(LABELS):
                due = int(((labels == label) & (decisions[arm] == said)).sum())
                assert table[label, said] == due


@pytest.mark.parametrize("kind", ["auc", "accuracy"])
@pytest.mark.parametrize("mode", ["shadow", "split"])
def test_of_nothing_nothing_is_known(kind: Measure, mode: Mode) -> None:
    """No z, no information, no interval."""
    layout = MatchLayout(mode, BINS)
    found = measure(rules_of(kind, mode), layout, nothing(layout.size))
    assert math.isnan(found.z)
    assert math.isnan(found.difference.value)
    assert (found.information, found.events) == (0.0, (0, 0))
