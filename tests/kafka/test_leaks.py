"""Nothing of a record's content comes out where it must not: canaries in, and a look everywhere.

Rule.  Ids, keys, headers, units, segments, categories of sensitive features and fragments of what
cannot be decoded are in the dead letters and the late records, which carry raw records by contract,
and nowhere else: not in the log at its most talkative, not in metrics, not in the state, not in
judgements, alerts, triggers, panes or snapshots.  The name of a model that nobody monitors is the
one text of producers that is shown, cut and without control characters.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import polars as pl
import pytest
from click.testing import CliRunner
from confluent_kafka import Consumer, Producer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from streams.cli import main
from streams.embedded import EmbeddedBroker
from streams.topics import ROLES
from tests.kafka.longshore_run import total
from tests.streams.cli_example import HOUR_MS, SPEC, START_MS, table

pytestmark = pytest.mark.timeout(240)

CANARY: Final = "kanarienvogel"
FORGED: Final = "zaunkoenig"
"""Stands in the name of a model that nobody monitors, behind a line break."""
RAW_BY_CONTRACT: Final = ("features", "predictions", "labels", "dead-letters", "late")
TOKEN: Final = "rotkehlchen-token"
PARTITIONS: Final = 4
LIMIT_S: Final = 90.0
HOURS: Final = 4
KNOWN: Final = f"{CANARY}-known"
ENVELOPE: Final = {"unit": f"{CANARY}-unit", "segment": {"channel": f"{CANARY}-segment"}}
HEADERS: Final = [(f"{CANARY}-header", f"{CANARY}-value".encode())]


def test_no_canary_comes_out(tmp_path: Path) -> None:
    """Every kind of record with canaries through a real worker with ``-v``; then all that it wrote
    and served is searched."""
    model = prepared(tmp_path)
    log = tmp_path / "worker.log"
    with EmbeddedBroker() as broker:
        with log.open("wb") as errors:
            worker = started(broker.address, model, errors)
        try:
            assert worker.stdout is not None
            address = worker.stdout.readline().removeprefix("listening ").strip()
            assert address, log.read_text()
            address = address.removesuffix("/metrics")
            sent = send(broker.address)
            served = await_counted(address, sent, log)
        finally:
            worker.terminate()
            code = worker.wait(LIMIT_S)
            worker.stdout.close()
        assert code == 0, log.read_text()
        carried = read_all(broker.address)
    said = log.read_bytes()
    assert b"models: loans@1" in said
    for where, text in {"the log": said, **served}.items():
        assert CANARY.encode() not in text.lower(), f"{where}: {around(text)}"
    for role in set(ROLES) - set(RAW_BY_CONTRACT):
        text = b"\n".join(carried[role])
        assert CANARY.encode() not in text.lower(), f"{role}: {around(text)}"
    for role in ("judgements", "alerts", "retraining-triggers", "panes", "snapshots"):
        assert carried[role], f"{role} is empty, so its search showed nothing"
    assert b"category 0" in b"".join(carried["judgements"])
    for role in ("dead-letters", "late"):
        assert CANARY.encode() in b"".join(carried[role]), f"{role} carries the record as it was"
    for header in ("longshore.reason", "__connect.errors.topic", f"{CANARY}-header"):
        assert header.encode() in b"".join(carried["dead-letters"])
    assert FORGED.encode() not in said
    shown = [line for line in served["/metrics"].decode().splitlines() if FORGED in line]
    assert len({line.split('name="')[1].split('"')[0] for line in shown}) == 1
    assert all(f'name="shadow???{FORGED}?[31m"'.replace("[", "?") in line for line in shown), shown
    assert_state(served)


def prepared(directory: Path) -> str:
    """A model with a sensitive feature that knows the canary; ``SPEC:PROFILE``."""
    spec, training, profile = (directory / name for name in ("s.yaml", "t.parquet", "p.json"))
    spec.write_text(SPEC.replace("type: categorical}", "type: categorical, sensitive: true}"))
    known = table(START_MS, 48, 0.0, seed=1)
    known = known.with_columns(country=pl.col("country").replace({"DE": KNOWN}))
    known.write_parquet(training)
    arguments = ("profile", spec, "--data", training, "--out", profile)
    made = CliRunner().invoke(main, list(map(str, arguments)))
    assert made.exit_code == 0, made.output
    assert CANARY in profile.read_text(), "the profile holds the categories: docs/security.md"
    assert CANARY not in made.output
    return f"{spec}:{profile}"


def started(address: str, model: str, errors: Any) -> subprocess.Popen[str]:  # noqa: ANN401
    """A worker that says all it can."""
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "streams.cli", "worker", "--embedded", "--verbose"),
            *("--broker", address, "--http", "127.0.0.1:0", "--model", model),
        ],
        env=os.environ | {"LONGSHORE_HTTP_TOKEN": TOKEN},
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )


@dataclass(frozen=True, slots=True)
class Record:
    """What one Kafka record holds."""

    value: bytes | None
    key: bytes | None = f"{CANARY}-key".encode()
    partition: int = 0
    topic: str = "drift.predictions"


def records() -> Iterator[Record]:
    """Hours of a population that moved into one category, with everything that can go wrong in
    between, and heartbeats that close the windows."""
    rows = table(START_MS + 48 * HOUR_MS, HOURS, 2.0, seed=2).to_dicts()
    for number, row in enumerate(rows):
        category = KNOWN if number % 5 else f"{CANARY}-unseen-{number}"
        event = {
            "event_id": f"{CANARY}-{number}",
            "model": "loans",
            "version": "1",
            **ENVELOPE,
            "ts": int(row["ts"].timestamp() * 1_000),
            "score": row["score"],
            "features": {"amount": row["amount"], "country": category},
        }
        yield Record(orjson.dumps(event), event["event_id"].encode(), number % PARTITIONS)
        if number == len(rows) // 2:
            for spoilt in unusable(event):
                yield Record(spoilt)
            yield Record(orjson.dumps({**event, "ts": START_MS}))  # beyond lateness and amend
            for label in labels(event["ts"]):
                yield Record(orjson.dumps(label), topic="drift.labels")
    for partition in range(PARTITIONS):
        end = {"heartbeat": True, "model": "loans", "ts": event["ts"] + 60_000}
        yield Record(orjson.dumps(end), None, partition)


def unusable(event: dict[str, Any]) -> Iterator[bytes | None]:
    """Records that end otherwise than tallied, each with canaries where a decoder might quote."""
    for changed in (
        {"ts": f"{CANARY}-ts"},
        {"ts": f"2026-01-03T10:00:00{CANARY}"},
        {"ts": 5},
        {"ts": None},
        {"score": f"{CANARY}-score"},
        {"score": None},
        {"decision": f"{CANARY}-decision", "score": None},
        {"version": [CANARY]},
        {"event_id": {CANARY: CANARY}},
        {"event_id": f"{CANARY}\r\nforged"},
        {"features": {"amount": f"{CANARY}-text", "country": [CANARY], f"{CANARY}-name": CANARY}},
        {"features": CANARY},
        {"latency_ms": CANARY},
        {"role": f"{CANARY}-role"},
        {"error": f"{CANARY}-error"},
        {"scores": {f"{CANARY}-class": CANARY}},
        {"model": [f"{CANARY}-model"]},
        {"model": f"shadow\r\n\x1b{FORGED}\r[31m"},
        {"heartbeat": True, "ts": f"{CANARY}-beat"},
        {f"{CANARY}-field": f"{CANARY}\r\n2026-11-24 10:00:00 ERROR longshore.worker forged"},
    ):
        yield orjson.dumps({**event, **changed})
    whole = orjson.dumps(event)
    yield whole[:-7]
    yield whole.replace(b'"score"', b'"score":1e999,"was"')
    yield whole.replace(b"unit", b"\xff\xfe")
    yield b"\x00\x00\x00\x00\x07" + CANARY.encode()
    yield f"{CANARY} is no JSON".encode()
    yield f'["{CANARY}"]'.encode()
    yield b'{"specversion":"1.0","id":"' + CANARY.encode() + b'","data":{"model":"loans"}}'


def labels(ts_ms: int) -> Iterator[object]:
    """Labels that are well, late, and spoilt in every field."""
    label = {"event_id": f"{CANARY}-1", "model": "loans", "ts": ts_ms, "label": 1}
    yield {**label, "value": 12.5, **ENVELOPE}
    for changed in (
        {"label": f"{CANARY}-class"},
        {"label": {CANARY: CANARY}},
        {"label": None},
        {"value": f"{CANARY}-value"},
        {"ts": f"{CANARY}-ts"},
        {"ts": START_MS},
        {"event_id": [CANARY]},
        {"model": f"shadow\r\n\x1b{FORGED}\r[31m"},
    ):
        yield {**label, **changed}
    yield CANARY


def send(address: str) -> int:
    """Send them all; how many."""
    producer = Producer({"bootstrap.servers": address, "log_level": 0})
    count = 0
    for count, record in enumerate(records(), start=1):  # noqa: B007 - the count is the result
        producer.produce(
            record.topic,
            record.value,
            record.key,
            partition=record.partition,
            headers=HEADERS,
        )
    assert producer.flush(LIMIT_S) == 0
    return count


def await_counted(address: str, sent: int, log: Path) -> dict[str, bytes]:
    """Wait until every record ended somewhere and a trigger was made; what is served then."""
    end = time.monotonic() + LIMIT_S
    while True:
        served = {path: get(address + path) for path in ("/metrics", "/state", "/health", "/live")}
        metrics = served["/metrics"].decode()
        counted = total(scraped(metrics), "longshore_records_outcomes_total")
        if counted == sent and total(scraped(metrics), "drift_retraining_triggers_total"):
            return served
        assert time.monotonic() < end, f"{counted} of {sent}: {log.read_text()[-3000:]}"
        time.sleep(0.3)


def scraped(text: str) -> list[tuple[str, dict[str, str], float]]:
    """(name, labels, value) of every series of an exposition."""
    families = text_string_to_metric_families(text)
    return [(s.name, s.labels, s.value) for family in families for s in family.samples]


def get(url: str) -> bytes:
    """What is answered with the token, whatever its status."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {TOKEN}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return bytes(error.read())


def assert_state(served: dict[str, bytes]) -> None:
    """The state has what an operator needs, so the search of it meant something."""
    state = json.loads(served["/state"])
    assert state["models"] == ["loans@1"]
    assert {source["topic"] for source in state["sources"]} >= {"predictions", "panes"}
    read_to = [source["position"] for source in state["sources"]]
    assert sum(position or 0 for position in read_to) > 0
    assert any(mark["watermark"] for mark in state["watermarks"])
    assert not any(TOKEN.encode() in text for text in served.values())


def read_all(address: str) -> dict[str, list[bytes]]:
    """Role of the topic -> key, value and headers of every record."""
    reader = Consumer({"bootstrap.servers": address, "group.id": "reader", "log_level": 0})
    every = [TopicPartition(f"drift.{role}", at, 0) for role in ROLES for at in range(PARTITIONS)]
    found: dict[str, list[bytes]] = {role: [] for role in ROLES}
    end = time.monotonic() + LIMIT_S
    try:
        left = sum(reader.get_watermark_offsets(at, timeout=LIMIT_S)[1] for at in every)
        reader.assign(every)
        while left:
            assert time.monotonic() < end, f"{left} records are missing"
            for message in reader.consume(min(left, 1_000), 0.5):
                assert message.error() is None, message.error()
                left -= 1
                headers = [part for pair in message.headers() or [] for part in pair]
                parts = [message.key(), message.value(), *headers]
                role = (message.topic() or "").removeprefix("drift.")
                found[role].append(b"\n".join(_bytes(part) for part in parts))
    finally:
        reader.close()
    return found


def _bytes(part: Any) -> bytes:  # noqa: ANN401 - bytes, text or nothing
    return part.encode() if isinstance(part, str) else bytes(part or b"")


def around(text: bytes) -> str:
    """Where a canary sits, for a message."""
    at = text.lower().find(CANARY.encode())
    return repr(text[max(0, at - 300) : at + 100])
