"""What becomes of the entries of a join that are kept on a disk, until the disk has it.

Theory.  Most entries change again before a snapshot is made, so an entry becomes bytes when
somebody wants to write it and not before.
"""

from __future__ import annotations

from typing import NamedTuple

from engine.entry_codec import decode_entry, encode_entry
from engine.join_entry import Entry, anchor_ms
from engine.pending_rows import Row


class Held:
    """An entry that is there: an entry while the join changes it, a row when it is written."""

    __slots__ = ("_entry", "_row", "due_ms")

    def __init__(self, due_ms: tuple[int, int], entry: Entry | None, row: Row | None) -> None:
        """``due_ms`` are in the order of CLOCKS; one of the others is None."""
        self.due_ms = due_ms
        self._entry = entry
        self._row = row

    @classmethod
    def of_row(cls, row: Row) -> Held:
        """An entry that was read."""
        return cls(row.due_ms, None, row)

    @property
    def row(self) -> Row:
        """As it is written; most change again before that."""
        if self._row is None:
            assert self._entry is not None, "it is one of the two"
            content = encode_entry(self._entry)
            self._row = Row(anchor_ms(self._entry), *self.due_ms, content=content)
            self._entry = None
        return self._row

    @property
    def entry(self) -> Entry:
        """As the join has it; SnapshotError when it is none."""
        if self._entry is not None:
            return self._entry
        assert self._row is not None, "it is one of the two"
        return decode_entry(self._row.content)

    def due_at(self, due_ms: tuple[int, int]) -> Held:
        """The same, to be looked at then."""
        return Held(due_ms, self.entry, None)


class Change(NamedTuple):
    """What becomes of one key."""

    held: Held | None
    """None: it is gone."""
    standing: tuple[int, ...]
    """Numbers under which the topic may have a row of it."""
    on_disk: bool

    @property
    def row(self) -> Row | None:
        """What is to be written; None: it is gone."""
        return None if self.held is None else self.held.row
