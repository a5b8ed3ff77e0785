"""The snapshot of a judge: what it holds and how it comes back.

The decisions' memory (histories, episodes, cool-down) stands apart from the counts: a changed
layout starts the counts afresh and keeps the decisions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

import msgspec

from engine.alarm_memory import KeptAlarm
from engine.champion.users import refuse_impossible_users
from engine.decide.contract import Finding
from engine.decide.decisions import DecisionState
from engine.layout import COUNTERS
from engine.loss_alarms import refuse_impossible_alarms
from engine.marks import Marks
from engine.open_panes import Held, OpenBasePane, OpenPanes
from engine.pane_checks import refuse_impossible_mark
from engine.panes import AlarmRow, Mark, Stamp, pack, unpack
from engine.pieces import Packed, PieceReader, PieceWriter
from engine.plane_flow import PlaneFlow
from engine.snapshot import Snapshot, SnapshotError, Whole, seal, unseal
from engine.timestamps import NEWEST_MS
from engine.windows import RingPane, WindowRing

KIND: Final = "judge"

_HeldRow = tuple[Whole, Stamp, bytes, bytes | None, Whole]
_PaneRow = tuple[Whole, bytes | None, list[_HeldRow]]
_AlarmsRow = tuple[Whole, Whole, tuple[AlarmRow, ...]]
_RingRow = tuple[Whole, bytes, list[Whole], bytes | None, list[Whole] | None]
_ROWS: Final = msgspec.msgpack.Decoder(list[_RingRow])


class RingSnapshot(msgspec.Struct, frozen=True, array_like=True):
    """One window's ring."""

    groups: dict[int, bytes]
    """The panes, those saved together as one block."""
    last_end_ms: Whole | None
    silent: bool
    awaiting_revision: list[Whole]


class PlaneSnapshot(msgspec.Struct, frozen=True, array_like=True):
    """Event time, panes and rings of one plane."""

    clock_ms: Whole | None
    first_event_ms: Whole | None
    open_panes: list[_PaneRow]
    rolled_up: dict[Whole, list[tuple[Whole, Whole]]]
    rings: dict[str, RingSnapshot]
    totals: bytes
    alarms: list[KeptAlarm] = msgspec.field(default_factory=list)
    """Over losses, with their places."""
    open_alarms: list[_AlarmsRow] = msgspec.field(default_factory=list)
    """Those of open panes, as their partitions tell them."""
    open_users: list[tuple[Whole, Whole, bytes]] = msgspec.field(default_factory=list)
    """Of a split: those of open panes, likewise."""

    def times_ms(self) -> list[int | None]:
        """Every time of events in it but the panes' own."""
        ends = [ring.last_end_ms for ring in self.rings.values()]
        return [self.clock_ms, self.first_event_ms, *ends]

    def restore(self, flow: PlaneFlow, pieces: PieceReader) -> None:
        """Put this back into a fresh flow; engine.panes.PaneError when counts are of another
        size."""
        flow.clock_ms = self.clock_ms
        flow.first_event_ms = self.first_event_ms
        flow.totals = unpack(self.totals, len(flow.totals))
        for partition, sums in self.rolled_up.items():
            flow.merge.rolled_up.put(partition, sums)
        panes = {}
        for start, rolled, rows in self.open_panes:
            pane = OpenBasePane(rolled=pieces.get_if(rolled))
            for partition, stamp, on_time, amended, events in rows:
                held = Held(stamp, pieces.get(on_time), pieces.get_if(amended), events)
                pane.held[partition] = held
            pane.remainder(flow.plane.size)  # unpacks all of it
            panes[start] = pane
        for start, partition, alarms in self.open_alarms:
            if start not in panes or partition not in panes[start].held:
                raise SnapshotError(f"alarms of no pane at {start} ms")
            held = panes[start].held[partition]
            panes[start].held[partition] = replace(held, alarms=alarms)
        for start, partition, users in self.open_users:
            refuse_impossible_users(users, told=flow.plane.users)
            if start not in panes or partition not in panes[start].held:
                raise SnapshotError(f"users of no pane at {start} ms")
            held = panes[start].held[partition]
            panes[start].held[partition] = replace(held, users=users)
        self._restore_alarms(flow)
        flow.merge.open = OpenPanes(panes)
        self._restore_rings(flow.rings, pieces, flow.plane.size)

    def _restore_alarms(self, flow: PlaneFlow) -> None:
        plane = flow.plane
        rows = [(start, alarms) for start, _, alarms in self.open_alarms]
        for kept in self.alarms:
            row = AlarmRow(kept.pair, kept.position, kept.at_ms, kept.before, kept.after)
            rows.append((kept.at_ms // plane.pane_ms * plane.pane_ms, (row,)))
        for start, alarms in rows:
            refuse_impossible_alarms(alarms, plane.alarm_pairs, start, plane.pane_ms)
        flow.alarms.put(self.alarms)

    def _restore_rings(
        self, rings: Mapping[str, WindowRing], pieces: PieceReader, size: int
    ) -> None:
        for name, ring in rings.items():
            held = self.rings.get(name)
            if held is None:
                raise SnapshotError(f"no ring for the window {name}")
            ring.last_end_ms = held.last_end_ms
            ring.silent = held.silent
            ring.awaiting_revision = list(held.awaiting_revision)
            for group, stored in held.groups.items():
                packed = pieces.get(stored)
                for start, on_time, slices, amended, amended_slices in _rows(packed):
                    pane = RingPane(
                        unpack(on_time, size),
                        ring.sliced(slices),
                        None if amended is None else unpack(amended, size),
                        None if amended_slices is None else ring.sliced(amended_slices),
                    )
                    pane.has_events = bool(pane.on_time[:COUNTERS].any())
                    ring.panes[start] = pane
                ring.saved[group] = packed


class JudgeSnapshot(msgspec.Struct, frozen=True, array_like=True):
    """A whole judge; blocks of counts stand here as :mod:`engine.pieces` writes them."""

    layout: str
    policy: str
    decisions: DecisionState
    marks: dict[Whole, Mark]
    planes: dict[Whole, PlaneSnapshot]
    """By plane number."""
    late_counts: Whole
    judged_windows: Whole


def refuse_times(planes: Iterable[PlaneSnapshot], marks: Iterable[Mark]) -> None:
    """SnapshotError for a time that events cannot have; PaneError for such a mark."""
    for plane in planes:
        for at_ms in plane.times_ms():
            if at_ms is not None and not 0 <= at_ms <= NEWEST_MS:
                raise SnapshotError(f"event time {at_ms} ms")
    for mark in marks:
        refuse_impossible_mark(mark)


def restore_planes(
    planes: Mapping[int, PlaneSnapshot], flows: Mapping[int, PlaneFlow], pieces: PieceReader
) -> None:
    """Put every plane back; engine.panes.PaneError when counts are of another size."""
    for number, flow in flows.items():
        held = planes.get(number)
        if held is None:
            raise SnapshotError(f"nothing of the plane {flow.plane.name}")
        held.restore(flow, pieces)


def _rows(packed: Packed) -> list[_RingRow]:
    try:
        return _ROWS.decode(packed.content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotError(f"not the panes of a ring: {error}") from error


def save(
    *,
    layout: str,
    policy: str,
    decisions: DecisionState,
    marks: Marks,
    flows: Mapping[int, PlaneFlow],
    late_counts: int,
    judged_windows: int,
) -> Snapshot:
    """Freeze a judge's state; equal states give equal snapshots."""
    pieces = PieceWriter()
    state = JudgeSnapshot(
        layout,
        policy,
        decisions,
        dict(sorted(marks.held.items())),
        {number: freeze_plane(flow, pieces) for number, flow in sorted(flows.items())},
        late_counts,
        judged_windows,
    )
    return Snapshot(seal(KIND, state), pieces.pieces)


def freeze_plane(flow: PlaneFlow, pieces: PieceWriter) -> PlaneSnapshot:
    """What is kept of a plane."""
    merge = flow.merge
    return PlaneSnapshot(
        flow.clock_ms,
        flow.first_event_ms,
        [_open(start, pane, pieces) for start, pane in sorted(merge.open.panes.items())],
        {partition: list(sums.items()) for partition, sums in merge.rolled_up.sums.items()},
        {name: _ring(ring, pieces) for name, ring in sorted(flow.rings.items())},
        pack(flow.totals),
        list(flow.alarms.kept),
        [
            (start, partition, held.alarms)
            for start, pane in sorted(merge.open.panes.items())
            for partition, held in sorted(pane.held.items())
            if held.alarms
        ],
        [
            (start, partition, held.users)
            for start, pane in sorted(merge.open.panes.items())
            for partition, held in sorted(pane.held.items())
            if held.users
        ],
    )


def _ring(ring: WindowRing, pieces: PieceWriter) -> RingSnapshot:
    groups: dict[int, list[tuple[int, RingPane]]] = {}
    for start, pane in sorted(ring.panes.items()):
        groups.setdefault(ring.group_of(start), []).append((start, pane))
    stored = {}
    for group, panes in groups.items():
        packed = ring.saved.get(group)
        if packed is None:
            rows = [_row(start, pane) for start, pane in panes]
            packed = ring.saved[group] = Packed(msgspec.msgpack.encode(rows))
        stored[group] = pieces.put(packed)
    return RingSnapshot(stored, ring.last_end_ms, ring.silent, list(ring.awaiting_revision))


def _row(start: int, pane: RingPane) -> _RingRow:
    return (
        start,
        pack(pane.on_time),
        pane.slices.tolist(),
        None if pane.amended is None else pack(pane.amended),
        None if pane.amended_slices is None else pane.amended_slices.tolist(),
    )


def _open(start_ms: int, pane: OpenBasePane, pieces: PieceWriter) -> _PaneRow:
    held = [
        (partition, h.stamp, pieces.put(h.on_time), pieces.put_if(h.amended), h.events)
        for partition, h in sorted(pane.held.items())
    ]
    return (start_ms, pieces.put_if(pane.rolled), held)


def read(snapshot: Snapshot) -> JudgeSnapshot:
    """Read a judge's snapshot; SnapshotError when it cannot be used."""
    found = unseal(KIND, snapshot.state, JudgeSnapshot)
    _refuse_impossible_requests(found.decisions)
    return found


def _refuse_impossible_requests(decisions: DecisionState) -> None:
    """SnapshotError for what could not be asked for any more: a time that the calendar does not
    know, or a request that is none."""
    for history in decisions.histories.values():
        for at_ms in (history.examined_ms, history.due_ms):
            if not 0 <= at_ms <= NEWEST_MS:
                raise SnapshotError(f"a schedule at {at_ms} ms")
    for waiting in decisions.retraining.waiting:
        if not 0 <= waiting.start_ms <= waiting.end_ms <= NEWEST_MS:
            raise SnapshotError(f"a request at {waiting.end_ms} ms")
        try:
            msgspec.json.decode(waiting.finding, type=Finding)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise SnapshotError(f"a request that is none: {error}") from error
