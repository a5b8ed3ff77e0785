"""Estimators over the losses of one model in one source partition.

Rule.  A pane of performance seals when the watermarks of predictions and of labels have passed its
end; what comes after that is never on time.  Its on-time matches are then fed, sorted
(:mod:`engine.loss_waiting`), pane after pane.  So alarms are a function of the two logs, however
they were cut, interleaved or restarted.  The state of the estimators stays here and in the
snapshot; what travels are counts and one row a pair (:mod:`engine.loss_alarms`), told with the pane
in which the alarming match lies, before the mark that lets a judge close that pane.

Declared idleness does not seal a pane: it is no function of the logs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
import numpy as np

from detectors.contract import Alarms, ForeignSnapshotError, LossBank
from detectors.discovery import estimators
from detectors.rising import build_for_losses
from engine.canonical import content_hash
from engine.contributions import Contributions
from engine.join_store import Clock
from engine.loss_alarms import AlarmCells, refuse_impossible_alarms
from engine.loss_waiting import LONGEST_PANE_MS, Rows, WaitingLosses, row_type
from engine.losses import LOSSES, Floats, Integers, losses_of
from engine.model import MonitoredModel
from engine.panes import AlarmRow, Counts, PaneError
from engine.performance_layout import PerformanceLayout
from engine.pieces import PieceReader, PieceWriter
from engine.planes import PERFORMANCE
from engine.snapshot import SnapshotError, Whole

ROWS_AT_ONCE: Final = 100_000
"""Matches whose columns are made in one go, and one pane more."""
VERSION: Final = 1
"""Of what waits; a snapshot of another version is refused."""


class LossesSnapshot(msgspec.Struct, frozen=True, array_like=True):
    """What waits, the estimators, and the alarms of panes that are still open."""

    fingerprint: str
    left_out: Whole
    waiting: dict[Whole, bytes]
    """Start -> rows, as :mod:`engine.pieces` writes blocks."""
    banks: dict[str, bytes]
    alarms: dict[Whole, tuple[AlarmRow, ...]]

    def blocks(self) -> list[bytes]:
        """Every block that may be a piece."""
        return list(self.waiting.values())


class LossFeeding:
    """What waits, and the banks that it is fed to."""

    def __init__(self, model: MonitoredModel, layout: PerformanceLayout, cells: AlarmCells) -> None:
        rules = model.spec.concept
        assert rules is not None, "a model with pairs has rules"
        plane = next(p for p in model.planes if p.number == PERFORMANCE)
        kind = model.spec.prediction.type
        self.alarms: dict[int, tuple[AlarmRow, ...]] = {}
        """Start -> rows of a pane that is still open."""
        self.waiting = WaitingLosses(LOSSES[kind])
        self._layout, self._cells, self._rules = layout, cells, rules
        assert plane.pane_ms <= LONGEST_PANE_MS, "a row tells its time in 32 bits"
        self._pane_ms, self._size = plane.pane_ms, plane.size
        named = {loss.name: loss for loss in LOSSES[kind]}
        self._of = [named[name] for _, name in cells.pairs]
        self._sealed_to_ms = 0
        described = row_type(LOSSES[kind]).descr
        self._fingerprint = content_hash([VERSION, kind, described, plane.pane_ms, cells.pairs])
        self._streams = _streams(cells)
        self._banks = {name: self._bank(name, None) for name in self._streams}

    def _bank(self, name: str, resume: bytes | None) -> LossBank:
        module = estimators()[name]
        params = module.Params(**self._rules.estimators[name])
        return build_for_losses(module, params, len(self._streams[name]), resume)

    def take(self, found: Contributions) -> None:
        """Let the on-time matches of the plane by arrival wait for their pane to seal."""
        on_time = (found.planes == PERFORMANCE) & ~found.amended & (found.weights != 0)
        chosen = np.flatnonzero(on_time & ~np.isnan(found.known.labels))
        if not len(chosen):
            return
        matches = found.at(chosen)
        first_ms = int(matches.starts_ms.min())
        assert first_ms + self._pane_ms > self._sealed_to_ms, "its pane has sealed"
        made, labels = matches.made, matches.known.labels
        losses = losses_of(self._layout, made.scores, made.decisions, labels)
        self.waiting.take(matches, losses)

    def seal(self, watermarks_ms: Mapping[Clock, int | None]) -> Iterator[tuple[int, Counts]]:
        """Feed what both clocks have passed: start and cells, of the whole plane, of each pane
        with alarms or improvements."""
        to_ms = reached_ms(watermarks_ms)
        if to_ms is None or to_ms <= self._sealed_to_ms:
            return
        self._sealed_to_ms = to_ms
        starts = self.waiting.due(to_ms, self._pane_ms)
        panes: list[tuple[int, Rows]] = []
        held = 0
        for start_ms in starts:
            panes.append((start_ms, self.waiting.pop(start_ms)))
            held += len(panes[-1][1])
            if held >= ROWS_AT_ONCE:
                yield from self._feed_panes(panes)
                panes, held = [], 0
        if panes:
            yield from self._feed_panes(panes)

    def _feed_panes(self, panes: list[tuple[int, Rows]]) -> Iterator[tuple[int, Counts]]:
        rows = np.concatenate([each for _, each in panes])
        columns = {
            name: np.stack([self.waiting.column(rows, self._of[pair]) for pair in pairs])
            for name, pairs in self._streams.items()
        }
        end = 0
        for start_ms, pane in panes:
            first, end = end, end + len(pane)
            fed = {name: column[:, first:end] for name, column in columns.items()}
            counts = self._feed(start_ms, pane["ms"], fed)
            if counts is not None:
                yield start_ms, counts

    def _feed(self, start_ms: int, ms: Integers, fed: Mapping[str, Floats]) -> Counts | None:
        """Give one pane to every bank; its cells where anything was found."""
        found: dict[int, AlarmRow] = {}
        cells: list[tuple[int, int]] = []
        for name, bank in self._banks.items():
            pairs = self._streams[name]
            before = bank.improvements
            told = bank.advance(fed[name])
            better = bank.improvements - before
            if better.any():
                named = zip(pairs, better.tolist(), strict=True)
                cells += [(self._cells.improvements(pair), count) for pair, count in named]
            if told.rows.size:
                for row in _rows(told, pairs, ms, start_ms):
                    cells.append((self._cells.alarms(row.pair), 1))
                    found.setdefault(row.pair, row)
        if not cells:
            return None
        if found:
            self.alarms[start_ms] = tuple(found[pair] for pair in sorted(found))
        counts = np.zeros(self._size, np.int64)
        for cell, count in cells:
            counts[cell] += count
        return counts

    def rehearse(self) -> None:
        """Run what feeding runs, so that it is compiled; of a feeding that is thrown away."""
        for name, pairs in self._streams.items():
            self._banks[name].advance(np.zeros((len(pairs), 1)))

    def save(self, pieces: PieceWriter) -> LossesSnapshot:
        """The whole state; equal states give equal snapshots."""
        waiting = {start: pieces.put(rows) for start, rows in self.waiting.packed().items()}
        return LossesSnapshot(
            self._fingerprint,
            self.waiting.left_out,
            waiting,
            {name: bank.snapshot() for name, bank in self._banks.items()},
            dict(sorted(self.alarms.items())),
        )

    def restore(
        self,
        saved: LossesSnapshot,
        watermarks_ms: Mapping[Clock, int | None],
        pieces: PieceReader,
    ) -> None:
        """Go on from a snapshot at these watermarks; SnapshotError when it is another model's.

        An estimator whose parameters changed starts afresh.
        """
        if saved.fingerprint != self._fingerprint:
            raise SnapshotError("losses that are another model's")
        self._sealed_to_ms = reached_ms(watermarks_ms) or 0
        self.waiting.left_out = saved.left_out
        for start_ms, stored in saved.waiting.items():
            if start_ms + self._pane_ms <= self._sealed_to_ms:
                raise SnapshotError(f"losses that wait for a pane that has sealed, {start_ms} ms")
            self.waiting.restore(start_ms, pieces.get(stored), self._pane_ms)
        for start_ms, rows in saved.alarms.items():
            try:
                refuse_impossible_alarms(rows, len(self._cells.pairs), start_ms, self._pane_ms)
            except PaneError as error:
                raise SnapshotError(str(error)) from error
        self.alarms = dict(saved.alarms)
        for name, state in saved.banks.items():
            if name in self._banks:
                try:
                    self._banks[name] = self._bank(name, state)
                except ForeignSnapshotError:
                    continue


def reached_ms(watermarks_ms: Mapping[Clock, int | None]) -> int | None:
    """What both clocks have passed; None while one is not heard of."""
    made_ms, known_ms = watermarks_ms.get("predictions"), watermarks_ms.get("labels")
    return None if made_ms is None or known_ms is None else min(made_ms, known_ms)


def _streams(cells: AlarmCells) -> dict[str, list[int]]:
    """Estimator -> its pairs, which are the streams of its bank."""
    found: dict[str, list[int]] = {}
    for pair, (name, _) in enumerate(cells.pairs):
        found.setdefault(name, []).append(pair)
    return found


def _rows(told: Alarms, pairs: list[int], ms: Integers, start_ms: int) -> Iterator[AlarmRow]:
    """Alarms of one bank with their event times."""
    at_ms = ms[told.rows].tolist()
    columns = (told.streams, told.positions, told.before, told.after)
    for at, stream, position, before, after in zip(
        at_ms, *(column.tolist() for column in columns), strict=True
    ):
        yield AlarmRow(pairs[stream], position, start_ms + at, before, after)


def feeding_of(model: MonitoredModel) -> LossFeeding | None:
    """The feeding of a model in one partition; None where no estimator watches its losses."""
    if model.performance is None or model.alarm_cells is None:
        return None
    return LossFeeding(model, model.performance, model.alarm_cells)
