"""The two Faust agents and the beat between them.

Rule.  ``tally`` takes the input topics in, ``judge`` takes the panes in; neither acknowledges
anything, because offsets are committed only behind a durable snapshot.  One beat flushes and saves
on time, idle or not.  Whatever breaks in any of them ends the worker: Faust would log an agent's
exception, acknowledge its event and go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any, Final, cast

from engine.records import RecordBatch
from engine.spec import Topic
from streams.benches import PANES
from streams.checkpoint import Outbox
from streams.feed import PanesBatch
from streams.forwarding import Forwarding
from streams.judging import Judging
from streams.learning import Learning
from streams.live import LiveState
from streams.recovery import Recovery, RestoreError
from streams.settings import Settings
from streams.snapshot_table import GivenUpError, SnapshotTable
from streams.snapshots import Owner
from streams.starting_offsets import Gap, LogMismatchError, Source
from streams.tallying import Tallying

log = logging.getLogger("longshore.worker")

GIVE_UP_SHARE: Final = 0.5
"""Share of the rebalance time-out that a last checkpoint may take."""
IDLE_CHECK_S: Final = 1.0


class Agents:
    """Keeper of the state (:class:`streams.keeper.Keeper`) and body of the agents."""

    def __init__(
        self,
        settings: Settings,
        tallying: Tallying,
        judging: Judging,
        snapshots: SnapshotTable,
        outbox: Outbox,
        live: LiveState,
        forwarding: Forwarding | None = None,
    ) -> None:
        self._settings = settings
        self._outbox = outbox
        self._snapshots = snapshots
        self._tallying = tallying
        self._judging = judging
        self._live = live
        self._forwarding = forwarding
        self._generation = -1
        self._life = 0
        """Raised by every give-up."""
        self._saving = asyncio.Lock()
        """One checkpoint, take-up or give-up at a time."""
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self.consumer: Any = None
        self.learning: Learning | None = None

    async def take_up(self, committed: Mapping[Source, int | None], generation: int) -> None:
        """Restore the state of these sources, once per generation.

        Raises RestoreError when it cannot be restored exactly and is not to be rebuilt.
        """
        life = self._life
        if self.learning is not None:
            await self.learning.registrar.catch_up()
        async with self._saving:
            if generation == self._generation or life != self._life:
                return
            began = monotonic()
            try:
                await self._restore(committed, generation, life)
            except GivenUpError:
                assert life != self._life, "only a give-up ends what is being written"
            except BaseException:
                self._drop()
                raise
            if life != self._life:
                self._drop()
                return
            self._tallying.go(generation)
            self._judging.go(generation)
            self._generation = self._live.generation = generation
            self._live.state = "ready"
            self._live.rebalances += 1
            await self._learn()
            log.info(
                "generation %d: partitions %s, models judged here: %s, restored in %.2f s",
                generation,
                self._live.partitions(),
                sorted(self._live.judges) or "none",
                monotonic() - began,
            )

    async def _restore(
        self, committed: Mapping[Source, int | None], generation: int, life: int
    ) -> None:
        """Build the state, and claim it unless it was given up by then."""
        self._snapshots.look()
        self._live.restored_of = (0, self._to_restore(committed))
        recovery = self._recovery(generation)
        await self._tallying.take_up(committed, recovery)
        await self._judging.take_up(committed, recovery)
        self._live.restored_of = None
        if life == self._life:
            recovery.conclude()
            # Claims first: who sees a part of a snapshot must be able to see whose it is.
            await self._snapshots.claim([*self._tallying.names(), *self._judging.names()])
            await self._tallying.claim()
            await self._tallying.fill(recovery)
            recovery.conclude()

    async def learn(self) -> None:
        """Bring what was registered to the tallies and judges, now or with the next take-up."""
        async with self._saving:
            if self._generation >= 0:
                await self._learn()

    async def follow(self) -> None:
        """Follow what is registered, until cancelled."""
        try:
            if self.learning is not None:
                await self.learning.registrar.follow()
        except Exception as error:
            self.fail(error)
            raise

    async def _learn(self) -> None:
        if self.learning is not None:
            await self.learning.apply(self._recovery(self._generation))

    def _recovery(self, generation: int) -> Recovery:
        owner = Owner(self._settings.group, generation)
        return Recovery(self._settings.recovery, self._snapshots, self._live, owner)

    def _to_restore(self, committed: Mapping[Source, int | None]) -> int:
        inputs = {partition for role, partition in committed if role != PANES}
        benches = {partition for role, partition in committed if role == PANES}
        return len(inputs) + self._judging.count(benches)

    def read_on(self, gaps: Sequence[Gap], starts: Mapping[Source, int]) -> None:
        """Sources whose log does not have what must be read next: go on where their logs start, or
        raise LogMismatchError, as the settings say."""
        if self._generation < 0:
            return  # given up while the brokers were asked how far the logs reach
        recovery = self._recovery(self._generation)
        for gap in gaps:
            recovery.trouble("gap", str(gap))
        try:
            recovery.conclude()
        except RestoreError as error:
            raise LogMismatchError(str(error)) from error
        for gap in gaps:
            role, partition = gap.source
            if role == PANES:
                self._judging.read_on_from(partition, starts[gap.source])
            else:
                self._tallying.read_on_from(cast("Topic", role), partition, starts[gap.source])

    def holds(self, generation: int) -> bool:
        """Whether the state taken up in this generation is held still."""
        return self._generation == generation

    def needed(self) -> dict[Source, int]:
        """Next offset that each source needs."""
        return self._tallying.needed() | self._judging.needed()

    def continued(self) -> dict[Source, int]:
        """Where a part of the state goes on exactly, though another one reads from further down."""
        return self._judging.continued()

    def reread(self, source: Source) -> int:
        """Records before the needed one that are wanted again; none once all was given up."""
        nothing = source[0] == PANES or self._generation < 0
        return 0 if nothing else self._tallying.reread(source)

    def positioned(self, starts: Mapping[Source, int]) -> None:
        """From where the sources are read, unless all was given up meanwhile."""
        if self._generation < 0:
            return
        for (role, partition), start in starts.items():
            if role != PANES:
                self._tallying.positioned(cast("Topic", role), partition, start)

    async def give_up(self) -> None:
        """Save what can be saved in time, then forget everything; a take-up under way comes to
        nothing.

        A failure here loses nothing: the next owner starts at the last snapshot.
        """
        self._life += 1
        self._tallying.halt()
        self._judging.halt()
        try:
            async with asyncio.timeout(self._settings.rebalance_timeout_s * GIVE_UP_SHARE):
                async with self._saving:
                    if self._generation >= 0:
                        await self._checkpoint()
        except Exception as error:  # noqa: BLE001 - the state is being dropped anyway
            log.warning("last checkpoint before giving up failed: %r", error)
        finally:
            self._drop()
            if self._live.state == "ready":
                self._live.state = "recovering"

    def _drop(self) -> None:
        self._generation = -1
        self._live.restored_of = None
        self._snapshots.let_go()
        self._outbox.begin_anew()
        self._tallying.drop()
        self._judging.drop()
        if self._forwarding is not None:
            self._forwarding.drop()

    def covered(self, source: Source) -> int | None:
        """Next offset that a durable snapshot covers."""
        role, partition = source
        if role == PANES:
            return self._judging.covered(partition)
        return self._tallying.covered(cast("Topic", role), partition)

    def fail(self, error: BaseException) -> None:
        """End the worker for this reason; the first one counts."""
        if not self.failed.done():
            self.failed.set_result(error)

    # -- agents -------------------------------------------------------------------------------

    async def tally(self, stream: Any) -> None:  # noqa: ANN401 - Faust's stream
        """Body of the agent over the input topics."""
        async for event in stream.noack().events():
            batch: RecordBatch = event.value
            try:
                await self._tallying.take_in(batch, event.message.generation_id)
            except Exception as error:
                self.fail(error)
                raise

    async def judge(self, stream: Any) -> None:  # noqa: ANN401 - Faust's stream
        """Body of the agent over the panes."""
        async for event in stream.noack().events():
            batch: PanesBatch = event.value
            try:
                await self._judging.take_in(batch, event.message.generation_id)
            except Exception as error:
                self.fail(error)
                raise

    # -- time ---------------------------------------------------------------------------------

    async def beat(self) -> None:
        """Flush, save and declare idle sources, each at its interval, until cancelled."""
        clock = asyncio.get_running_loop().time
        saved = looked = clock()
        while True:
            await asyncio.sleep(self._settings.flush_interval_s)
            try:
                now = clock()
                if now - looked >= IDLE_CHECK_S:
                    looked = now
                    await self._tallying.declare_idle(int(now * 1_000))
                async with self._saving:
                    if self._generation < 0:
                        continue
                    if self._forwarding is not None:
                        await self._forwarding.turn()
                        if self._generation < 0:
                            continue
                    if self._tallying.is_full or now - saved >= self._settings.snapshot_interval_s:
                        saved = now
                        await self._checkpoint()
                    else:
                        await self._tallying.flush()
            except GivenUpError as error:
                log.info("%s", error)
            except Exception as error:
                self.fail(error)
                raise

    async def _checkpoint(self) -> None:
        await self._tallying.checkpoint()
        await self._judging.checkpoint()
        await self.consumer.commit()
        await self._tallying.confirm(self.consumer.committed)
        self._live.committed = {
            source: offset
            for source in self.needed()
            if (offset := self.consumer.committed(source)) is not None
        }
