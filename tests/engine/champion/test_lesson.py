"""The lesson's example: a credit model's challenger that ranks better and answers more slowly."""

from __future__ import annotations

import math
from typing import Final

import msgspec
import numpy as np
import pytest

from engine.champion import cells
from engine.champion.cells import MatchLayout, arm_cell
from engine.champion.deciding import Decision, decide_look
from engine.champion.guards import Guarded, check_guards, usual_guards
from engine.champion.measuring import Measured, measure
from engine.comparison_rules import Guard
from engine.panes import Counts
from load_tests.champion_runs import rules_of

LESSON: Final = MatchLayout("shadow", 20)


def binormal(size: int, mean: float) -> Counts:
    """How many of ``size`` normal scores around ``mean`` fall into each bin of 20."""
    edges = np.linspace(-2.0, 4.0, 19)
    upto = np.array([0.5 * math.erfc(-(edge - mean) / math.sqrt(2.0)) for edge in edges])
    places = np.round(size * np.concatenate([[0.0], upto, [1.0]])).astype(np.int64)
    return np.diff(places)


def lesson() -> tuple[Counts, Counts]:
    """Arms and matches of 25,000 loans: AUC 0.87 v 0.90, default rate among the approved 3.2 % v
    2.8 %, approval 68 % v 71 %, latency 45 v 52 ms.

    The positive label is a default, the negative decision an approval.
    """
    loans = 25_000
    arms = cells.nothing(cells.ARMS_SIZE)
    arms[:2] = loans
    arms[cells.PAIRS] = loans
    for arm, (approved, latency_ms) in enumerate(((0.68, 45), (0.71, 52))):
        arms[arm_cell(arm, cells.DECIDED)] = loans
        arms[arm_cell(arm, cells.POSITIVE)] = round(loans * (1 - approved))
        arms[arm_cell(arm, cells.TIMED)] = loans
        arms[arm_cell(arm, cells.LATENCY_US)] = loans * latency_ms * 1000
        cell = int(np.searchsorted(cells.LATENCY_EDGES_MS, latency_ms, side="right"))
        arms[arm_cell(arm, cells.LATENCIES + cell)] = loans
    matches = cells.nothing(LESSON.size)
    matches[cells.MATCHED] = loans
    # By label, champion's decision, challenger's: 17,000 and 17,750 approved, 544 and 497 default.
    decisions = LESSON.decisions(matches)
    decisions[0, :2, :2] = [[15_956, 500], [1_297, 3_000]]
    decisions[1, :2, :2] = [[400, 144], [97, 3_606]]
    for label, total in ((0, 20_753), (1, 4_247)):
        means = [label * math.sqrt(2.0) * z for z in (1.1264, 1.2816)]
        sides = [binormal(total, mean) for mean in means]
        joint = LESSON.histograms(matches)[label]
        # Scores that order events alike: the north-west corner of both margins.
        row, column = 0, 0
        left = [side.copy() for side in sides]
        while row < 20 and column < 20:
            moved = min(left[0][row], left[1][column])
            joint[row, column] += moved
            left[0][row] -= moved
            left[1][column] -= moved
            if left[0][row] == 0:
                row += 1
            else:
                column += 1
    return arms, matches


def lesson_decided(**bounds: float) -> tuple[Decision, Measured, list[Guarded]]:
    """The lesson at its first look half way through, with a guard on the mean latency."""
    guards = usual_guards(
        {
            "latency_mean": Guard(**bounds),
            "default_rate": Guard(worse_by=0.0),
            "approval_rate": Guard(worse_by=0.0),
        }
    )
    rules = msgspec.structs.replace(rules_of("auc"), guards=guards, score_bins=20)
    arms, matches = lesson()
    found = measure(rules, LESSON, matches)
    checked = check_guards(guards, LESSON, arms, matches, "negative")
    half = rules.length_ms // 2
    return decide_look(rules, (), half, half, found, checked), found, checked


def test_the_lesson_is_promoted_when_the_latency_guard_allows_it() -> None:
    """AUC 0.87 v 0.90, default 3.2 % v 2.8 %, approval 68 % v 71 %, latency 45 v 52 ms."""
    decided, found, checked = lesson_decided(at_most=52.0)
    assert (found.champion, found.challenger) == pytest.approx((0.87, 0.90), abs=0.005)
    values = {each.metric: (each.champion, each.challenger) for each in checked}
    assert values["default_rate"] == pytest.approx((0.032, 0.028), abs=0.0001)
    assert values["approval_rate"] == pytest.approx((0.68, 0.71), abs=0.0001)
    assert values["latency_mean"] == pytest.approx((45.0, 52.0))
    assert (decided.verdict, decided.reasons, decided.final) == ("PROMOTE", (), True)
    assert decided.p_value < 0.05
    assert found.difference.value > 0.02


@pytest.mark.parametrize("bounds", [{"at_most": 51.9}, {"worse_by": 5.0}, {"worse_by_share": 0.1}])
def test_the_lesson_is_held_when_the_latency_guard_does_not_allow_it(
    bounds: dict[str, float],
) -> None:
    """Only the guard holds it back, and the evidence says so."""
    decided, _, checked = lesson_decided(**bounds)
    assert (decided.verdict, decided.reasons) == ("HOLD", ("guard:latency_mean",))
    assert not decided.final
    (broken,) = [each for each in checked if not each.held]
    assert broken.as_tree() == {
        "metric": "latency_mean",
        "held": False,
        **bounds,
        "champion": 45.0,
        "challenger": 52.0,
    }


def test_without_a_word_on_latency_the_lesson_is_held_by_the_usual_guard() -> None:
    """52 ms are more than five per cent above 45."""
    guards = usual_guards({})
    arms, matches = lesson()
    held = {g.metric: g.held for g in check_guards(guards, LESSON, arms, matches, None)}
    assert held == {"latency_p95": False, "error_rate": True}
