"""What waits for labels in one source partition, on a disk: entries, when each is due, how many.

Rule.  The disk is a copy that can be made again from the topic ``pending``; it says of itself whose
copy it is (``home``) and which state it holds (``holds``, the SHA-256 of a snapshot's state), in
the same write as the rows.  A disk that says nothing, or something else, is not read.

Keys: ``e`` MODEL KEY is an entry; ``l`` and ``p`` MODEL TIME KEY are the entries in the order in
which they are due by the watermark of labels and of predictions; ``m`` is what the disk says of
itself.  MODEL is 8 bytes of the SHA-256 of ``model@version`` and layout, TIME 8 bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple, Protocol

import msgspec

from engine.join_store import CLOCKS, Clock
from engine.pending_rows import NEVER_MS, Row, RowError, decode_row, encode_row
from engine.pending_store import Place

DISK_FORMAT: Final = 1
MODEL_BYTES: Final = 8
MAX_ROWS_AT_ONCE: Final = 5_000
"""Rows in one write while a disk is filled from the topic, or emptied of a model."""
_SELF: Final = b"m"
_ENTRY: Final = b"e"
_DUE: Final[Mapping[Clock, bytes]] = {"labels": b"l", "predictions": b"p"}


class DiskError(RuntimeError):
    """A disk cannot be read or written, or holds what no worker wrote."""


class KeyValue(Protocol):
    """An ordered store of bytes (:class:`streams.rocks.Rocks`); DiskError when it fails."""

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of these keys, None where there is none."""

    def scan(self, first: bytes, end: bytes) -> Iterator[bytes]:
        """The keys in [first, end), in order."""

    def write(self, puts: Mapping[bytes, bytes], deletes: Iterable[bytes]) -> None:
        """All of it or nothing."""

    def wipe(self) -> None:
        """Drop everything."""

    def close(self) -> None:
        """Let it go."""

    def bytes_used(self) -> int:
        """Bytes on the disk, about."""


class Itself(msgspec.Struct, frozen=True, array_like=True):
    """What a disk says of itself."""

    format: int
    home: str
    """Of which topic and partition it is a copy, for which group."""
    holds: bytes
    """The state whose entries these are; empty while it is filled."""
    counts: dict[bytes, int]
    """Entries by model."""


class Written(NamedTuple):
    """A row and the number of the owner under which the topic has it."""

    number: int
    row: Row


class PartitionDisk:
    """The disk of one source partition."""

    def __init__(self, kept: KeyValue, home: str) -> None:
        """DiskError when what it says of itself cannot be read."""
        self._kept = kept
        self.home = home
        self.found = self._itself()
        """What it said of itself when it was opened; None of an empty one."""
        self.holds = b"" if self.found is None else self.found.holds
        self._counts: dict[bytes, int] = {} if self.found is None else dict(self.found.counts)

    def _itself(self) -> Itself | None:
        (raw,) = self._kept.get_many([_SELF])
        if raw is None:
            if next(self._kept.scan(b"", b"\xff"), None) is not None:
                raise DiskError("it holds keys, and nothing says whose")
            return None
        try:
            found = msgspec.msgpack.decode(raw, type=Itself)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise DiskError(f"what it says of itself cannot be read: {error}") from error
        if found.format != DISK_FORMAT:
            raise DiskError(f"it is of format {found.format}, this version reads {DISK_FORMAT}")
        return found

    @property
    def is_foreign(self) -> bool:
        """Whether it was a copy of something else when it was opened."""
        return self.found is not None and self.found.home != self.home

    def models(self) -> set[bytes]:
        """The models that there are entries of."""
        return {model for model, count in self._counts.items() if count}

    def count(self, model: bytes) -> int:
        """Entries of a model."""
        return self._counts.get(model, 0)

    def get_many(self, model: bytes, keys: Sequence[bytes]) -> list[Written | None]:
        """Rows of a model; DiskError when one cannot be read."""
        found = self._kept.get_many([_ENTRY + model + key for key in keys])
        try:
            return [
                None
                if raw is None
                else Written(int.from_bytes(raw[:8], "big"), decode_row(raw[8:]))
                for raw in found
            ]
        except RowError as error:
            raise DiskError(f"a row cannot be read: {error}") from error

    def due(self, model: bytes, clock: Clock, after: Place, to_ms: int) -> Iterator[Place]:
        """Entries behind ``after`` that are due up to ``to_ms``, in order."""
        start = _DUE[clock] + model
        after_ms, key = after
        first = start + _time(after_ms) + bytes.fromhex(key)
        for found in self._kept.scan(first, start + _time(to_ms + 1)):
            at = len(start)
            place = (_ms(found[at : at + 8]), found[at + 8 :].hex())
            if place > after:
                yield place

    def keys(self, model: bytes) -> Iterator[bytes]:
        """Every key of a model."""
        start = _ENTRY + model
        return (found[len(start) :] for found in self._kept.scan(start, _behind(start)))

    def write(
        self,
        rows: Iterable[tuple[bytes, bytes, Written | None]],
        holds: bytes,
    ) -> None:
        """Put (model, key, row) or, where the row is None, take it away; the disk then holds the
        entries of the state ``holds``."""
        wanted = list(rows)
        puts: dict[bytes, bytes] = {}
        deletes: list[bytes] = []
        counts = dict(self._counts)
        for (model, key, new), old in zip(wanted, self._old(wanted), strict=True):
            counts[model] = counts.get(model, 0) + (new is not None) - (old is not None)
            gone = set() if old is None else set(_due_keys(model, key, old.row))
            if new is None:
                deletes.append(_ENTRY + model + key)
            else:
                due = _due_keys(model, key, new.row)
                puts |= dict.fromkeys(due, b"")
                gone -= set(due)
                puts[_ENTRY + model + key] = new.number.to_bytes(8, "big") + encode_row(new.row)
            deletes += gone
        counts = {model: count for model, count in counts.items() if count}
        puts[_SELF] = msgspec.msgpack.encode(Itself(DISK_FORMAT, self.home, holds, counts))
        self._kept.write(puts, deletes)
        self._counts, self.holds = counts, holds

    def _old(self, rows: Sequence[tuple[bytes, bytes, object]]) -> list[Written | None]:
        keys: dict[bytes, list[bytes]] = {}
        for model, key, _ in rows:
            keys.setdefault(model, []).append(key)
        known = {model: iter(self.get_many(model, wanted)) for model, wanted in keys.items()}
        return [next(known[model]) for model, _, _ in rows]

    def drop(self, model: bytes) -> Iterator[list[tuple[int, bytes]]]:
        """Take all of a model away, some at a time; gives (number, key) of what went."""
        while keys := list(islice(self.keys(model), MAX_ROWS_AT_ONCE)):
            rows = self.get_many(model, keys)
            gone = [(row.number, key) for key, row in zip(keys, rows, strict=True) if row]
            self.write([(model, key, None) for key in keys], self.holds)
            yield gone

    def wipe(self) -> None:
        """Drop everything; it then holds no state."""
        self._kept.wipe()
        self._counts, self.holds = {}, b""
        self.write((), b"")

    def close(self) -> None:
        """Let it go."""
        self._kept.close()

    def bytes_used(self) -> int:
        """Bytes on the disk, about."""
        return self._kept.bytes_used()


class ModelDisk:
    """The entries of one model (:class:`engine.pending_store.Disk`)."""

    def __init__(self, model: bytes) -> None:
        self.model = model
        self.disk: PartitionDisk | None = None
        """Set once it is there."""

    @property
    def _there(self) -> PartitionDisk:
        assert self.disk is not None, "nothing is read before the disk is there"
        return self.disk

    def __len__(self) -> int:
        return 0 if self.disk is None else self.disk.count(self.model)

    def get_many(self, keys: Sequence[str]) -> list[tuple[int, Row] | None]:
        """Number and row of each key, None where there is none."""
        return [*self._there.get_many(self.model, [bytes.fromhex(key) for key in keys])]

    def due(self, clock: Clock, after: Place, to_ms: int) -> Iterator[Place]:
        """Entries behind ``after`` that are due up to ``to_ms``, in order."""
        return self._there.due(self.model, clock, after, to_ms)

    def every(self) -> Iterator[str]:
        """Every key."""
        return (key.hex() for key in self._there.keys(self.model))


def model_of(key: str, layout: str) -> bytes:
    """What stands for ``model@version`` with this layout."""
    return hashlib.sha256(f"{key} {layout}".encode()).digest()[:MODEL_BYTES]


def _due_keys(model: bytes, key: bytes, row: Row) -> list[bytes]:
    return [
        _DUE[clock] + model + _time(at_ms) + key
        for clock, at_ms in zip(CLOCKS, row.due_ms, strict=True)
        if at_ms != NEVER_MS
    ]


def _time(ms: int) -> bytes:
    """Eight bytes in the order of time."""
    return (ms + (1 << 63)).to_bytes(8, "big")


def _ms(data: bytes) -> int:
    return int.from_bytes(data, "big") - (1 << 63)


def _behind(start: bytes) -> bytes:
    """The first key behind all that begin with ``start``."""
    return (int.from_bytes(start, "big") + 1).to_bytes(len(start), "big")
