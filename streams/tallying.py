"""The tallies of this worker: one per source partition, from take-up to give-up.

Rule.  A tally is built from its snapshot when its partition is taken up and dropped when it is
given up; nothing is carried over, because another worker may have counted in between.  A batch
fetched in another generation than the tally was built in is thrown away for the same reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from engine.idleness import Silence
from engine.records import RecordBatch
from engine.snapshot import Snapshot
from engine.spec import Topic
from streams.checkpoint import MAX_UNSETTLED, Outbox
from streams.core import Core, TallyLike
from streams.feed import Feed
from streams.held_tally import Held, most, silences_of, tell_fresh
from streams.live import LiveState
from streams.pending import Pending
from streams.pending_places import Places
from streams.reading_order import ReadingOrder
from streams.recovery import Recovery
from streams.snapshot_table import Name, SnapshotTable
from streams.starting_offsets import Source
from streams.topics import INPUT_ROLES

MAX_OPEN_CELLS: Final = 25_000_000
"""Counts that a tally holds open (8 bytes each) before it tells its panes out of turn: a history
with an event in each pane makes panes faster than the beat tells them."""


class Tallying:
    """Takes batches in, flushes panes, writes snapshots, declares idle sources."""

    def __init__(
        self,
        core: Core,
        outbox: Outbox,
        snapshots: SnapshotTable,
        feed: Feed,
        live: LiveState,
        places: Places | None = None,
    ) -> None:
        """``places`` is where what waits for labels is kept; None keeps it in the snapshot."""
        self._core = core
        self._outbox = outbox
        self._snapshots = snapshots
        self._feed = feed
        self._live = live
        self._held: dict[int, Held] = {}
        self._places = places
        self._room = asyncio.Event()
        """Set when what waits for the disk was written, or let go."""
        live.usage |= {
            "open_tally_cells": lambda: most(self._held, lambda held: held.tally.open_cells),
            "unsettled_tally_effects": lambda: most(self._held, lambda held: len(held.sent)),
            "overlay_changes": lambda: most(self._held, lambda held: held.overlay),
        }
        self._still = asyncio.Lock()
        """Held while batches are taken in, and while what was flushed becomes a snapshot."""
        self._telling = asyncio.Lock()
        """Held while panes are told: no mark may overtake a pane of the flush before it."""
        self._generation = -1
        self._order = ReadingOrder(feed)
        self.before: Callable[[RecordBatch, TallyLike], Awaitable[None]] | None = None
        """Looks at every batch before it is taken in (:mod:`streams.learning`)."""

    async def take_up(self, committed: Mapping[Source, int | None], recovery: Recovery) -> None:
        """Restore the tally of every partition among the sources, one after the other.

        ``recovery`` is told of committed offsets that the restored state does not cover.
        """
        self.drop()
        for partition in sorted({p for role, p in committed if role in INPUT_ROLES}):
            known = any(committed.get((topic, partition)) for topic in INPUT_ROLES)
            held = self._held[partition] = self._restore(partition, recovery, committed=known)
            lost = [
                f"{done} committed but {covered} covered of {topic}"
                for topic in INPUT_ROLES
                if (done := committed.get((topic, partition)) or 0)
                > (covered := held.tally.covered.get(topic, 0))
            ]
            if lost:
                recovery.trouble(
                    held.name.name,
                    f"partition {partition}: {', '.join(lost)} (was the snapshots topic deleted or "
                    "truncated?)",
                )
            self._live.restored()
            await asyncio.sleep(0)

    def names(self) -> list[Name]:
        """The names under which these tallies are saved."""
        return [held.name for held in self._held.values()]

    async def claim(self) -> None:
        """Save every tally as it was restored, before anything is said in its name.

        From its first pane on the judges refuse what an owner before it says; a snapshot that such
        an owner still writes speaks of panes that nobody took, and must never be the newest.
        """
        await asyncio.gather(*(self._claim(held) for held in self._held.values()))

    async def _claim(self, held: Held) -> None:
        snapshot = held.tally.snapshot()
        if held.pending is not None:
            held.pending.claimed(snapshot)
        await self._snapshots.write(held.name, dict(held.tally.covered.items()), snapshot)

    async def fill(self, recovery: Recovery) -> None:
        """Read what waits for labels from its topic, where the disk does not have it."""
        for held in list(self._held.values()):
            if held.pending is not None:
                await held.pending.begin(recovery)

    def go(self, generation: int) -> None:
        """Begin to take batches of this generation in."""
        self._generation = generation
        self._live.tallies.update({p: held.tally for p, held in self._held.items()})
        tell_fresh(self._held)

    def _restore(self, partition: int, recovery: Recovery, *, committed: bool) -> Held:
        name = f"tally/{partition}"
        places, pending = self._places, None

        def build(snapshot: Snapshot | None, own: int) -> TallyLike:
            nonlocal pending
            pending = None if places is None else Pending(places, partition, own)
            return self._core.tally(partition, snapshot, own, pending)

        tally, restored, mine = recovery.resume(name, build, committed=committed)
        if pending is not None:
            pending.open(None if restored is None else restored.snapshot, tally.joined, recovery)
            self._live.pending_disk_bytes[partition] = pending.disk_bytes
        return Held(
            pending=pending,
            tally=tally,
            name=Name(name, partition, mine, recovery.owner),
            silences=silences_of(self._core, tally, {}),
            durable={} if restored is None else dict(tally.covered.items()),
        )

    def halt(self) -> None:
        """Count nothing more: what is said behind the last snapshot would be said again."""
        self._generation = -1

    def drop(self) -> None:
        """Forget every tally."""
        for held in self._held.values():
            held.close()
        self._held.clear()
        self._room.set()
        self._order.forget()
        self._live.pending_disk_bytes.clear()
        self._live.tallies.clear()
        self._generation = -1

    def needed(self) -> dict[Source, int]:
        """Next offset that each input source needs."""
        return {
            (topic, partition): held.tally.covered.get(topic, 0)
            for partition, held in self._held.items()
            for topic in INPUT_ROLES
        }

    def reread(self, source: Source) -> int:
        """Records before the needed one that the duplicate filters want again."""
        return self._held[source[1]].tally.reread_records

    def positioned(self, topic: Topic, partition: int, start: int) -> None:
        """From where a source is read; until the first record it stands there."""
        self._held[partition].positions[topic] = start

    def read_on_from(self, topic: Topic, partition: int, offset: int) -> None:
        """Go on at this offset, what stood before it being gone or never having been."""
        held = self._held[partition]
        held.tally.read_on_from(topic, offset)
        held.unsaved = True

    def covered(self, topic: Topic, partition: int) -> int | None:
        """Next offset that a durable snapshot covers."""
        held = self._held.get(partition)
        return None if held is None else held.durable.get(topic)

    async def take_in(self, batch: RecordBatch, generation: int) -> None:
        """Count a batch that was fetched in this generation."""
        coming = self._held.get(batch.partition)
        if self.before is not None and coming is not None:
            await self.before(batch, coming.tally)
        while (waiting := self._held.get(batch.partition)) is not None and waiting.is_full:
            self._room.clear()
            await self._room.wait()
        async with self._still:
            held = self._held.get(batch.partition)
            if held is None or generation != self._generation:
                return
            effects = held.tally.accept(batch)
            for key in held.tally.heard:
                silence = held.silences.get((batch.topic, key))
                if silence is not None:
                    silence.broken()
            held.positions[batch.topic] = batch.offsets[-1] + 1
            held.unflushed = held.unsaved = True
            self._live.batches += 1
            if effects:
                held.sent += await self._outbox.begin(effects)
                if len(held.sent) > MAX_UNSETTLED:
                    await self._outbox.settle(held.sent)
            self._order.look(batch.partition, held.tally)
            given_up = self._held.get(batch.partition) is not held
            if not given_up and held.tally.open_cells > MAX_OPEN_CELLS:
                await self.flush()

    async def learn(self, teach: Callable[[TallyLike], None]) -> None:
        """Let every tally know what ``teach`` tells it, between two batches."""
        async with self._still:
            for held in self._held.values():
                teach(held.tally)
                held.silences = silences_of(self._core, held.tally, held.silences)
                held.unflushed = held.unsaved = True

    @property
    def is_full(self) -> bool:
        """Whether a reader waits for the next checkpoint."""
        return any(held.is_full for held in self._held.values())

    async def flush(self) -> None:
        """Tell the judges what changed."""
        async with self._telling:
            effects = []
            for partition, held in self._held.items():
                self._order.look(partition, held.tally)
                if held.unflushed:
                    held.unflushed = False
                    effects += held.tally.flush()
            await self._outbox.deliver(effects)

    async def checkpoint(self) -> None:
        """Flush, wait for every effect, then make the state durable."""
        async with self._still:
            await self.flush()
            due = [held for held in self._held.values() if held.unsaved]
            for held in due:
                await self._outbox.settle(held.sent)
            self._outbox.refuse_undelivered()
            saved: list[tuple[Held, dict[str, int], Snapshot]] = []
            for held in due:
                held.unsaved = held.is_durable = False
                snapshot = held.tally.snapshot()
                saved.append((held, dict(held.tally.covered.items()), snapshot))
                if held.pending is not None:
                    held.pending.cut(snapshot)
        await asyncio.gather(
            *(self._snapshots.write(held.name, covered, state) for held, covered, state in saved)
        )
        for held, covered, _ in saved:
            held.durable, held.is_durable = covered, True

    async def confirm(self, committed: Callable[[Source], int | None]) -> None:
        """Write what waits for labels where the group took the commit of its snapshot."""
        for held in list(self._held.values()):
            if held.pending is not None and held.is_durable and held.is_committed(committed):
                await held.pending.confirm()
        self._room.set()

    async def declare_idle(self, now_ms: int) -> None:
        """Declare the sources idle that are (see :mod:`engine.idleness`)."""
        questions: dict[Source, list[Silence]] = {}
        for partition, held in self._held.items():
            known = held.tally.watermarks_ms().keys()
            for (topic, key), silence in held.silences.items():
                position = held.positions.get(topic)
                if position is None:
                    continue
                if key not in known:
                    continue  # let go since: its term and its labels' time are over
                read = self._feed.read_up_to((topic, partition), position)
                step = silence.step(read, now_ms)
                if step == "ask":
                    questions.setdefault((topic, partition), []).append(silence)
                elif step == "idle":
                    held.tally.declare_idle(topic, key)
                    held.unflushed = held.unsaved = True
        if questions:
            ends = await self._feed.ends(questions)
            for source, silences in questions.items():
                for silence in silences:
                    silence.answered(ends.get(source), now_ms)
