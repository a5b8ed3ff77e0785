"""The windows of performance: over panes of the labels' own size.

Theory.  Labels may be days late, and a pane stays open for as long as a label can reach it.  So
that no more than MAX_OPEN_PANES of them are open, performance is counted in panes of its own,
``label.pane``, by default the smallest length that divides the windows and leaves few panes open.
A window shorter than that pane, or no whole number of them, has no performance; ``longshore check``
names it.

A window of performance ends where the same window of the data ends, only less often where the
data's step is no whole number of its panes.
"""

from __future__ import annotations

from dataclasses import replace
from math import isqrt, lcm
from typing import Final

import numpy as np

from engine.durations import format_duration
from engine.loss_alarms import AlarmCells
from engine.performance_layout import PerformanceLayout
from engine.planes import PERFORMANCE, Plane
from engine.spec import LabelRules, Spec, TimeRules, WindowRule
from engine.spec_fields import Fields
from engine.spec_sections import MAX_OPEN_PANES
from engine.spec_windows import fits_ring, ring_pane_ms

DEFAULT_OPEN_PANES: Final = MAX_OPEN_PANES // 4
"""What the default pane leaves open at most: a quarter of what is allowed."""


def open_ms(time: TimeRules, label: LabelRules) -> int:
    """For how long after its end a pane can still be reached."""
    lateness_ms = max(time.lateness_ms, label.lateness_ms)
    return lateness_ms + max(time.amend_ms, label.amend_ms) + max(label.maturities_ms, default=0)


def label_pane_ms(spec: Spec) -> int:
    """The base pane of performance."""
    if spec.label.pane_ms is not None:
        return spec.label.pane_ms
    least_ms = max(spec.time.pane_ms, -(-open_ms(spec.time, spec.label) // DEFAULT_OPEN_PANES))
    lengths = [window.length_ms for window in spec.windows]
    for pane_ms in _divisors(max(lengths)):
        long_enough = [ms for ms in lengths if ms >= pane_ms]
        if pane_ms >= least_ms and all(fits_ring(ms, pane_ms) for ms in long_enough):
            return pane_ms
    return least_ms


def label_windows(spec: Spec) -> tuple[WindowRule, ...]:
    """The windows that have performance, in panes of their own."""
    base_ms = label_pane_ms(spec)
    found = []
    for window in spec.windows:
        length_ms = window.length_ms
        if length_ms < base_ms or length_ms % base_ms or not fits_ring(length_ms, base_ms):
            continue
        pane_ms = ring_pane_ms(length_ms, base_ms)
        step_ms = lcm(window.judge_every_ms, pane_ms)
        every_ms = step_ms if length_ms % step_ms == 0 else length_ms
        found.append(
            WindowRule(
                name=window.name, length_ms=length_ms, pane_ms=pane_ms, judge_every_ms=every_ms
            )
        )
    return tuple(found)


def label_planes(spec: Spec, layout: PerformanceLayout, alarms: AlarmCells | None) -> list[Plane]:
    """The plane by arrival, which has the cells of alarms too, and one a maturity."""
    time, label = spec.time, spec.label
    pane_ms, windows = label_pane_ms(spec), label_windows(spec)
    named: list[tuple[str, int | None]] = [("performance", None)]
    named += [(format_duration(ms), ms) for ms in label.maturities_ms]
    counted = layout.counted_cells()
    planes = [
        Plane(
            number=number,
            name=name,
            topics=("predictions", "labels"),
            pane_ms=pane_ms,
            lateness_ms=max(time.lateness_ms, label.lateness_ms),
            amend_ms=max(time.amend_ms, label.amend_ms),
            maturity_ms=maturity_ms,
            size=layout.size,
            counted=counted,
            nets=True,
            totals=layout.size,
            windows=windows,
            season=None,
        )
        for number, (name, maturity_ms) in enumerate(named, PERFORMANCE)
    ]
    if alarms is not None:
        planes[0] = replace(
            planes[0],
            size=alarms.start + alarms.size,
            counted=np.concatenate([counted, np.ones(alarms.size, np.bool_)]),
            alarm_pairs=len(alarms.pairs),
        )
    return planes


def refuse_open_label_panes(spec: Spec, fields: Fields) -> None:
    """Note a fault when a pane that the spec chose leaves too many open, or leaves a comparison
    without labels."""
    if spec.comparison is not None and not label_windows(spec):
        fields.fault(
            "comparison",
            "reads no labels where none of the windows is a whole number of label.pane, "
            f"{format_duration(label_pane_ms(spec))}",
        )
    pane_ms = spec.label.pane_ms
    if pane_ms is None:
        return
    panes = open_ms(spec.time, spec.label) // pane_ms
    if panes > MAX_OPEN_PANES:
        fields.fault(
            "label",
            f"pane: {format_duration(pane_ms)} leaves {panes} panes open within lateness + amend + "
            f"the longest maturity, at most {MAX_OPEN_PANES}: use a longer pane",
        )


def _divisors(number: int) -> list[int]:
    low = [d for d in range(1, isqrt(number) + 1) if number % d == 0]
    return [*low, *(number // d for d in reversed(low) if d * d != number)]
