"""Publishes a recording at a pace, in a thread, whatever happens to the broker meanwhile.

Rule.  The producer is idempotent and waits for a broker that is away, so what reaches the log is
the recording: each record once, those of a partition in order.  Position and event time are known
at every moment, because recovery is measured against them.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import Any, Final

from confluent_kafka import KafkaError, Producer

from load_tests.chaos.recording import Recording, Sent

POLL_EVERY: Final = 200
LONGEST_NAP_S: Final = 0.05
FLUSH_LIMIT_S: Final = 120.0
LARGEST_RECORD_BYTES: Final = 9_000_000


class PublishingError(RuntimeError):
    """The broker did not take the stream."""


class Publishing(threading.Thread):
    """Sends ``recording`` to ``topic`` at ``rate`` records a second."""

    def __init__(self, bootstrap: str, topic: str, recording: Recording, rate: float) -> None:
        super().__init__(name="publishing", daemon=True)
        self.rate = rate
        """May be changed while it runs."""
        self.sent = 0
        self.newest_ms = 0
        """Event time of the newest record handed over."""
        self.failure: str | None = None
        self._topic = topic
        self._recording = recording
        self._stopping = threading.Event()
        self._open = threading.Event()
        self._open.set()
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "compression.type": "lz4",
                "linger.ms": 10,
                "acks": "all",
                "enable.idempotence": True,
                "message.max.bytes": LARGEST_RECORD_BYTES,
                "log_level": 0,
            }
        )

    @property
    def fraction(self) -> float:
        """Share of the stream that was handed over."""
        return self.sent / len(self._recording.records)

    def run(self) -> None:
        """Send everything, then wait until the broker has it."""
        due, then = 0.0, monotonic()
        for record in self._recording.records:
            while self.sent >= due and not self._stopping.is_set():
                now = monotonic()
                due += (now - then) * self.rate if self._open.is_set() else 0.0
                then = now
                if self.sent >= due:
                    self._producer.poll(LONGEST_NAP_S / 5)
            if self._stopping.is_set():
                break
            self._send(record)
            self.sent += 1
            self.newest_ms = max(self.newest_ms, record.ts_ms)
            if self.sent % POLL_EVERY == 0:
                self._producer.poll(0)
        left = self._producer.flush(FLUSH_LIMIT_S)
        if left and not self._stopping.is_set():
            self.failure = self.failure or f"{left} records not taken in {FLUSH_LIMIT_S:g} s"

    def hold(self) -> None:
        """Pause, and wait until what was sent is with the broker."""
        self._open.clear()
        if self._producer.flush(FLUSH_LIMIT_S):
            self.failure = "the broker did not take the records before a pause"

    def go_on(self) -> None:
        """End of :meth:`hold`."""
        self._open.set()

    def stop(self) -> None:
        """End it where it is."""
        self._stopping.set()
        self.join(FLUSH_LIMIT_S)

    def finish(self, limit_s: float) -> None:
        """Wait until everything is with the broker; PublishingError when it is not."""
        self.join(limit_s)
        if self.is_alive():
            raise PublishingError(f"published {self.fraction:.0%} in {limit_s:g} s")
        if self.failure is not None:
            raise PublishingError(self.failure)

    def _send(self, record: Sent) -> None:
        while True:
            try:
                self._producer.produce(
                    self._topic,
                    record.value,
                    record.key,
                    partition=record.partition,
                    on_delivery=self._delivered,
                )
            except BufferError:
                self._producer.poll(LONGEST_NAP_S)
            else:
                return

    def _delivered(self, error: KafkaError | None, _: Any) -> None:  # noqa: ANN401 - untyped client
        if error is not None and not self._stopping.is_set():
            self.failure = f"a record was refused: {error.str()}"
