"""The windows of a spec: their rings of panes, and when they are judged.

Theory.  A window is counted in a ring of at most MAX_RING_PANES panes, so that its memory depends
on neither its length nor the rate of events.  Its pane is the smallest multiple of the base pane
that makes so few of them; a window which is no whole number of those panes is refused, because its
ends would fall inside a pane.  Windows and panes are aligned to the epoch.
"""

from __future__ import annotations

from typing import Final

from engine.durations import format_duration
from engine.spec import WindowRule
from engine.spec_fields import Fields
from engine.spec_yaml import Mapping, Value

MAX_WINDOWS: Final = 10
MAX_RING_PANES: Final = 60
JUDGEMENTS_PER_WINDOW: Final = 12
"""A window is judged about so often within its length when the spec does not say."""


def ring_pane_ms(length_ms: int, base_ms: int) -> int:
    """The smallest multiple of the base pane with at most MAX_RING_PANES of them in the window."""
    return base_ms * max(1, -(-length_ms // (base_ms * MAX_RING_PANES)))


def default_judge_every_ms(length_ms: int, pane_ms: int) -> int:
    """The smallest multiple of the pane, at least a twelfth of the window, that divides it."""
    panes = length_ms // pane_ms
    least = -(-panes // JUDGEMENTS_PER_WINDOW)
    return pane_ms * next(k for k in range(least, panes + 1) if panes % k == 0)


def fits_ring(length_ms: int, base_ms: int) -> bool:
    """Whether a window of this length is a whole number of its ring's panes."""
    return length_ms > 0 and length_ms % ring_pane_ms(length_ms, base_ms) == 0


def ring_fault(length_ms: int, base_ms: int) -> str:
    """Why a window of this length has no ring over this base pane; empty when it has one."""
    length, base = format_duration(length_ms), format_duration(base_ms)
    if length_ms % base_ms:
        return f"{length} is not a whole number of base panes of {base} (time.pane)"
    if fits_ring(length_ms, base_ms):
        return ""
    pane_ms = ring_pane_ms(length_ms, base_ms)
    below = length_ms // pane_ms * pane_ms
    # One pane more may need a ring of coarser panes, so only a length that works is offered.
    offers = [ms for ms in (below, below + pane_ms) if fits_ring(ms, base_ms)]
    offered = " or ".join(format_duration(ms) for ms in offers)
    return (
        f"{length} does not fit a ring of at most {MAX_RING_PANES} panes: over a base pane of "
        f"{base} they would be {format_duration(pane_ms)} long, which does not divide it"
        + (f"; {offered} would fit" if offered else "")
    )


def read_windows(spec: Fields, base_ms: int | None) -> tuple[WindowRule, ...]:
    """The ``windows`` of a spec; without a sound base pane only their own form is checked."""
    windows: list[WindowRule] = []
    items = spec.items("windows", MAX_WINDOWS, required=True)
    if spec.sound("windows") and not items:
        spec.fault("windows", "must name at least one window, such as [5m, 1h]")
    for item in items:
        window = _read_window(spec, item, base_ms)
        if window is None:
            continue
        if any(window.name == other.name for other in windows):
            spec.fault_at("windows", item, f"{window.name} stands here twice")
            continue
        windows.append(window)
    return tuple(windows)


def _read_window(spec: Fields, item: Value, base_ms: int | None) -> WindowRule | None:
    if not isinstance(item, Mapping):
        length_ms = spec.duration_at("windows", item, low_ms=1)
        if length_ms is None or base_ms is None:
            return None
        reason = ring_fault(length_ms, base_ms)
        if reason:
            spec.fault_at("windows", item, reason)
            return None
        return _window(length_ms, base_ms, None)
    fields = Fields(item, spec.faults)
    if not fields.has("length"):
        fields.fault("length", "is required")
    length_ms = fields.duration("length", 0, low_ms=1)
    every_ms = fields.duration("judge_every", 0, low_ms=1) if fields.has("judge_every") else None
    fields.know("judge_every")
    fields.close()
    if base_ms is not None and fields.sound("length"):
        reason = ring_fault(length_ms, base_ms)
        if reason:
            fields.fault("length", reason)
        elif every_ms is not None and fields.sound("judge_every"):
            reason = _judge_every_fault(every_ms, length_ms, ring_pane_ms(length_ms, base_ms))
            if reason:
                fields.fault("judge_every", reason)
    if fields.broken:
        spec.broken.add("windows")
        return None
    return None if base_ms is None else _window(length_ms, base_ms, every_ms)


def _judge_every_fault(every_ms: int, length_ms: int, pane_ms: int) -> str:
    if every_ms % pane_ms:
        return f"must be a whole number of the window's panes of {format_duration(pane_ms)}"
    if length_ms % every_ms:
        return f"must divide the window's length of {format_duration(length_ms)}"
    return ""


def _window(length_ms: int, base_ms: int, every_ms: int | None) -> WindowRule:
    pane_ms = ring_pane_ms(length_ms, base_ms)
    return WindowRule(
        name=format_duration(length_ms),
        length_ms=length_ms,
        pane_ms=pane_ms,
        judge_every_ms=every_ms or default_judge_every_ms(length_ms, pane_ms),
    )
