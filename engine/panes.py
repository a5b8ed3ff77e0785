"""Records of the internal topic ``panes``: what the tallies tell the judges.

Rule.  A flush is the dirty panes of a model followed by ONE mark.  A pane record holds cumulative
counts of one (partition, pane), so a repeated or replayed one changes nothing: the judge replaces
what it holds when the stamp (epoch, generation, seq) is higher.  Only a mark moves event time.

A record of a control topic reaches the judge as one of this topic too (:class:`Forwarded`): among
the panes it has one place, the same for whoever reads them again.

Counts travel as runs of varints (:mod:`detectors.packing_kernel`) and a CRC-32 that begins with how
many cells they are.  A record of another layout, or one that does not decode, is refused with
:class:`PaneError`; panes are internal, so that is a fault of ours or an intruder's, never a
producer's.
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

import msgspec
import numpy as np
import numpy.typing as npt

from detectors.packing_kernel import (
    BYTES_A_CELL,
    BYTES_BESIDES,
    DAMAGED,
    pack_cells,
    unpack_cells,
)
from engine.spec import Topic
from engine.terms import Term

Counts = npt.NDArray[np.int64]
CHECKSUM_BYTES: Final = 4
Stamp = tuple[int, int, int]
"""(epoch, group generation, sequence number): orders the writers and writes of one partition."""


class PaneError(ValueError):
    """A record of the panes topic that no tally of this version wrote."""


class AlarmRow(msgspec.Struct, frozen=True, array_like=True):
    """The first alarm of an estimator over a loss in one pane (:mod:`engine.loss_alarms`)."""

    pair: int
    """Number of the estimator and the loss."""
    position: int
    """How many losses its stream had seen, the alarming one included."""
    at_ms: int
    """Event time of the alarming match."""
    before: float
    """Mean before the change, as the estimator sees it."""
    after: float


class PaneRecord(msgspec.Struct, frozen=True, array_like=True, tag="p"):
    """Cumulative counts of one pane of one source partition."""

    target: str
    """``model@version``."""
    layout: str
    partition: int
    stamp: Stamp
    start_ms: int
    on_time: bytes
    amended: bytes | None
    plane: int = 0
    """Number of the plane (see :mod:`engine.planes`) whose pane this is."""
    alarms: tuple[AlarmRow, ...] = ()
    """In order of their pairs."""
    users: bytes = b""
    """Those of a split in this pane (:mod:`engine.champion.users`); empty of any other."""


class Mark(msgspec.Struct, frozen=True, array_like=True, tag="m"):
    """How far event time has come in one source partition."""

    target: str
    layout: str
    partition: int
    stamp: Stamp
    watermarks_ms: dict[Topic, int | None]
    """Watermark (max ts - lateness) per input topic; None for one not heard of yet."""
    idle: tuple[Topic, ...]
    """Topics declared idle: read to their end and silent past the idle time-out."""
    covered: dict[Topic, int]
    """Next offset per input topic that the counts so far cover."""
    moved_by_ms: int
    """Kafka time of the record that last raised a watermark, -1 unknown.  Only for measuring how
    long a metric takes; no verdict reads it."""


class TermRecord(msgspec.Struct, frozen=True, array_like=True, tag="t"):
    """From when until when a version serves; written by who judges it, so that it stands in the
    judge's own log (:mod:`engine.tenure`)."""

    target: str
    term: Term


class Forwarded(msgspec.Struct, frozen=True, array_like=True, tag="c"):
    """A record of a control topic, on its way to the judges of one model."""

    target: str
    """:func:`every_version` of the model that it is about."""
    role: str
    """Of the control topic."""
    topic_id: str
    """The broker's id of that topic; empty where it tells none."""
    partition: int
    offset: int
    at_ms: int
    """Its Kafka time, -1 unknown.  Told on, never decided by."""
    value: bytes


AnyRecord = PaneRecord | Mark | TermRecord | Forwarded
_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODER: Final[msgspec.msgpack.Decoder[AnyRecord]] = msgspec.msgpack.Decoder(
    PaneRecord | Mark | TermRecord | Forwarded
)


def every_version(model: str) -> str:
    """The target of what is about a model, whatever its version: no ``model@version`` is like
    it."""
    return f"{model}@"


def stamp_of(record: PaneRecord | Mark) -> Stamp:
    """The record's stamp, to be compared with another's of the same partition."""
    return (record.stamp[0], record.stamp[1], record.stamp[2])


def encode(record: AnyRecord) -> bytes:
    """The record's bytes."""
    return _ENCODE(record)


def decode(value: bytes) -> AnyRecord:
    """Read a record of the panes topic; PaneError if it is none."""
    try:
        return _DECODER.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PaneError(f"not a pane record: {error}") from error


def panes_target(value: bytes) -> str:
    """``model@version`` that a record of the panes topic is for."""
    return decode(value).target


def pack(counts: Counts) -> bytes:
    """Counts as bytes, equal counts giving equal bytes."""
    room = np.empty(counts.size * BYTES_A_CELL + BYTES_BESIDES, np.uint8)
    runs = room[: pack_cells(np.ascontiguousarray(counts), room)].tobytes()
    return runs + crc32(runs, counts.size).to_bytes(CHECKSUM_BYTES, "little")


def unpack(data: bytes, size: int) -> Counts:
    """Counts of a known size; PaneError when they are of another, or damaged."""
    counts = np.zeros(size, np.int64)
    runs, checksum = data[:-CHECKSUM_BYTES], data[-CHECKSUM_BYTES:]
    if checksum != crc32(runs, size).to_bytes(CHECKSUM_BYTES, "little"):
        raise PaneError(f"damaged counts, or of another size than {size} cells")
    if unpack_cells(np.frombuffer(runs, np.uint8), counts) == DAMAGED:
        raise PaneError(f"not runs of {size} cells")
    return counts
