"""The snapshot of a comparison's judge: what it holds and how it comes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from engine.champion.cells import ARMS_SIZE
from engine.champion.comparison import Comparison
from engine.champion.state import ComparisonState
from engine.judge_snapshot import PlaneSnapshot, freeze_plane, refuse_times, restore_planes
from engine.marks import Marks
from engine.panes import Mark, unpack
from engine.pieces import PieceReader, PieceWriter
from engine.plane_flow import PlaneFlow
from engine.snapshot import Snapshot, Whole, seal, unseal

KIND: Final = "comparison"


class ComparisonSnapshot(msgspec.Struct, frozen=True, array_like=True):
    """A whole judge of a comparison."""

    layout: str
    policy: str
    state: ComparisonState
    marks: dict[Whole, Mark]
    planes: dict[Whole, PlaneSnapshot]
    late_counts: Whole
    judged_windows: Whole

    def restore(
        self,
        comparison: Comparison,
        marks: Marks,
        flows: Mapping[int, PlaneFlow],
        pieces: PieceReader,
    ) -> None:
        """Put the planes back; SnapshotError or engine.panes.PaneError where they are not of this
        layout, or counts of the state are damaged."""
        refuse_times(self.planes.values(), self.marks.values())
        self.state.split.thaw(pieces)
        for held, size in (
            (self.state.matches, comparison.matches.size),
            *((each, ARMS_SIZE) for each in (self.state.arms, *self.state.waiting.values())),
        ):
            if held:
                unpack(held, size)
        self.state.split.refuse_damage()
        marks.held = dict(self.marks)
        restore_planes(self.planes, flows, pieces)


def save(
    comparison: Comparison,
    state: ComparisonState,
    marks: Marks,
    flows: Mapping[int, PlaneFlow],
    late_counts: int,
    judged_windows: int,
) -> Snapshot:
    """Freeze it; equal states give equal snapshots."""
    pieces = PieceWriter()
    frozen = ComparisonSnapshot(
        comparison.layout.hash,
        comparison.policy_hash,
        msgspec.structs.replace(state, split=state.split.frozen(pieces)),
        dict(sorted(marks.held.items())),
        {number: freeze_plane(flow, pieces) for number, flow in sorted(flows.items())},
        late_counts,
        judged_windows,
    )
    return Snapshot(seal(KIND, frozen), pieces.pieces)


def read(snapshot: Snapshot) -> ComparisonSnapshot:
    """Read it; SnapshotError when it cannot be used."""
    return unseal(KIND, snapshot.state, ComparisonSnapshot)
