"""Which predictions of two versions answer the same event: a function of the log of predictions.

Rule.  Of an event_id the first record read opens an entry.  The first record of each version with a
time within ``within`` of the entry's is its answer; further ones of the same version are repeats
and count nowhere else.  A record of the event_id that is further away is counted as an event of its
version and pairs with nothing.  An entry ends when no record that is admitted can belong to it:
when the source's highest time less what is admitted behind it (lateness and amend) has passed the
entry's time + ``within``; then the event_id is new.

The highest time is that when the record was read, so nothing depends on how the log was
cut into batches.  What has ended is thrown away in groups, later.  Above ``room`` the entries with
the lowest times go and are counted; equal results are promised for runs without that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from engine.champion.cells import ARMS
from engine.event_keys import Keys
from engine.performance_layout import PerformanceLayout
from engine.snapshot import SnapshotError, Whole

Integers = npt.NDArray[np.int64]
GROUPS: Final = 8
"""Groups of entries in the time that one is kept."""
KEY_BYTES: Final = 16


Answer = tuple[int, int, int]
"""What is kept of the first prediction of one version: its time, its decision (0, 1, or
:data:`engine.champion.cells.NO_DECISION`) and the bin of its score.  A plain tuple, because it is
made for every prediction."""
ANSWER_FIELDS: Final = 3


class Paired(NamedTuple):
    """What became of a batch's predictions, in offset order."""

    repeats: npt.NDArray[np.bool_]
    """Shape (n,)."""
    rows: list[int]
    """Which rows completed a pair."""
    answers: list[tuple[Answer, Answer]]
    """The pairs, champion and challenger."""
    firsts: npt.NDArray[np.bool_]
    """Rows that opened an entry, shape (n,)."""


_Row = tuple[Whole, Whole, Whole]


class PairingSnapshot(msgspec.Struct, frozen=True, array_like=True):
    """The entries that have not ended, in the order of their keys."""

    keys: bytes
    """KEY_BYTES each, end to end."""
    opened_ms: list[Whole]
    answers: list[tuple[_Row | None, _Row | None]]
    forgotten: Whole


def bins_of(layout: PerformanceLayout) -> int:
    """The bin of events without a score: behind those of the last column of the join."""
    return len(layout.segments[-1].values) + 1


class Pairing:
    """The entries of one comparison in one source partition."""

    def __init__(self, within_ms: int, admitted_ms: int, room: int) -> None:
        self.forgotten = 0
        """Entries let go above the bound."""
        self._within_ms = within_ms
        self._admitted_ms = admitted_ms
        self._room = room
        self._entries: dict[bytes, tuple[int, list[Answer | None]]] = {}
        self._group_ms = max(1, (within_ms + admitted_ms) // GROUPS)
        self._groups: dict[int, list[bytes]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def take(
        self,
        keys: Keys,
        arms: Integers,
        ts_ms: Integers,
        newest_ms: Integers,
        decisions: Integers,
        bins: Integers,
    ) -> Paired:
        """Take admitted predictions in offset order, columns of shape (n,); ``newest_ms`` are
        the source's highest times when each was read, ``keys`` of shape (n, 2)."""
        count, data = len(keys), keys.astype("<u8").tobytes()
        names = [data[at : at + KEY_BYTES] for at in range(0, len(data), KEY_BYTES)]
        found = Paired(np.zeros(count, np.bool_), [], [], np.zeros(count, np.bool_))
        within, entries = self._within_ms, self._entries
        ended = (newest_ms - self._admitted_ms - within).tolist()
        told: Iterator[Answer] = zip(ts_ms.tolist(), decisions.tolist(), bins.tolist(), strict=True)
        firsts: list[int] = []
        repeats: list[int] = []
        for row, (key, arm, answer) in enumerate(zip(names, arms.tolist(), told, strict=True)):
            at_ms = answer[0]
            entry = entries.get(key)
            if entry is None or entry[0] < ended[row]:
                answers: list[Answer | None] = [None] * ARMS
                answers[arm] = answer
                entries[key] = (at_ms, answers)
                firsts.append(row)
                continue
            opened_ms, answers = entry
            if abs(at_ms - opened_ms) > within:
                continue
            if answers[arm] is not None:
                repeats.append(row)
                continue
            answers[arm] = answer
            first, second = answers
            assert first is not None and second is not None, "both answered"  # noqa: PT018
            found.rows.append(row)
            found.answers.append((first, second))
        found.firsts[firsts] = True
        found.repeats[repeats] = True
        for row, group in zip(firsts, (ts_ms[firsts] // self._group_ms).tolist(), strict=True):
            self._groups.setdefault(group, []).append(names[row])
        if count:
            self._throw_away(int(newest_ms[-1]))
        return found

    def _throw_away(self, newest_ms: int) -> None:
        """Forget what has ended, and the oldest above the bound."""
        ended_ms = newest_ms - self._admitted_ms - self._within_ms
        for group in [g for g in self._groups if (g + 1) * self._group_ms <= ended_ms]:
            for key in self._groups.pop(group):
                entry = self._entries.get(key)
                if entry is not None and entry[0] < ended_ms:
                    del self._entries[key]
        surplus = len(self._entries) - self._room
        if surplus > 0:
            by_age = sorted((entry[0], key) for key, entry in self._entries.items())
            for _, key in by_age[:surplus]:
                del self._entries[key]
            self.forgotten += surplus

    def save(self, newest_ms: int | None) -> PairingSnapshot:
        """Freeze it, equal logs alike; ``newest_ms`` is the source's highest time."""
        ended_ms = -1 if newest_ms is None else newest_ms - self._admitted_ms - self._within_ms
        kept = sorted((k, entry) for k, entry in self._entries.items() if entry[0] >= ended_ms)
        return PairingSnapshot(
            b"".join(key for key, _ in kept),
            [opened_ms for _, (opened_ms, _) in kept],
            [(answers[0], answers[1]) for _, (_, answers) in kept],
            self.forgotten,
        )

    def restore(self, saved: PairingSnapshot, bins: int) -> None:
        """Put a snapshot back into an empty pairing; SnapshotError when it is none of ours."""
        count = len(saved.opened_ms)
        if len(saved.keys) != count * KEY_BYTES or len(saved.answers) != count:
            raise SnapshotError("the predictions that wait for their pairs are not whole")
        for row, (opened_ms, answers) in enumerate(
            zip(saved.opened_ms, saved.answers, strict=True)
        ):
            key = saved.keys[row * KEY_BYTES : (row + 1) * KEY_BYTES]
            known: list[Answer | None] = list(answers)
            told = [each for each in known if each is not None]
            if not told or any(
                not (0 <= decision <= ARMS and 0 <= place <= bins) for _, decision, place in told
            ):
                raise SnapshotError("a prediction that waits for its pair is none of this model's")
            self._entries[key] = (opened_ms, known)
            self._groups.setdefault(opened_ms // self._group_ms, []).append(key)
        self.forgotten = saved.forgotten
