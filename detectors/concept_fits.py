"""The curves behind :mod:`detectors.concept_shape`: the best of each subtype by least squares.

Rule.  A fit is a function of the means and their weights (losses of a window over the mean number)
alone, tries every place there is, and says its criterion, lower is better.  Sums of squares are
kept above FLOOR of the series' own size, so that a series without noise has a criterion too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from detectors.contract import FloatArray

Labels = npt.NDArray[np.bool_]
FitName = Literal["none", "sudden", "gradual", "incremental", "recurring"]

EDGE: Final = 3
"""Windows before the first and after the last change at least, and of a stay at a level."""
STAY_SHARE: Final = 10
"""A stay of a recurring level is at least one part in this many of the series."""
RAMP_LEAST: Final = 4
FLIPS_LEAST: Final = 3
"""Changes of level of a gradual change: there, back, and there again."""
ROUNDS: Final = 8
"""Of levels and labels by turns, at most."""
SUDDEN: Final = 3
INCREMENTAL: Final = 4
GRADUAL: Final = 4
RECURRING: Final = 2
"""Numbers of a curve; a recurring one has one more for each change."""
BIT: Final = 2.0 * math.log(2.0)
FLOOR: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted curve."""

    name: FitName
    criterion: float
    noise: float
    before: float
    after: float
    start: int
    end: int
    changes: int
    return_errors: float = 0.0


def _made(
    name: FitName, squares: float, means: FloatArray, numbers: int, bits: int = 0
) -> tuple[FitName, float, float]:
    """(name, criterion, noise) of a fit with this sum of squares."""
    size = means.size
    squares = max(squares, FLOOR * size * max(float(np.mean(means**2)), FLOOR))
    criterion = size * math.log(squares / size) + numbers * math.log(size) + bits * BIT
    return name, criterion, math.sqrt(squares / max(size - numbers, 1))


def _level(means: FloatArray, weights: FloatArray) -> float:
    return float(np.sum(means * weights) / np.sum(weights))


def fit_none(means: FloatArray, weights: FloatArray) -> Fit:
    """One level."""
    level = _level(means, weights)
    squares = float(np.sum(weights * (means - level) ** 2))
    return Fit(*_made("none", squares, means, 1), level, level, 0, 0, 0)


def fit_sudden(means: FloatArray, weights: FloatArray) -> Fit:
    """A step, with EDGE windows on both sides.

    It may fall into a window, whose mean is then anywhere between the levels and costs a number.
    """
    size = means.size
    weight = np.concatenate([[0.0], np.cumsum(weights)])
    total = np.concatenate([[0.0], np.cumsum(weights * means)])
    best: Fit | None = None
    for inside in (0, 1):
        cuts = np.arange(EDGE, size - EDGE - inside + 1)
        left, right = weight[cuts], weight[-1] - weight[cuts + inside]
        rest = total[-1] - total[cuts + inside]
        squares = np.cumsum(weights * means**2)
        spared = squares[cuts] - squares[cuts - 1] if inside else 0.0
        explained = total[cuts] ** 2 / left + rest**2 / right + spared
        cut = int(cuts[np.argmax(explained)])
        before, after = (
            _level(means[:cut], weights[:cut]),
            _level(means[cut + inside :], weights[cut + inside :]),
        )
        levels = np.where(np.arange(size) < cut, before, after)
        if inside:
            levels[cut] = np.clip(means[cut], min(before, after), max(before, after))
        left_over = float(np.sum(weights * (means - levels) ** 2))
        made = _made("sudden", left_over, means, SUDDEN + inside)
        found = Fit(*made, before, after, cut, cut + inside, 1)
        if best is None or found.criterion < best.criterion:
            best = found
    assert best is not None
    return best


def fit_incremental(means: FloatArray, weights: FloatArray) -> Fit:
    """A ramp from window ``start`` (the last at the old level) to ``end`` (the first at the new).

    It may begin with the series or still go on at its end.
    """
    size = means.size
    at = np.arange(size)
    centred = means - _level(means, weights)
    best = (math.inf, 0, 0, 0.0, 0.0)
    for start in range(size - RAMP_LEAST):
        ends = np.arange(start + RAMP_LEAST, size)
        shares = np.clip((at - start) / (ends - start)[:, np.newaxis], 0.0, 1.0)
        middle = shares @ weights / weights.sum()
        shares -= middle[:, np.newaxis]
        slope = shares @ (weights * centred) / (shares**2 @ weights)
        squares = ((centred - slope[:, np.newaxis] * shares) ** 2) @ weights
        found = int(np.argmin(squares))
        if squares[found] < best[0]:
            before = float(-slope[found] * middle[found])
            rise = float(slope[found])
            best = (float(squares[found]), start, int(ends[found]), before, before + rise)
    left_over, start, end, before, after = best
    level = _level(means, weights)
    made = _made("incremental", left_over, means, INCREMENTAL)
    return Fit(*made, level + before, level + after, start, end, 1)


def fit_gradual(means: FloatArray, weights: FloatArray, sudden: Fit) -> Fit | None:
    """Two levels with flips between; None where the best labels flip less than FLIPS_LEAST."""
    best: Fit | None = None
    edge = max(EDGE, means.size // STAY_SHARE)
    for levels in (
        (sudden.before, sudden.after),
        (_level(means[:edge], weights[:edge]), _level(means[-edge:], weights[-edge:])),
    ):
        found = _gradual_from(means, weights, levels, sudden.noise**2)
        if found is not None and (best is None or found.criterion < best.criterion):
            best = found
    return best


def _gradual_from(
    means: FloatArray, weights: FloatArray, levels: tuple[float, float], variance: float
) -> Fit | None:
    before, after = levels
    start = end = 0
    labels = np.zeros(means.size, np.bool_)
    for _ in range(ROUNDS):
        start, end = _time_between(means, weights, (before, after), variance)
        nearer = np.abs(means - after) < np.abs(means - before)
        at = np.arange(means.size)
        again = np.where(at < start, False, np.where(at >= end, True, nearer))  # noqa: FBT003
        if np.array_equal(again, labels):
            break
        labels = again
        before, after = _two_levels(means, weights, labels, (before, after))
        variance = _squares(means, weights, labels, (before, after)) / means.size
    changes = int(np.sum(labels[1:] != labels[:-1]))
    if changes < FLIPS_LEAST:
        return None
    squares = _squares(means, weights, labels, (before, after))
    made = _made("gradual", squares, means, GRADUAL, end - start)
    return Fit(*made, before, after, start, end, changes)


def _time_between(
    means: FloatArray, weights: FloatArray, levels: tuple[float, float], variance: float
) -> tuple[int, int]:
    """First window of the flips and first after them: cheapest with free labels at a bit each."""
    scale = max(variance, FLOOR * max(float(np.mean(means**2)), FLOOR))
    old, new = (weights * (means - level) ** 2 / scale for level in levels)
    before, after, free = (
        np.concatenate([[0.0], np.cumsum(part)]) for part in (old, new, np.minimum(old, new) + BIT)
    )
    # cost(start, end) falls apart into a part of each, so the best start is a running minimum.
    starts, ends = before - free, after[-1] - after + free
    starts[:EDGE] = math.inf
    ends[means.size - EDGE + 1 :] = math.inf
    ends[:EDGE] = math.inf
    least = np.minimum.accumulate(starts)
    end = int(np.argmin(ends + least))
    return int(np.argmin(starts[: end + 1])), end


def fit_recurring(means: FloatArray, weights: FloatArray, sudden: Fit) -> Fit | None:
    """Two levels by turns, each stay long enough; None where the best has no return.

    The levels begin as those of the step and as the quartiles of the series, which a return does
    not blur.
    """
    best: Fit | None = None
    low, high = (float(level) for level in np.quantile(means, (0.25, 0.75)))
    for levels in ((sudden.before, sudden.after), (low, high)):
        found = _recurring_from(means, weights, levels)
        if found is not None and (best is None or found.criterion < best.criterion):
            best = found
    return best


def _recurring_from(
    means: FloatArray, weights: FloatArray, levels: tuple[float, float]
) -> Fit | None:
    labels = np.zeros(means.size, np.bool_)
    variance = fit_none(means, weights).noise ** 2
    for _ in range(ROUNDS):
        again = _stays(means, weights, levels, variance)
        if np.array_equal(again, labels):
            break
        labels = again
        levels = _two_levels(means, weights, labels, levels)
        variance = _squares(means, weights, labels, levels) / means.size
    cuts = np.flatnonzero(labels[1:] != labels[:-1]) + 1
    if cuts.size <= 1:
        return None
    squares = _squares(means, weights, labels, levels)
    made = _made("recurring", squares, means, RECURRING + cuts.size)
    first, last = int(labels[0]), int(labels[-1])
    found = Fit(*made, levels[first], levels[last], int(cuts[0]), int(cuts[-1]), cuts.size)
    again_at = np.arange(means.size) >= cuts[-1]
    earlier = (labels == labels[-1]) & ~again_at
    gap = _level(means[again_at], weights[again_at]) - _level(means[earlier], weights[earlier])
    error = found.noise * math.sqrt(1.0 / weights[again_at].sum() + 1.0 / weights[earlier].sum())
    return replace(found, return_errors=float(abs(gap) / error))


def _stays(
    means: FloatArray, weights: FloatArray, levels: tuple[float, float], variance: float
) -> Labels:
    """The cheapest labels whose every stay is long enough, a change at log N each.

    By dynamic programming: ``cost[end, label]`` of the first ``end`` windows, the last stay being
    at ``label``.
    """
    size = means.size
    least = max(EDGE, size // STAY_SHARE)
    scale = max(variance, FLOOR * max(float(np.mean(means**2)), FLOOR))
    sums = [np.cumsum(weights * (means - level) ** 2 / scale) for level in levels]
    sums = [np.concatenate([[0.0], part]) for part in sums]
    cost = np.full((size + 1, 2), math.inf)
    begun = np.zeros((size + 1, 2), np.int64)
    for end in range(least, size + 1):
        for label in (0, 1):
            through = sums[label][end] - sums[label][: end - least + 1]
            from_other = cost[: end - least + 1, 1 - label] + through + math.log(size)
            from_other[0] = through[0]
            begun[end, label] = np.argmin(from_other)
            cost[end, label] = from_other[begun[end, label]]
    labels = np.zeros(size, np.bool_)
    end, label = size, int(np.argmin(cost[size]))
    while end > 0:
        start = int(begun[end, label])
        labels[start:end] = bool(label)
        end, label = start, 1 - label
    return labels


def _two_levels(
    means: FloatArray, weights: FloatArray, labels: Labels, old: tuple[float, float]
) -> tuple[float, float]:
    """The mean of each label; the old level where it has no window."""
    before, after = (
        _level(means[own], weights[own]) if own.any() else level
        for own, level in ((~labels, old[0]), (labels, old[1]))
    )
    return before, after


def _squares(
    means: FloatArray, weights: FloatArray, labels: Labels, levels: tuple[float, float]
) -> float:
    return float(np.sum(weights * (means - np.where(labels, levels[1], levels[0])) ** 2))
