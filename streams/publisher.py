"""What a service publishes its predictions and labels with; kafka-python underneath.

Rule.  The caller's path never blocks and never raises.  A call encodes the event and puts it into a
bounded queue; a thread of its own connects, hands over and counts.  What cannot be queued is
dropped and counted by its reason, so that a broker that is away costs records and never latency.

    publisher = Publisher("kafka:9092")
    publisher.prediction("9f3c", "fraud", "2026.11", features={"amount": 12.5}, score=0.031)
    publisher.label("9f3c", "fraud", label=0)

The record's key is the event id in UTF-8 and Java's murmur2 chooses the partition, so that an
event's features, prediction and label meet in the same one.

TLS, mutual TLS and logins are those of a worker's settings, with the secrets in files or in the
environment; options of kafka-python's own (``security_protocol`` and so on) do as well.

    publisher = Publisher.from_settings(read_settings(Path("longshore.yaml"), os.environ))
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from time import monotonic, time
from typing import Any, Final, Literal, Self

import orjson

from streams.clients import kafka_python_options
from streams.publisher_thread import Delivery, Queued
from streams.settings import Settings

MAX_QUEUED: Final = 20_000
"""Records that wait for the thread; about a second of a busy service."""
MAX_QUEUED_BYTES: Final = 64 * 1024 * 1024
CLOSE_LIMIT_S: Final = 5.0
"""How long :meth:`Publisher.close` tries to deliver the rest when not told otherwise."""
FLUSH_LOOK_S: Final = 0.005
ENCODING: Final = orjson.OPT_SERIALIZE_NUMPY

Dropped = Literal["invalid", "queue_full", "closed"]
"""``invalid``: cannot be encoded or has no event id; ``queue_full``: the broker is away or too
slow; ``closed``: published after, or not delivered before, the end."""


class Publisher:
    """Publishes events; one for the whole service, shared by its threads, safe over a fork.

    ``brokers`` is ``host:port`` or several of them, ``prefix`` that of the topics, ``options`` are
    passed on to kafka-python's KafkaProducer (security, api_version and so on).  No broker needs to
    answer yet.
    """

    def __init__(
        self,
        brokers: str | Sequence[str],
        *,
        prefix: str = "drift.",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        addresses = brokers.split(",") if isinstance(brokers, str) else list(brokers)
        self._options = {**(options or {}), "bootstrap_servers": addresses}
        self._topics = {role: prefix + role for role in ("predictions", "features", "labels")}
        self._reset()
        atexit.register(self.close)
        forget = weakref.WeakMethod(self._reset)
        os.register_at_fork(after_in_child=lambda: (reset := forget()) and reset())

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """A publisher for the brokers, prefix and security of a worker's settings."""
        options = kafka_python_options(settings)
        if settings.embedded:
            options["enable_idempotence"] = False
        return cls(settings.brokers, prefix=settings.prefix, options=options)

    def _reset(self) -> None:
        """The state of a new process: an empty queue, and no thread until the first event."""
        self._lock = threading.Lock()
        self._queue: deque[Queued] = deque()
        self._queued_bytes = 0
        self._dropped: Counter[str] = Counter()
        self._closed = False
        self._delivery: Delivery | None = None

    # -- what a service calls -----------------------------------------------------------------

    def publish(self, event: Mapping[str, Any]) -> bool:
        """Queue one event as it is; whether it was taken.

        A heartbeat goes to every partition of the predictions, an event with ``label`` to the
        labels, one with ``score``, ``scores`` or ``decision`` to the predictions, any other to the
        features.
        """
        try:
            role = _role(event)
        except Exception:  # noqa: BLE001 - not a mapping: the caller's path goes on all the same
            return self._drop("invalid")
        return self._put(role, event, every_partition=event.get("heartbeat") is True)

    def prediction(
        self,
        event_id: str,
        model: str,
        version: str,
        *,
        ts: int | str | None = None,
        features: Mapping[str, Any] | None = None,
        score: float | None = None,
        decision: int | str | None = None,
        **more: Any,  # noqa: ANN401 - the other fields of a prediction event
    ) -> bool:
        """Queue a prediction; ``ts`` (epoch ms or RFC 3339) is now where it is not given."""
        event = {"event_id": event_id, "model": model, "version": version, "ts": _now(ts), **more}
        if features is not None:
            event["features"] = features
        if score is not None:
            event["score"] = score
        if decision is not None:
            event["decision"] = decision
        return self._put("predictions", event)

    def label(
        self,
        event_id: str,
        model: str,
        label: float | str | bool,  # noqa: FBT001 - a label may be a bool
        *,
        ts: int | str | None = None,
        value: float | None = None,
    ) -> bool:
        """Queue what turned out to be true of one prediction, of whatever version."""
        event = {"event_id": event_id, "model": model, "ts": _now(ts), "label": label}
        if value is not None:
            event["value"] = value
        return self._put("labels", event)

    def heartbeat(
        self,
        model: str,
        *,
        ts: int | str | None = None,
        topics: Sequence[str] = ("predictions",),
    ) -> bool:
        """Queue a heartbeat to every partition of these topics (by role): time passes although
        nothing is predicted.  Give the topics of the spec's ``inputs``."""
        event = {"heartbeat": True, "model": model, "ts": _now(ts)}
        taken = [self._put(topic, event, every_partition=True) for topic in topics]
        return all(taken)

    def flush(self, timeout: float = CLOSE_LIMIT_S) -> bool:
        """Wait until all that was taken is delivered or failed; False when ``timeout`` seconds were
        too few."""
        deadline = monotonic() + timeout
        while self.pending:
            if monotonic() >= deadline:
                return False
            threading.Event().wait(FLUSH_LOOK_S)
        return True

    def close(self, timeout: float = CLOSE_LIMIT_S) -> None:
        """Deliver the rest within ``timeout`` seconds, count what is left as dropped, and end."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            delivery = self._delivery
        atexit.unregister(self.close)
        if delivery is not None:
            self.flush(timeout)
            delivery.stop()
        with self._lock:
            self._dropped["closed"] += len(self._queue)
            self._queue.clear()
            self._queued_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- what it knows ------------------------------------------------------------------------

    @property
    def published(self) -> int:
        """Records that the broker has confirmed, each heartbeat once per partition."""
        return 0 if self._delivery is None else self._delivery.published

    @property
    def failed(self) -> int:
        """Records that were handed over and that the broker or the client refused."""
        return 0 if self._delivery is None else self._delivery.failed

    @property
    def dropped(self) -> dict[str, int]:
        """Events that were never handed over, by reason."""
        with self._lock:
            return dict(self._dropped)

    @property
    def pending(self) -> int:
        """Events taken and neither delivered, failed nor dropped yet."""
        with self._lock:
            return len(self._queue) + (0 if self._delivery is None else self._delivery.in_flight)

    @property
    def last_error(self) -> str | None:
        """The last thing that went wrong with the broker, in one line."""
        return None if self._delivery is None else self._delivery.last_error

    # -- the queue ----------------------------------------------------------------------------

    def _put(self, role: str, event: Mapping[str, Any], *, every_partition: bool = False) -> bool:
        try:
            value = orjson.dumps(event, option=ENCODING)
            key = None if every_partition else event["event_id"].encode()
            topic = self._topics[role]
            if key == b"":
                raise ValueError("an event id may not be empty")
        except Exception:  # noqa: BLE001 - whatever the caller gave, its path goes on
            return self._drop("invalid")
        with self._lock:
            if self._closed:
                self._dropped["closed"] += 1
                return False
            if len(self._queue) >= MAX_QUEUED or self._queued_bytes >= MAX_QUEUED_BYTES:
                self._dropped["queue_full"] += 1
                return False
            self._queue.append((topic, key, value))
            self._queued_bytes += len(value)
            if self._delivery is None:
                self._delivery = Delivery(self._take, self._options)
        return True

    def _drop(self, reason: Dropped) -> bool:
        with self._lock:
            self._dropped[reason] += 1
        return False

    def _take(self, limit: int) -> list[Queued]:
        """Up to ``limit`` records off the queue, for the thread."""
        with self._lock:
            taken = [self._queue.popleft() for _ in range(min(limit, len(self._queue)))]
            self._queued_bytes -= sum(len(value) for _, _, value in taken)
            if taken and self._delivery is not None:
                self._delivery.taken(len(taken))
            return taken


def _now(ts: int | str | None) -> int | str:
    return int(time() * 1_000) if ts is None else ts


def _role(event: Mapping[str, Any]) -> str:
    """The topic of an event by its fields."""
    if event.get("heartbeat") is True:
        return "predictions"
    if "label" in event:
        return "labels"
    decided = "score" in event or "decision" in event or "scores" in event
    return "predictions" if decided else "features"
