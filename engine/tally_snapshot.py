"""The snapshot of a tally: what it holds and how it comes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, get_args

import msgspec

from detectors.contract import ForeignSnapshotError
from detectors.discovery import estimators
from engine.champion.pairing import PairingSnapshot, bins_of
from engine.champion.users import MAX_LOOK_USERS, unpack_users
from engine.join_counts import JoinCounts
from engine.join_store import Clock
from engine.joining import Joining
from engine.loss_feeding import LossesSnapshot
from engine.model import MonitoredModel
from engine.model_tally import ModelState
from engine.open_pane import OpenPane
from engine.outcomes import Outcomes
from engine.pieces import PieceReader, PieceWriter, piece_named
from engine.planes import PERFORMANCE
from engine.snapshot import Snapshot, SnapshotError, Whole, seal, unseal
from engine.spec import Topic
from engine.terms import Term
from engine.waiting_checks import refuse_uncountable

KIND: Final = "tally"
_Panes = dict[Whole, tuple[bytes, bytes | None]]


class JoiningSnapshot(msgspec.Struct, frozen=True, array_like=True):
    """The join of one model and the panes that it fills."""

    entries: dict[Whole, bytes]
    """Blocks of entries as their store writes them."""
    offsets: dict[Topic, Whole]
    counts: JoinCounts
    panes: dict[Whole, _Panes]
    """By plane."""
    dropped_to_ms: dict[Whole, Whole]
    kind: str = "memory"
    """How ``entries`` are to be read: they are all of them, or what is not on the disk yet."""
    waiting: Whole = 0
    """Entries, wherever they are."""
    losses: LossesSnapshot | None = None
    """None where no estimator watches losses."""

    @classmethod
    def of(cls, joining: Joining, pieces: PieceWriter) -> JoiningSnapshot:
        """Freeze a join."""
        panes = {plane: _saved(held, pieces) for plane, held in sorted(joining.panes.items())}
        return cls(
            joining.store.save(pieces),
            dict(joining.store.offsets),
            msgspec.structs.replace(
                joining.join.counts, by_outcome=dict(joining.join.counts.by_outcome)
            ),
            panes,
            dict(joining.dropped_to_ms),
            joining.store.kind,
            len(joining.store),
            None if joining.losses is None else joining.losses.save(pieces),
        )

    def restore(
        self,
        joining: Joining,
        watermarks_ms: dict[Clock, int | None],
        pieces: PieceReader,
    ) -> None:
        """Put this back into a fresh join of the same layout."""
        if self.panes.keys() != joining.panes.keys():
            raise SnapshotError(f"panes of the planes {sorted(self.panes)}")
        if not self.counts.add_up():
            raise SnapshotError("its labels do not add up to what became of them")
        if self.kind != joining.store.kind:
            raise SnapshotError(
                f"what waits for labels was kept in {self.kind}, this worker keeps it in "
                f"{joining.store.kind} (setting pending)"
            )
        joining.store.restore(self.entries, pieces)
        if joining.store.rows is not None:
            refuse_uncountable(joining.store.rows, joining.layout)
        joining.store.offsets, joining.store.expected = dict(self.offsets), self.waiting
        joining.join.counts = self.counts
        joining.join.restored(watermarks_ms)
        joining.dropped_to_ms.update(self.dropped_to_ms)
        for plane, panes in self.panes.items():
            joining.panes[plane].update(_restored(panes, joining.sizes[plane], pieces))
        if joining.losses is not None:
            if self.losses is None:
                raise SnapshotError("nothing of the losses")
            joining.losses.restore(self.losses, watermarks_ms, pieces)
            if not joining.losses.alarms.keys() <= joining.panes[PERFORMANCE].keys():
                raise SnapshotError("alarms of panes that there are not")

    def blocks(self) -> list[bytes | None]:
        """Every block that may be a piece."""
        named = [
            block for panes in self.panes.values() for pane in panes.values() for block in pane
        ]
        waiting = [] if self.losses is None else self.losses.blocks()
        return [*self.entries.values(), *named, *waiting]


class ModelSnapshot(msgspec.Struct, frozen=True, array_like=True):
    """One model of one source partition."""

    layout: str
    newest_ms: dict[Topic, Whole]
    dropped_to_ms: Whole
    panes: _Panes
    banks: dict[str, bytes]
    joining: JoiningSnapshot | None
    pairing: PairingSnapshot | None = None
    """Of a comparison of two versions only."""
    users: dict[Whole, bytes] = {}
    """Of a split: those of each pane."""

    @classmethod
    def of(cls, layout: str, state: ModelState, pieces: PieceWriter) -> ModelSnapshot:
        """Freeze a model's state."""
        banks = {name: bank.snapshot() for name, bank in sorted(state.banks.items())}
        joining = None if state.joining is None else JoiningSnapshot.of(state.joining, pieces)
        panes = _saved(state.panes, pieces)
        read_ms = state.newest_ms.get("predictions")
        pairing = None if state.pairing is None else state.pairing.save(read_ms)
        known = (layout, dict(state.newest_ms), state.dropped_to_ms, panes, banks, joining)
        return cls(*known, pairing, _users(state))

    def restore(self, state: ModelState, model: MonitoredModel, pieces: PieceReader) -> None:
        """Put this back into a fresh state of the same layout.

        Idleness is not restored: what was silent when the snapshot was made may have spoken since,
        and its windows must wait until that is read again.  An estimator whose parameters changed
        starts afresh: its parameters are not part of the layout.
        """
        state.newest_ms = dict(self.newest_ms)
        state.dropped_to_ms = self.dropped_to_ms
        state.panes = _restored(self.panes, model.layout.size, pieces)
        for start, users in self.users.items():
            if start not in state.panes:
                raise SnapshotError(f"users of no pane at {start} ms")
            state.panes[start].users = unpack_users(users, MAX_LOOK_USERS)
        self._restore_joining(state, model, pieces)
        if state.pairing is not None and state.joining is not None:
            if self.pairing is None:
                raise SnapshotError("nothing of the predictions that wait for their pairs")
            state.pairing.restore(self.pairing, bins_of(state.joining.layout))
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

    def _restore_joining(
        self, state: ModelState, model: MonitoredModel, pieces: PieceReader
    ) -> None:
        if state.joining is None or model.performance is None:
            return
        if self.joining is None:
            raise SnapshotError("nothing of the labels")
        watermarks_ms: dict[Clock, int | None] = {"predictions": None, "labels": None}
        for clock in watermarks_ms:
            if clock in self.newest_ms:
                lateness_ms = model.spec.clock(clock).lateness_ms
                watermarks_ms[clock] = self.newest_ms[clock] - lateness_ms
        self.joining.restore(state.joining, watermarks_ms, pieces)

    def pieces_in(self, pieces: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
        """Those of the pieces that this model's panes name."""
        blocks = [block for pane in self.panes.values() for block in pane]
        blocks += [] if self.joining is None else self.joining.blocks()
        stored = [block for block in blocks if block is not None]
        named = [digest for block in stored if (digest := piece_named(block)) is not None]
        return {digest: pieces[digest] for digest in named if digest in pieces}


def _users(state: ModelState) -> dict[int, bytes]:
    told = {start: pane.users for start, pane in sorted(state.panes.items())}
    return {start: users.pack() for start, users in told.items() if users is not None}


def _saved(panes: Mapping[int, OpenPane], pieces: PieceWriter) -> _Panes:
    found: _Panes = {}
    for start, pane in sorted(panes.items()):
        on_time, amended = pane.pack()
        found[start] = (pieces.put(on_time), pieces.put_if(amended))
    return found


def _restored(panes: _Panes, size: int, pieces: PieceReader) -> dict[int, OpenPane]:
    found = {}
    for start, (on_time, amended) in panes.items():
        packed = (pieces.get(on_time), pieces.get_if(amended))
        late = None if packed[1] is None else packed[1].counts(size)
        found[start] = OpenPane(packed[0].counts(size), late, packed=packed)
    return found


class TallySnapshot(msgspec.Struct, frozen=True, array_like=True):
    """A whole tally."""

    partition: Whole
    epoch: Whole
    covered: dict[Topic, Whole]
    outcomes: Outcomes
    models: dict[str, ModelSnapshot]
    holds: bytes = b""
    """Which state (by its SHA-256) what waits for labels outside the snapshot is that of; this
    snapshot says what changed since."""
    over: dict[str, Term] = msgspec.field(default_factory=dict)
    """Versions (``model@version``) that were let go, and the term that ended then."""


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
