"""Stale per column: one and the same value over many consecutive events of a source partition.

Rule.  A bank holds the last finite value of every stream and how often it came in a row; each time
a run reaches a multiple of ``after`` it alarms, with the value as ``before`` and ``after``.  A bank
never looks at a clock: its time is the count of finite values, in offset order.

When it lies: a feature that is mostly one value (rain: none), or that many events share (the
weather of an hour), repeats itself without a fault.  It is off unless a spec names it; ``after``
must be longer than the longest honest run, and a feature can be left out by the spec.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from detectors.adwin_state import MOST_SEEN, floats, whole_numbers
from detectors.bank_columns import checked_columns, in_order
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
from detectors.stale_kernel import MARKS, RUN, SEEN, advance_runs

KIND: Final[Kind] = "estimator"
WATCHES: Final[tuple[Watch, ...]] = ("features",)
TAKES: Final[Takes] = "reals"
VERSION: Final = 1
"""Of the state; a snapshot of another version is refused."""
LEAST_RUN: Final = 2
STATE_HEAD_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Params:
    """When a run of equal values is too long; ValueError for a value that makes no detector."""

    after: int = 10_000
    """Equal finite values in a row, in one source partition; at least LEAST_RUN."""

    def __post_init__(self) -> None:
        """Refuse what would alarm at every value."""
        if self.after < LEAST_RUN:
            raise ValueError(f"stale: after must be at least {LEAST_RUN}, not {self.after}")


def build(params: Params, streams: int, resume: bytes | None = None) -> Bank:
    """A bank of ``streams`` runs, new or continuing from a snapshot.

    Raises ForeignSnapshotError when ``resume`` was made with other parameters, another number of
    streams or another version, or is damaged.
    """
    if streams < 0:
        raise ValueError(f"stale: streams must be at least 0, not {streams}")
    owner = fingerprint("stale", VERSION, params, streams)
    return RunBank(params, streams, owner, None if resume is None else unseal(owner, resume))


def snapshot_bytes_max(_params: Params, streams: int) -> int:
    """What a snapshot of a bank takes at most, in bytes."""
    return SEAL_BYTES_MAX + STATE_HEAD_BYTES + streams * 8 * (1 + MARKS)


class RunBank:
    """The runs of all streams in plain arrays; one kernel call a batch."""

    def __init__(self, params: Params, streams: int, owner: bytes, body: bytes | None) -> None:
        """Begin without a value, or as the unsealed snapshot ``body`` says."""
        self._after = params.after
        self._owner = owner
        self._last = np.zeros(streams)
        self._marks = np.zeros((streams, MARKS), np.int64)
        if body is not None:
            self._restore(body, streams)

    def advance(self, columns: FloatArray) -> Alarms:
        """Feed columns, shape (streams, rows); see :class:`detectors.contract.Bank`."""
        columns = checked_columns("stale", columns, len(self._last))
        streams, rows = columns.shape
        most = rows // self._after + 1
        at = np.zeros((streams, most), np.int64)
        positions = np.zeros((streams, most), np.int64)
        values = np.zeros((streams, most))
        found = np.zeros(streams, np.int64)
        advance_runs(columns, self._last, self._marks, self._after, at, positions, values, found)
        there = np.arange(most) < found[:, np.newaxis]
        unchanged = values[there]
        numbers = np.repeat(np.arange(streams), found)
        return in_order(numbers, at[there], positions[there], unchanged, unchanged)

    def snapshot(self) -> bytes:
        """The whole state of the bank."""
        state = (
            self._last.astype("<f8", copy=False).tobytes(),
            self._marks.astype("<i8", copy=False).tobytes(),
        )
        return seal(self._owner, msgspec.msgpack.encode(state))

    def _restore(self, body: bytes, streams: int) -> None:
        try:
            last, marks = msgspec.msgpack.decode(body, type=tuple[bytes, bytes])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ForeignSnapshotError(f"not the state of a bank: {error}") from error
        self._last, self._marks = floats(last, streams), whole_numbers(marks, streams, MARKS)
        seen, run = self._marks[:, SEEN], self._marks[:, RUN]
        sound = np.all((run >= 0) & (run <= seen) & (seen <= MOST_SEEN) & ((run > 0) == (seen > 0)))
        if not (sound and np.isfinite(self._last).all()):
            raise ForeignSnapshotError("runs that no stream of values makes")
