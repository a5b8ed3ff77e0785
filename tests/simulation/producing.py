"""The producer of one worker: futures that settle later, in the order of each partition.

Rule.  As aiokafka's producer: records of one partition travel in batches, one batch under way at a
time, so their order is kept; nothing is promised between partitions.  A batch on the wire arrives
though its sender froze, and may or may not arrive when its sender dies; what was still in the
sender's memory is gone.  An acknowledgement may be lost, then the batch is sent again and lies in
the log twice, for the producer is not idempotent.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from tests.simulation.broker import Broker, Sent
from tests.simulation.virtual_time import Process, VirtualLoop
from tests.simulation.weather import Weather

LINGER_S: Final = 0.002
MAX_BATCH: Final = 12
YIELD_SHARE: Final = 0.15
"""Sends that give other tasks a turn, as one that waits for metadata or room does."""


class SendError(RuntimeError):
    """The broker did not take a record in time."""


@dataclass
class Lane:
    """The way to one partition."""

    waiting: deque[Sent] = field(default_factory=deque)
    busy: bool = False


class Producer:
    """What ``app.producer`` is to a worker."""

    def __init__(
        self, loop: VirtualLoop, process: Process, broker: Broker, weather: Weather, chance: Random
    ) -> None:
        self._loop = loop
        self._process = process
        self._broker = broker
        self._weather = weather
        self._chance = chance
        self._lanes: dict[tuple[str, int], Lane] = {}
        self.unsettled = 0
        self.most_unsettled = 0

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        _timestamp: float | None,
        headers: list[tuple[str, bytes | None]] | None,
    ) -> Awaitable[Any]:
        """Take a record; the result settles when the broker has it."""
        if self._chance.random() < YIELD_SHARE:
            await asyncio.sleep(0)
        done: asyncio.Future[Any] = self._loop.create_future()
        self._broker.watch("send", topic, key, self._process)
        if self._process.state == "dead":
            return done
        where = self._broker.partition_of(topic, key) if partition is None else partition
        lane = self._lanes.setdefault((topic, where), Lane())
        lane.waiting.append(Sent(topic, where, key, value, headers, done, self._process.name))
        self.unsettled += 1
        self.most_unsettled = max(self.most_unsettled, self.unsettled)
        if not lane.busy:
            lane.busy = True
            self._loop.later(LINGER_S, self._transmit, lane, of=self._process)
        return done

    async def flush(self) -> None:
        """Wait until everything taken so far is settled."""
        under_way = [sent.done for lane in self._lanes.values() for sent in lane.waiting]
        if under_way:
            await asyncio.wait(under_way)

    def _transmit(self, lane: Lane) -> None:
        size = self._chance.randint(1, MAX_BATCH)
        batch = [lane.waiting[i] for i in range(min(size, len(lane.waiting)))]
        first = batch[0]
        delay_s = self._weather.delay_s(first.topic, self._loop.time(), self._chance)
        if self._chance.random() < self._weather.failing_sends:
            self._loop.later(delay_s, self._failed, lane, batch, of=self._process)
            return
        self._loop.later(delay_s, self._arrive, lane, batch)

    def _arrive(self, lane: Lane, batch: list[Sent]) -> None:
        """At the broker, whatever became of the sender meanwhile; a death cuts the connection."""
        if self._process.state == "dead" and self._chance.random() < 0.5:
            return
        for sent in batch:
            self._broker.append(sent)
        first = batch[0]
        delay_s = self._weather.delay_s(first.topic, self._loop.time(), self._chance)
        if self._chance.random() < self._weather.lost_acks:
            self._broker.seen["batch sent twice"] += 1
            self._loop.later(delay_s, self._resend, lane, batch, of=self._process)
        else:
            self._loop.later(delay_s, self._acked, lane, batch, of=self._process)
        for sent in batch:
            self._broker.watch("arrived", sent.topic, sent.key, self._process)

    def _resend(self, lane: Lane, batch: list[Sent]) -> None:
        self._loop.later(LINGER_S, self._arrive, lane, batch)

    def _acked(self, lane: Lane, batch: list[Sent]) -> None:
        self._settle(lane, batch, None)

    def _failed(self, lane: Lane, batch: list[Sent]) -> None:
        self._broker.seen["failed send"] += 1
        self._broker.failures.add((batch[0].topic, batch[0].partition))
        self._settle(lane, batch, SendError(f"{batch[0].topic}: no answer in time"))

    def _settle(self, lane: Lane, batch: list[Sent], error: SendError | None) -> None:
        for sent in batch:
            lane.waiting.popleft()
            self.unsettled -= 1
            if sent.done.done():
                continue
            if error is None:
                sent.done.set_result(None)
            else:
                sent.done.set_exception(error)
                sent.done.exception()  # nobody may be waiting for it any more
        lane.busy = bool(lane.waiting)
        if lane.waiting:
            self._transmit(lane)
