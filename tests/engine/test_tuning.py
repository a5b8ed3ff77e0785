"""Thresholds that are proposed: the grid, the choice, and the frontier."""

from __future__ import annotations

import pytest

from engine.policy.episodes import episodes_of
from engine.policy.redeciding import Thresholds
from engine.policy.tuning import Outcome, choose, frontier, grid
from tests.engine.models import HOUR
from tests.engine.policy_histories import alert

OWN = Thresholds(0.2, 2, 2, 3, 2)
LENGTH = 48 * HOUR
TWO_DAYS_OF_A_MONTH = 15
"""One episode in two days is so many in 30."""


def outcome(
    said: Thresholds, hours: list[int], kept: int, changed: int, open_hours: int = 4
) -> Outcome:
    """Episodes that open at these hours."""
    alerts = [alert(f"e{hour}", hour, "open") for hour in hours]
    return Outcome(said, tuple(episodes_of(alerts)), (), kept, open_hours * HOUR, changed)


def test_the_grid_is_bounded_and_has_the_spec_in_it() -> None:
    """Whatever the spec says."""
    wide = Thresholds(0.21, 9, 7, 9, 3)
    assert len(grid(wide, 2_000)) == 8 * 5 * 7 * 4
    for own, features in ((OWN, 3), (wide, 2_000), (Thresholds(1e-6, 1, 1, 1, 100), 1)):
        points = grid(own, features)
        assert own in points
        assert len(points) == len(set(points)) <= 1_260
        assert all(1 <= p.features <= features and p.above > 0 for p in points)
        assert all(p.at_least <= p.of_last for p in points)


OTHER = Thresholds(0.3, 2, 2, 3, 2)
FARTHER = Thresholds(0.4, 2, 2, 3, 2)
EARLY = Thresholds(0.1, 2, 2, 3, 2)


def test_a_spec_that_is_quiet_enough_stays_as_it_is() -> None:
    """However early others would have been."""
    found = [outcome(EARLY, [2], 2, 1), outcome(OWN, [10, 30], 2, 0)]
    assert choose(found, OWN, 2 * TWO_DAYS_OF_A_MONTH, LENGTH) == found[1]


def test_what_keeps_most_is_chosen_and_then_what_changes_least() -> None:
    """Of those that are few enough."""
    found = [
        outcome(OWN, [2, 10, 30], 3, 0),
        outcome(OTHER, [30], 1, 1),
        outcome(FARTHER, [10, 30], 2, 2),
    ]
    assert choose(found, OWN, 2 * TWO_DAYS_OF_A_MONTH, LENGTH) == found[2]
    assert choose(found, OWN, TWO_DAYS_OF_A_MONTH, LENGTH) == found[1]
    assert choose(found, OWN, 0.5 * TWO_DAYS_OF_A_MONTH, LENGTH) is None


def test_one_alert_that_never_ends_is_no_gain() -> None:
    """It overlaps with everything, and is one."""
    found = [outcome(OWN, [10, 30], 2, 0), outcome(EARLY, [1], 2, 1, open_hours=47)]
    assert choose(found, OWN, TWO_DAYS_OF_A_MONTH, LENGTH) is None
    assert frontier(found, LENGTH) == [found[0]]


@pytest.mark.parametrize("order", [1, -1])
def test_the_frontier_is_the_best_of_each_number(order: int) -> None:
    """Without what more episodes do no better; whatever the order of the grid."""
    silent = outcome(Thresholds(0.6, 2, 2, 3, 2), [], 0, 3)
    late, one = outcome(FARTHER, [30], 1, 2), outcome(OTHER, [10], 1, 1)
    no_better = outcome(OWN, [12, 30], 1, 0)
    early = outcome(EARLY, [2, 12, 30], 1, 1)
    found = [silent, late, one, no_better, early][::order]
    assert frontier(found, LENGTH) == [silent, one, early]
