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
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any, Final

from prometheus_client import CollectorRegistry

from engine.model import MonitoredModel
from streams.broker_answers import BrokersError
from streams.client_logs import quiet_clients
from streams.control import ControlError
from streams.core import Core, EngineCore
from streams.data_dir import DataDir, DataDirError
from streams.failures import describe, tell_failure
from streams.health import health_view
from streams.http import HttpServer
from streams.lifeline import Lifeline
from streams.live import LiveState
from streams.models_log import registrar_of
from streams.reach import ReachError, reach
from streams.recovery import RestoreError
from streams.registrar import Registrar
from streams.rights import check_worker
from streams.settings import Settings
from streams.spoken import spoken
from streams.starting_offsets import LogMismatchError
from streams.state_view import state_view
from streams.tls import tls_context
from streams.topic_identity import Identities, describe_topics, ids_by_role
from streams.topics import TopicsError
from streams.warm_up import warm_up
from streams.web.shown import page_of

log = logging.getLogger("longshore.worker")

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
COLLECT_AFTER: Final = 100_000
"""New containers before the garbage collector looks: a batch makes tens of thousands, briefly."""
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
    quiet_clients()
    try:
        reach(settings.brokers, tls_context(settings.security), spoken())
        partitions = check_worker(settings)
        topics = describe_topics(settings)
        data_dir = DataDir(settings.data_dir) if settings.pending == "disk" else None
    except (DataDirError, BrokersError) as error:
        log.error("%s", error)  # noqa: TRY400 - one line
        return EXIT_FAILED
    except TopicsError as error:
        for fault in error.faults:
            log.error("%s", fault)  # noqa: TRY400 - one line each
        return EXIT_FAILED
    except ReachError as error:
        log.error("no broker can be used: %s", error)  # noqa: TRY400 - one line
        return EXIT_FAILED
    except Exception as error:  # noqa: BLE001 - whatever the client raises, brokers are out of reach
        log.error("brokers %s: %s", ",".join(settings.brokers), error)  # noqa: TRY400 - one line
        return EXIT_FAILED
    live = live or LiveState()
    own = EngineCore(models, partitions)
    worker = Worker(settings, core or own, partitions, topics, registry, live, listening)
    worker.data_dir = data_dir
    if core is None:
        worker.registrar = registrar_of(settings, models, own, live, warm_up)
    with tempfile.TemporaryDirectory(prefix="longshore-") as scratch:
        runner = asyncio.Runner()
        code = runner.run(worker.run(Path(scratch)))
        if not worker.hung:
            runner.close()  # waits for every task, whatever it waits for
        return code


class Worker:
    """The life of one worker inside an event loop."""

    def __init__(
        self,
        settings: Settings,
        core: Core,
        partitions: int,
        topics: Identities,
        registry: CollectorRegistry | None,
        live: LiveState,
        listening: Listening | None,
    ) -> None:
        self._settings = settings
        self._core = core
        self._partitions = partitions
        self._topics = topics
        self._live = live
        self.data_dir: DataDir | None = None
        """Where predictions wait for labels; None for memory and the snapshots."""
        self.registrar: Registrar | None = None
        """Who learns of versions; None where the models are those of the start."""
        self._lifeline: Lifeline | None = None
        self._refused = False
        self.hung = False
        """Whether something did not end in time: the loop must not be closed, the process may."""
        self._http = HttpServer(
            registry or CollectorRegistry(),
            self.health,
            live=self.alive,
            state=lambda: state_view(live),
            token=settings.http.token,
            page=page_of(settings, live),
        )
        self._listening = listening

    def alive(self) -> dict[str, Any]:
        """What /live answers."""
        stuck = None if self._lifeline is None else self._lifeline.stuck
        return {"alive": stuck is None, "stuck": stuck}

    def health(self) -> dict[str, Any]:
        """What /health answers."""
        return health_view(self._live, self._lifeline)

    async def run(self, scratch: Path) -> int:
        """Start, wait for a signal or a failure, stop."""
        from streams.app import attach, wire  # noqa: PLC0415 - importing Faust has effects

        asked, again = asyncio.Event(), asyncio.Event()

        def signalled() -> None:
            (again if asked.is_set() else asked).set()

        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, signalled)
        ids = ids_by_role(self._settings, self._topics)
        more = (self._live, ids, self.data_dir)
        wired = wire(self._settings, self._core, self._partitions, scratch, *more)
        attach(wired, self._core, self._partitions, self.registrar)
        self._lifeline = Lifeline(
            self._settings, self._live, wired, self._topics, lambda: exit_hard(EXIT_FAILED)
        )
        gc.collect()
        gc.freeze()
        gc.set_threshold(COLLECT_AFTER)
        beat: asyncio.Task[None] | None = None
        follow: asyncio.Task[None] | None = None
        code = EXIT_FAILED
        try:
            if await self._serves() and await self._knows():
                self._live.state = "recovering"
                beat = asyncio.create_task(wired.agents.beat(), name="longshore-beat")
                follow = asyncio.create_task(wired.agents.follow(), name="longshore-models")
                self._lifeline.start()
                code = await self._until_end(wired, asked)
        finally:
            self._live.state = "stopping"
            if beat is not None and code != EXIT_OK:
                beat.cancel()
            self._lifeline.stop()
            await self._stop(wired, again, save=code == EXIT_OK)
            if follow is not None:
                follow.cancel()
            if beat is not None:
                beat.cancel()  # not before: a checkpoint under way is the last one's beginning
            if self._refused:
                await self._show_refusal(asked)
            await self._http.stop()
        return code

    async def _serves(self) -> bool:
        """Whether the HTTP server listens; the log says why not."""
        where = self._settings.http
        try:
            host, port = await self._http.start(where.host, where.port)
        except OSError as error:
            log.error("http: %s:%d cannot be served: %s", where.host, where.port, error)  # noqa: TRY400 - one line
            return False
        also = ", and the live page at /" if where.page else ""
        log.info("serving http://%s:%d/metrics%s", host, port, also)
        if self._listening is not None:
            self._listening(host, port, self._live)
        return True

    async def _knows(self) -> bool:
        """Whether what is registered was read; the log says why not."""
        if self.registrar is None:
            return True
        try:
            await self.registrar.begin()
        except ControlError as error:
            log.error("registered models: %s", error)  # noqa: TRY400 - one line
            return False
        return True

    async def _show_refusal(self, asked: asyncio.Event) -> None:
        """Answer scrapes for a while, out of the group: a worker that ends at once is never seen
        to have refused."""
        shown_s = self._settings.refusal_shown_s
        self._live.state = "refused"
        log.info("/metrics and /health show the refusal for %g s, then the process ends", shown_s)
        with suppress(TimeoutError):
            await asyncio.wait_for(asked.wait(), shown_s)

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
            error = wired.agents.failed.result()
            tell_failure(error)
            self._refused = isinstance(error, (RestoreError, LogMismatchError))
            return EXIT_FAILED
        if any(waits.get(task) == "crashed" for task in done if isinstance(task, asyncio.Task)):
            tell_failure(wired.app.crash_reason)
            return EXIT_FAILED
        if started in done and started.exception() is not None:
            log.error("could not start: %s", describe(started.exception()))
            return EXIT_FAILED
        log.info("asked to stop")
        return EXIT_OK

    async def _stop(self, wired: Any, again: asyncio.Event, *, save: bool) -> None:  # noqa: ANN401
        """Close everything, for STOP_LIMIT_S at most and not beyond a second signal: clients that
        wait for a broker do not end when cancelled, and are left hanging."""
        began = monotonic()
        closing = asyncio.create_task(_close(wired, save=save), name="longshore-stop")
        hurry = asyncio.create_task(again.wait())
        await asyncio.wait(
            {closing, hurry}, timeout=STOP_LIMIT_S, return_when=asyncio.FIRST_COMPLETED
        )
        hurry.cancel()
        self.hung = not closing.done()
        if self.hung:
            log.warning(
                "not everything was closed within %.1f s; a restart reads on at the last snapshot",
                monotonic() - began,
            )
        elif (error := closing.exception()) is not None:
            log.warning("stopping: %s", describe(error))
        log.info("stopped in %.1f s", monotonic() - began)


async def _close(wired: Any, *, save: bool) -> None:  # noqa: ANN401 - as above
    """Save if asked to, and give everything back."""
    if save:
        wired.app.consumer.stop_flow()
        await wired.feed.unassign()
        await wired.agents.give_up()
    await wired.feed.close()
    await wired.control.close()
    await wired.app.stop()


def exit_hard(code: int) -> None:
    """End the process now: client threads that hang must not keep a failed worker alive."""
    logging.shutdown()
    os._exit(code)
