"""The snapshot of a judge: what it holds and how it comes back.

The decisions' memory (histories, episodes, cool-down) stands apart from the counts: a changed
layout starts the counts afresh and keeps the decisions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from engine.decide.decisions import DecisionState
from engine.layout import COUNTERS
from engine.merge import Merge
from engine.open_panes import Held, OpenBasePane, OpenPanes
from engine.panes import Counts, Mark, Stamp, pack
from engine.pieces import PieceReader, PieceWriter
from engine.snapshot import Snapshot, SnapshotError, seal, unseal
from engine.windows import RingPane, WindowRing

KIND: Final = "judge"

_HeldRow = tuple[int, Stamp, bytes, bytes | None, int]
_PaneRow = tuple[int, bytes | None, list[_HeldRow]]
_RingRow = tuple[int, bytes, list[int], bytes | None, list[int] | None]


class RingSnapshot(msgspec.Struct, frozen=True, array_like=True):
    """One window's ring."""

    panes: list[_RingRow]
    last_end_ms: int | None
    silent: bool
    awaiting_revision: list[int]


class JudgeSnapshot(msgspec.Struct, frozen=True, array_like=True):
    """A whole judge; blocks of counts stand here as :mod:`engine.pieces` writes them."""

    layout: str
    policy: str
    decisions: DecisionState
    clock_ms: int | None
    first_event_ms: int | None
    marks: dict[int, Mark]
    open_panes: list[_PaneRow]
    rolled_up: dict[int, list[tuple[int, int]]]
    rings: dict[str, RingSnapshot]
    late_counts: int
    judged_windows: int
    totals: bytes

    def restore_merge(self, merge: Merge, pieces: PieceReader, size: int) -> None:
        """Put marks and open panes back; engine.panes.PaneError when counts are of another size."""
        merge.marks = dict(self.marks)
        for partition, sums in self.rolled_up.items():
            merge.rolled_up.put(partition, sums)
        panes = {}
        for start, rolled, rows in self.open_panes:
            pane = OpenBasePane(rolled=pieces.get_if(rolled))
            for partition, stamp, on_time, amended, events in rows:
                held = Held(stamp, pieces.get(on_time), pieces.get_if(amended), events)
                pane.held[partition] = held
            pane.remainder(size)  # unpacks all of it
            panes[start] = pane
        merge.open = OpenPanes(panes)

    def restore_rings(
        self, rings: Mapping[str, WindowRing], pieces: PieceReader, size: int
    ) -> None:
        """Put the windows back into fresh rings."""
        for name, ring in rings.items():
            held = self.rings.get(name)
            if held is None:
                raise SnapshotError(f"no ring for the window {name}")
            ring.last_end_ms = held.last_end_ms
            ring.silent = held.silent
            ring.awaiting_revision = list(held.awaiting_revision)
            for start, on_time, slices, amended, amended_slices in held.panes:
                packed = (pieces.get(on_time), pieces.get_if(amended))
                pane = RingPane(
                    packed[0].counts(size),
                    ring.sliced(slices),
                    None if packed[1] is None else packed[1].counts(size),
                    None if amended_slices is None else ring.sliced(amended_slices),
                )
                pane.has_events = bool(pane.on_time[:COUNTERS].any())
                pane.packed = packed
                ring.panes[start] = pane


def save(  # noqa: PLR0913 - the fields of the state, by name
    *,
    layout: str,
    policy: str,
    decisions: DecisionState,
    clock_ms: int | None,
    first_event_ms: int | None,
    merge: Merge,
    rings: Mapping[str, WindowRing],
    late_counts: int,
    judged_windows: int,
    totals: Counts,
) -> Snapshot:
    """Freeze a judge's state; equal states give equal snapshots."""
    pieces = PieceWriter()
    state = JudgeSnapshot(
        layout,
        policy,
        decisions,
        clock_ms,
        first_event_ms,
        dict(sorted(merge.marks.items())),
        [_open(start, pane, pieces) for start, pane in sorted(merge.open.panes.items())],
        {partition: list(sums.items()) for partition, sums in merge.rolled_up.sums.items()},
        {name: _ring(ring, pieces) for name, ring in sorted(rings.items())},
        late_counts,
        judged_windows,
        pack(totals),
    )
    return Snapshot(seal(KIND, state), pieces.pieces)


def _ring(ring: WindowRing, pieces: PieceWriter) -> RingSnapshot:
    rows: list[_RingRow] = []
    for start, pane in sorted(ring.panes.items()):
        on_time, amended = pane.pack()
        late = None if pane.amended_slices is None else pane.amended_slices.tolist()
        slices = pane.slices.tolist()
        rows.append((start, pieces.put(on_time), slices, pieces.put_if(amended), late))
    return RingSnapshot(rows, ring.last_end_ms, ring.silent, list(ring.awaiting_revision))


def _open(start_ms: int, pane: OpenBasePane, pieces: PieceWriter) -> _PaneRow:
    held = [
        (partition, h.stamp, pieces.put(h.on_time), pieces.put_if(h.amended), h.events)
        for partition, h in sorted(pane.held.items())
    ]
    return (start_ms, pieces.put_if(pane.rolled), held)


def read(snapshot: Snapshot) -> JudgeSnapshot:
    """Read a judge's snapshot; SnapshotError when it cannot be used."""
    return unseal(KIND, snapshot.state, JudgeSnapshot)
