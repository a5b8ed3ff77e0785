"""The output topics as the live page reads them: from a bounded way back, then as they grow.

Rule.  Beside the group and without one: every worker reads all partitions, so each of them shows
all models, and a restart finds what was said before.  It is read in a thread of its own, in small
batches with a pause after each while it catches up, and handed to the event loop one batch at a
time: the loop never waits, and what was read is never more than a batch ahead.  A topic that cannot
be read (it is not there yet, or there are no rights to it) is told in the log by its name and tried
again; the others are shown meanwhile, as are partitions that are added later.  Nothing that goes
wrong here ends the reading or costs the worker anything else: what cannot be kept is left out.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from time import monotonic
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from streams.clients import librdkafka_reader_options
from streams.settings import Settings
from streams.topics import topic_name
from streams.web.entries import ROLES, Entry, entry_of

MAX_RECORDS_BACK: Final = 5_000
"""Of one partition, from its end, that are read at a start."""
MAX_BATCH_RECORDS: Final = 200
WAIT_S: Final = 0.25
ASK_WAIT_S: Final = 5.0
AGAIN_AFTER_S: Final = 5.0
LOOK_AGAIN_S: Final = 60.0
"""How often it is looked for partitions that are new, once all topics are read."""
TOLD_EVERY_S: Final = 60.0
JOIN_LIMIT_S: Final = 2.0

log = logging.getLogger("longshore.page")

Take = Callable[[Sequence[Entry]], None]


class LogReader:
    """Reads the topics and hands what it found to ``take``, in the loop that starts it."""

    def __init__(self, settings: Settings, take: Take) -> None:
        self._settings = settings
        self._take = take
        self._roles = {topic_name(settings, role): role for role in ROLES}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._told_at_s = -TOLD_EVERY_S
        self.unreadable = 0
        """Records that were none of ours."""
        self.faults = 0
        """Batches that were left out because keeping them failed."""

    def start(self) -> None:
        """Begin, in a thread; call it inside the loop."""
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(
            target=self._run, args=(loop,), name="longshore-page", daemon=True
        )
        self._thread.start()

    async def stop(self) -> None:
        """End the thread; it is waited for a moment only."""
        self._stop.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, JOIN_LIMIT_S)
            self._thread = None

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._stop.is_set():
            try:
                self._read(loop)
            except KafkaException as error:
                self._tell(error.args[0].str())
            except Exception as error:  # noqa: BLE001 - whatever it is, the page is read on
                if loop.is_closed():
                    return
                self._tell(repr(error))
            self._stop.wait(AGAIN_AFTER_S)

    def _options(self) -> dict[str, Any]:
        options = librdkafka_reader_options(self._settings)
        # Whoever reads from a while back must not fail where retention was quicker.
        more = {"auto.offset.reset": "earliest", "enable.partition.eof": False}
        return options | more | {"error_cb": lambda _: None}

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        consumer = Consumer(self._options())
        read: set[tuple[str, int]] = set()
        look_at_s = monotonic()
        try:
            while not self._stop.is_set():
                if monotonic() >= look_at_s:
                    whole = self._begin_new(consumer, read)
                    look_at_s = monotonic() + (LOOK_AGAIN_S if whole else AGAIN_AFTER_S)
                messages = consumer.consume(MAX_BATCH_RECORDS, WAIT_S)
                began = monotonic()
                entries = self._entries(messages)
                if entries:
                    self._hand_over(loop, entries)
                if len(messages) == MAX_BATCH_RECORDS:
                    # As long as it took, the interpreter is for others, who are restored meanwhile.
                    self._stop.wait(monotonic() - began)
        finally:
            consumer.close()

    def _entries(self, messages: Sequence[Message]) -> list[Entry]:
        entries = []
        for message in messages:
            error = message.error()
            if error is not None:
                self._tell(f"{message.topic()}: {error.str()}")
                continue
            entry = entry_of(self._roles.get(message.topic() or "", ""), message.value())
            if entry is None:
                self.unreadable += 1
                self._tell(f"{message.topic()}: {self.unreadable} records cannot be shown")
            else:
                entries.append(entry)
        return entries

    def _hand_over(self, loop: asyncio.AbstractEventLoop, entries: list[Entry]) -> None:
        """Wait until the loop took them."""

        async def taken() -> None:
            try:
                self._take(entries)
            except Exception:
                self.faults += 1
                log.exception("the live page leaves %d records out", len(entries))

        done = asyncio.run_coroutine_threadsafe(taken(), loop)
        while not self._stop.is_set():
            try:
                done.result(WAIT_S)
            except FutureTimeoutError:
                continue
            return

    def _begin_new(self, consumer: Consumer, read: set[tuple[str, int]]) -> bool:
        """Read partitions that are not read yet, from MAX_RECORDS_BACK before their end; whether
        every topic could be."""
        found: list[TopicPartition] = []
        whole = True
        for name in self._roles:
            try:
                found += _starts(consumer, name, read)
            except KafkaException as error:
                whole = False
                self._tell(f"{name}: {error.args[0].str()}")
                if error.args[0].code() < 0:
                    break  # the client's own trouble: no broker answers, of whatever topic
        if found:
            consumer.incremental_assign(found)
            read |= {(one.topic, one.partition) for one in found}
        return whole

    def _tell(self, what: str) -> None:
        if monotonic() - self._told_at_s >= TOLD_EVERY_S:
            self._told_at_s = monotonic()
            log.warning("the live page lacks what stands on the output topics: %s", what)


def _starts(consumer: Consumer, name: str, read: set[tuple[str, int]]) -> list[TopicPartition]:
    """Where to begin in the partitions of a topic that are not read yet."""
    told = consumer.list_topics(name, timeout=ASK_WAIT_S).topics[name]
    if told.error is not None:
        raise KafkaException(told.error)
    starts = []
    for number in sorted(told.partitions):
        if (name, number) not in read:
            place = TopicPartition(name, number)
            first, end = consumer.get_watermark_offsets(place, timeout=ASK_WAIT_S)
            starts.append(TopicPartition(name, number, max(first, end - MAX_RECORDS_BACK)))
    return starts
