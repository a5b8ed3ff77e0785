"""Reading the changelog of the snapshots for Faust's recovery, across rebalances.

Rule.  A fetch that began before a seek and ended after it may hold records from behind the seek,
and aiokafka's position stands behind them: what such a fetch gave is dropped, and the seek is done
again.  Otherwise those records reach nobody and the recovery waits for them for ever: aiokafka
holds a fetch until a rebalance is over, and Faust's recovery seeks in the same moment.  What is
read twice is harmless, the recovery drops offsets that it has seen.

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


class ChangelogConsumer(AioConsumer):
    """A consumer whose fetches lose nothing to a seek."""

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
        """Seek, and remember to where."""
        self._seeks += 1
        self._sought, self._sought_in = dict(partitions), self._assigned
        await self._thread.call_thread(self._fetch_sought)
        await super().seek_wait(partitions)

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
