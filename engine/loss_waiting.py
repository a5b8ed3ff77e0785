"""Losses of on-time matches that wait until nothing on time can reach their pane any more.

Theory.  A loss exists only after a join of two topics, whose interleaving is not reproducible; the
set of a pane's on-time matches is, once both clocks have passed its end.  So they wait as compact
rows, are sorted by (match time, label offset), and come out in the order of the panes.  A match
that a correction takes away before then comes as a row of weight -1 and cancels the other.

Above MAX_WAITING_LOSSES of a partition what comes is left out and counted; equal alarms are
promised for runs without that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from engine.contributions import Contributions
from engine.losses import Floats, Loss
from engine.pieces import Packed
from engine.snapshot import SnapshotError

MAX_WAITING_LOSSES: Final = 2_000_000
"""Matches of one model and partition that wait, some thirty bytes each."""
CHUNKS_AT_MOST: Final = 32
"""Parts that a pane's rows are held in before they are put together."""
LONGEST_PANE_MS: Final = (1 << 32) - 1
NOT_FED: Final = -1
"""In the column of bits: the match has no such loss."""
ASSUMED_FIRST: Final = 1 << 62
"""Labels that are assumed have no offset: they come first, in the order of their predictions."""

Rows = npt.NDArray[Any]
"""Rows of :func:`row_type`."""


def row_type(losses: Sequence[Loss]) -> np.dtype[Any]:
    """A waiting match: time since its pane's start, order, weight, and a column a loss."""
    columns = [(loss.name, "<i1" if loss.takes == "bits" else "<f8") for loss in losses]
    return np.dtype([("ms", "<u4"), ("order", "<i8"), ("weight", "<i1"), *columns])


class WaitingPane:
    """The rows of one pane."""

    __slots__ = ("_chunks", "_packed", "rows")

    def __init__(self, rows: Rows, packed: Packed | None = None) -> None:
        self._chunks = [rows]
        self._packed = packed
        self.rows = len(rows)

    def add(self, rows: Rows) -> None:
        """Take further rows."""
        self._packed = None
        self._chunks.append(rows)
        self.rows += len(rows)
        if len(self._chunks) > CHUNKS_AT_MOST:
            self._chunks = [np.concatenate(self._chunks)]

    def settled(self) -> Rows:
        """The rows that stand, in the order of feeding."""
        rows = np.concatenate(self._chunks)
        rows = rows[np.lexsort((-rows["weight"], rows["order"], rows["ms"]))]
        if len(rows) and rows["weight"].min() < 1:
            rows = _cancelled(rows)
        self._chunks, self.rows = [rows], len(rows)
        return rows

    def pack(self) -> Packed:
        """The rows as bytes; equal sets give equal bytes."""
        if self._packed is None:
            self._packed = Packed(self.settled().tobytes())
        return self._packed


def _cancelled(rows: Rows) -> Rows:
    """Sorted rows without those that were taken away again."""
    same = (rows["ms"][1:] == rows["ms"][:-1]) & (rows["order"][1:] == rows["order"][:-1])
    group = np.concatenate([[0], np.cumsum(~same)])
    weights = np.bincount(group, rows["weight"].astype(np.float64))
    first = np.concatenate([[True], ~same])
    kept: Rows = rows[first][weights > 0.0]
    return kept


class WaitingLosses:
    """The waiting matches of one model in one partition, by pane."""

    def __init__(self, losses: Sequence[Loss]) -> None:
        self._panes: dict[int, WaitingPane] = {}
        self._rows = 0
        self.left_out = 0
        """Matches that came above MAX_WAITING_LOSSES."""
        self._losses = tuple(losses)
        self._type = row_type(losses)

    def __len__(self) -> int:
        return self._rows

    def take(self, found: Contributions, losses: dict[str, Floats]) -> None:
        """Let matches wait in their panes; ``losses`` are theirs, by name, shape (n,)."""
        order = np.argsort(found.starts_ms, kind="stable")
        rows = np.zeros(len(order), self._type)
        made, known = found.made, found.known
        rows["ms"] = np.maximum(made.ts_ms, known.ts_ms) - found.starts_ms
        first = made.offsets - ASSUMED_FIRST
        rows["order"] = np.where(found.assumed, first, known.offsets)
        rows["weight"] = found.weights
        for loss in self._losses:
            column = losses[loss.name]
            if loss.takes == "bits":
                column = np.where(np.isnan(column), NOT_FED, column)
            rows[loss.name] = column
        room = max(0, MAX_WAITING_LOSSES - self._rows)
        if len(rows) > room:
            self.left_out += len(rows) - room
            order = order[:room]
        starts, firsts = np.unique(found.starts_ms[order], return_index=True)
        for start_ms, of_pane in zip(
            starts.tolist(), np.split(rows[order], firsts[1:]), strict=True
        ):
            self._add(start_ms, of_pane)

    def _add(self, start_ms: int, rows: Rows) -> None:
        self._rows += len(rows)
        pane = self._panes.get(start_ms)
        if pane is None:
            self._panes[start_ms] = WaitingPane(rows)
        else:
            pane.add(rows)

    def due(self, reached_ms: int, pane_ms: int) -> list[int]:
        """Starts of the panes that end at ``reached_ms`` or before, in order."""
        return sorted(start for start in self._panes if start + pane_ms <= reached_ms)

    def pop(self, start_ms: int) -> Rows:
        """The rows of a pane in the order of feeding; they wait no more."""
        pane = self._panes.pop(start_ms)
        self._rows -= pane.rows
        return pane.settled()

    def packed(self) -> dict[int, Packed]:
        """Each pane by its start as bytes; one whose matches were all taken away is none."""
        for start_ms in sorted(self._panes):
            pane = self._panes[start_ms]
            held = pane.rows
            pane.pack()
            self._rows -= held - pane.rows
            if not pane.rows:
                del self._panes[start_ms]
        return {start_ms: pane.pack() for start_ms, pane in sorted(self._panes.items())}

    def column(self, rows: Rows, loss: Loss) -> Floats:
        """One loss of settled rows as estimators take it, NaN where there is none."""
        column = rows[loss.name].astype(np.float64)
        if loss.takes == "bits":
            column[column == NOT_FED] = np.nan
        return column

    def restore(self, start_ms: int, packed: Packed, pane_ms: int) -> None:
        """Put a pane back; SnapshotError when it is none."""
        content = packed.content
        if not content or len(content) % self._type.itemsize or start_ms % pane_ms or start_ms < 0:
            raise SnapshotError(f"not the losses of a pane at {start_ms} ms")
        rows = np.frombuffer(content, self._type)
        bits = [rows[loss.name] for loss in self._losses if loss.takes == "bits"]
        sound = rows["ms"].max() < pane_ms and bool((rows["weight"] == 1).all())
        if not sound or any(((each < NOT_FED) | (each > 1)).any() for each in bits):
            raise SnapshotError(f"losses that no match has, of the pane at {start_ms} ms")
        self._panes[start_ms] = WaitingPane(rows, packed)
        self._rows += len(rows)
