"""What the estimators over losses have in common: plain arrays, one kernel call a batch.

Rule.  An estimator says how many numbers a stream's state has and which kernel advances them; this
file checks what comes in, gathers the alarms, and seals and reads the state.  The kernel tells
rises only and counts improvements in ``marks``.  A stream begins with zeros and ``RESTART`` set,
which makes its first value meet a new detector, as does the value after an alarm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from detectors.adwin_state import MOST_SEEN, floats, whole_numbers
from detectors.bank_columns import checked_columns, found_alarms
from detectors.contract import Alarms, FloatArray, ForeignSnapshotError, IntArray, Takes
from detectors.loss_kernels import IMPROVED, MARKS, RESTART, SEEN, WARNED, only_bits
from detectors.sealing import SEAL_BYTES_MAX, fingerprint, seal, unseal

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

STATE_HEAD_BYTES: Final = 64
"""What the lengths of the three arrays take at most."""

Filled = npt.NDArray[Any]
"""An array that a kernel fills."""
Advance = Callable[..., None]
"""``advance(columns, reals, words, marks, rows, positions, means, counts)``, the last four out."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The state of one stream."""

    reals: int
    words: int = 0
    """Whole numbers of 32 bits."""
    own_marks: tuple[int, ...] = ()
    """The largest value of each further mark, by which the kernel may index."""


class Stored(msgspec.Struct, frozen=True, array_like=True):
    """The arrays of a bank as little-endian bytes."""

    reals: bytes
    words: bytes
    marks: bytes


class KernelLossBank:
    """The state of one estimator over several streams of losses; a ``LossBank``."""

    def __init__(
        self,
        estimator: tuple[str, int, DataclassInstance],
        streams: int,
        shape: Shape,
        advance: Advance,
        takes: Takes,
        resume: bytes | None,
    ) -> None:
        """Make new detectors or continue; ``estimator`` is its name, version and parameters.

        Raises ForeignSnapshotError when ``resume`` is another estimator's, of other parameters or
        streams, or damaged, and ValueError for a number of streams that cannot be.
        """
        self._name = estimator[0]
        if streams < 0:
            raise ValueError(f"{self._name}: streams must be at least 0, not {streams}")
        self._owner = fingerprint(*estimator, streams)
        self._shape = shape
        self._advance = advance
        self._takes = takes
        self._reals = np.zeros((streams, shape.reals))
        self._words = np.zeros((streams, shape.words), np.int64)
        self._marks = np.zeros((streams, MARKS + len(shape.own_marks)), np.int64)
        self._marks[:, RESTART] = 1
        if resume is not None:
            self._restore(unseal(self._owner, resume))

    @property
    def improvements(self) -> IntArray:
        """Changes downwards of each stream, which were not told as alarms, shape (streams,)."""
        return self._marks[:, IMPROVED].copy()

    @property
    def warned(self) -> IntArray:
        """1 for each stream that its last value left in River's warning zone, shape (streams,)."""
        return self._marks[:, WARNED].copy()

    def advance(self, columns: FloatArray) -> Alarms:
        """Feed losses, shape (streams, rows); see :class:`detectors.contract.Bank`.

        Raises ValueError, before anything is changed, for columns of another shape and for values
        that the estimator cannot read.
        """
        columns = self._checked(columns)
        streams, rows = columns.shape
        found_rows = np.zeros((streams, rows), np.int64)
        positions = np.zeros((streams, rows), np.int64)
        means = np.zeros((streams, rows, 2))
        counts = np.zeros(streams, np.int64)
        self._advance(
            columns,
            self._reals,
            self._words,
            self._marks,
            found_rows,
            positions,
            means,
            counts,
        )
        return found_alarms(counts, found_rows, positions, means)

    def _checked(self, columns: FloatArray) -> FloatArray:
        columns = checked_columns(self._name, columns, self._marks.shape[0])
        if self._takes == "bits" and not only_bits(columns):
            raise ValueError(
                f"{self._name}: takes losses that are 0 or 1; give a real loss to an estimator of "
                "reals"
            )
        return columns

    def snapshot(self) -> bytes:
        """The whole state of the bank."""
        state = Stored(
            self._reals.astype("<f8", copy=False).tobytes(),
            self._words.astype("<u4").tobytes(),
            self._marks.astype("<i8", copy=False).tobytes(),
        )
        return seal(self._owner, msgspec.msgpack.encode(state))

    def _restore(self, body: bytes) -> None:
        try:
            state = msgspec.msgpack.decode(body, type=Stored)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ForeignSnapshotError(f"not the state of a bank: {error}") from error
        if len(state.words) != 4 * self._words.size:
            raise ForeignSnapshotError(f"words of another shape than {self._words.shape}")
        marks = whole_numbers(state.marks, *self._marks.shape)
        most = np.array([MOST_SEEN, 1, 1, MOST_SEEN, *self._shape.own_marks])
        within = np.all((marks >= 0) & (marks <= most))
        if not within or np.any(marks[:, IMPROVED] > marks[:, SEEN]):
            raise ForeignSnapshotError("marks that no stream of losses makes")
        self._reals[...] = floats(state.reals, *self._reals.shape)
        self._words[...] = np.frombuffer(state.words, "<u4").reshape(self._words.shape)
        self._marks[...] = marks


def loss_snapshot_bytes_max(streams: int, shape: Shape) -> int:
    """What a snapshot of such a bank takes at most, in bytes."""
    stream = 8 * (shape.reals + MARKS + len(shape.own_marks)) + 4 * shape.words
    return SEAL_BYTES_MAX + STATE_HEAD_BYTES + streams * stream


def refuse_faults(name: str, *claims: tuple[str, bool]) -> None:
    """ValueError naming each claim about parameters that does not hold."""
    faults = [text for text, holds in claims if not holds]
    if faults:
        raise ValueError(f"{name}: " + "; ".join(faults))
