"""When a loss is held to have risen, window by window."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from engine.alarm_memory import MAX_ALARMS_KEPT, AlarmMemory
from engine.concept_judging import ConceptJudging, LossWindow
from engine.loss_history import LossHistory
from engine.marks import Marks
from engine.panes import AlarmRow
from engine.performance_judging import PerformanceJudging
from engine.plane_flow import PlaneFlow
from tests.engine.models import MINUTE, START
from tests.engine.test_concept import model


@cache
def judging() -> ConceptJudging:
    """Of the model."""
    chosen = model()
    found = PerformanceJudging(chosen).concept
    assert found is not None
    return found


def held(pattern: str, *, complete: bool = True, foreign_from: int | None = None) -> str:
    """Which windows hold: ``a`` two alarm, ``o`` one does, capitals and ``+`` are elevated.  What
    stands before window ``foreign_from`` is of another layout then."""
    chosen = model()
    layout, cells = chosen.performance, chosen.alarm_cells
    assert layout is not None
    assert cells is not None
    histories: dict[str, LossHistory] = {}
    ring = PlaneFlow(chosen.key, chosen.planes[1], Marks(1)).rings["1m"]
    told = ""
    for number, kind in enumerate(pattern, start=1):
        counts = np.zeros(chosen.planes[1].size, np.int64)
        wrong = 58 if kind in "AO+" else 40
        counts[layout.confusion : layout.confusion + 4] = [180, wrong // 2, wrong // 2, 180]
        for pair in range(2 if kind in "aA" else 1 if kind in "oO" else 0):
            estimator = sorted({name for name, _ in cells.pairs})[pair]
            counts[cells.alarms(cells.pairs.index((estimator, "error")))] = 1
        if number == foreign_from:
            histories["1m"].fingerprint = "of another layout"
        window = LossWindow(ring, START + number * MINUTE, 0, counts, AlarmMemory(), complete)
        found = judging().judge(window, histories)
        (error,) = (loss for loss in found.losses if loss.name == "error")
        told += "+" if error.held else "."
    return told


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("..++++", "......"),  # nobody alarmed
        (".A++.+", ".+++.."),  # an alarm comes once and what it found lasts
        (".a++..", "..++.."),  # it may come before the mean shows it
        (".a...+", "......"),  # but not long before
        (".O++..", "......"),  # one alone
        ("aaaaaa", "......"),  # the mean does not bear them out
    ],
)
def test_what_is_held_to_have_risen(pattern: str, expected: str) -> None:
    """Estimators that agree, and a mean that bears them out for as long as it does."""
    assert held(pattern) == expected


def test_a_history_of_another_layout_holds_nothing() -> None:
    """Its windows were counted into other cells."""
    assert held(".A++++", foreign_from=4) == ".++..."


def test_labels_that_are_not_all_are_compared_with_nothing() -> None:
    """Errors of those reported first say nothing of errors."""
    assert held(".A++++", complete=False) == "......"


def test_the_newest_alarms_are_kept_in_order_whenever_they_came() -> None:
    """Twice is once, and the oldest go."""
    random = np.random.default_rng(3)
    rows = [AlarmRow(int(at) % 3, 1 + int(at), int(at), 0.1, 0.2) for at in range(700)]
    memory = AlarmMemory()
    for place in [*random.permutation(700).tolist(), *range(690, 700)]:
        memory.take(place % 4, [rows[place]])
    assert [alarm.at_ms for alarm in memory.kept] == list(range(700 - MAX_ALARMS_KEPT, 700))
    assert [alarm.at_ms for alarm in memory.between(400, 403)] == [400, 401, 402]
    last = memory.last_before(500, 1)
    assert last is not None
    assert last.at_ms == 499
    assert memory.last_before(0, 1) is None
