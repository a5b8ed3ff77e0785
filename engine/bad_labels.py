"""What labels are about was predicted earlier: how many of the predictions were made on bad data.

Rule.  A cohort is of the predictions of its own window: the share of it that is bad is that of its
time.  A window by arrival is of predictions that are as much older as its labels took, which a
histogram of the delays tells: of each of its cells, the share of the bad time that the window
covers when it is moved back by the delay.  Within a cell delays are taken as even, as by their
quantiles; but where ONE_DELAY of the labels or more are in one cell, all of them may have taken the
same time, so the worst place within the cell counts.  Assumed negatives took exactly
``negative_after``; they are of another time, and nearly all there is, so what share of the labels
that came is about bad predictions is told beside that of all.  So one bad day weighs what its share
of the labels is, in each of the windows in which they come, and is no reason to hold all of them
back (:mod:`engine.bad_share`).

Only windows of the data that ended by then are asked. They are judged before the window of
performance that ends with them, in every run in which not all partitions of predictions are idle
while labels come, so this is a function of the logs; it is so only where features come within the
predictions, and elsewhere nothing is said.  A fault that only longer windows show is told when
those end, and not before.

When it lies: predictions are taken as evenly made, within a window and in bad time and good.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.bad_spells import BadSpells, bad_times, checked, united
from engine.performance_judging import JudgedPerformance
from engine.performance_layout import ASSUMED, DELAY_CELLS, DELAY_EDGES_MS, DELAYS

ONE_DELAY: Final = 0.5
LEAST: Final = 0.001
"""Share of the predictions below which a feature is not worth a word."""

Floats = npt.NDArray[np.float64]


class Bad(NamedTuple):
    """Which of the predictions of a window of performance were made on bad data."""

    features: tuple[str, ...]
    """``records`` for the records themselves; empty of sound data."""
    share: float
    """Of the matched predictions, in [0, 1]: on what was bad of any feature."""
    labelled: float
    """The same of those whose label came, without assumed negatives."""


SOUND: Final = Bad((), 0.0, 0.0)


def bad_of(judged: JudgedPerformance, spells: BadSpells) -> Bad:
    """What was bad when the predictions of a window were made."""
    if not spells or "features" in judged.model.spec.inputs:
        return SOUND
    spec = judged.model.spec
    lengths = {window.name: window.length_ms for window in spec.windows}
    reach_ms = 0 if judged.plane.maturity_ms is not None else _most_ms(spec.label.ttl_ms)
    oldest_ms = judged.start_ms - max(reach_ms, spec.label.negative_after_ms or 0)
    times = bad_times(checked(spells, spec), lengths, judged.end_ms, oldest_ms)
    shares = {name: max(_share(judged, of), _labelled(judged, of)) for name, of in times.items()}
    named = tuple(name or "records" for name, share in shares.items() if share >= LEAST)
    if not named:
        return SOUND
    any_bad = united([t for of in times.values() for t in of])
    return Bad(named, _share(judged, any_bad), _labelled(judged, any_bad))


def _share(judged: JudgedPerformance, times: Sequence[tuple[int, int]]) -> float:
    """The share of the matched predictions that were made in these times."""
    labelled = _labelled(judged, times)
    assumed, after_ms = int(judged.counts[ASSUMED]), judged.model.spec.label.negative_after_ms
    if judged.plane.maturity_ms is not None or assumed <= 0 or after_ms is None:
        return labelled
    known = max(0, int(judged.counts[DELAYS : DELAYS + DELAY_CELLS].sum()))
    bad = known * labelled + assumed * _covered(judged, times, np.array([float(after_ms)]))
    return min(1.0, bad / (known + assumed))


def _labelled(judged: JudgedPerformance, times: Sequence[tuple[int, int]]) -> float:
    """The same of those whose label came."""
    if judged.plane.maturity_ms is not None:
        return _covered(judged, times, np.zeros(1))
    cells = judged.counts[DELAYS : DELAYS + DELAY_CELLS]
    known, most_ms = float(cells.sum()), _most_ms(judged.model.spec.label.ttl_ms)
    bad, edges_ms = 0.0, [0, *(min(edge, most_ms) for edge in DELAY_EDGES_MS), most_ms]
    for count, low_ms, high_ms in zip(cells.tolist(), edges_ms, edges_ms[1:], strict=False):
        if count <= 0:
            continue
        if count >= ONE_DELAY * known or high_ms == low_ms:
            bad += count * _worst(judged, times, low_ms, high_ms)
        else:
            bad += count * _even(judged, times, low_ms, high_ms)
    return min(1.0, bad / known) if known > 0.0 else 0.0


def _most_ms(ttl_ms: int) -> int:
    """The longest delay of a label."""
    return max(ttl_ms, 1)


def _covered(
    judged: JudgedPerformance, times: Sequence[tuple[int, int]], delays_ms: Floats
) -> float:
    """The largest share of the window, moved back by one of these delays, that the times cover;
    shape (delays,)."""
    bounds = np.array(times, dtype=np.float64)
    upto = np.concatenate(([0.0], np.cumsum(bounds[:, 1] - bounds[:, 0])))
    passed = np.repeat(upto, 2)[1:-1]
    start, end = (at - delays_ms for at in (float(judged.start_ms), float(judged.end_ms)))
    inside = np.interp(end, bounds.ravel(), passed) - np.interp(start, bounds.ravel(), passed)
    return float(inside.max()) / judged.window.length_ms


def _worst(
    judged: JudgedPerformance, times: Sequence[tuple[int, int]], low_ms: int, high_ms: int
) -> float:
    """The same of all delays from ``low_ms`` to ``high_ms``: it is linear between those at which an
    end of the window meets an end of the times."""
    bounds = np.array(times, dtype=np.float64).ravel()
    meet = np.concatenate((judged.start_ms - bounds, judged.end_ms - bounds))
    ends = np.array([low_ms, high_ms], dtype=np.float64)
    return _covered(judged, times, np.concatenate((ends, np.clip(meet, low_ms, high_ms))))


def _even(
    judged: JudgedPerformance, times: Sequence[tuple[int, int]], low_ms: int, high_ms: int
) -> float:
    """The mean of the same share over the delays from ``low_ms`` to ``high_ms``.

    The time that is bad before t is a sum of ramps, its integral one of their halved squares.
    """
    bounds = np.array(times, dtype=np.float64)

    def integral(at_ms: int) -> float:
        ramps = np.maximum(0.0, at_ms - bounds)
        return float(np.square(ramps[:, 0]).sum() - np.square(ramps[:, 1]).sum()) / 2.0

    start_ms, end_ms = judged.start_ms, judged.end_ms
    inside = integral(end_ms - low_ms) - integral(end_ms - high_ms)
    inside -= integral(start_ms - low_ms) - integral(start_ms - high_ms)
    share = inside / (float(high_ms - low_ms) * judged.window.length_ms)
    return min(1.0, max(0.0, share))
