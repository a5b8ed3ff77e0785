"""Records of the internal topic ``panes``: what the tallies tell the judges.

Rule.  A flush is the dirty panes of a model followed by ONE mark.  A pane record holds cumulative
counts of one (partition, pane), so a repeated or replayed one changes nothing: the judge replaces
what it holds when the stamp (epoch, generation, seq) is higher.  Only a mark moves event time.

Counts travel as zlib-packed little-endian int64.  A record of another layout, or one that does not
decode, is refused with :class:`PaneError`; panes are internal, so that is a fault of ours or an
intruder's, never a producer's.
"""

from __future__ import annotations

import zlib
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from engine.spec import Topic

Counts = npt.NDArray[np.int64]
Stamp = tuple[int, int, int]
"""(epoch, group generation, sequence number): orders the writers and writes of one partition."""


class PaneError(ValueError):
    """A record of the panes topic that no tally of this version wrote."""


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


_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODER: Final[msgspec.msgpack.Decoder[PaneRecord | Mark]] = msgspec.msgpack.Decoder(
    PaneRecord | Mark
)


def stamp_of(record: PaneRecord | Mark) -> Stamp:
    """The record's stamp, to be compared with another's of the same partition."""
    return (record.stamp[0], record.stamp[1], record.stamp[2])


def encode(record: PaneRecord | Mark) -> bytes:
    """The record's bytes."""
    return _ENCODE(record)


def decode(value: bytes) -> PaneRecord | Mark:
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
    return zlib.compress(counts.astype("<i8", copy=False).tobytes(), 1)


def unpack(data: bytes, size: int) -> Counts:
    """Counts of a known size; PaneError when they are of another."""
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(data, size * 8 + 1)
    except zlib.error as error:
        raise PaneError(f"damaged counts: {error}") from error
    if len(raw) != size * 8 or not unpacker.eof:
        raise PaneError(f"counts of another size than {size} cells")
    return np.frombuffer(raw, dtype="<i8").astype(np.int64)
