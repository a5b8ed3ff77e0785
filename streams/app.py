"""The Faust application: settings in, a wired app out.

Rule.  Faust gives membership, assignment, the table and the agents; what it would do beyond that
is switched off here, each with its reason.  This is the only module that configures Faust, and
Faust is imported nowhere before a worker runs: importing it reads ``sys.argv`` and the environment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import faust
from faust.serializers.schemas import Schema
from yarl import URL

from streams.agents import Agents
from streams.bounds import PRODUCER_BATCH_BYTES, QUEUED_BATCHES, RECOVERY_BUFFERED, obey
from streams.changelog_feed import ChangelogFeed
from streams.checkpoint import Outbox
from streams.clients import librdkafka_reader_options
from streams.control import ControlReader
from streams.core import Core, EngineCore
from streams.data_dir import DataDir
from streams.feed import Feed
from streams.forwarding import FORWARDED_ROLES, Forwarding
from streams.judging import Judging
from streams.learning import Learning
from streams.live import LiveState
from streams.pending_log import KafkaPendingLog
from streams.pending_places import Places
from streams.registered_tables import RegisteredTables
from streams.registrar import Registrar
from streams.settings import SecuritySettings, Settings
from streams.snapshot_table import Home, SnapshotTable
from streams.tallying import Tallying
from streams.tls import tls_context
from streams.topics import BATCHED_ROLES, INPUT_ROLES, topic_name
from streams.transport import batching_transport

REQUEST_TIMEOUT_S: Final = 40.0
MAX_POLL_INTERVAL_S: Final = 300.0
"""aiokafka leaves the group when the worker was out of touch with it for so long."""
PRODUCER_LINGER_S: Final = 0.002
RECOVERY_BOUND_S: Final = 86_400.0
"""Faust would end a whole restore by its request time-out; the watchdog looks at its progress."""
CARRYING_ROLES: Final = ("dead-letters", "late")
NEVER_S: Final = 86_400.0 * 3_650
COMMIT_INTERVAL_S: Final = 3_600.0
"""Every checkpoint commits by itself; Faust's own timer has nothing to add."""


class BatchSchema(Schema):
    """Hands the batch that the transport made to the agent as it is."""

    def loads_key(self, app: Any, message: Any, **kwargs: Any) -> Any:  # noqa: ANN401, ARG002
        """No key: a batch has one per record."""
        return None

    def loads_value(self, app: Any, message: Any, **kwargs: Any) -> Any:  # noqa: ANN401, ARG002
        """The batch."""
        return message.value


@dataclass
class WiredApp:
    """A Faust app with everything that hangs on it."""

    app: faust.App
    agents: Agents
    feed: Feed
    control: ControlReader
    live: LiveState
    transport: Any
    """The bound :class:`streams.transport.BatchingTransport`."""
    parts: tuple[Tallying, Judging, SnapshotTable, Outbox]


def wire(
    settings: Settings,
    core: Core,
    partitions: int,
    scratch: Path,
    live: LiveState,
    topic_ids: Mapping[str, str] | None = None,
    data_dir: DataDir | None = None,
) -> WiredApp:
    """Build the app; nothing is connected yet.  Needs the running event loop.

    ``partitions`` is the count of the topics as checked, ``scratch`` a directory that Faust insists
    on making, ``topic_ids`` are the brokers' ids of the topics by role, as far as they tell them;
    ``data_dir`` is where predictions wait for labels, None for memory and the snapshots.
    """
    names = {topic_name(settings, role): role for role in BATCHED_ROLES}
    feed = Feed(librdkafka_reader_options(settings), names, settings.batch_size)
    live.feed = feed
    obey(live, settings)
    live.usage["models"] = lambda: len(core.models())
    app = faust.App(settings.group, **_options(settings, scratch))
    app.finalize()

    def name_of(role: str) -> str:
        return topic_name(settings, role)

    async def send(*arguments: Any) -> Any:  # noqa: ANN401 - the producer exists only later
        return await app.producer.send(*arguments)

    outbox = Outbox(send, name_of, core.read, live)
    snapshots = SnapshotTable(
        _snapshots_table(app, name_of("snapshots"), partitions),
        name_of("snapshots"),
        send,
        live,
        Home(partitions, topic_ids or {}, part_bytes=settings.snapshot_record_bytes),
    )
    places = None if data_dir is None else _places(settings, data_dir, partitions, topic_ids, live)
    tallying = Tallying(core, outbox, snapshots, feed, live, places)
    judging = Judging(core, partitions, outbox, snapshots, live)
    control = ControlReader(settings, *FORWARDED_ROLES)
    forwarding = Forwarding(core, partitions, judging, outbox, control, topic_ids or {}, live)
    agents = Agents(settings, tallying, judging, snapshots, outbox, live, forwarding)
    carried, parts = map(name_of, CARRYING_ROLES), (tallying, judging, snapshots, outbox)
    ahead = ChangelogFeed(librdkafka_reader_options(settings), name_of("snapshots"))
    transport = batching_transport(feed, agents, names, partitions, carried, ahead)
    app.transport = transport(app.conf.broker_consumer, app)
    _add_agents(app, agents, partitions, name_of)
    consumer = agents.consumer = app.consumer
    live.changelog_read = lambda: (
        app.consumer_generation_id,
        consumer.changelog_records_read + live.pending_rows_read,
    )
    return WiredApp(app, agents, feed, control, live, app.transport, parts)


def _add_agents(
    app: faust.App, agents: Agents, partitions: int, name_of: Callable[[str], str]
) -> None:
    for body, roles in ((agents.tally, INPUT_ROLES), (agents.judge, ("panes",))):
        channel = app.topic(
            *(name_of(role) for role in roles),
            schema=BatchSchema(key_type=bytes, value_type=bytes),
            partitions=partitions,
            maxsize=QUEUED_BATCHES,
        )
        app.agent(channel, name=f"longshore.{body.__name__}", concurrency=1)(body)


def attach(wired: WiredApp, core: Core, partitions: int, registrar: Registrar | None) -> None:
    """Let what the registrar learns reach tallies and judges; without one, the models are those of
    the start."""
    if registrar is not None:
        known = cast("EngineCore", core)
        wired.agents.learning = Learning(known, partitions, registrar, *wired.parts)
        registrar.learned = wired.agents.learn


def _places(
    settings: Settings,
    data_dir: DataDir,
    partitions: int,
    topic_ids: Mapping[str, str] | None,
    live: LiveState,
) -> Places:
    name, topic_id = topic_name(settings, "pending"), (topic_ids or {}).get("pending", "")
    home = f"{name} ({topic_id or 'no id'}, {partitions} partitions), group {settings.group}"
    pending_log = KafkaPendingLog(settings)
    return Places(pending_log, data_dir.open_disk, data_dir.wipe_disk, home, live)


def _snapshots_table(app: faust.App, name: str, partitions: int) -> Any:  # noqa: ANN401
    changelog = app.topic(
        name,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        partitions=partitions,
        internal=True,
        compacting=True,
    )
    return app.Table(
        "snapshots",
        key_type=bytes,
        value_type=bytes,
        partitions=partitions,
        changelog_topic=changelog,
        recovery_buffer_size=RECOVERY_BUFFERED,
    )


def _options(settings: Settings, scratch: Path) -> dict[str, Any]:
    return {
        "env": {},  # Faust would take settings from its own environment names
        "version": 1,
        "broker": [URL(f"kafka://{broker}") for broker in settings.brokers],
        "broker_credentials": _credentials(settings.security),
        "broker_session_timeout": settings.session_timeout_s,
        "broker_heartbeat_interval": settings.heartbeat_interval_s,
        "broker_rebalance_timeout": settings.rebalance_timeout_s,
        "broker_request_timeout": RECOVERY_BOUND_S,
        "broker_commit_interval": COMMIT_INTERVAL_S,
        "broker_commit_every": 1_000_000_000,
        "broker_commit_livelock_soft_timeout": NEVER_S,
        "broker_max_poll_interval": MAX_POLL_INTERVAL_S,
        "consumer_group_instance_id": settings.group_instance_id,
        "consumer_auto_offset_reset": "earliest",
        "consumer_max_fetch_size": 2_000_000,
        "producer_acks": -1,
        "producer_linger": PRODUCER_LINGER_S,
        "producer_compression_type": "lz4",
        "producer_max_batch_size": PRODUCER_BATCH_BYTES,
        "producer_max_request_size": settings.max_record_bytes + 1_000_000,
        "producer_request_timeout": REQUEST_TIMEOUT_S,
        "datadir": scratch,
        "store": "memory://",
        "TableManager": RegisteredTables,
        "stream_wait_empty": False,  # nothing is acknowledged, so it would wait for ever
        "stream_processing_timeout": NEVER_S,
        "stream_recovery_delay": 0.0,
        "stream_buffer_maxsize": RECOVERY_BUFFERED,  # with Faust's 4,096, gigabytes in a recovery
        "table_standby_replicas": 0,
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "web_enabled": False,  # it would serve the table's data to anybody
        "worker_redirect_stdouts": False,
        "processing_guarantee": "at_least_once",
    }


def _credentials(security: SecuritySettings) -> Any:  # noqa: ANN401 - Faust's union
    context = tls_context(security)
    if security.authenticated:
        password = security.sasl_password
        return faust.SASLCredentials(
            username=security.sasl_user,
            password=None if password is None else password.reveal(),
            mechanism=security.sasl_mechanism,
            ssl_context=context,
        )
    return None if context is None else faust.SSLCredentials(context)
