"""The snapshot of a tally: what it holds and how it comes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, get_args

import msgspec

from detectors.contract import ForeignSnapshotError
from detectors.discovery import estimators
from engine.model import MonitoredModel
from engine.model_tally import ModelState, OpenPane
from engine.outcomes import Outcomes
from engine.pieces import PieceReader, PieceWriter, piece_named
from engine.snapshot import Snapshot, SnapshotError, Whole, seal, unseal
from engine.spec import Topic

KIND: Final = "tally"


class ModelSnapshot(msgspec.Struct, frozen=True, array_like=True):
    """One model of one source partition."""

    layout: str
    newest_ms: dict[Topic, Whole]
    dropped_to_ms: Whole
    panes: dict[Whole, tuple[bytes, bytes | None]]
    banks: dict[str, bytes]

    @classmethod
    def of(cls, layout: str, state: ModelState, pieces: PieceWriter) -> ModelSnapshot:
        """Freeze a model's state."""
        panes = {}
        for start, pane in sorted(state.panes.items()):
            on_time, amended = pane.pack()
            panes[start] = (pieces.put(on_time), pieces.put_if(amended))
        banks = {name: bank.snapshot() for name, bank in sorted(state.banks.items())}
        return cls(layout, dict(state.newest_ms), state.dropped_to_ms, panes, banks)

    def restore(self, state: ModelState, model: MonitoredModel, pieces: PieceReader) -> None:
        """Put this back into a fresh state of the same layout.

        Idleness is not restored: what was silent when the snapshot was made may have spoken since,
        and its windows must wait until that is read again.  An estimator whose parameters changed
        starts afresh: its parameters are not part of the layout.
        """
        state.newest_ms = dict(self.newest_ms)
        state.dropped_to_ms = self.dropped_to_ms
        size = model.layout.size
        for start, (on_time, amended) in self.panes.items():
            packed = (pieces.get(on_time), pieces.get_if(amended))
            late = None if packed[1] is None else packed[1].counts(size)
            state.panes[start] = OpenPane(packed[0].counts(size), late, packed=packed)
        known = estimators()
        for name in state.banks:
            if name not in self.banks:
                continue
            params = known[name].Params(**model.spec.estimators[name])
            try:
                bank = known[name].build(params, len(model.layout.numeric), resume=self.banks[name])
            except ForeignSnapshotError:
                continue
            state.banks[name] = bank

    def pieces_in(self, pieces: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
        """Those of the pieces that this model's panes name."""
        stored = [block for pane in self.panes.values() for block in pane if block is not None]
        named = [digest for block in stored if (digest := piece_named(block)) is not None]
        return {digest: pieces[digest] for digest in named if digest in pieces}


class TallySnapshot(msgspec.Struct, frozen=True, array_like=True):
    """A whole tally."""

    partition: Whole
    epoch: Whole
    covered: dict[Topic, Whole]
    outcomes: Outcomes
    models: dict[str, ModelSnapshot]


def save(snapshot: TallySnapshot, pieces: PieceWriter) -> Snapshot:
    """The whole; equal states give equal snapshots."""
    return Snapshot(seal(KIND, snapshot), pieces.pieces)


def read(snapshot: Snapshot) -> TallySnapshot:
    """Read a tally's snapshot; SnapshotError when it cannot be used."""
    found = unseal(KIND, snapshot.state, TallySnapshot)
    outcomes = found.outcomes
    lost = [t for t in get_args(Topic) if outcomes.ended(t) != outcomes.records.get(t, 0)]
    if lost:
        raise SnapshotError(f"its records of {', '.join(lost)} do not add up to their outcomes")
    return found
