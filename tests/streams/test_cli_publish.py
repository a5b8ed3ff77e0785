"""`longshore publish`: usage, pace, and a file that arrives as a replay would read it."""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import orjson
import pytest
from click.testing import CliRunner, Result
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from detectors.kernels import murmur2_partitions
from engine.pipeline import Pipeline
from streams.cli import main
from streams.embedded import EmbeddedBroker
from streams.file_publisher import at_rate, at_speed, publish_files
from streams.model_files import read_spec_file
from streams.replay import Source, end_of_stream
from streams.settings import Settings
from streams.tables import read_events
from tests.engine.models import MINUTE, SECOND, START, batch, model_of, raw, spec_text
from tests.streams.cli_example import ExampleFiles, example_files

PARTITIONS = 4


@pytest.fixture
def files(tmp_path: Path) -> ExampleFiles:
    """The example; publishing needs no profile."""
    return example_files(tmp_path)


def publish(*arguments: object) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["publish", *map(str, arguments)])


def read_partitions(settings: Settings, role: str) -> dict[int, list[tuple[bytes | None, bytes]]]:
    """(key, value) in offset order, by partition."""
    topic = settings.prefix + role
    reader = Consumer({"bootstrap.servers": settings.brokers[0], "group.id": "reader"})
    places = [TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(PARTITIONS)]
    ends = sum(reader.get_watermark_offsets(place, timeout=10)[1] for place in places)
    reader.assign(places)
    found: dict[int, list[tuple[bytes | None, bytes]]] = defaultdict(list)
    deadline = time.monotonic() + 20
    while sum(map(len, found.values())) < ends and time.monotonic() < deadline:
        for message in reader.consume(1_000, 0.2):
            assert message.error() is None
            found[message.partition()].append((message.key(), message.value()))
    reader.close()
    return found


def logs_of_a_replay(
    source: Source, *, heartbeat: bool = True
) -> dict[int, list[tuple[bytes | None, bytes]]]:
    """What replay takes a file for: by murmur2 of the event id, in file order, then a heartbeat."""
    logs: dict[int, list[tuple[bytes | None, bytes]]] = defaultdict(list)
    newest = 0
    for event_id, ts_ms, value in read_events(source.path, source.spec, source.topic):
        key = event_id.encode()
        home = murmur2_partitions(np.frombuffer(key, np.uint8), np.array([len(key)]), PARTITIONS)
        logs[int(home[0])].append((key, value))
        newest = max(newest, ts_ms)
    for partition in range(PARTITIONS) if heartbeat else ():
        logs[partition].append((None, end_of_stream(source.spec, source.topic, newest)))
    return logs


def test_the_topics_become_the_logs_that_replay_reads(files: ExampleFiles) -> None:
    """Every partition of every topic holds exactly the records, in the order, that a replay of the
    same files takes for it, the closing heartbeat included: the ground of `one truth`."""
    spec = read_spec_file(files.spec)
    sources = [Source("predictions", files.predictions, spec), Source("labels", files.labels, spec)]
    with EmbeddedBroker() as broker:
        settings = Settings(brokers=(broker.address,), prefix="all.", embedded=True)
        done = publish_files(settings, sources)
        assert done.records == {"predictions": 2_400, "labels": 2_400}
        assert done.heartbeats == 2 * PARTITIONS
        for source in sources:
            assert read_partitions(settings, source.topic) == logs_of_a_replay(source)
        settings = Settings(brokers=(broker.address,), prefix="bare.", embedded=True)
        publish_files(settings, sources[:1], heartbeats=False)
        bare = read_partitions(settings, "predictions")
        assert bare == logs_of_a_replay(sources[0], heartbeat=False)


def test_a_line_that_is_no_event_goes_on_as_it_is(files: ExampleFiles, tmp_path: Path) -> None:
    """Whatever a file of events holds reaches the topic, for the worker to reject and count."""
    path = tmp_path / "predictions.ndjson"
    lines = [b'{"event_id":"a","ts":1767225600000}', b"not json", b'{"no":"id"}']
    path.write_bytes(b"\n".join(lines))
    source = Source("predictions", path, read_spec_file(files.spec))
    with EmbeddedBroker() as broker:
        settings = Settings(brokers=(broker.address,), embedded=True)
        publish_files(settings, [source], heartbeats=False)
        found = read_partitions(settings, "predictions")
    assert found == logs_of_a_replay(source, heartbeat=False)
    assert sorted(value for log in found.values() for _, value in log) == sorted(lines)


def test_the_end_of_a_live_file_closes_its_windows() -> None:
    """The closing heartbeat lies the lateness ahead of its record's Kafka time; however long that
    is, it counts, and the last window that the file completes is judged."""
    time_rule = "{pane: 10s, lateness: 2h, amend: 2h, idle: 30s}"
    model = model_of(spec_text(time=time_rule, windows="[1m]"))
    newest = START + 5 * MINUTE
    values: list[bytes | None] = [raw(i, START + i * SECOND) for i in range(301)]
    values.append(end_of_stream(model.spec, "predictions", newest))
    pipeline = Pipeline([model], 1)
    assert pipeline.accept(batch(values, record_ms=newest)) == []
    said = [effect for effect in pipeline.flush() if effect.topic == "judgements"]
    assert orjson.loads(said[-1].value or b"")["end"] == "2013-01-07T10:05:00Z"


def test_a_broker_that_is_away_exits_1(
    files: ExampleFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says where and what to look at."""
    monkeypatch.setattr("streams.broker_answers.ANSWER_LIMIT_S", 0.5)
    result = publish(files.spec, "--predictions", files.predictions, "--broker", "127.0.0.1:1")
    assert result.exit_code == 1
    assert "127.0.0.1:1" in result.stderr
    assert "Next: " in result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "give --predictions"),
        (["--rate", "5", "--speed", "2"], "--rate or --speed"),
        (["--rate", "0"], "--rate"),
        (["--speed", "-1"], "neither max nor a factor"),
        (["--speed", "nan"], "neither max nor a factor"),
        (["--speed", "soon"], "neither max nor a factor"),
        (["--broker", "kafka"], "'kafka' is not host:port"),
    ],
)
def test_wrong_usage_exits_2(files: ExampleFiles, arguments: list[str], told: str) -> None:
    """Nothing is sent, and the fault is named."""
    given = [*arguments, "--predictions", files.predictions] if arguments else []
    result = publish(files.spec, *given)
    assert result.exit_code == 2
    assert told in result.stderr


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_rate_spreads_records_evenly_over_time() -> None:
    """Record i leaves i / rate seconds after the start, and late ones at once."""
    clock = Clock()
    pace = at_rate(10, clock)
    assert pace(0, 0) == 0.0
    assert pace(5, 0) == pytest.approx(0.5)
    clock.now_s += 0.5
    assert pace(5, 0) == 0.0
    clock.now_s += 60
    assert pace(6, 0) == 0.0


def test_a_speed_keeps_the_gaps_of_event_time() -> None:
    """At factor 3600 an hour of event time passes in a second, counted from the first record."""
    clock = Clock()
    pace = at_speed(3_600, clock)
    assert pace(0, 1_000_000) == 0.0
    assert pace(1, 1_000_000 + 3_600_000) == pytest.approx(1.0)
    clock.now_s += 1.5
    assert pace(1, 1_000_000 + 3_600_000) == 0.0
    assert pace(2, 1_000_000 + 2 * 3_600_000) == pytest.approx(0.5)


def test_a_stop_is_heard_while_waiting(files: ExampleFiles) -> None:
    """Whoever waits for the pace looks up often enough to be stopped, and sends no heartbeats."""
    source = Source("predictions", files.predictions, read_spec_file(files.spec))
    began = time.monotonic()
    with EmbeddedBroker() as broker:
        settings = Settings(brokers=(broker.address,), embedded=True)
        done = publish_files(
            settings, [source], at_rate(20), stopping=lambda: time.monotonic() - began > 1.0
        )
    assert done.stopped
    assert 1 <= done.total < 200
    assert done.heartbeats == 0
    assert orjson.loads(end_of_stream(source.spec, "predictions", 5))["ts"] == 60_005
