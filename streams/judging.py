"""The judges of this worker: those of the models whose panes partition it holds.

Rule.  A model's panes all lie in one partition (key = model name), so its judge lives where that
partition is.  Each judge is saved under its own name with the panes offset that it covers; a record
of the partition, written last, says which judges there are and from where to read on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from time import monotonic, time
from typing import Final

from engine.panes import PaneError
from engine.snapshot import Snapshot
from streams.benches import (
    PANES,
    Bench,
    Seat,
    bench_of,
    judge_name,
    known_of,
    list_of,
    list_snapshot,
    panes_partition,
    read_list,
)
from streams.checkpoint import MAX_UNSETTLED, Outbox
from streams.core import Core, Effects, JudgeLike
from streams.feed import PanesBatch
from streams.forgetting import forget
from streams.live import LiveState
from streams.recovery import Recovery
from streams.repeats import Repeats
from streams.snapshot_table import Name, SnapshotTable
from streams.starting_offsets import Source

log = logging.getLogger("longshore.worker")

YIELD_EVERY: Final = 64
"""Records judged before the event loop gets its turn."""


class Judging:
    """Takes panes in, publishes what follows, writes snapshots."""

    def __init__(
        self, core: Core, partitions: int, outbox: Outbox, snapshots: SnapshotTable, live: LiveState
    ) -> None:
        self._core = core
        self._partitions = partitions
        self._outbox = outbox
        self._snapshots = snapshots
        self._live = live
        self.benches: dict[int, Bench] = {}
        """By partition of the panes topic."""
        live.usage["unsettled_judge_effects"] = lambda: max(
            (len(bench.sent) for bench in self.benches.values()), default=0
        )
        self.still = asyncio.Lock()
        """Held while a record is judged, and while what was judged becomes a snapshot."""
        self.before: Callable[[int, bytes], Awaitable[None]] | None = None
        """Looks at every record before it is taken in (:mod:`streams.learning`)."""
        self._repeats = Repeats()
        self._generation = -1

    async def take_up(self, committed: Mapping[Source, int | None], recovery: Recovery) -> None:
        """Restore the judges of every panes partition among the sources, one after the other.

        ``recovery`` is told of offsets that are committed but not covered by the restored state,
        and of judges that were saved and are gone.
        """
        self.drop()
        for role, partition in sorted(committed):
            if role == PANES:
                done = committed[role, partition] or 0
                bench = self._restore_bench(partition, recovery, committed=bool(done))
                if done > bench.position:
                    recovery.trouble(
                        bench.name.name,
                        f"{PANES}/{partition}: {done} committed but {bench.position} covered (was "
                        "the snapshots topic deleted or truncated?)",
                    )
                self.benches[partition] = bench
                await self._restore_seats(bench, recovery, committed=bool(done))

    def names(self) -> list[Name]:
        """The names under which these judges and their partitions are saved."""
        benches = self.benches.values()
        return [name for b in benches for name in (b.name, *(s.name for s in b.seats.values()))]

    def count(self, partitions: Collection[int]) -> int:
        """Judges that live in these partitions of the panes topic."""
        models = self._core.models().values()
        return sum(panes_partition(model, self._partitions) in partitions for model in models)

    def go(self, generation: int) -> None:
        """Begin to take records of this generation in."""
        self._generation = generation
        for bench in self.benches.values():
            self._live.judges.update({key: seat.judge for key, seat in bench.seats.items()})
        for key, judge in sorted(self._live.judges.items()):
            if judge.fresh:
                log.warning(
                    "windows of %s start afresh, decisions are kept: the layout "
                    "(features, bins, panes, windows, label rules, losses and who watches "
                    "them, profile) changed",
                    key,
                )
            elif judge.policy_changed:
                log.info("%s is judged by a changed policy; counts and decisions are kept", key)

    def _restore_bench(self, partition: int, recovery: Recovery, *, committed: bool) -> Bench:
        name = f"{PANES}/{partition}"

        def build(snapshot: Snapshot | None, _: int) -> dict[str, int]:
            return {} if snapshot is None else read_list(snapshot)

        listed, restored, mine = recovery.resume(name, build, committed=committed)
        return bench_of(Name(name, partition, mine, recovery.owner), listed, restored)

    def _build(self, key: str, snapshot: Snapshot | None, _: int) -> JudgeLike:
        return self._core.judge(key, snapshot)

    async def _restore_seats(self, bench: Bench, recovery: Recovery, *, committed: bool) -> None:
        """The judges of a partition.

        One that begins anew, or was not among those saved last, reads the partition from its
        beginning; the others drop what they have seen.
        """
        partition = bench.name.partition
        for key, model in self._core.models().items():
            if panes_partition(model, self._partitions) != partition:
                continue
            name = judge_name(key)
            build = partial(self._build, key)
            place = {"at_least": bench.name.generation, "partition": partition}
            judge, restored, mine = recovery.resume(name, build, committed=committed, **place)
            own = Name(name, partition, mine, recovery.owner)
            if key in bench.listed and self._snapshots.newest(name) is None:
                recovery.trouble(name, f"snapshot {name}: it was written and is gone")
            anew = restored is None or judge.fresh
            covered = 0 if restored is None or anew else restored.covered.get(PANES, 0)
            if restored is not None and not anew and covered < bench.listed.get(key, 0):
                if restored.generation <= bench.listed_by:
                    recovery.trouble(
                        name,
                        f"snapshot {name}: it covers {covered} of {PANES}/{partition}; a newer "
                        f"one, which covered {bench.listed[key]}, was written and is gone",
                    )
                bench.position = min(bench.position, covered)
            if anew or key not in bench.listed:
                bench.position = 0
            bench.seats[key] = Seat(judge=judge, name=own, covered=covered)
            self._live.restored()
            await asyncio.sleep(0)

    def halt(self) -> None:
        """Judge nothing more: what is said behind the last snapshot would be said again."""
        self._generation = -1

    def drop(self) -> None:
        """Forget every judge."""
        self.benches.clear()
        self._live.judges.clear()
        self._generation = -1

    def needed(self) -> dict[Source, int]:
        """Next offset that each panes partition needs."""
        return {(PANES, partition): bench.position for partition, bench in self.benches.items()}

    def continued(self) -> dict[Source, int]:
        """Lowest offset at which a judge goes on, also where another reads from further down."""
        return {
            (PANES, partition): min(seats)
            for partition, bench in self.benches.items()
            if (seats := [seat.covered for seat in bench.seats.values() if seat.covered])
        }

    def read_on_from(self, partition: int, offset: int) -> None:
        """Go on at this offset, what stood before it being gone or never having been."""
        bench = self.benches[partition]
        bench.position = offset
        bench.control.clear()  # what was handed on in between is gone too
        for seat in bench.seats.values():
            seat.covered = min(seat.covered, offset)
        bench.unsaved = True

    def covered(self, partition: int) -> int | None:
        """Next offset that durable snapshots cover."""
        bench = self.benches.get(partition)
        return None if bench is None else bench.durable

    async def take_in(self, batch: PanesBatch, generation: int) -> None:
        """Judge records that were fetched in this generation.  State may be saved between any two,
        and in the middle of what one makes due: a mark that is read again goes on where it was."""
        for offset, value in zip(batch.offsets, batch.values, strict=True):
            if self.before is not None and value is not None:
                await self.before(batch.partition, value)
            async with self.still:
                bench = self.benches.get(batch.partition)
                if bench is None or generation != self._generation:
                    return
                new = value is not None and offset >= bench.position
                seat = await self._begin(bench, offset, value or b"") if new else None
            if seat is not None and not await self._go_on(bench, seat, offset, generation):
                return
            bench.position, bench.unsaved = max(bench.position, offset + 1), True
            if offset % YIELD_EVERY == 0:
                await asyncio.sleep(0)

    async def _begin(self, bench: Bench, offset: int, value: bytes) -> Seat | None:
        """Take one record; the judge that has it, None where nobody wants it."""
        try:
            target = self._core.read(value)[0]
            seat = bench.seats.get(target) or bench.about(target, value, offset)
            if seat is None:
                self._live.unknown_panes_records += 1
                return None
            if offset < seat.covered:
                return None
            effects = seat.judge.begin(value)
        except PaneError as error:
            self._live.refused_panes_records += 1
            ending = self._repeats.ending(bench.name.partition, monotonic())
            if ending is not None:
                where = f"panes/{bench.name.partition} offset {offset}"
                log.error("%s is no tally's: %s%s", where, error, ending)  # noqa: TRY400 - one line
            return None
        seat.unsaved = True
        await self._send(bench, seat.judge, effects)
        return seat

    async def _go_on(self, bench: Bench, seat: Seat, offset: int, generation: int) -> bool:
        """Do all that the record made due; False when the partition was given up meanwhile."""
        while seat.judge.behind:
            await asyncio.sleep(0)
            async with self.still:
                held = self.benches.get(bench.name.partition) is bench
                if not held or generation != self._generation:
                    return False
                seat.unsaved = bench.unsaved = True
                await self._send(bench, seat.judge, seat.judge.go_on())
                self._live.judged_at_s = monotonic()
        seat.covered = offset + 1
        return True

    async def _send(self, bench: Bench, judge: JudgeLike, effects: Effects) -> None:
        """Send what a judge says, waiting when too much of it is under way."""
        if effects:
            self._note_delay(judge, effects)
            bench.sent += await self._outbox.begin(effects)
            if len(bench.sent) > MAX_UNSETTLED:
                await self._outbox.settle(bench.sent)

    def _note_delay(self, judge: JudgeLike, effects: Effects) -> None:
        """From the append of the record that closed a window to its numbers being at hand."""
        if judge.moved_by_ms >= 0 and any(effect.topic == "judgements" for effect in effects):
            self._live.delays.note(time() - judge.moved_by_ms / 1_000)

    async def checkpoint(self) -> None:
        """Wait for every effect, save the judges that changed, then their partitions."""
        async with self.still:
            due = [bench for bench in self.benches.values() if bench.unsaved]
            seats, heads = [], []
            for bench in due:
                await self._outbox.settle(bench.sent)
            self._outbox.refuse_undelivered()
            for bench in due:
                bench.unsaved = False
                heads.append((bench, bench.covered(bench.position), list_of(bench)))
                for seat in bench.seats.values():
                    if seat.unsaved or seat.name.written == 0:
                        seat.unsaved = False
                        seats.append((seat, seat.covered, seat.judge.snapshot()))
        # A judge made anew reads from further down: that must be known before it counts as saved.
        lower = [head for head in heads if head[1][PANES] < (head[0].durable or 0)]
        await self._write_heads([(bench, at, known_of(bench)) for bench, at, _ in lower])
        await asyncio.gather(
            *(self._snapshots.write(s.name, {PANES: covered}, state) for s, covered, state in seats)
        )
        await self._write_heads(heads)
        for bench, at, listed in heads:
            bench.durable, bench.listed = at[PANES], listed
        for bench in list(self.benches.values()):
            await forget(bench, self._snapshots)

    async def _write_heads(
        self, heads: Sequence[tuple[Bench, Mapping[str, int], Mapping[str, int]]]
    ) -> None:
        await asyncio.gather(
            *(
                self._snapshots.write(bench.name, covered, list_snapshot(listed))
                for bench, covered, listed in heads
            )
        )
