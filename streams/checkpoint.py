"""The order of a checkpoint: effects, then the snapshot, then the offset.

Rule.  What a snapshot says was done must be done before it: effects are delivered first.  What an
offset says is covered must be covered before it: the snapshot is durable first.  A crash between
any two steps repeats work whose repetition changes nothing (stamps and deterministic ids), and
never loses any.  No Kafka transactions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from time import monotonic, time
from typing import Any, Final

from engine.dead_letters import with_origin
from engine.effects import Publish
from streams.core import Effects
from streams.live import LiveState
from streams.snapshots import Record, Restored, apply, encode_snapshot, restore, superseded

MAX_UNSETTLED: Final = 5_000
"""Effects on their way per owner before it waits for them."""

Send = Callable[..., Awaitable[Awaitable[Any]]]
"""``producer.send(topic, key, value, partition, timestamp, headers)`` of Faust's producer."""


class Outbox:
    """Carries effects to the output topics."""

    def __init__(
        self,
        send: Send,
        topic_name: Callable[[str], str],
        read: Callable[[bytes], tuple[str, bool]],
        live: LiveState,
    ) -> None:
        self._send = send
        self._topic_name = topic_name
        self._read = read
        self._live = live

    async def begin(self, effects: Iterable[Publish]) -> list[Awaitable[Any]]:
        """Hand effects to the producer, in order; the result settles each of them."""
        sent = []
        for effect in effects:
            headers = list(with_origin(effect.headers, self._topic_name)) or None
            name = self._topic_name(effect.topic)
            sent.append(await self._send(name, effect.key, effect.value, None, None, headers))
            published = self._live.published
            published[effect.topic] = published.get(effect.topic, 0) + 1
        return sent

    async def deliver(self, effects: Effects) -> None:
        """Hand effects over and wait until the brokers have them.

        Marks go in a second wave: a mark that arrived while a pane before it was lost would close
        windows over the hole.
        """
        waves: tuple[list[Publish], list[Publish]] = ([], [])
        for effect in effects:
            value = effect.value
            is_mark = effect.topic == "panes" and value is not None and self._read(value)[1]
            waves[is_mark].append(effect)
        for wave in waves:
            await settle(await self.begin(wave))


async def settle(sent: list[Awaitable[Any]]) -> None:
    """Wait for all; raises the first failure."""
    if sent:
        await asyncio.gather(*sent)


@dataclass
class Name:
    """The writing side of one snapshot's name."""

    name: str
    partition: int
    generation: int
    """Part of the key; above that of every snapshot of the name before it."""
    slot: int | None = None
    written: int = 0


class SnapshotTable:
    """Snapshots in a Faust table: read from its restored memory, written to its changelog.

    Faust refuses table writes outside a stream event, so records go straight to the changelog and
    the table's memory is given the same change.
    """

    def __init__(self, table: Any, topic: str, send: Send, live: LiveState) -> None:  # noqa: ANN401
        self._table = table
        self._topic = topic
        self._send = send
        self._live = live

    def restore(self, name: str) -> Restored | None:
        """The newest snapshot of ``name``; SnapshotError when it cannot be used."""
        return restore(self._records, name)

    @property
    def _records(self) -> dict[bytes, bytes]:
        records: dict[bytes, bytes] = self._table.data.data
        return records

    async def write(self, to: Name, covered: Mapping[str, int], state: bytes) -> None:
        """Make a snapshot durable; older generations go before the second one of a new."""
        began = monotonic()
        parts, head = encode_snapshot(to.name, to.generation, covered, state, to.slot)
        if to.written == 1:
            old = superseded(self._records, to.name, to.generation)
            await self._write(to.partition, [(key, None) for key in old])
        await self._write(to.partition, parts)
        await self._write(to.partition, [head])
        to.slot = 0 if to.slot is None else 1 - to.slot
        to.written += 1
        self._live.snapshots += 1
        self._live.snapshot_bytes += len(state)
        self._live.snapshot_seconds += monotonic() - began
        self._live.last_snapshot_s = time()

    async def _write(self, partition: int, records: list[Record]) -> None:
        sent = [
            await self._send(self._topic, key, value, partition, None, None)
            for key, value in records
        ]
        await settle(sent)
        apply(self._records, records)
        partitions: dict[bytes, int] = self._table.data._key_partition  # noqa: SLF001
        for key, value in records:
            # The store forgets keys by their partition when one moves away.
            if value is None:
                partitions.pop(key, None)
            else:
                partitions[key] = partition
