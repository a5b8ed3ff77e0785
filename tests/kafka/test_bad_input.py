"""Every kind of bad record on a real broker, in every compression, with the good ones unharmed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner
from confluent_kafka import Consumer, Producer, TopicPartition

from examples.fraud.generate import write_reference
from streams.cli import main as longshore
from tests.kafka.longshore_run import PARTITIONS, ROOT, LongshoreRun, scrape, total

FRAUD_SPEC = str(ROOT / "examples" / "fraud" / "spec.yaml")
CODECS = ("none", "lz4", "zstd", "snappy", "gzip")
GOOD_PER_CODEC = 500
BIG_BYTES = 5_000_000
TEN_YEARS_MS = 3_650 * 86_400_000


def event(number: int, **changed: object) -> bytes:
    """One card payment of now."""
    features = {"amount": 10.0 + number % 50, "mcc": "5411", "country": "DE", "device": "app"}
    tree = {
        "event_id": f"e{number}",
        "model": "fraud",
        "version": "2026.11",
        "ts": int(time.time() * 1000),
        "features": features | {"hour": 3},
        "score": 0.02,
    }
    return orjson.dumps({key: at for key, at in (tree | changed).items() if at is not ...})


def bad_records() -> Iterator[tuple[str, bytes | None]]:
    """(how it must end, bytes): rejections by reason, and shadows."""
    now = int(time.time() * 1000)
    yield "malformed_json", b"{not json"
    yield "malformed_json", event(1).replace(b'"score":0.02', b'"score":NaN')
    yield "missing_event_id", event(2, event_id=...)
    yield "naive_timestamp", event(3, ts="2026-11-23T18:04:05")
    yield "timestamp_too_old", event(4, ts=0)
    yield "timestamp_in_future", event(5, ts=now + TEN_YEARS_MS)
    yield "timestamp_too_old", event(6, ts=now // 1000)
    yield "null_value", None
    yield "registry_framed", b"\x00\x00\x00\x00\x07" + event(7)
    yield "too_large", event(8, comment="x" * BIG_BYTES)
    yield "shadow", event(9, model="nobody")
    yield "shadow", event(10, version="1999")


def wrong_typed(number: int) -> bytes:
    """A text where a number belongs: that feature is invalid, the event counts."""
    return event(number, features={"amount": "a lot", "mcc": 5411, "country": "DE"})


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A profile of a day of card payments."""
    directory = tmp_path_factory.mktemp("fraud")
    data = directory / "reference.parquet"
    write_reference(data, 7, 1, 1.0)
    out = directory / "profile.json"
    arguments = ["profile", FRAUD_SPEC, "--data", str(data), "--out", str(out)]
    done = CliRunner().invoke(longshore, arguments)
    assert done.exit_code == 0, done.output
    return str(out)


@pytest.mark.timeout(180)
def test_every_bad_record_ends_where_it_should(
    kafka: str, topic_prefix: Callable[[], str], tmp_path: Path, profile: str
) -> None:
    """Each ends by its reason, is counted, and lies in the dead-letter topic with its bytes; the
    records of a topic add up to its outcomes."""
    with LongshoreRun(kafka, topic_prefix(), tmp_path) as run:
        run.worker(f"{FRAUD_SPEC}:{profile}")
        expected, sent, rejected = _send(kafka, run.prefix)
        port = run.address()
        _await(lambda: total(scrape(port), "longshore_records_total") >= sent, run)
        metrics = scrape(port)
        assert total(metrics, "longshore_records_total") == sent
        assert total(metrics, "longshore_records_outcomes_total") == sent
        for reason, count in expected.items():
            if reason == "shadow":
                assert total(metrics, "longshore_shadow_records_total") == count
                continue
            found = total(metrics, "longshore_records_rejected_total", reason=reason)
            assert found == count, reason
        tallied = total(metrics, "longshore_records_outcomes_total", outcome="tallied")
        assert tallied == (GOOD_PER_CODEC + 1) * len(CODECS)
        _await(lambda: run.count("dead-letters") >= len(rejected), run)
        assert _dead_letters(kafka, run.prefix) == sorted(rejected, key=repr)


def _send(kafka: str, prefix: str) -> tuple[dict[str, int], int, list[tuple[str, bytes | None]]]:
    """Good, bad and wrong-typed records, mixed, in each compression."""
    expected: dict[str, int] = {}
    rejected: list[tuple[str, bytes | None]] = []
    sent = 0
    for codec in CODECS:
        options = {
            "bootstrap.servers": kafka,
            "compression.type": codec,
            "partitioner": "murmur2_random",
            "message.max.bytes": 2 * BIG_BYTES,
        }
        producer = Producer(options)
        values: list[bytes | None] = [event(100 + n) for n in range(GOOD_PER_CODEC)]
        values.append(wrong_typed(99))
        for position, (reason, value) in enumerate(bad_records()):
            values.insert(position * 40, value)
            expected[reason] = expected.get(reason, 0) + 1
            if reason != "shadow":
                rejected.append((reason, value))
        for number, value in enumerate(values):
            producer.produce(f"{prefix}predictions", value, key=f"k{number}")
            producer.poll(0)
        assert producer.flush(30) == 0
        sent += len(values)
    return expected, sent, rejected


def _await(condition: Callable[[], bool], run: LongshoreRun, limit_s: float = 60.0) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, run.log()
        time.sleep(0.2)


def _dead_letters(kafka: str, prefix: str) -> list[tuple[str, bytes | None]]:
    """(reason, bytes) of every dead letter, sorted."""
    options = {
        "bootstrap.servers": kafka,
        "group.id": f"{prefix}dead",
        "fetch.message.max.bytes": 2 * BIG_BYTES,
        "enable.partition.eof": True,
    }
    reader = Consumer(options)
    name = f"{prefix}dead-letters"
    reader.assign([TopicPartition(name, p, 0) for p in range(PARTITIONS)])
    found: list[tuple[str, bytes | None]] = []
    ended = 0
    while ended < PARTITIONS:
        for message in reader.consume(500, 0.2):
            if message.error() is not None:
                ended += 1
                continue
            headers = dict(message.headers() or [])
            assert headers["__connect.errors.topic"] == f"{prefix}predictions".encode()
            found.append((str(headers["longshore.reason"], "utf-8"), message.value()))
    reader.close()
    return sorted(found, key=repr)
