"""ADWIN per column: has the mean of the stream changed, and since when.

Rule.  A bank holds one ADWIN per stream and never looks at a clock: its time is the count of finite
values.  An alarm says that the window was cut: ``before`` is the mean of the window with the
alarming value in it, ``after`` the mean of what is left.  Both implementations give the same alarms
to the last bit; ``kernel`` is the fast one, ``river`` runs River's own objects.

Theory: see :mod:`detectors.adwin_kernel`.  When it lies: it assumes independent values in [0, 1],
so on autocorrelated or heavy-tailed streams it alarms more often than ``delta`` says; read it
as a baseline, never as the only cause of an action.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import msgspec
import numpy as np

from detectors.adwin_kernel import MARKS, ROWS, ROWS_USED, SUMS, advance_columns
from detectors.adwin_state import (
    MOST_SEEN,
    KernelState,
    floats,
    read_state,
    refuse_unsound,
    whole_numbers,
)
from detectors.bank_columns import checked_columns, found_alarms, in_order
from detectors.contract import (
    Alarms,
    Bank,
    FloatArray,
    ForeignSnapshotError,
    Kind,
    Takes,
    Watch,
)
from detectors.sealing import SEAL_BYTES_MAX, fingerprint, seal, unseal

if TYPE_CHECKING:
    from river._river_rust.drift import AdaptiveWindowing
    from river.drift import ADWIN

KIND: Final[Kind] = "estimator"
WATCHES: Final[tuple[Watch, ...]] = ("features", "losses")
TAKES: Final[Takes] = "reals"
VERSION: Final = 1
"""Of the state; a snapshot of another version is refused."""
MAX_BUCKETS_LEAST: Final = 2
"""Smallest ``max_buckets``: with one, merging would empty a row and the window would have holes."""
MAX_BUCKETS_LIMIT: Final = 1000
"""Largest ``max_buckets``: the state of a stream is ROWS * (max_buckets + 1) buckets."""


@dataclass(frozen=True, slots=True)
class Params:
    """River's parameters and defaults, and which implementation runs.

    Raises ValueError for a value that makes no detector.
    """

    delta: float = 0.002
    """Confidence of a cut, in (0, 1): smaller alarms less."""
    clock: int = 32
    """Finite values between two checks, >= 1."""
    max_buckets: int = 5
    """Buckets of each size kept before two merge, MAX_BUCKETS_LEAST to MAX_BUCKETS_LIMIT."""
    min_window_length: int = 5
    """Values that each side of a cut has at least, >= 1."""
    grace_period: int = 10
    """No check up to a window of this many values, >= 0."""
    implementation: Literal["kernel", "river"] = "kernel"

    def __post_init__(self) -> None:
        """Refuse what would never alarm, always alarm, or not run."""
        faults = [
            name
            for name, holds in (
                ("delta must be in (0, 1)", 0.0 < self.delta < 1.0),
                ("clock must be at least 1", self.clock >= 1),
                (
                    f"max_buckets must be {MAX_BUCKETS_LEAST} to {MAX_BUCKETS_LIMIT}",
                    MAX_BUCKETS_LEAST <= self.max_buckets <= MAX_BUCKETS_LIMIT,
                ),
                ("min_window_length must be at least 1", self.min_window_length >= 1),
                ("grace_period must be at least 0", self.grace_period >= 0),
                (
                    "implementation must be kernel or river",
                    self.implementation in ("kernel", "river"),
                ),
            )
            if not holds
        ]
        if faults:
            raise ValueError("adwin: " + "; ".join(faults))


def build(params: Params, streams: int, resume: bytes | None = None) -> Bank:
    """A bank of ``streams`` detectors, new or continuing from a snapshot.

    Raises ForeignSnapshotError when ``resume`` was made with other parameters, another number of
    streams or another version, or is damaged.
    """
    if streams < 0:
        raise ValueError(f"adwin: streams must be at least 0, not {streams}")
    owner = fingerprint("adwin", VERSION, params, streams)
    body = None if resume is None else unseal(owner, resume)
    if params.implementation == "river":
        return RiverBank(params, streams, owner, body)
    return KernelBank(params, streams, owner, body)


def snapshot_bytes_max(params: Params, streams: int) -> int:
    """What a snapshot of a bank takes at most, in bytes, however long the streams are."""
    buckets = ROWS * (params.max_buckets + 1)
    stream = 2 * 8 * buckets + 8 * (ROWS + SUMS + MARKS) + RIVER_ROW_BYTES * ROWS
    return SEAL_BYTES_MAX + STATE_HEAD_BYTES + streams * stream


RIVER_ROW_BYTES: Final = 64
"""What River's state takes for a row of buckets beside the buckets (four 8-byte lengths), or for
the detector itself beside its rows, with room."""
STATE_HEAD_BYTES: Final = 64


class KernelBank:
    """All streams in plain arrays; one kernel call a batch."""

    def __init__(self, params: Params, streams: int, owner: bytes, body: bytes | None) -> None:
        """Make empty detectors, or those of the unsealed snapshot ``body``."""
        self._params = params
        self._owner = owner
        buckets = params.max_buckets + 1
        self._totals = np.zeros((streams, ROWS, buckets))
        self._variances = np.zeros((streams, ROWS, buckets))
        self._filled = np.zeros((streams, ROWS), np.int64)
        self._sums = np.zeros((streams, SUMS))
        self._marks = np.zeros((streams, MARKS), np.int64)
        self._marks[:, ROWS_USED] = 1
        if body is not None:
            self._restore(read_state(body))

    def advance(self, columns: FloatArray) -> Alarms:
        """Feed columns, shape (streams, rows); see :class:`detectors.contract.Bank`."""
        columns = checked_columns("adwin", columns, self._filled.shape[0])
        streams, rows = columns.shape
        most = rows // self._params.clock + 1
        found_rows = np.zeros((streams, most), np.int64)
        positions = np.zeros((streams, most), np.int64)
        means = np.zeros((streams, most, 2))
        counts = np.zeros(streams, np.int64)
        advance_columns(
            columns,
            self._totals,
            self._variances,
            self._filled,
            self._sums,
            self._marks,
            self._params.delta,
            self._params.clock,
            float(self._params.min_window_length),
            float(self._params.grace_period),
            found_rows,
            positions,
            means,
            counts,
        )
        return found_alarms(counts, found_rows, positions, means)

    def snapshot(self) -> bytes:
        """The whole state of the bank."""
        rows = int(self._marks[:, ROWS_USED].max(initial=0))
        state = KernelState(
            rows,
            self._totals[:, :rows].astype("<f8", copy=False).tobytes(),
            self._variances[:, :rows].astype("<f8", copy=False).tobytes(),
            self._filled[:, :rows].astype("<i8", copy=False).tobytes(),
            self._sums.astype("<f8", copy=False).tobytes(),
            np.minimum(self._marks, MOST_SEEN).astype("<i8", copy=False).tobytes(),
        )
        return seal(self._owner, msgspec.msgpack.encode(state))

    def _restore(self, state: KernelState) -> None:
        streams, rows, buckets = self._totals.shape[0], state.rows, self._totals.shape[2]
        filled = whole_numbers(state.filled, streams, rows)
        sums = floats(state.sums, streams, SUMS)
        marks = whole_numbers(state.marks, streams, MARKS)
        refuse_unsound(filled, sums, marks, self._params.max_buckets)
        self._totals[:, :rows] = floats(state.totals, streams, rows, buckets)
        self._variances[:, :rows] = floats(state.variances, streams, rows, buckets)
        self._filled[:, :rows] = filled
        self._sums[...] = sums
        self._marks[...] = marks


class RiverStream(msgspec.Struct, frozen=True, array_like=True):
    """One of River's detectors: its window as River writes it, and what its wrapper adds."""

    window: bytes
    alarmed: bool
    seen: int


class RiverBank:
    """All streams in River's own objects; one Python call a value."""

    def __init__(self, params: Params, streams: int, owner: bytes, body: bytes | None) -> None:
        """Make empty detectors, or those of the unsealed snapshot ``body``."""
        # River brings scikit-learn with it: more than a second of every worker's start.
        from river.drift import ADWIN  # noqa: PLC0415

        self._owner = owner
        self._seen = [0] * streams
        self._detectors = [
            ADWIN(
                delta=params.delta,
                clock=params.clock,
                max_buckets=params.max_buckets,
                min_window_length=params.min_window_length,
                grace_period=params.grace_period,
            )
            for _ in range(streams)
        ]
        if body is not None:
            self._restore(msgspec.msgpack.decode(body, type=list[RiverStream]))

    def advance(self, columns: FloatArray) -> Alarms:
        """Feed columns, shape (streams, rows); see :class:`detectors.contract.Bank`."""
        columns = checked_columns("adwin", columns, len(self._detectors))
        found: list[tuple[int, int, int, float, float]] = []
        for stream, detector in enumerate(self._detectors):
            for row, value in enumerate(columns[stream].tolist()):
                if not math.isfinite(value):
                    continue
                self._seen[stream] += 1
                fresh = detector.drift_detected
                total, width = (0.0, 0.0) if fresh else (detector.total, detector.width)
                detector.update(value)
                if detector.drift_detected:
                    before = (total + value) / (width + 1.0)
                    found.append((stream, row, self._seen[stream], before, detector.estimation))
        streams, rows, positions, befores, afters = zip(*found, strict=True) if found else [()] * 5
        return in_order(
            np.array(streams, np.int64),
            np.array(rows, np.int64),
            np.array(positions, np.int64),
            np.array(befores, np.float64),
            np.array(afters, np.float64),
        )

    def snapshot(self) -> bytes:
        """The whole state of the bank, as plain data."""
        state = [
            RiverStream(window_of(detector).__getstate__(), detector.drift_detected, seen)
            for detector, seen in zip(self._detectors, self._seen, strict=True)
        ]
        return seal(self._owner, msgspec.msgpack.encode(state))

    def _restore(self, state: list[RiverStream]) -> None:
        for stream, (detector, stored) in enumerate(zip(self._detectors, state, strict=True)):
            window_of(detector).__setstate__(stored.window)
            # River offers no other way to say that the last value was an alarm.
            detector._drift_detected = stored.alarmed  # noqa: SLF001
            self._seen[stream] = stored.seen


def window_of(detector: ADWIN) -> AdaptiveWindowing:
    """The compiled part of one of River's detectors, which reads and writes itself as bytes."""
    window: AdaptiveWindowing = detector._helper  # noqa: SLF001 - its only door
    return window


__all__ = [
    "KIND",
    "TAKES",
    "WATCHES",
    "ForeignSnapshotError",
    "KernelBank",
    "Params",
    "RiverBank",
    "build",
    "snapshot_bytes_max",
]
