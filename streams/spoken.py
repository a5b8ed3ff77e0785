"""The requests that a worker sends, and the versions of each that its Kafka client knows.

Rule.  Read from the client itself (aiokafka, which keeps the group and writes), so that an upgrade
cannot make it untrue.  librdkafka, which reads, knows at least as many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from aiokafka.protocol.api import Request
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetFetchRequest
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, SyncGroupRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import InitProducerIdRequest

SENT: Final[Mapping[str, type[Request[Any]]]] = {
    "Produce": ProduceRequest,
    "Fetch": FetchRequest,
    "ListOffsets": OffsetRequest,
    "Metadata": MetadataRequest,
    "OffsetCommit": OffsetCommitRequest,
    "OffsetFetch": OffsetFetchRequest,
    "FindCoordinator": FindCoordinatorRequest,
    "JoinGroup": JoinGroupRequest,
    "Heartbeat": HeartbeatRequest,
    "SyncGroup": SyncGroupRequest,
    "InitProducerId": InitProducerIdRequest,
}


def spoken() -> dict[str, tuple[int, Sequence[int]]]:
    """Name of the request -> its API key and the versions known here."""
    return {
        name: (
            request.API_KEY,
            [cast("int", version.API_VERSION) for version in request._CLASSES],  # noqa: SLF001
        )
        for name, request in SENT.items()
    }
