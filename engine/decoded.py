"""What becomes of a batch: columns of each model's events, and where every other record ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from engine.model import MonitoredModel


@dataclass(slots=True)
class Events:
    """The usable events of one model in a batch, in offset order; n rows."""

    model: MonitoredModel
    rows: npt.NDArray[np.int64]
    """Position in the batch, shape (n,)."""
    ts_ms: npt.NDArray[np.int64]
    ids: Sequence[str]
    numeric: npt.NDArray[np.float64] | None = None
    """Shape (numeric features, n); None where this topic carries no features of this model."""
    codes: npt.NDArray[np.int32] | None = None
    """Shape (categorical features, n)."""
    outcome: npt.NDArray[np.float64] | None = None
    """Score and latency in ms, shape (2, n); None where the topic is not predictions."""
    positive: npt.NDArray[np.int8] | None = None
    """1 positive, 0 negative, -1 no decision."""
    errors: npt.NDArray[np.bool_] | None = None
    units: Sequence[object] | None = None
    """The user key as it came, n of them; None unless a comparison splits users."""
    value: npt.NDArray[np.float64] | None = None
    """What the prediction is about is worth, shape (n,): NaN where it says nothing, an infinity
    where it says no number; None where the spec has no business section and nothing is joined."""
    age_ms: npt.NDArray[np.float64] | None = None
    """Record time less event time, shape (n,), NaN where the record has none; None where no record
    of the batch has one."""
    classes: npt.NDArray[np.int64] | None = None
    """Decided class of a multiclass model, -1 for none, shape (n,)."""
    class_cells: npt.NDArray[np.int32] | None = None
    """Cell of the decided class in the layout's column of classes, shape (n,); None where it has
    none."""
    segments: npt.NDArray[np.int64] | None = None
    """Number of each segment's value, shape (segments, n)."""
    labels: npt.NDArray[np.float64] | None = None
    """What turned out to be true, shape (n,); None where the topic is not labels."""
    ends_records: bool = True
    """Whether these events say what their records ended as; labels are handed to every version of
    the model, and only the first says it."""


@dataclass(slots=True)
class Decoded:
    """Where each record of a batch ended; rows are positions in the batch."""

    events: list[Events] = field(default_factory=list)
    heartbeats: list[tuple[int, str, int]] = field(default_factory=list)
    """(row, model name, ts in ms)."""
    rejected: list[tuple[int, str]] = field(default_factory=list)
    """(row, reason)."""
    shadows: list[tuple[int, str]] = field(default_factory=list)
    """(row, unknown model, or ``model@version`` of an unknown version)."""
    offline: list[int] = field(default_factory=list)
