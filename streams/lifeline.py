"""Keeps watch over a running worker: its progress, its brokers, its topics.

Rule.  A worker that gets nowhere, or whose topics are not those that it began with, ends with one
line and exit code 1.  It ends in order when the event loop still runs, and at once when not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from streams.broker_answers import BrokersError
from streams.live import LiveState
from streams.observation import Observer
from streams.settings import Settings
from streams.tls import tls_context
from streams.topic_identity import Identities, changes, describe_topics
from streams.topics import TopicsError
from streams.watchdog import Watchdog, WatchThread

BEAT_S: Final = 0.5
TOPICS_LOOK_S: Final = 20.0
"""Between two looks at the topics' ids and partition counts."""
TOPICS_SURE_S: Final = 3.0
"""A broker that has just started may not know all topics yet: a change is looked at twice."""
BEATING_S: Final = 4 * BEAT_S
"""A loop that does not beat in this time will end nothing in order."""
ORDERLY_END_S: Final = 20.0
"""Longest wait for the event loop to end a stuck worker in order."""

log = logging.getLogger("longshore.worker")


class StuckError(RuntimeError):
    """The worker gets nowhere."""


class Lifeline:
    """Watches one worker from its start to its stop."""

    def __init__(
        self,
        settings: Settings,
        live: LiveState,
        wired: Any,  # noqa: ANN401 - streams.app.WiredApp, whose module imports Faust
        topics: Identities,
        die: Callable[[], None],
    ) -> None:
        """``die`` ends the process at once, when nothing else can."""
        self._settings = settings
        self._live = live
        self._wired = wired
        self._topics = topics
        self._die = die
        self._loop = asyncio.get_running_loop()
        self.observer = Observer(
            live, settings.brokers, tls_context(settings.security), self._oldest_send_s
        )
        watchdog = Watchdog(
            stuck_after_s=settings.stuck_after_s, recovery_limit_s=settings.recovery_limit_s
        )
        self._thread = WatchThread(watchdog, self.observer.see, self._end)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()
        self._tasks = [
            asyncio.create_task(self._pulse(), name="longshore-pulse"),
            asyncio.create_task(self._watch_topics(), name="longshore-topics"),
        ]

    def stop(self) -> None:
        """Watch no more."""
        self._thread.stop()
        for task in self._tasks:
            task.cancel()

    @property
    def stuck(self) -> str | None:
        """What is stuck, the watching itself included; None while the worker gets on."""
        return self._thread.stuck

    def _oldest_send_s(self) -> float | None:
        producer = self._wired.transport.producer
        return None if producer is None else producer.oldest_s()

    async def _pulse(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            self.observer.beats += 1

    def _end(self, line: str) -> None:
        """Called by the watching thread."""
        beats = self.observer.beats
        try:
            self._loop.call_soon_threadsafe(self._wired.agents.fail, StuckError(line))
        except RuntimeError:  # the loop is closed: the worker has ended by itself
            return
        if self._thread.wait_for_stop(BEATING_S):
            return
        if beats != self.observer.beats and self._thread.wait_for_stop(ORDERLY_END_S):
            return
        log.error("stuck, ended at once: %s", line)
        self._die()

    async def _watch_topics(self) -> None:
        while True:
            await asyncio.sleep(TOPICS_LOOK_S)
            if await self._changed_topics():
                await asyncio.sleep(TOPICS_SURE_S)
                faults = await self._changed_topics()
                if faults:
                    self._wired.agents.fail(TopicsError(faults))
                    return

    async def _changed_topics(self) -> list[str]:
        try:
            now = await asyncio.to_thread(describe_topics, self._settings)
        except BrokersError:
            return []  # no broker answers; that is the watchdog's business
        return changes(self._topics, now)
