"""Versions learned while a worker runs: its tallies and judges go on, and new ones join them.

Rule.  A tally counts a version from the record on before which it was told of it; a judge has a
seat from the record on before which its bench was.  Whoever counts a version read its registration
first, so a pane of a version that is unknown here proves that the topic ``models`` says more than
was read (:mod:`streams.registrar`): it is read before the pane is passed by.

What ends a version goes to its judge by way of the topic ``panes``, so that it has its place in the
log that the judge reads (:mod:`engine.tenure`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic
from typing import Protocol, cast

from engine.effects import Publish
from engine.panes import PaneError
from engine.records import RecordBatch
from engine.snapshot import Snapshot
from engine.tally import Tally
from streams.benches import PANES, Bench, Seat, judge_name, panes_partition
from streams.checkpoint import Outbox
from streams.core import JudgeLike, TallyLike
from streams.judging import Judging
from streams.recovery import Recovery
from streams.registrar import Registrar
from streams.repeats import Repeats
from streams.snapshot_table import GivenUpError, Name, SnapshotTable
from streams.tallying import Tallying

log = logging.getLogger("longshore.worker")


class TeachingCore(Protocol):
    """A core that knows what is registered (:class:`streams.core.EngineCore`)."""

    def models(self) -> Mapping[str, str]:
        """Key (``model@version``) -> model name."""

    def read(self, value: bytes) -> tuple[str, bool]:
        """Whose record of the topic ``panes`` this is, and whether it is a mark."""

    def judge(self, key: str, resume: Snapshot | None) -> JudgeLike:
        """The judge of one model."""

    def teach(self, tally: TallyLike) -> None:
        """Tell a tally what is known now."""

    def untold_term(self, key: str, judge: JudgeLike) -> Publish | None:
        """What tells a judge its term; None when it knows it."""

    def is_outdated(self, key: str, judge: JudgeLike) -> bool:
        """Whether a judge knows another term, and a newer one."""


class Learning:
    """Brings what the registrar knows to the tallies and judges of one worker."""

    def __init__(
        self,
        core: TeachingCore,
        partitions: int,
        registrar: Registrar,
        tallying: Tallying,
        judging: Judging,
        snapshots: SnapshotTable,
        outbox: Outbox,
    ) -> None:
        """``partitions`` of the topic ``panes``."""
        self._core = core
        self._partitions = partitions
        self.registrar = registrar
        self._tallying = tallying
        self._judging = judging
        self._snapshots = snapshots
        self._outbox = outbox
        self._live = registrar.live
        self._repeats = Repeats()
        tallying.before = self._look_at_batch
        judging.before = self._look_at_pane

    async def _look_at_batch(self, batch: RecordBatch, tally: TallyLike) -> None:
        strange = cast("Tally", tally).strange(batch)
        if strange:
            await self.registrar.meet(strange)

    async def _look_at_pane(self, partition: int, value: bytes) -> None:
        bench = self._judging.benches.get(partition)
        with suppress(PaneError):  # refused where it is taken in
            target = self._core.read(value)[0]
            if bench is not None and target not in bench.seats and not target.endswith("@"):
                await self.registrar.meet({target}, of_panes=True)

    async def apply(self, recovery: Recovery) -> None:
        """Let everybody know what is known now.  Partitions must be held, and are not given up or
        saved meanwhile; raises what sending raises."""
        await self._tallying.learn(self._core.teach)
        models = self._core.models()
        for partition, bench in list(self._judging.benches.items()):
            for key in bench.seats.keys() - models.keys():
                del bench.seats[key]
                bench.listed.pop(key, None)  # it misses what comes until it is registered again
                bench.forgotten.add(key)
                self._live.judges.pop(key, None)
                bench.unsaved = True
            for key, model in models.items():
                if panes_partition(model, self._partitions) == partition and key not in bench.seats:
                    await self._seat(bench, key, recovery)
            untold = (self._core.untold_term(key, s.judge) for key, s in bench.seats.items())
            effects = [effect for effect in untold if effect is not None]
            bench.sent += await self._outbox.begin(effects)
            self._warn_of_outdated(bench)
        letters = self.registrar.letters(self._partitions, self._judging.benches.keys())
        await self._outbox.deliver(letters)

    def _warn_of_outdated(self, bench: Bench) -> None:
        """Registrations that a judge has heard of are gone from ``models``: it goes on by them."""
        for key, seat in bench.seats.items():
            if self._core.is_outdated(key, seat.judge):
                ending = self._repeats.ending("outdated", monotonic())
                if ending is not None:
                    log.warning(
                        "%s serves by a registration that is newer than all that models has of it: "
                        "was the topic deleted, or a version of it? Register it again%s",
                        key,
                        ending,
                    )

    async def _seat(self, bench: Bench, key: str, recovery: Recovery) -> None:
        """A seat for a version that was learned.

        What was saved of a judge that is on the bench's list is all that was ever said of it:
        whoever took the partition up before this worker had heard of the version would have met a
        pane of it.  Of any other, what was kept has missed what came meanwhile.
        """
        name, listed = judge_name(key), bench.listed.get(key)

        def build(snapshot: Snapshot | None, _: int) -> JudgeLike:
            return self._core.judge(key, snapshot if listed is not None else None)

        judge, restored, mine = recovery.resume(
            name, build, committed=bool(bench.durable), partition=bench.name.partition
        )
        kept = 0 if restored is None else restored.covered.get(PANES, 0)
        later = restored is not None and restored.generation > bench.listed_by
        if listed is not None and kept < listed and not later:
            recovery.trouble(
                name, f"snapshot {name}: it covers {kept}, one that covered {listed} is gone"
            )
        goes_on = listed is not None and restored is not None and not judge.fresh
        covered = kept if goes_on else bench.position
        recovery.conclude()
        own = Name(name, bench.name.partition, mine, recovery.owner)
        with suppress(GivenUpError):
            await self._snapshots.claim([own])
            async with self._judging.still:
                if self._judging.benches.get(own.partition) is not bench:
                    return  # given up meanwhile
                bench.forgotten.discard(key)
                bench.seats[key] = Seat(judge=judge, name=own, covered=covered, unsaved=True)
                bench.unsaved = True
                self._live.judges[key] = judge
