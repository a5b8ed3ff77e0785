"""One worker: builds the app, runs it in this process, ends it cleanly.

Rule.  SIGTERM and SIGINT stop taking, save, commit, leave the group and exit 0; anything that
breaks exits 1 with one line that says what, so that its partitions move to another worker.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic, time
from typing import Any, Final

from prometheus_client import CollectorRegistry

from engine.model import MonitoredModel
from streams.broker_answers import BrokersError
from streams.core import Core, EngineCore
from streams.http import HttpServer
from streams.live import LiveState
from streams.rights import check_worker
from streams.settings import Settings
from streams.topics import TopicsError

log = logging.getLogger("longshore.worker")

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
COLLECT_AFTER: Final = 100_000
"""New containers before the garbage collector looks: a batch makes tens of thousands that die by
reference count alone, and a look in the middle of one walks over all of them for nothing."""
STOP_LIMIT_S: Final = 15.0
"""Longest clean stop; after it the process ends anyway, and the group notices by its time-out."""

Listening = Callable[[str, int, LiveState], None]


def run_worker(
    settings: Settings,
    models: Sequence[MonitoredModel],
    *,
    registry: CollectorRegistry | None = None,
    live: LiveState | None = None,
    core: Core | None = None,
    listening: Listening | None = None,
) -> int:
    """Run until a signal; the exit code (0 stopped, 1 failed).

    ``registry`` is served at /metrics, ``live`` is filled for its collectors, ``listening`` is told
    the address of the HTTP server once it listens.
    """
    try:
        partitions = check_worker(settings)
    except TopicsError as error:
        for fault in error.faults:
            log.error("%s", fault)  # noqa: TRY400 - one line each
        return EXIT_FAILED
    except BrokersError as error:
        log.error("%s", error)  # noqa: TRY400 - one line
        return EXIT_FAILED
    except Exception as error:  # noqa: BLE001 - whatever the client raises, brokers are out of reach
        log.error("brokers %s: %s", ",".join(settings.brokers), error)  # noqa: TRY400 - one line
        return EXIT_FAILED
    chosen = core if core is not None else EngineCore(models, partitions)
    worker = Worker(settings, chosen, partitions, registry, live or LiveState(), listening)
    with tempfile.TemporaryDirectory(prefix="longshore-") as scratch:
        return asyncio.run(worker.run(Path(scratch)))


class Worker:
    """The life of one worker inside an event loop."""

    def __init__(
        self,
        settings: Settings,
        core: Core,
        partitions: int,
        registry: CollectorRegistry | None,
        live: LiveState,
        listening: Listening | None,
    ) -> None:
        self._settings = settings
        self._core = core
        self._partitions = partitions
        self._live = live
        self._http = HttpServer(registry or CollectorRegistry(), self.health)
        self._listening = listening

    def health(self) -> dict[str, Any]:
        """What /health answers."""
        watermarks = [
            at
            for tally in self._live.tallies.values()
            for topics in tally.watermarks_ms().values()
            for at in topics.values()
            if at is not None
        ]
        oldest = min(watermarks, default=None)
        feed, state = self._live.feed, str(self._live.state)
        stalled = [] if feed is None else feed.stalled()
        if state == "ready" and feed is not None:
            away = feed.away_since_s
            if away is not None and monotonic() - away > self._settings.session_timeout_s:
                state = "unreachable"
            elif stalled:
                state = "stalled"
        return {
            "state": state,
            "stalled": [f"{topic}/{partition}" for topic, partition in stalled],
            "partitions": self._live.partitions(),
            "models": sorted(self._live.judges),
            "watermark_age_seconds": None if oldest is None else round(time() - oldest / 1_000, 3),
        }

    async def run(self, scratch: Path) -> int:
        """Start, wait for a signal or a failure, stop."""
        from streams.app import quiet_faust, wire  # noqa: PLC0415 - importing Faust has effects

        quiet_faust()
        loop = asyncio.get_running_loop()
        asked = asyncio.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, asked.set)
        wired = wire(self._settings, self._core, self._partitions, scratch, self._live)
        gc.collect()
        gc.freeze()
        gc.set_threshold(COLLECT_AFTER)
        beat: asyncio.Task[None] | None = None
        code = EXIT_FAILED
        try:
            host, port = await self._http.start(self._settings.http.host, self._settings.http.port)
            log.info("serving http://%s:%d/metrics", host, port)
            if self._listening is not None:
                self._listening(host, port, self._live)
            self._live.state = "recovering"
            beat = asyncio.create_task(wired.agents.beat(), name="longshore-beat")
            code = await self._until_end(wired, asked)
        except OSError as error:
            log.error("http: %s", error)  # noqa: TRY400 - one line
        finally:
            self._live.state = "stopping"
            if beat is not None:
                beat.cancel()
            await self._stop(wired, save=code == EXIT_OK)
        return code

    async def _until_end(self, wired: Any, asked: asyncio.Event) -> int:  # noqa: ANN401
        """Run the app; 0 when asked to stop, 1 when anything broke."""
        started = asyncio.create_task(wired.app.maybe_start(), name="longshore-app")
        waits = {
            asyncio.create_task(asked.wait()): "asked",
            asyncio.create_task(wired.app._crashed.wait()): "crashed",  # noqa: SLF001
        }
        endings: set[asyncio.Future[Any]] = {*waits, wired.agents.failed, started}
        try:
            done, _ = await asyncio.wait(endings, return_when=asyncio.FIRST_COMPLETED)
            if done == {started} and started.exception() is None:
                endings.discard(started)
                done, _ = await asyncio.wait(endings, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*waits, started):
                task.cancel()
        if wired.agents.failed in done:
            log.error("stopped by a failure: %s", describe(wired.agents.failed.result()))
            return EXIT_FAILED
        if any(waits.get(task) == "crashed" for task in done if isinstance(task, asyncio.Task)):
            log.error("stopped by a failure: %s", describe(wired.app.crash_reason))
            return EXIT_FAILED
        if started in done:
            log.error("could not start: %s", describe(started.exception()))
            return EXIT_FAILED
        log.info("asked to stop")
        return EXIT_OK

    async def _stop(self, wired: Any, *, save: bool) -> None:  # noqa: ANN401
        began = monotonic()
        try:
            async with asyncio.timeout(STOP_LIMIT_S):
                if save:
                    wired.app.consumer.stop_flow()
                    await wired.feed.unassign()
                    await wired.agents.give_up()
                await wired.feed.close()
                await wired.app.stop()
        except Exception as error:  # noqa: BLE001 - the worker ends either way
            log.warning("stopping: %s", describe(error))
        await self._http.stop()
        log.info("stopped in %.1f s", monotonic() - began)


def describe(error: BaseException | None) -> str:
    """One line for the log: the kind of the error and its words."""
    if error is None:
        return "unknown"
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def exit_hard(code: int) -> None:
    """End the process now: client threads that hang must not keep a failed worker alive."""
    logging.shutdown()
    os._exit(code)
