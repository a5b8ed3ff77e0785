"""The consumer of triggers: each handled once, whatever is delivered and whenever it is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest
from confluent_kafka import Producer

from examples.retraining_consumer import SeenTriggers, Stop, consume, describe, new_triggers


def trigger(number: int) -> bytes:
    """A trigger as the topic carries it."""
    return orjson.dumps(
        {
            "trigger_id": f"sha256:{number:04d}",
            "model": "flights",
            "version": "2013.02",
            "cause": "data_drift",
            "rule": "psi_features",
            "window": {"start": "2013-05-30T00:00:00Z", "end": "2013-06-06T00:00:00Z", "events": 9},
            "recommended": "retrain",
            "evidence": [{"feature": "temp", "psi": 4.4}],
            "cooldown_until": "2013-07-06T00:00:00Z",
        }
    )


@dataclass
class FakeConsumer:
    """A topic of one partition; after its last record it sends this process ``last_signal``."""

    values: list[bytes | None]
    last_signal: signal.Signals = signal.SIGTERM
    position: int = 0
    commits: list[int] = field(default_factory=list)

    def poll(self, timeout_ms: int, max_records: int) -> dict[str, list[SimpleNamespace]]:
        """At most ``max_records`` further records."""
        assert timeout_ms > 0
        found = self.values[self.position : self.position + max_records]
        self.position += len(found)
        if not found:
            os.kill(os.getpid(), self.last_signal)
            return {}
        return {"0": [SimpleNamespace(value=value) for value in found]}

    def commit(self) -> None:
        """Commit the position, as kafka-python does."""
        self.commits.append(self.position)


@pytest.fixture
def stop() -> Iterator[Stop]:
    """The signal handling of the consumer, undone afterwards."""
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    yield Stop()
    for one, handler in before.items():
        signal.signal(one, handler)


def test_repeats_are_dropped(stop: Stop, capsys: pytest.CaptureFixture[str]) -> None:
    """A trigger delivered three times is handled once; offsets cover all that was read."""
    consumer = FakeConsumer([trigger(1), trigger(1), trigger(2), trigger(1)])
    assert consume(consumer, SeenTriggers(), stop, once=False) == 2
    assert consumer.commits == [1, 2, 3, 4]
    printed = capsys.readouterr()
    assert printed.out.count("would retrain flights 2013.02: data_drift, psi_features") == 2
    assert printed.err.count("repeat of sha256:0001: dropped") == 2


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(stop: Stop, asked: signal.Signals) -> None:
    """Both signals end the loop without an exception, everything handled being committed."""
    consumer = FakeConsumer([trigger(1)], asked)
    assert consume(consumer, SeenTriggers(), stop, once=False) == 1
    assert consumer.commits == [1]


def test_once_ends_after_the_first_and_commits_no_more(stop: Stop) -> None:
    """``--once`` passes over repeats, handles one new trigger, and leaves the rest unread."""
    seen = SeenTriggers()
    seen.add("sha256:0001")
    consumer = FakeConsumer([trigger(1), trigger(2), trigger(3)])
    assert consume(consumer, seen, stop, once=True) == 1
    assert consumer.commits == [1, 2]


@pytest.mark.parametrize(
    "value", [None, b"", b"{", b"[]", b"{}", b'{"trigger_id":7}', b'{"trigger_id":"a\\nb"}']
)
def test_what_is_no_trigger_stops_nothing(
    value: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """A record without a usable trigger is reported, and the one behind it is handled."""
    found = list(new_triggers([value, trigger(5)], SeenTriggers()))
    assert [one["trigger_id"] for one in found] == ["sha256:0005"]
    assert "passed over a record" in capsys.readouterr().err


def test_a_trigger_is_remembered_only_when_it_was_handled() -> None:
    """If handling fails the id is not kept, so that the next delivery is handled."""
    seen = SeenTriggers()
    handled = new_triggers([trigger(1)], seen)
    next(handled)
    handled.close()
    assert "sha256:0001" not in seen


def test_ids_survive_a_restart(tmp_path: Path) -> None:
    """Ids on disk are known to the next run; a line cut off by a crash was not handled."""
    path = tmp_path / "seen.txt"
    first = SeenTriggers(path)
    first.add("sha256:0001")
    first.add("sha256:0002")
    with path.open("a", encoding="utf-8") as file:
        file.write("sha256:00")
    second = SeenTriggers(path)
    assert len(second) == 2
    assert "sha256:0002" in second
    second.add("sha256:0003")
    assert path.read_text(encoding="utf-8") == "sha256:0001\nsha256:0002\nsha256:0003\n"


def test_memory_and_file_are_bounded(tmp_path: Path) -> None:
    """Beyond the limit the oldest ids are forgotten, in memory and on disk."""
    path = tmp_path / "seen.txt"
    seen = SeenTriggers(path, limit=10)
    for number in range(100):
        seen.add(f"sha256:{number:04d}")
        assert len(seen) <= 10
    assert "sha256:0099" in seen
    assert "sha256:0000" not in seen
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 10
    assert len(SeenTriggers(path, limit=10)) == len(seen)


def test_a_trigger_with_little_in_it_is_described_too() -> None:
    """Only the id is needed; a field that is absent does not fail the consumer."""
    assert "sha256:0009" in describe({"trigger_id": "sha256:0009"})


def test_it_reads_a_broker(tmp_path: Path) -> None:
    """Against librdkafka's broker in this process: the command handles the first trigger and ends;
    the next run, of another group, knows it by its file and handles the second."""
    producer = Producer({"test.mock.num.brokers": 1})
    metadata = producer.list_topics("drift.retraining-triggers", timeout=10)
    broker = next(iter(metadata.brokers.values()))
    for value in (trigger(1), trigger(1), trigger(2)):
        producer.produce("drift.retraining-triggers", value, key=b"flights", partition=0)
    assert producer.flush(10) == 0
    said = []
    for run in ("first", "second"):
        command = [sys.executable, "examples/retraining_consumer.py", "--once"]
        command += ["--brokers", f"{broker.host}:{broker.port}", "--group", run]
        command += ["--seen", str(tmp_path / "seen.txt"), "--property", "api_version=[2,3]"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    assert "sha256:0001" in said[0]
    assert "sha256:0002" in said[1]
    assert "sha256:0001" not in said[1]
