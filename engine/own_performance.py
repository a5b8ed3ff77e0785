"""How much performance swings within the training period, at the length of each window.

Theory.  A storm makes a whole day of flights hard to predict: daily accuracy varies fifteen times
as much as that many independent flights would let it, in the training months themselves.  So each
aligned block of a window's length is measured, and the profile keeps the dispersion of every
measure: the mean square of the distance from the whole reference, in the block's own standard
errors, corrected for the block's being part of the whole (B / (B - 1)), at least 1.  A window's
interval is then longer by its root.  It is Pearson's dispersion of :mod:`detectors.rate_shift` for
measures that are no plain shares.

With fewer than MIN_BLOCKS blocks of a window's length nothing is said of it.  Of more than
MAX_BLOCKS, that many at even distances are measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from typing import Final

import numpy as np
import numpy.typing as npt

from detectors.intervals import Estimate, normal_quantile
from engine.own_blocks import block_ranges
from engine.performance import Performance, measure
from engine.performance_counting import Matches, count_matches
from engine.performance_layout import MATCHED, PerformanceLayout
from engine.profile import OwnMeasure
from engine.spec import WindowRule

MIN_BLOCKS: Final = 5
MAX_BLOCKS: Final = 400
MIN_BLOCK_LABELS: Final = 30
"""Labels that a block needs: intervals of fewer say little of their own length."""
_NORMAL: Final = normal_quantile(0.95)
_CHUNK: Final = 50
"""Blocks counted at once."""


def own_performance(
    layout: PerformanceLayout,
    matches: Matches,
    ts_ms: npt.NDArray[np.int64],
    whole: Performance,
    windows: Sequence[WindowRule],
) -> dict[str, dict[str, OwnMeasure]]:
    """Window name -> measure -> how it swings.

    ``matches`` are the reference's labelled rows, ``ts_ms`` their times, shape (n,), and ``whole``
    what they say together.
    """
    order = np.argsort(ts_ms, kind="stable")
    found = {}
    for window in windows:
        ranges = block_ranges(ts_ms[order], window.length_ms) if len(order) else []
        chosen = [r for r in ranges if r[1] - r[0] >= MIN_BLOCK_LABELS]
        if len(chosen) < MIN_BLOCKS:
            continue
        places = np.linspace(0, len(chosen) - 1, min(len(chosen), MAX_BLOCKS)).astype(np.int64)
        blocks = [order[slice(*chosen[place])] for place in places.tolist()]
        measured = {
            name: summary
            for name, summary in _dispersions(layout, matches, blocks, whole).items()
            if summary.blocks >= MIN_BLOCKS
        }
        if measured:
            found[window.name] = measured
    return found


def _dispersions(
    layout: PerformanceLayout,
    matches: Matches,
    blocks: Sequence[npt.NDArray[np.int64]],
    whole: Performance,
) -> dict[str, OwnMeasure]:
    squares: dict[str, list[float]] = {}
    for first in range(0, len(blocks), _CHUNK):
        rows = blocks[first : first + _CHUNK]
        slots = np.repeat(np.arange(len(rows)), [len(block) for block in rows])
        counts = count_matches(layout, matches_of(matches, np.concatenate(rows), slots), len(rows))
        for block in counts:
            assert block[MATCHED] >= MIN_BLOCK_LABELS, "only such blocks are chosen"
            for name, estimate in measure(layout, block).measures.items():
                distance = errors_apart(estimate, whole.measures[name])
                if isfinite(distance):
                    squares.setdefault(name, []).append(distance * distance)
    return {
        name: OwnMeasure(blocks=len(each), dispersion=_dispersion(each))
        for name, each in squares.items()
    }


def _dispersion(squares: list[float]) -> float:
    blocks = len(squares)
    return max(1.0, sum(squares) / max(1, blocks - 1))


def errors_apart(block: Estimate, whole: Estimate) -> float:
    """Distance in standard errors of the block, on the side that it is on; NaN without one."""
    gap = block.value - whole.value
    half = block.value - block.low if gap > 0.0 else block.high - block.value
    return gap * _NORMAL / half if half > 0.0 else float("nan")


def matches_of(
    matches: Matches, rows: npt.NDArray[np.int64], slots: npt.NDArray[np.int64]
) -> Matches:
    """Some of the matches, in this order, into these vectors."""
    return replace(
        matches,
        slots=slots,
        weights=matches.weights[rows],
        scores=matches.scores[rows],
        decisions=matches.decisions[rows],
        values=matches.values[rows],
        segments=matches.segments[:, rows],
        labels=matches.labels[rows],
        delays_ms=matches.delays_ms[rows],
        assumed=matches.assumed[rows],
    )
