"""The snapshot of a judge: what it holds and how it comes back.

The decisions' memory (histories, episodes, cool-down) stands apart from the counts: a changed
layout starts the counts afresh and keeps the decisions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
import numpy as np

from engine.decide.decisions import DecisionState
from engine.layout import COUNTERS
from engine.open_panes import Held, OpenBasePane, RolledUp
from engine.panes import Counts, Mark, Stamp, pack, unpack
from engine.snapshot import seal, unseal
from engine.windows import RingPane, WindowRing

KIND: Final = "judge"

_HeldRow = tuple[int, Stamp, bytes, bytes | None]
_PaneRow = tuple[int, bytes | None, list[_HeldRow]]
_RingRow = tuple[int, bytes, list[int], bytes | None, list[int] | None]


class RingSnapshot(msgspec.Struct, frozen=True, array_like=True):
    """One window's ring."""

    panes: list[_RingRow]
    last_end_ms: int | None
    silent: bool
    awaiting_revision: list[int]


class JudgeSnapshot(msgspec.Struct, frozen=True, array_like=True):
    """A whole judge."""

    layout: str
    decisions: DecisionState
    clock_ms: int | None
    first_event_ms: int | None
    marks: dict[int, Mark]
    open_panes: list[_PaneRow]
    rolled_up: list[tuple[int, int, int]]
    rings: dict[str, RingSnapshot]
    late_counts: int
    judged_windows: int
    totals: bytes

    @classmethod
    def of(  # noqa: PLR0913 - the fields of the state, by name
        cls,
        *,
        layout: str,
        decisions: DecisionState,
        clock_ms: int | None,
        first_event_ms: int | None,
        marks: Mapping[int, Mark],
        open_panes: Mapping[int, OpenBasePane],
        rolled_up: RolledUp,
        rings: Mapping[str, WindowRing],
        late_counts: int,
        judged_windows: int,
        totals: Counts,
    ) -> JudgeSnapshot:
        """Freeze a judge's state."""
        return cls(
            layout,
            decisions,
            clock_ms,
            first_event_ms,
            dict(sorted(marks.items())),
            [_open(start, pane) for start, pane in sorted(open_panes.items())],
            [(start, partition, n) for (start, partition), n in rolled_up.sums.items()],
            {name: _ring(ring) for name, ring in sorted(rings.items())},
            late_counts,
            judged_windows,
            pack(totals),
        )

    def restore_panes(self, size: int) -> tuple[dict[int, OpenBasePane], RolledUp]:
        """The open panes and the memory of those rolled up."""
        panes = {}
        for start, rolled, rows in self.open_panes:
            held = {
                partition: Held(stamp, unpack(on_time, size), _unpacked(amended, size))
                for partition, stamp, on_time, amended in rows
            }
            panes[start] = OpenBasePane(held, _unpacked(rolled, size))
        rolled_up = RolledUp()
        rolled_up.sums.update({(start, partition): n for start, partition, n in self.rolled_up})
        return panes, rolled_up

    def restore_rings(self, rings: Mapping[str, WindowRing], size: int) -> None:
        """Put the windows back into fresh rings."""
        for name, held in self.rings.items():
            ring = rings[name]
            ring.last_end_ms = held.last_end_ms
            ring.silent = held.silent
            ring.awaiting_revision = list(held.awaiting_revision)
            for start, on_time, slices, amended, amended_slices in held.panes:
                ring.panes[start] = RingPane(
                    unpack(on_time, size),
                    np.array(slices, dtype=np.int64),
                    _unpacked(amended, size),
                    None if amended_slices is None else np.array(amended_slices, dtype=np.int64),
                )
                pane = ring.panes[start]
                pane.has_events = bool(pane.on_time[:COUNTERS].any())


def _ring(ring: WindowRing) -> RingSnapshot:
    rows: list[_RingRow] = [
        (
            start,
            pack(pane.on_time),
            pane.slices.tolist(),
            _packed(pane.amended),
            None if pane.amended_slices is None else pane.amended_slices.tolist(),
        )
        for start, pane in sorted(ring.panes.items())
    ]
    return RingSnapshot(rows, ring.last_end_ms, ring.silent, list(ring.awaiting_revision))


def _open(start_ms: int, pane: OpenBasePane) -> _PaneRow:
    return (start_ms, _packed(pane.rolled), _held(pane))


def _held(pane: OpenBasePane) -> list[_HeldRow]:
    return [
        (partition, held.stamp, pack(held.on_time), _packed(held.amended))
        for partition, held in sorted(pane.held.items())
    ]


def _packed(counts: Counts | None) -> bytes | None:
    return None if counts is None else pack(counts)


def _unpacked(data: bytes | None, size: int) -> Counts | None:
    return None if data is None else unpack(data, size)


def encode_snapshot(snapshot: JudgeSnapshot) -> bytes:
    """The snapshot's bytes; equal states give equal bytes."""
    return seal(KIND, snapshot)


def decode_snapshot(data: bytes) -> JudgeSnapshot:
    """Read a judge's snapshot; SnapshotError when it cannot be used."""
    return unseal(KIND, data, JudgeSnapshot)
