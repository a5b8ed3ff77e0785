"""The demo: a broker, a publisher of real data, a worker, and a reader of the trigger topic.

Rule.  It goes through named stages, each with a limit, and either prints the first retraining
trigger or says which stage did not happen and why.  Whatever it started is gone when it ends.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from engine.spec import Spec
from streams.demo_stream import DemoState, Results, Sender
from streams.demo_view import View
from streams.demo_worker import DemoWorker
from streams.embedded import EmbeddedBroker
from streams.reach import knock
from streams.replay import Source
from streams.settings import Settings

READY_LIMIT_S: Final = 45.0
"""From its start to ``ready``; a first start compiles the kernels."""
FIRST_WINDOW_LIMIT_S: Final = 30.0
LAST_LIMIT_S: Final = 20.0
"""How long the worker may take for the rest after the end of the stream."""
SETTLE_S: Final = 4.0
"""From the last record taken in to the last judgement."""
METRICS_LIMIT_S: Final = 5.0
LOOK_S: Final = 0.1
STAYS: Final = "trigger received; the live page stays until Ctrl-C"
MS: Final = 1_000


class DemoError(RuntimeError):
    """A stage did not happen; ``details`` are lines that help to see why."""

    def __init__(self, stage: str, reason: str, details: list[str] | None = None) -> None:
        super().__init__(f"{stage}: {reason}")
        self.stage = stage
        self.details = details or []


@dataclass(frozen=True, slots=True)
class Example:
    """The data of a demo."""

    spec: Spec
    spec_path: Path
    profile_path: Path
    predictions: Path
    labels: Path
    span_ms: int
    """From the first to the last prediction."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a demo that went well has to show."""

    trigger: dict[str, Any]
    series: int
    """Series of drift_psi at /metrics when the trigger came."""
    records: int
    seconds: float


def run_demo(
    example: Example,
    settings: Settings,
    seconds: float,
    state: DemoState,
    view: View,
    *,
    embedded: bool,
    stay: bool = False,
) -> Outcome:
    """All stages; the data are streamed in ``seconds``, on a broker of its own if ``embedded``,
    else on that of the settings, whose prefix and group must be new.  With ``stay`` the worker and
    its page stay after the trigger until an interrupt, or until the worker ends.

    Raises DemoError when a stage did not happen.
    """
    demo = _Demo(example, seconds, state, view)
    return demo.run(settings, embedded=embedded, stay=stay)


class _Demo:
    def __init__(self, example: Example, seconds: float, state: DemoState, view: View) -> None:
        self._example = example
        self._seconds = seconds
        self._state = state
        self._view = view
        self._worker: DemoWorker | None = None

    def run(self, given: Settings, *, embedded: bool, stay: bool) -> Outcome:
        state, example = self._state, self._example
        with ExitStack() as stack:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="longshore-")))
            settings = self._embedded(stack, given) if embedded else self._topics(stack, given)
            self._stage("starting a worker")
            worker = self._worker = stack.enter_context(
                DemoWorker(settings, example.spec_path, example.profile_path, directory)
            )
            self._until(lambda: worker.health() == "ready", READY_LIMIT_S, "it was not ready")
            state.url, state.page = worker.url, worker.page
            stack.enter_context(Results(settings, state))
            sources = [
                Source("predictions", example.predictions, example.spec),
                Source("labels", example.labels, example.spec),
            ]
            speed = example.span_ms / MS / self._seconds
            began = time.monotonic()
            stack.enter_context(Sender(settings, sources, speed, state))
            self._stage("waiting for the first judged window")
            limit = FIRST_WINDOW_LIMIT_S + self._seconds
            self._until(lambda: bool(state.judgements), limit, "no window was judged")
            self._stage("watching for drift")
            self._trigger()
            self._stage("trigger received")
            assert state.trigger is not None
            seen_s = time.monotonic() - began
            outcome = Outcome(state.trigger, self._series(), state.sent, seen_s)
            if stay:
                self._stay(worker)
            return outcome

    def _stay(self, worker: DemoWorker) -> None:
        """Until somebody has seen enough of the page."""
        self._stage(STAYS)
        with suppress(KeyboardInterrupt):
            while worker.ended is None:
                self._view.look()
                time.sleep(LOOK_S)

    def _embedded(self, stack: ExitStack, settings: Settings) -> Settings:
        """Start a broker; the settings that lead to it."""
        self._stage("starting a broker")
        try:
            broker = stack.enter_context(EmbeddedBroker())
        except (RuntimeError, OSError) as error:
            raise DemoError(self._state.stage, str(error)) from error
        return msgspec.structs.replace(settings, brokers=(broker.address,), embedded=True)

    def _topics(self, stack: ExitStack, settings: Settings) -> Settings:
        """Create this run's topics on a real broker, to be deleted at the end."""
        self._stage(f"creating topics {settings.prefix}* on {','.join(settings.brokers)}")
        from streams.topics import create_topics  # noqa: PLC0415 - slow to import

        try:
            knock(settings.brokers)
            create_topics(settings)
        except Exception as error:  # whatever the client raises, it is the broker's answer
            raise DemoError(
                self._state.stage, f"{type(error).__name__}: {' '.join(str(error).split())}"
            ) from error
        stack.callback(_delete_topics, settings)
        return settings

    def _trigger(self) -> None:
        state = self._state
        limit = self._seconds + FIRST_WINDOW_LIMIT_S
        self._until(lambda: state.trigger is not None or state.sent_all, limit, "no trigger came")
        taken = "the stream ended, and the worker did not take all of it in"
        self._until(
            lambda: state.trigger is not None or state.taken >= state.sent, LAST_LIMIT_S, taken
        )
        ended = "the stream ended and no trigger came"
        self._until(lambda: state.trigger is not None, SETTLE_S, ended)

    def _series(self) -> int:
        """The series of drift_psi at /metrics."""
        assert self._worker is not None
        self._stage("reading /metrics")
        found: list[int] = []

        def look() -> bool:
            assert self._worker is not None
            found.append(self._worker.series("drift_psi", self._example.spec.model))
            return found[-1] > 0

        self._until(look, METRICS_LIMIT_S, f"{self._state.url} shows no drift_psi of this model")
        self._stage("trigger received")
        return found[-1]

    def _stage(self, name: str) -> None:
        self._state.stage = name
        self._view.look()

    def _until(self, done: Callable[[], bool], limit_s: float, otherwise: str) -> None:
        deadline = time.monotonic() + limit_s
        while not done():
            self._view.look()
            worker = self._worker
            if worker is not None and worker.ended is not None:
                raise DemoError(
                    self._state.stage,
                    f"the worker ended with exit code {worker.ended}",
                    worker.last_lines(),
                )
            if self._state.trouble:
                raise DemoError(self._state.stage, self._state.trouble)
            if time.monotonic() > deadline:
                details = [] if worker is None else worker.last_lines()
                judged = (
                    f"{len(self._state.judgements)} windows of {self._state.window} were judged"
                )
                reason = f"{otherwise} within {limit_s:.0f} s; {judged}"
                raise DemoError(self._state.stage, reason, details)
            time.sleep(LOOK_S)


def _delete_topics(settings: Settings) -> None:
    """Take the run's own topics off a real broker; one that refuses keeps them."""
    from kafka.admin import KafkaAdminClient  # noqa: PLC0415
    from kafka.errors import KafkaError  # noqa: PLC0415

    from streams.clients import kafka_python_options  # noqa: PLC0415
    from streams.topics import ROLES, topic_name  # noqa: PLC0415

    with suppress(KafkaError, OSError):
        admin = KafkaAdminClient(**kafka_python_options(settings))
        try:
            admin.delete_topics([topic_name(settings, role) for role in ROLES])
        finally:
            admin.close()
