"""What no tally can have written: the last check of a record of the panes topic.

Rule.  The topic is internal, but whoever may write to it could otherwise carry event time away for
good, overflow a sum, or crash a judge.  What these checks refuse is a forgery or damage.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from engine.panes import Counts, Forwarded, Mark, PaneError, every_version
from engine.terms import Term
from engine.timestamps import NEWEST_MS

MAX_COUNT: Final = 1 << 48
"""More than a source partition can have in a pane; sums of so many over all panes fit an int64."""

MAX_CONTROL_PARTITIONS: Final = 10_000
"""Of a control topic."""
MAX_TOPIC_ID_CHARS: Final = 64


def refuse_impossible_mark(mark: Mark) -> None:
    """PaneError for a watermark outside the time that events can have."""
    for watermark in mark.watermarks_ms.values():
        if watermark is not None and not 0 <= watermark <= NEWEST_MS:
            raise PaneError(f"a watermark of {watermark} ms")


def refuse_impossible_term(term: Term) -> None:
    """PaneError for a term outside the time that events can have."""
    for at_ms in (term.from_ms, term.until_ms):
        if at_ms is not None and not 0 <= at_ms <= NEWEST_MS:
            raise PaneError(f"a term at {at_ms} ms")


def refuse_impossible_pane(
    start_ms: int,
    pane_ms: int,
    parts: Sequence[Counts | None],
    counted: npt.NDArray[np.bool_],
) -> None:
    """PaneError for a start that is no pane's, or for counts that are negative or beyond
    MAX_COUNT; ``counted`` says which cells are counts, shape (cells,)."""
    if start_ms % pane_ms or not 0 <= start_ms <= NEWEST_MS:
        raise PaneError(f"a pane that starts at {start_ms} ms")
    for part in parts:
        if part is not None and not 0 <= part[counted].min() <= part[counted].max() <= MAX_COUNT:
            raise PaneError("counts that no tally makes")


def refuse_foreign(record: Forwarded, role: str, model: str) -> None:
    """PaneError for a control record of another topic or model, or from where none can be."""
    place = 0 <= record.partition < MAX_CONTROL_PARTITIONS and 0 <= record.offset < MAX_COUNT
    about = record.role == role and record.target == every_version(model)
    if not about or not place or len(record.topic_id) > MAX_TOPIC_ID_CHARS:
        raise PaneError(f"a control record of {record.role[:40]!r}, at {record.offset}")
