"""Reading the changelog of the snapshots for Faust's recovery, across rebalances.

Rule.  A fetch that began before a seek and ended after it may hold records from behind the seek,
and aiokafka's position stands behind them: what such a fetch gave is dropped, and the seek is done
again.  Otherwise those records reach nobody and the recovery waits for them for ever: aiokafka
holds a fetch until a rebalance is over, and Faust's recovery seeks in the same moment.  What is
read twice is harmless, the recovery drops offsets that it has seen.

Before a seek, what the changelog holds is read by librdkafka (:mod:`streams.changelog_feed`) and
put where the recovery would put it; the seek then goes behind it.  Nothing of it is used when
another seek or another assignment came meanwhile.

Once it is restored the changelog is not fetched any more: what comes to be on it is this worker's
own.  A seek fetches it again, so that whatever assignment it is of, a recovery never waits for what
is paused.  Both are done in the consumer's thread: aiokafka's fetcher does not bear a pause in the
middle of its look at the partitions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aiokafka.structs import TopicPartition
from faust.transport.drivers.aiokafka import Consumer as AioConsumer
from faust.types import TP

from streams.changelog_feed import ChangelogFeed, ReadAhead


class ChangelogConsumer(AioConsumer):
    """A consumer whose fetches lose nothing to a seek."""

    _changelog_feed: ChangelogFeed | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Faust's signature
        super().__init__(*args, **kwargs)
        self._seeks = 0
        self._sought: dict[TP, int] = {}
        self._assigned: int | None = None
        """The generation whose partitions are held, None from their revocation on."""
        self._sought_in: int | None = None
        """The generation of the last seek: of its partitions the changelog is read."""
        self.changelog_records_read = 0
        """Over the consumer's life: it moves while a restore gets on."""

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Read ahead, seek behind it, and remember to where."""
        self._seeks += 1
        self._sought, self._sought_in = dict(partitions), self._assigned
        seeks, ahead = self._seeks, await self._read_ahead(self._sought)
        if seeks == self._seeks:
            self._sought |= ahead
        await self._thread.call_thread(self._fetch_sought)
        await super().seek_wait(self._sought)

    async def _read_ahead(self, partitions: Mapping[TP, int]) -> dict[TP, int]:
        """Take what librdkafka reads of the changelog; from where each is read on."""
        feed, seeks, assigned = self._changelog_feed, self._seeks, self._assigned
        if feed is None:
            return {}
        recovery = self.app.tables.recovery
        # Faust seeks the last record that it knows, or 0 where it knows none.
        starts = {
            tp.partition: offset + 1 if offset else 0
            for tp, offset in partitions.items()
            if tp.topic == feed.topic
            and recovery.active_highwaters[tp] > recovery.active_offsets[tp]
        }
        read = await feed.read(starts, self._note_read)
        if seeks != self._seeks or assigned != self._assigned:
            return {}
        return {
            TP(feed.topic, p): self._keep(TP(feed.topic, p), found) for p, found in read.items()
        }

    def _note_read(self, records: int) -> None:
        self.changelog_records_read += records

    def _keep(self, tp: TP, found: ReadAhead) -> int:
        """Put what was read where Faust's recovery would, and have it go on behind it."""
        recovery = self.app.tables.recovery
        store = recovery.tp_to_table[tp].data
        for key, value in found.newest.items():
            if value is None:
                store.data.pop(key, None)
                store._key_partition.pop(key, None)  # noqa: SLF001 - as Faust's own store does
            else:
                store.data[key] = value
                store._key_partition[key] = tp.partition  # noqa: SLF001
        recovery.active_offsets[tp] = max(recovery.active_offsets[tp], found.next_offset - 1)
        return found.next_offset

    async def stop_fetching(self, seeks: int) -> None:
        """Pause what was sought, unless a recovery sought again since there were ``seeks``."""
        await self._thread.call_thread(self._pause_sought, seeks)

    async def _fetch_sought(self) -> None:
        self._thread._ensure_consumer().resume(*self._still_assigned())  # noqa: SLF001 - no public way

    async def _pause_sought(self, seeks: int) -> None:
        if seeks == self._seeks:
            self._thread._ensure_consumer().pause(*self._still_assigned())  # noqa: SLF001 - no public way

    def _still_assigned(self) -> list[TopicPartition]:
        assigned = self._thread._ensure_consumer().assignment()  # noqa: SLF001 - no public way
        sought = [TopicPartition(tp.topic, tp.partition) for tp in self._sought]
        return [tp for tp in sought if tp in assigned]

    async def _read_changelog(
        self, partitions: set[TP], timeout_s: float
    ) -> Iterator[tuple[TP, Any]]:
        """Records of these partitions in the order of the scheduler; none that a seek crossed."""
        seeks = self._seeks
        records = await self._getmany(active_partitions=partitions, timeout=timeout_s)
        if records and seeks != self._seeks:
            await self._thread.call_thread(self._seek_again)
            records = {}
        self.changelog_records_read += sum(map(len, (records or {}).values()))
        return iter(self.scheduler.iterate(records or {}))

    async def _seek_again(self) -> None:
        """In the consumer's thread, where no assignment comes between the question and the seek."""
        consumer = self._thread._ensure_consumer()  # noqa: SLF001 - no public way
        assigned = consumer.assignment()
        for tp, offset in self._sought.items():
            if tp in assigned:
                consumer.seek(tp, offset)
