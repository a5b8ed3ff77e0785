"""Control records on their way to the judges, by way of the topic ``panes``.

Rule.  A judge must do the same whoever reads its log again, and a control topic has no place among
the panes.  So whoever holds a partition of ``panes`` writes the control records of its models into
that partition, once each and in their order, and the judge takes them from there: from then on
their place among the panes is a part of the log.

One record is handed on and acknowledged before the next is: none can be missing before one that is
there.  How far a partition of ``panes`` has got is saved with its judges; what was handed on after
that is handed on again by the next owner, as a zombie's is, and the judge knows both by topic,
partition and offset.  What is no result, or of no model, is a dead letter of exactly one of the
partitions of ``panes``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from time import monotonic
from typing import Final

from engine.effects import Publish
from engine.panes import Forwarded, encode, every_version
from engine.retraining_results import Unusable, model_named, read_result
from streams.benches import Bench, panes_partition
from streams.checkpoint import Outbox
from streams.control import ControlError, ControlFeed, ControlRecord
from streams.core import Core
from streams.judging import Judging
from streams.live import LiveState
from streams.starting_offsets import Source

log = logging.getLogger("longshore.control")

FORWARDED_ROLES: Final = ("retraining-results",)
ASK_AGAIN_S: Final = 10.0
"""After brokers did not say what the control topics hold."""


def place_of(source: Source, topic_id: str) -> str:
    """The name under which the position in one partition of a control topic is kept; that of
    another topic of the same name is another."""
    return f"{source[0]}/{source[1]}/{topic_id}"


class Forwarding:
    """Hands the control records of this worker's models on, a turn at a time."""

    def __init__(
        self,
        core: Core,
        partitions: int,
        judging: Judging,
        outbox: Outbox,
        feed: ControlFeed,
        topic_ids: Mapping[str, str],
        live: LiveState,
    ) -> None:
        """``partitions`` of the topic ``panes``; ``topic_ids`` by role, as far as told."""
        self._core = core
        self._partitions = partitions
        self._judging = judging
        self._outbox = outbox
        self._feed = feed
        self._topic_ids = topic_ids
        self._live = live
        self._begun = False
        self._lives = 0
        """Raised by every drop: what a turn began before one is not for the judges after it."""
        self._ask_at_s = 0.0

    def drop(self) -> None:
        """The judges are held no more: the next ones have positions of their own."""
        self._begun = False
        self._lives += 1

    async def turn(self) -> None:
        """Hand on what is there.  Judges must be held; raises what sending raises."""
        life = self._lives
        if not self._judging.benches or not await self._begins():
            return
        for record in await self._feed.fetch():
            if life != self._lives:
                return
            place = place_of(record.source, self._topic_ids.get(record.role, ""))
            for partition, bench in list(self._judging.benches.items()):
                if record.offset >= bench.control.get(place, 0):
                    await self._hand_on(record, partition)
                    _pass(bench, place, record.offset + 1)

    async def _begins(self) -> bool:
        """Whether the topics are read, from where the judge that is furthest behind wants them."""
        if not self._begun and monotonic() >= self._ask_at_s:
            life = self._lives
            try:
                await self._feed.begin(self._positions())
            except ControlError as error:
                self._ask_at_s = monotonic() + ASK_AGAIN_S
                log.warning("%s; asking again in %g s", error, ASK_AGAIN_S)
            else:
                self._begun = life == self._lives
        return self._begun

    def _positions(self) -> dict[Source, int]:
        """Per source that every bench has passed something of: the lowest position."""
        found: dict[Source, list[int]] = {}
        benches = self._judging.benches.values()
        for bench in benches:
            for place, at in list(bench.control.items()):
                role, partition, topic_id = place.split("/", 2)
                if topic_id != self._topic_ids.get(role, ""):
                    del bench.control[place]  # of a topic that is gone
                else:
                    found.setdefault((role, int(partition)), []).append(at)
        return {source: min(at) for source, at in found.items() if len(at) == len(benches)}

    async def _hand_on(self, record: ControlRecord, partition: int) -> None:
        """Write the record into this partition of ``panes`` where it belongs there."""
        try:
            model = model_named(record.key, record.value)
        except Unusable as error:
            if record.partition % self._partitions == partition:
                await self._reject(record, error.reason)
            return
        if panes_partition(model, self._partitions) != partition:
            return
        if model not in self._core.models().values():
            await self._reject(record, "unknown_model")
            return
        try:
            read_result(record.value)
        except Unusable as error:
            await self._reject(record, error.reason)
            return
        told = Forwarded(
            every_version(model),
            record.role,
            self._topic_ids.get(record.role, ""),
            record.partition,
            record.offset,
            record.timestamp_ms,
            record.value or b"",
        )
        await self._outbox.deliver([Publish("panes", model.encode(), encode(told))])
        self._count(record.role, "forwarded")

    async def _reject(self, record: ControlRecord, reason: str) -> None:
        await self._outbox.deliver([record.letter(reason)])
        self._count(record.role, "rejected")

    def _count(self, role: str, outcome: str) -> None:
        counts = self._live.control_records
        counts[role, outcome] = counts.get((role, outcome), 0) + 1


def _pass(bench: Bench, place: str, position: int) -> None:
    bench.control[place] = position
    bench.unsaved = True
