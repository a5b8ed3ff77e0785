"""Known ways to get it wrong, put into the product for the length of a run.

Rule.  A simulation is worth what it catches.  Each of these breaks one rule that exactness rests
on, in the place where the rule is kept; every one must be found out within a thousand seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final
from unittest import mock

import msgspec

import streams.checkpoint
import streams.pending
from engine.marks import Marks
from engine.open_panes import OpenPanes
from engine.panes import Mark
from engine.tally import Tally
from engine.tally_snapshot import ModelSnapshot
from streams.agents import Agents
from streams.checkpoint import Outbox
from streams.held_tally import Held
from streams.pending import Pending
from streams.pending_records import Refill
from streams.recovery import Recovery, Resumed
from streams.snapshot_table import SnapshotTable
from streams.tallying import Tallying

Mutation = Callable[[], AbstractContextManager[None]]
MUTATIONS: Final[dict[str, Mutation]] = {}


def mutation(break_it: Callable[[], Iterator[None]]) -> Callable[[], Iterator[None]]:
    """Take one more up, under its own name."""
    MUTATIONS[break_it.__name__] = contextmanager(break_it)
    return break_it


@mutation
def commit_before_the_snapshot() -> Iterator[None]:
    """Offsets are committed when they were counted, not when they are saved."""
    checkpoint = Agents._checkpoint

    async def eager(self: Any) -> None:  # noqa: ANN401
        for held in self._tallying._held.values():
            held.durable = dict(held.tally.covered)
        await self.consumer.commit()
        await checkpoint(self)

    with mock.patch.object(Agents, "_checkpoint", eager):
        yield


@mutation
def snapshot_before_the_panes() -> Iterator[None]:
    """What a flush says is not waited for before the state that remembers it is saved."""

    async def hasty(self: Any, effects: Any) -> None:  # noqa: ANN401
        await self.begin(effects)

    with mock.patch.object(Outbox, "deliver", hasty):
        yield


@mutation
def head_before_the_parts() -> Iterator[None]:
    """The record that makes a snapshot count is written first."""
    write = SnapshotTable._write

    async def backwards(self: Any, partition: int, records: Any, life: int) -> None:  # noqa: ANN401
        kept = self.__dict__.setdefault("kept", {}).setdefault(partition, [])
        if records and all(len(key.split(b"/")) == 3 and value for key, value in records):
            await write(self, partition, records, life)
            late = list(kept)
            kept.clear()
            await write(self, partition, late, life)
        else:
            kept.extend(records)

    with mock.patch.object(SnapshotTable, "_write", backwards):
        yield


def _codec(**lost: Any) -> AbstractContextManager[Any]:  # noqa: ANN401
    of = ModelSnapshot.of

    def forgetful(*arguments: Any) -> ModelSnapshot:  # noqa: ANN401
        saved = of(*arguments)
        return msgspec.structs.replace(saved, **{n: f(getattr(saved, n)) for n, f in lost.items()})

    return mock.patch.object(ModelSnapshot, "of", staticmethod(forgetful))


@mutation
def codec_drops_amended_counts() -> Iterator[None]:
    """A tally's snapshot keeps the on-time counts only."""
    with _codec(panes=lambda panes: {s: (on_time, None) for s, (on_time, _) in panes.items()}):
        yield


@mutation
def codec_drops_the_clock() -> Iterator[None]:
    """A tally's snapshot forgets the highest event times."""
    with _codec(newest_ms=lambda _: {}):
        yield


@mutation
def codec_drops_estimators() -> Iterator[None]:
    """A tally's snapshot forgets the estimators' states."""
    with _codec(banks=lambda _: {}):
        yield


@mutation
def merge_takes_any_stamp() -> Iterator[None]:
    """The judge believes whoever spoke last."""

    def last_wins(self: Any, record: Mark) -> bool:  # noqa: ANN401
        self.held[record.partition] = record
        return True

    hold = OpenPanes.hold

    def replace(self: Any, start_ms: int, partition: int, held: Any) -> None:  # noqa: ANN401
        pane = self.panes.get(start_ms)
        if pane is not None:
            pane.held.pop(partition, None)
        hold(self, start_ms, partition, held)

    with (
        mock.patch.object(Marks, "take", last_wins),
        mock.patch.object(OpenPanes, "hold", replace),
        mock.patch("engine.merge.stamp_of", return_value=(0, 0, 0)),
        mock.patch("engine.marks.stamp_of", return_value=(0, 0, 0)),
    ):
        yield


@mutation
def merge_adds() -> Iterator[None]:
    """The judge adds what is cumulative already: every record of a pane counts by itself."""
    hold = OpenPanes.hold

    def add(self: Any, start_ms: int, partition: int, held: Any) -> None:  # noqa: ANN401
        place = partition
        pane = self.panes.get(start_ms)
        while pane is not None and place in pane.held:
            place += 1_000
        hold(self, start_ms, place, held)

    with mock.patch.object(OpenPanes, "hold", add):
        yield


@mutation
def marks_before_panes() -> Iterator[None]:
    """Event time is moved before the counts are there."""

    async def backwards(self: Any, effects: Any) -> None:  # noqa: ANN401
        await streams.checkpoint.settle(await self.begin(reversed(list(effects))))

    with mock.patch.object(Outbox, "deliver", backwards):
        yield


@mutation
def covered_records_count_again() -> Iterator[None]:
    """After a restore, records below the snapshot's offset are counted once more."""
    remember = Tally._remember

    def forget(self: Any, batch: Any, start: int) -> Any:  # noqa: ANN401
        remember(self, batch, start)
        return batch

    with mock.patch.object(Tally, "_remember", forget):
        yield


@mutation
def zombies_overwrite() -> Iterator[None]:
    """Snapshots stand under one key, whoever wrote them."""
    resume = Recovery.resume

    def same(self: Any, name: str, build: Any, *, committed: bool) -> Any:  # noqa: ANN401
        def of_the_first(snapshot: Any, _: int) -> Any:  # noqa: ANN401
            return build(snapshot, 1)

        found: Resumed[Any] = resume(self, name, of_the_first, committed=committed)
        return found._replace(generation=1)

    with mock.patch.object(Recovery, "resume", same):
        yield


async def _nothing(*_: Any) -> None:  # noqa: ANN401
    """Take everything and do nothing."""


@mutation
def claims_are_not_kept() -> Iterator[None]:
    """A life that died before its first snapshot leaves no trace to the next one."""
    with (
        mock.patch.object(SnapshotTable, "claim", _nothing),
        mock.patch.object(Tallying, "claim", _nothing),
    ):
        yield


@mutation
def claims_hold_no_state() -> Iterator[None]:
    """A tally's owner takes its number without saving what it goes on from."""

    async def bare(self: Any) -> None:  # noqa: ANN401
        await self._snapshots.claim([held.name for held in self._held.values()])

    with mock.patch.object(Tallying, "claim", bare):
        yield


@mutation
def stale_owners_go_on() -> Iterator[None]:
    """Who took partitions up too late takes a higher number than their owner."""
    with mock.patch.object(SnapshotTable, "owner", return_value=None):
        yield


@mutation
def disk_before_the_snapshot() -> Iterator[None]:
    """What waits for labels is written as soon as its snapshot is made, durable or not."""
    checkpoint = Tallying.checkpoint

    async def eager(self: Any) -> None:  # noqa: ANN401
        write = self._snapshots.write

        async def late(to: Any, *arguments: Any) -> None:  # noqa: ANN401
            for held in self._held.values():
                if held.name is to and held.pending is not None:
                    await held.pending.confirm()
            await write(to, *arguments)

        with mock.patch.object(self._snapshots, "write", late):
            await checkpoint(self)
        self._room.set()

    with mock.patch.object(Tallying, "checkpoint", eager):
        yield


@mutation
def disk_before_the_commit() -> Iterator[None]:
    """What waits for labels is written whether the group took the commit or not."""
    with mock.patch.object(Held, "is_committed", return_value=True):
        yield


@mutation
def ends_are_not_told() -> Iterator[None]:
    """Entries that left stay on the topic."""
    real = streams.pending.change_records

    def puts_only(*arguments: Any) -> Iterator[Any]:  # noqa: ANN401
        return (record for record in real(*arguments) if record[1] is not None)

    with mock.patch.object(streams.pending, "change_records", puts_only):
        yield


@mutation
def late_rows_are_believed() -> Iterator[None]:
    """Whoever reads the topic takes what a worker wrote after it had lost the partition."""
    with mock.patch.object(Refill, "_claim", return_value=False):
        yield


@mutation
def any_disk_will_do() -> Iterator[None]:
    """A disk is used whatever state it holds."""

    def believed(self: Any, *arguments: Any) -> None:  # noqa: ANN401
        opened(self, *arguments)
        if self._disk.holds:
            self._usable = True
            self._say_filled(filled=True)

    opened = Pending.open
    with mock.patch.object(Pending, "open", believed):
        yield
