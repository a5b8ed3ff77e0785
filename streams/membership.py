"""Membership of the group: what aiokafka's coordinator leaves unsaid.

Rule.  The coordinator keeps errors that it cannot mend until somebody asks for them; Faust never
asks, so the worker would wait for ever: :func:`trouble_of` asks.  It also answers every loss of its
membership by joining again.  With static membership a loss may mean that another process joined
under the same instance id; joining again would throw that one out, and so on in turns.  So the
broker is asked first, in the member's own name (a heartbeat with the instance id): whoever was
replaced stops, and says so.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final, TypeAlias

from aiokafka import errors as aiokafka_errors
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError
from aiokafka.protocol.api import Request, RequestStruct
from aiokafka.protocol.group import HeartbeatResponse_v1
from aiokafka.protocol.types import Int32, Schema, String
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

FENCED_INSTANCE_ID: Final = 82
CONSUMER_REQUEST_TIMEOUT_S: Final = 40.0
"""How long a broker may take to answer; a connection that is only half open is given up then."""
JOIN_HEADROOM_S: Final = 10.0
LONG_POLL_MS: Final = 50
"""How long a broker may hold a fetch of the changelog.  Whatever else is asked of it on the same
connection waits as long, and aiokafka fetches a node's partitions by one request at a time: with
Faust's 1,500 ms the end of one partition held up the rest of another, twice in a restore."""
GROUP_RETRIES: Final = 10
TROUBLE_FREE_S: Final = 60.0
"""After so long without a trouble those before it are over: months of work have many."""

log = logging.getLogger("longshore.worker")

ADVICE: Final[dict[type[KafkaError], str]] = {
    aiokafka_errors.InvalidSessionTimeoutError: (
        "session_timeout_s is outside what the brokers allow (group.min.session.timeout.ms to "
        "group.max.session.timeout.ms): change either"
    ),
    aiokafka_errors.InconsistentGroupProtocolError: (
        "other programs are members of this group: give the workers a group of their own"
    ),
    aiokafka_errors.InvalidGroupIdError: "the brokers do not take this name of a group: change it",
    aiokafka_errors.TopicAuthorizationFailedError: (
        "this user may not read an input topic: grant Read and Describe on all input topics, "
        "panes and snapshots"
    ),
}
"""What cannot be mended by joining again, with what can."""


class MembershipError(RuntimeError):
    """The worker cannot be a member of its group; the message says why and what to do."""

    def __init__(self, line: str, *, lasting: bool = True) -> None:
        super().__init__(line)
        self.lasting = lasting
        """Whether joining again is of no use."""


class Patience:
    """How many troubles of the coordinator that pass are borne: GROUP_RETRIES without a new
    generation or TROUBLE_FREE_S of peace between them."""

    def __init__(self) -> None:
        self._troubles = 0
        self._met_at_s = 0.0

    def begin_anew(self) -> None:
        """There is a new generation."""
        self._troubles = 0

    def is_over(self, now_s: float) -> bool:
        """One more trouble at this time (any clock that never goes back): whether to give up."""
        if now_s - self._met_at_s > TROUBLE_FREE_S:
            self._troubles = 0
        self._met_at_s = now_s
        self._troubles += 1
        return self._troubles > GROUP_RETRIES


class FencedInstanceError(KafkaError):
    """Another process is a member under the same instance id."""


class _HeartbeatResponse(HeartbeatResponse_v1):
    API_VERSION = 3


class _InstanceHeartbeatStruct(RequestStruct):
    API_KEY = 12
    API_VERSION = 3
    RESPONSE_TYPE = _HeartbeatResponse
    SCHEMA = Schema(
        ("group", String("utf-8")),
        ("generation_id", Int32),
        ("member_id", String("utf-8")),
        ("group_instance_id", String("utf-8")),
    )


_Structs: TypeAlias = _InstanceHeartbeatStruct


class _InstanceHeartbeat(Request[_Structs]):
    """A heartbeat that names the instance, which aiokafka's own does not."""

    API_KEY = 12

    def __init__(self, group: str, generation: int, member: str, instance: str) -> None:
        self._fields = (group, generation, member, instance)

    def build(self, request_struct_class: type[_Structs]) -> _Structs:
        return request_struct_class(*self._fields)


class AskingCoordinator(GroupCoordinator):
    """aiokafka's coordinator that asks whether it was replaced before it joins again."""

    _lost: tuple[int, str] | None = None
    """Generation and member id that the broker did not know any more."""

    def reset_generation(self) -> None:
        """Remember who this was; the next join asks."""
        if self._group_instance_id is not None and self.member_id:
            self._lost = (self.generation, self.member_id)
        super().reset_generation()

    async def ensure_active_group(self, subscription: Any, prev_assignment: Any) -> Any:  # noqa: ANN401
        """Join (again), unless this instance was replaced."""
        if self._lost is not None:
            generation, member = self._lost
            heartbeat = _InstanceHeartbeat(
                self.group_id, generation, member, self._group_instance_id
            )
            try:
                answer = await self._send_req(heartbeat)
            except KafkaError:
                await asyncio.sleep(self._retry_backoff_ms / 1_000)
                return None
            if answer.error_code == FENCED_INSTANCE_ID:
                raise FencedInstanceError(self._group_instance_id)
            self._lost = None
        return await super().ensure_active_group(subscription, prev_assignment)


class MemberThread(AIOKafkaConsumerThread):
    """Faust's consumer thread with the coordinator above.

    Faust bounds a whole take-up by ``broker_request_timeout``, which therefore holds the limit of
    a recovery; requests get their own time-out here.
    """

    async def on_start(self) -> None:
        """Start the consumer, then give its coordinator the better manners."""
        await super().on_start()
        self._ensure_consumer()._coordinator.__class__ = AskingCoordinator  # noqa: SLF001

    async def on_thread_stop(self) -> None:
        """Stop the consumer; with its broker away it has nothing to say that matters any more."""
        try:
            await super().on_thread_stop()
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the thread ends
            log.debug("closing the consumer: %r", error)

    def _create_consumer(self, loop: asyncio.AbstractEventLoop) -> Any:  # noqa: ANN401
        consumer = super()._create_consumer(loop=loop)
        # A join is answered only when all have joined.
        limit_s = self.app.conf.broker_rebalance_timeout + JOIN_HEADROOM_S
        limit_s = max(CONSUMER_REQUEST_TIMEOUT_S, limit_s)
        consumer._client._request_timeout_ms = int(limit_s * 1_000)  # noqa: SLF001
        consumer._fetch_max_wait_ms = LONG_POLL_MS  # noqa: SLF001
        return consumer


def trouble_of(consumer: Any) -> MembershipError | None:  # noqa: ANN401 - aiokafka's consumer
    """What the coordinator of this consumer met since the last question, None if nothing.

    Asking makes the coordinator go on, if it still can; ``lasting`` says that it should not.
    """
    coordinator = getattr(consumer, "_coordinator", None)
    if coordinator is None:
        return None
    try:
        coordinator.check_errors()
    except Exception as error:  # noqa: BLE001 - whatever ended the coordinator ends the worker
        ended = coordinator._coordination_task.done()  # noqa: SLF001 - no public way
        return _in_words(error, ended=ended)
    return None


def _in_words(error: Exception, *, ended: bool) -> MembershipError:
    if isinstance(error, FencedInstanceError):
        return MembershipError(
            f"another worker joined as group_instance_id {error.args[0]}, so this one stops: give "
            f"every worker its own"
        )
    if isinstance(error, GroupAuthorizationFailedError):
        group = error.args[0] if error.args else ""
        return MembershipError(f"this user may not join group {group}: grant Read on the group")
    for kind, line in ADVICE.items():
        if isinstance(error, kind) or kind.__name__ in str(error):
            return MembershipError(line)
    words = " ".join(str(error).split())
    return MembershipError(
        f"the group cannot be kept: {type(error).__name__}: {words}", lasting=ended
    )
