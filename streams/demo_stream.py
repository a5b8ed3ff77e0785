"""The two ends of the demo's broker: what is sent to it, and what comes back from it.

Rule.  Each end is a thread that writes into one :class:`DemoState` and ends with the demo.  The
sender waits for the worker's committed position, because the embedded broker forgets what lies far
behind.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Final, Self

import orjson

from streams.clients import librdkafka_options
from streams.file_publisher import Pace, at_speed, publish_files
from streams.replay import Source
from streams.settings import Settings
from streams.topics import topic_name

MAX_AHEAD: Final = 24_000
"""Records sent beyond what the worker has committed; about 2 MB a partition and topic."""
LOOK_S: Final = 0.1
RATE_OVER_S: Final = 3.0
RESULTS: Final = ("judgements", "retraining-triggers")
JOIN_LIMIT_S: Final = 5.0


@dataclass
class Trail:
    """What was said of one feature, window after window."""

    psi: list[float | None] = field(default_factory=list)
    threshold: float | None = None
    levels: list[str] = field(default_factory=list)


@dataclass
class DemoState:
    """What the demo knows; written by its threads, read by its view."""

    window: str
    """The window that the view follows."""
    began: float = field(default_factory=monotonic)
    stage: str = ""
    url: str = ""
    page: str = ""
    """The live page."""
    event_ms: int = 0
    sent: int = 0
    taken: int = 0
    """Records that the worker has committed."""
    sent_all: bool = False
    judgements: list[dict[str, Any]] = field(default_factory=list)
    """First judgements of the followed window, in order."""
    trails: dict[str, Trail] = field(default_factory=dict)
    trigger: dict[str, Any] | None = None
    trouble: str = ""
    """Why a thread ended before its time."""
    _marks: deque[tuple[float, int]] = field(default_factory=deque)

    def note_sent(self, count: int, ts_ms: int) -> None:
        """More records went out; the last has this event time."""
        self.sent += count
        self.event_ms = ts_ms
        now = monotonic()
        self._marks.append((now, self.sent))
        while len(self._marks) > 1 and now - self._marks[0][0] > RATE_OVER_S:
            self._marks.popleft()

    @property
    def rate(self) -> float:
        """Records per second of late."""
        marks = list(self._marks)
        if not marks:
            return 0.0
        seconds = max(monotonic() - marks[0][0], LOOK_S)
        return (marks[-1][1] - marks[0][1]) / seconds

    def note_judgement(self, judgement: dict[str, Any]) -> None:
        """A judgement came back."""
        if judgement["window"] != self.window or judgement["revision"]:
            return
        if "section" in judgement:
            return
        for name, verdict in judgement["features"].items():
            trail = self.trails.setdefault(name, Trail())
            trail.psi.append(verdict.get("psi_corrected"))
            trail.threshold = verdict.get("psi_threshold")
            trail.levels.append(verdict["level"])
        self.judgements.append(judgement)


class _Thread:
    """A thread that says what broke it and is told to stop."""

    def __init__(self, name: str, state: DemoState) -> None:
        self._state = state
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._guarded, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(JOIN_LIMIT_S)

    def _guarded(self) -> None:
        try:
            self.run()
        except Exception as error:  # noqa: BLE001 - told by the demo, whatever it is
            self._state.trouble = f"{self._thread.name}: {type(error).__name__}: {error}"

    def run(self) -> None:
        """The work."""
        raise NotImplementedError


class Sender(_Thread):
    """Publishes the files at a speed of event time, waiting for the worker where it is ahead."""

    def __init__(
        self, settings: Settings, sources: Sequence[Source], speed: float, state: DemoState
    ) -> None:
        super().__init__("publisher", state)
        self._settings = settings
        self._sources = sources
        self._speed = speed

    def run(self) -> None:
        """Send all, or until told to stop."""
        with Position(self._settings, [source.topic for source in self._sources]) as position:
            pace = _behind(at_speed(self._speed), position, self._state)
            done = publish_files(
                self._settings,
                self._sources,
                pace,
                progress=self._state.note_sent,
                stopping=self._stop.is_set,
            )
            self._state.sent_all = not done.stopped
            while not self._stop.wait(LOOK_S):
                self._state.taken = position.committed()


def _behind(pace: Pace, position: Position, state: DemoState) -> Pace:
    """``pace``, and never more than MAX_AHEAD records before the worker."""

    def combined(sent: int, ts_ms: int) -> float:
        seconds = pace(sent, ts_ms)
        state.taken = position.committed()
        return LOOK_S if sent - state.taken >= MAX_AHEAD else seconds

    return combined


class Position:
    """How many records of the input topics a group has committed."""

    def __init__(self, settings: Settings, roles: Sequence[str]) -> None:
        from confluent_kafka import Consumer  # noqa: PLC0415 - slow to import

        options = {
            "group.id": settings.group,
            "enable.auto.commit": False,
            "allow.auto.create.topics": settings.embedded,
            "log_level": 0,
        }
        self._reader = Consumer(librdkafka_options(settings) | options)
        self._sources = _partitions(self._reader, settings, roles)
        self._committed = 0
        self._looked = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def committed(self) -> int:
        """Records committed, as of at most LOOK_S ago."""
        from confluent_kafka import KafkaException  # noqa: PLC0415

        if monotonic() - self._looked >= LOOK_S:
            self._looked = monotonic()
            try:
                found = self._reader.committed(self._sources, timeout=LOOK_S * 10)
            except KafkaException:  # the group is moving; the last answer holds
                return self._committed
            self._committed = sum(max(0, one.offset) for one in found)
        return self._committed


class Results(_Thread):
    """Reads judgements and triggers from their topics."""

    def __init__(self, settings: Settings, state: DemoState) -> None:
        super().__init__("results", state)
        self._settings = settings

    def run(self) -> None:
        """Read until told to stop."""
        from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition  # noqa: PLC0415

        settings, state = self._settings, self._state
        options = {
            "group.id": f"{settings.group}-demo",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 100,
            "allow.auto.create.topics": settings.embedded,
            "log_level": 0,
        }
        reader = Consumer(librdkafka_options(settings) | options)
        take: dict[str, Callable[[dict[str, Any]], None]] = {
            topic_name(settings, "judgements"): state.note_judgement,
            topic_name(settings, "retraining-triggers"): self._note_trigger,
        }
        try:
            places = _partitions(reader, settings, RESULTS)
            reader.assign([TopicPartition(p.topic, p.partition, OFFSET_BEGINNING) for p in places])
            while not self._stop.is_set():
                for message in reader.consume(500, LOOK_S):
                    if message.error() is None and message.value() is not None:
                        take[message.topic()](orjson.loads(message.value()))
        finally:
            reader.close()

    def _note_trigger(self, trigger: dict[str, Any]) -> None:
        self._state.trigger = self._state.trigger or trigger


def _partitions(reader: Any, settings: Settings, roles: Sequence[str]) -> list[Any]:  # noqa: ANN401
    """Every partition of these topics; the embedded broker creates a topic when asked about it."""
    from confluent_kafka import TopicPartition  # noqa: PLC0415

    names = [topic_name(settings, role) for role in dict.fromkeys(roles)]
    found = {name: reader.list_topics(name, timeout=10.0).topics[name].partitions for name in names}
    return [TopicPartition(name, p) for name, partitions in found.items() for p in partitions]
