"""The snapshot of a tally: what it holds and how it comes back."""

from __future__ import annotations

from typing import Final

import msgspec

from detectors.contract import ForeignSnapshotError
from detectors.discovery import estimators
from engine.model import MonitoredModel
from engine.model_tally import ModelState, OpenPane
from engine.outcomes import Outcomes
from engine.panes import unpack
from engine.snapshot import seal, unseal
from engine.spec import Topic

KIND: Final = "tally"


class ModelSnapshot(msgspec.Struct, frozen=True, array_like=True):
    """One model of one source partition."""

    layout: str
    newest_ms: dict[Topic, int]
    dropped_to_ms: int
    panes: dict[int, tuple[bytes, bytes | None]]
    banks: dict[str, bytes]

    def restore(self, state: ModelState, model: MonitoredModel) -> None:
        """Put this back into a fresh state of the same layout.

        Idleness is not restored: what was silent when the snapshot was made may have spoken since,
        and its windows must wait until that is read again.  An estimator whose parameters changed
        starts afresh: its parameters are not part of the layout.
        """
        state.newest_ms = dict(self.newest_ms)
        state.dropped_to_ms = self.dropped_to_ms
        size = model.layout.size
        for start, (on_time, amended) in self.panes.items():
            late = None if amended is None else unpack(amended, size)
            state.panes[start] = OpenPane(unpack(on_time, size), late)
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


class TallySnapshot(msgspec.Struct, frozen=True, array_like=True):
    """A whole tally."""

    partition: int
    epoch: int
    covered: dict[Topic, int]
    outcomes: Outcomes
    models: dict[str, ModelSnapshot]


def encode_snapshot(snapshot: TallySnapshot) -> bytes:
    """The snapshot's bytes; equal states give equal bytes."""
    return seal(KIND, snapshot)


def decode_snapshot(data: bytes) -> TallySnapshot:
    """Read a tally's snapshot; SnapshotError when it cannot be used."""
    return unseal(KIND, data, TallySnapshot)
