"""The thread behind a publisher: connects, hands records to KafkaProducer, counts what became of
them.

Rule.  kafka-python's own buffer has no bound, so no more than MAX_IN_FLIGHT records are handed over
before their fate is known.  A topic that does not exist fails its own records only and is asked for
again after a while; without it, each of its records would hold up all others for a time-out.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, Final

from streams.reach import knock

log = logging.getLogger("longshore.publisher")

MAX_IN_FLIGHT: Final = 5_000
HAND_OVER_S: Final = 0.02
"""How often the queue is looked at; a signal per event would cost the caller more than that."""
RECONNECT_S: Final = 1.0
CONNECT_LIMIT_S: Final = 3.0
METADATA_LIMIT_S: Final = 5.0
MISSING_TOPIC_S: Final = 30.0
STOP_LIMIT_S: Final = 2.0
LINGER_MS: Final = 20
BATCH_BYTES: Final = 65_536

Queued = tuple[str, bytes | None, bytes]
"""Topic, key, value; a key of None means: to every partition."""


class Delivery:
    """Takes records by ``take(limit)`` until stopped."""

    def __init__(self, take: Callable[[int], list[Queued]], options: Mapping[str, Any]) -> None:
        self.published = 0
        self.failed = 0
        self.in_flight = 0
        """Records taken whose fate is not known yet."""
        self.last_error: str | None = None
        self._take = take
        self._options = options
        self._missing: dict[str, float] = {}
        self._counting = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="longshore-publisher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what is in flight is given up."""
        self._stopping.set()
        self._thread.join(STOP_LIMIT_S)

    def _run(self) -> None:
        producer = self._connect()
        if producer is None:
            return
        try:
            while not self._stopping.wait(HAND_OVER_S):
                while room := max(0, MAX_IN_FLIGHT - self.in_flight):
                    taken = self._take(room)
                    for record in taken:
                        self._hand_over(producer, *record)
                    if not taken or self._stopping.is_set():
                        break
        finally:
            producer.close(timeout=0)

    def _connect(self) -> Any | None:  # noqa: ANN401 - kafka-python has no types
        from kafka import KafkaProducer  # noqa: PLC0415 - slow; the caller does not wait for it
        from kafka.codec import has_lz4  # noqa: PLC0415

        defaults = {
            "compression_type": "lz4" if has_lz4() else "gzip",
            "linger_ms": LINGER_MS,
            "batch_size": BATCH_BYTES,
            "max_block_ms": int(METADATA_LIMIT_S * 1_000),
            "bootstrap_timeout_ms": int(CONNECT_LIMIT_S * 1_000),
            "allow_auto_create_topics": False,
        }
        while not self._stopping.is_set():
            try:
                # A KafkaProducer that cannot connect leaves its sockets to the garbage collector.
                knock(self._options["bootstrap_servers"])
                return KafkaProducer(**{**defaults, **self._options})
            except Exception as error:  # noqa: BLE001 - away, refused or misconfigured: told, retried
                self._note(error, self._doubt)
                self._stopping.wait(RECONNECT_S)
        return None

    def taken(self, count: int) -> None:
        """So many more records are on their way."""
        with self._counting:
            self.in_flight += count

    def _hand_over(self, producer: Any, topic: str, key: bytes | None, value: bytes) -> None:  # noqa: ANN401
        if key is not None:
            self._send(producer, topic, key, value, None)
            return
        partitions = sorted(self._partitions(producer, topic)) or [0]
        self.taken(len(partitions) - 1)
        for partition in partitions:
            self._send(producer, topic, None, value, partition)

    def _partitions(self, producer: Any, topic: str) -> set[int]:  # noqa: ANN401
        """The partitions of a topic; none when it is missing, which the sending then tells."""
        if self._missing.get(topic, 0.0) > monotonic():
            return set()
        try:
            return set(producer.partitions_for(topic) or ())
        except Exception:  # noqa: BLE001
            return set()

    def _send(
        self,
        producer: Any,  # noqa: ANN401
        topic: str,
        key: bytes | None,
        value: bytes,
        partition: int | None,
    ) -> None:
        try:
            if self._missing.get(topic, 0.0) > monotonic():
                raise LookupError(f"topic {topic} is missing")
            future = producer.send(topic, value=value, key=key, partition=partition)
        except Exception as error:  # noqa: BLE001 - one record's trouble is not the next one's
            if "Timeout" in type(error).__name__:
                self._missing[topic] = monotonic() + MISSING_TOPIC_S
            self._lost(error)
            return
        future.add_callback(self._delivered)
        future.add_errback(self._lost)

    def _delivered(self, _: object) -> None:
        with self._counting:
            self.published += 1
            self.in_flight -= 1

    def _lost(self, error: BaseException) -> None:
        with self._counting:
            self.failed += 1
            self.in_flight -= 1
        self._note(error)

    @property
    def _doubt(self) -> str:
        """kafka-python says no more than that it could not connect when a login is refused."""
        if self._options.get("security_protocol", "PLAINTEXT") == "PLAINTEXT":
            return ""
        return " (is the broker away, or does it refuse the login or the certificate?)"

    def _note(self, error: BaseException, doubt: str = "") -> None:
        text = f"{type(error).__name__}: {' '.join(str(error).split())}{doubt}"
        if text != self.last_error:
            log.warning("%s", text)
        self.last_error = text
