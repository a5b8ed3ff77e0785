"""The history of losses, from which a change gets its name: means of disjoint windows.

Rule.  A point is a disjoint window of performance by arrival, revision 0; the newest
MAX_HISTORY_WINDOWS of each window length are kept.  A history belongs to one layout; with another
it begins anew.  It is memory of decisions, beside the charts, and survives a restart with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
import numpy as np

from detectors.concept_shape import ConceptShape, concept_shape
from engine.timestamps import NEWEST_MS

MAX_HISTORY_WINDOWS: Final = 60
"""Windows of a history; the work of naming a change grows with their cube."""
NEWS_WINDOWS: Final = 20
"""Windows after which a change is no news; a name takes milliseconds to find."""
_Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]


class LossPoint(msgspec.Struct, frozen=True, array_like=True):
    """One loss in one window."""

    count: _Count
    mean: float
    """0 of none, so that equal histories are equal."""
    alarming: _Count
    """Estimators that alarmed over it."""
    held: bool
    """Whether it had risen (:attr:`engine.concept_judging.LossVerdict.held`)."""


class WindowPoint(msgspec.Struct, frozen=True, array_like=True):
    """One window."""

    end_ms: Annotated[int, msgspec.Meta(ge=0, le=NEWEST_MS)]
    losses: dict[str, LossPoint]


class LossHistory(msgspec.Struct):
    """The windows of one length, oldest first; part of the judge's snapshot."""

    fingerprint: str
    points: list[WindowPoint] = msgspec.field(default_factory=list)


@dataclass(frozen=True, slots=True)
class NamedShape:
    """The name of a change, and when it was."""

    shape: ConceptShape
    start_ms: int | None
    """End of the window in which the loss began to leave its level; None where nothing is named."""
    end_ms: int | None
    """End of the window from which on it kept the other level."""


def note_window(
    histories: dict[str, LossHistory], window: str, point: WindowPoint, fingerprint: str
) -> None:
    """Add a window; one that is not newer than the last is known already."""
    held = histories.get(window)
    if held is None or held.fingerprint != fingerprint:
        held = histories[window] = LossHistory(fingerprint)
    if held.points and held.points[-1].end_ms >= point.end_ms:
        return
    held.points = [*held.points, point][-MAX_HISTORY_WINDOWS:]


def history_of(
    histories: Mapping[str, LossHistory], window: str, fingerprint: str
) -> LossHistory | None:
    """The history of a window's length; None of none, or of another layout."""
    held = histories.get(window)
    return held if held is not None and held.fingerprint == fingerprint else None


def forget_foreign_histories(histories: dict[str, LossHistory], windows: Iterable[str]) -> None:
    """Let go of the histories of windows that there are no more."""
    for name in histories.keys() - set(windows):
        del histories[name]


def named_shape(history: LossHistory | None, loss: str) -> NamedShape | None:
    """How a loss changed over the history; None where it was not held to have risen in the newest
    NEWS_WINDOWS of that."""
    points = [] if history is None else history.points[-MAX_HISTORY_WINDOWS:]
    known = [(p.end_ms, p.losses[loss]) for p in points if loss in p.losses]
    alarmed = [place for place, (_, point) in enumerate(known) if point.alarming]
    if not any(point.held for _, point in known[-NEWS_WINDOWS:]):
        return None
    found = concept_shape(
        np.array([point.mean for _, point in known]),
        np.array([point.count for _, point in known], np.int64),
        np.array(alarmed, np.int64),
    )
    return NamedShape(
        found, _end_of(known, found, "start_window"), _end_of(known, found, "end_window")
    )


def points_before(
    history: LossHistory | None, loss: str, start_ms: int, end_ms: int
) -> list[LossPoint]:
    """A loss in the windows that ended at ``start_ms`` or after and before ``end_ms``."""
    points = [] if history is None else history.points
    return [
        point.losses[loss]
        for point in points
        if start_ms <= point.end_ms < end_ms and loss in point.losses
    ]


def _end_of(known: list[tuple[int, LossPoint]], found: ConceptShape, place: str) -> int | None:
    where: Mapping[str, float] = found.evidence
    return known[int(where[place])][0] if place in where else None
