"""The producer of a worker: it rides out an outage, and what it cannot deliver it names.

Rule.  A retry must not write twice or out of turn: the producer is idempotent, so the broker drops
what it has already, and nothing is given up before OUTAGE_LIMIT_S.  Memory stays bounded meanwhile:
one open batch per partition, and whoever sends more waits.  A send that fails for good raises
:class:`SendError` with the topic, the reason and what to do; the worker then stops, and a restart
begins at the last snapshot.

Records that carry somebody else's bytes (dead letters, late records) may be larger than their topic
takes.  They must not stop the worker, so they have a producer of their own, whose failed batch
leaves no gap in a sequence: such a record is sent again without its value, then without what else
it carried.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from time import monotonic
from typing import Any, Final, cast

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidTopicError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from faust.exceptions import ProducerSendError
from faust.transport.drivers.aiokafka import Producer as AioProducer

OUTAGE_LIMIT_S: Final = 600.0
"""How long brokers may be away before the worker gives up; a restart then loses nothing either."""
CARRIED_BATCH_BYTES: Final = 16_384
"""Small, so that a batch that is too large is one record."""
OWN_HEADERS: Final = ("__connect.errors.", "longshore.")
SMALLER_PARTS: Final = ", or set snapshot_record_bytes below it"
TOO_LARGE: Final = (MessageSizeTooLargeError, RecordListTooLargeError)

Sent = asyncio.Future[Any]
HeaderList = list[tuple[str, bytes | None]]


class SendError(RuntimeError):
    """A record could not be written; the message says to which topic, why and what to do."""


class RidingProducer(AioProducer):
    """Faust's producer as described in the head of this file."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Faust's signature
        super().__init__(*args, **kwargs)
        self._carried: frozenset[str] = cast("Any", self.transport).carried
        self._carrier: AIOKafkaProducer | None = None
        self._under_way: dict[Sent, float] = {}
        cast("Any", self.transport).producer = self

    def oldest_s(self) -> float | None:
        """For how long the oldest record has been under way; None without one."""
        for since in list(self._under_way.values())[:1]:
            return monotonic() - since
        return None

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"enable_idempotence": True}

    def _new_producer(self, transactional_id: str | None = None) -> AIOKafkaProducer:
        return _patient(super()._new_producer(transactional_id))

    def _new_carrier(self) -> AIOKafkaProducer:
        given = {**self._settings_default(), **self._settings_auth()}
        return _patient(AIOKafkaProducer(**given | {"max_batch_size": CARRIED_BATCH_BYTES}))

    async def on_start(self) -> None:
        """Connect both producers."""
        await super().on_start()
        if self._carried:
            self._carrier = self._new_carrier()
            await self._carrier.start()

    async def on_stop(self) -> None:
        """Close both producers."""
        carrier, self._carrier = self._carrier, None
        if carrier is not None:
            await carrier.stop()
        await super().on_stop()

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: HeaderList | None,
        **_: Any,  # noqa: ANN401 - Faust's signature
    ) -> Sent:
        """Hand over one record; the future is done when the brokers have it."""
        told: Sent = asyncio.get_running_loop().create_future()
        self._under_way[told] = monotonic()
        told.add_done_callback(self._arrived)
        try:
            if topic in self._carried and self._carrier is not None:
                await self._carry(told, topic, key, value, headers or [])
            else:
                sent = await super().send(topic, key, value, partition, timestamp, headers)
                size = len(key or b"") + len(value or b"")
                sent.add_done_callback(partial(_tell, told, topic, size))
        except (KafkaError, ProducerSendError) as error:
            self._under_way.pop(told, None)
            raise told_of(error, topic, len(value or b"")) from error
        except BaseException:
            self._under_way.pop(told, None)
            raise
        return told

    def _arrived(self, told: Sent) -> None:
        self._under_way.pop(told, None)
        if not told.cancelled():
            told.exception()  # known here; whoever waits for it is told all the same

    async def _carry(
        self, told: Sent, topic: str, key: bytes | None, value: bytes | None, headers: HeaderList
    ) -> None:
        """Send what may be too large, smaller after each refusal."""
        carrier = cast("AIOKafkaProducer", self._carrier)
        try:
            sent = await carrier.send(topic, value, key=key, headers=headers)
        except MessageSizeTooLargeError as error:
            await self._carry_less(told, topic, key, value, headers, error)
            return

        def answered(sent: Sent) -> None:
            error = None if sent.cancelled() else sent.exception()
            if isinstance(error, TOO_LARGE) and smaller(key, value, headers) is not None:
                again = self._carry_less(told, topic, key, value, headers, error)
                task = asyncio.ensure_future(again)
                task.add_done_callback(partial(_tell_failure, told))
            else:
                _tell(told, topic, len(value or b""), sent)

        sent.add_done_callback(answered)

    async def _carry_less(
        self,
        told: Sent,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: HeaderList,
        error: BaseException,
    ) -> None:
        less = smaller(key, value, headers)
        if less is None:
            raise told_of(error, topic, len(value or b"")) from error
        await self._carry(told, topic, *less)


def smaller(
    key: bytes | None, value: bytes | None, headers: HeaderList
) -> tuple[bytes | None, bytes | None, HeaderList] | None:
    """The record without its value, then without key and foreign headers; None beyond that."""
    if value:
        left_out = ("longshore.value-left-out", str(len(value)).encode())
        return key, None if key is not None else b"", [*headers, left_out]
    own = [header for header in headers if header[0].startswith(OWN_HEADERS)]
    if key or len(own) < len(headers):
        return None, b"", [*own, ("longshore.rest-left-out", b"key and headers")]
    return None


def _patient(producer: AIOKafkaProducer) -> AIOKafkaProducer:
    """Let a record wait as long as an outage may last; requests keep their own time-out."""
    producer._request_timeout_ms = int(OUTAGE_LIMIT_S * 1_000)  # noqa: SLF001 - no public way
    producer._message_accumulator._batch_ttl = OUTAGE_LIMIT_S  # noqa: SLF001
    return producer


def _tell(told: Sent, topic: str, size: int, sent: Sent) -> None:
    """Pass the end of ``sent`` on, a failure in words."""
    if told.done():
        return
    if sent.cancelled():
        told.cancel()
    elif (error := sent.exception()) is not None:
        told.set_exception(told_of(error, topic, size))
    else:
        told.set_result(sent.result())


def _tell_failure(told: Sent, task: asyncio.Future[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None and not told.done():
        told.set_exception(error)


def told_of(error: BaseException, topic: str, size: int) -> SendError:
    """The failure of a send in one line: topic, reason, what to do."""
    if isinstance(error, ProducerSendError) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, TOO_LARGE):
        other_way = SMALLER_PARTS if topic.endswith("snapshots") else ""
        return SendError(
            f"topic {topic}: a record of {size} bytes, or the batch it came in, is larger than the "
            f"topic takes: raise its max.message.bytes (or message.max.bytes of the brokers)"
            f"{other_way}"
        )
    if isinstance(error, TopicAuthorizationFailedError):
        return SendError(f"topic {topic}: this user may not write to it: grant Write and Describe")
    if isinstance(error, ClusterAuthorizationFailedError):
        return SendError(
            f"topic {topic}: this user may not write idempotently: grant Write on a topic, or "
            f"IdempotentWrite on the cluster for brokers before 3.0"
        )
    if isinstance(error, (UnknownTopicOrPartitionError, InvalidTopicError)):
        return SendError(f"topic {topic} is missing: create it (longshore topics create)")
    if isinstance(error, KafkaTimeoutError):
        return SendError(
            f"topic {topic}: the brokers took no record for {OUTAGE_LIMIT_S:g} s: see to the "
            f"brokers; a restart reads on at the last snapshot"
        )
    words = f"{type(error).__name__} {' '.join(str(error).split())}"
    return SendError(f"topic {topic}: a record could not be written: {words}")
