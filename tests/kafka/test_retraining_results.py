"""A trigger on real Kafka: silence alerts, an answer is seen, and both survive kill -9."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from engine.profile import encode_profile
from engine.profile_building import build_profile
from engine.spec_reading import read_spec
from tests.engine.models import MINUTE, START, beat, reference, spec_text
from tests.engine.reference_tables import MADE_BY
from tests.engine.test_decisions import minutes
from tests.kafka.longshore_run import PARTITIONS, LongshoreRun, scrape, total

RETRAINING: Final = (
    "{cooldown: 2h, answer_within: 5m, rules: "
    "{psi_features: {above: 0.2, features: 2, window: 1m, at_least: 2, of_last: 3}}}"
)
PATTERN: Final = "..DDD" + "." * 20
WAIT_S: Final = 60.0


class Stage:
    """One model's worker on a broker, its events in minutes, and what it said."""

    def __init__(self, run: LongshoreRun, directory: Path) -> None:
        self.run = run
        self.trigger = ""
        text = spec_text(retraining=RETRAINING)
        spec, profile = directory / "spec.yaml", directory / "profile.json"
        spec.write_text(text)
        profile.write_bytes(encode_profile(build_profile(read_spec(text), reference(), MADE_BY)))
        self._model = f"{spec}:{profile}"
        self._events = minutes(PATTERN)
        self._sent = 0
        self._lives = 0
        self.producer = Producer(
            {"bootstrap.servers": run.bootstrap, "partitioner": "murmur2_random"}
        )

    def start(self) -> subprocess.Popen[bytes]:
        """A worker."""
        self._lives += 1
        return self.run.worker(self._model, log=self.log)

    @property
    def log(self) -> str:
        """The log of the present worker."""
        return f"life{self._lives}.log"

    def until(self, minute: int) -> None:
        """All events up to there, and the clock of every partition."""
        end_ms = START + minute * MINUTE
        while self._sent < len(self._events) and self._events[self._sent]["ts"] < end_ms:
            event = self._events[self._sent]
            self.send("predictions", event["event_id"].encode(), orjson.dumps(event))
            self._sent += 1
        for partition in range(PARTITIONS):
            self.send("predictions", b"beat", beat(end_ms + 30_000), partition)
        assert self.producer.flush(30) == 0

    def send(self, topic: str, key: bytes | None, value: bytes, partition: int = -1) -> None:
        """One record."""
        self.producer.produce(self.run.prefix + topic, value, key, partition)

    def read(self, topic: str) -> list[dict[str, Any]]:
        """All records of a topic, each once and in the order of a partition."""
        options = {"bootstrap.servers": self.run.bootstrap, "group.id": "r"}
        reader = Consumer(options | {"auto.offset.reset": "earliest"})
        try:
            name, found = self.run.prefix + topic, []
            for number in range(PARTITIONS):
                where = TopicPartition(name, number, 0)
                at, end = 0, reader.get_watermark_offsets(where, timeout=10)[1]
                reader.assign([where])
                while at < end:
                    for message in reader.consume(min(end - at, 1000), 0.5):
                        assert message.error() is None
                        found.append(message.value() or b"")
                        at = (message.offset() or 0) + 1
            return [orjson.loads(value) for value in dict.fromkeys(found)]
        finally:
            reader.close()

    def wait(self, what: str, holds: Callable[[], bool]) -> None:
        """Until it holds."""
        end = time.monotonic() + WAIT_S
        while not holds():
            assert time.monotonic() < end, f"{what}: {self.run.log(self.log)}"
            time.sleep(0.3)

    def states(self) -> dict[str, float]:
        """Requests by state, as /metrics tells them; those that are late too."""
        metrics = scrape(self.run.address(self.log))
        named = ("accepted", "ready", "requested")
        told = {s: total(metrics, "drift_retraining_requests", state=s) for s in named}
        told["late"] = total(metrics, "drift_retraining_overdue", cause="no_answer")
        return {state: count for state, count in told.items() if count}

    def alerts(self) -> list[tuple[str, str]]:
        """Cause and state of the alerts about requests."""
        found = self.read("alerts")
        return [(one["cause"], one["state"]) for one in found if one["rule"] == "retraining"]


@pytest.mark.timeout(300)
def test_a_trigger_is_late_then_answered_then_ready(
    kafka: str, topic_prefix: Callable[[], str], tmp_path: Path
) -> None:
    """Through two workers that were killed; each result acts once, and is told once on `audit`."""
    with LongshoreRun(kafka, topic_prefix(), tmp_path) as run:
        stage = Stage(run, tmp_path)
        worker = stage.start()
        stage.until(6)
        stage.wait("no trigger", lambda: run.count("retraining-triggers") == 1)
        (trigger,) = stage.read("retraining-triggers")
        stage.wait("not requested", lambda: stage.states() == {"requested": 1})
        stage.until(11)
        stage.wait("not late", lambda: stage.states() == {"requested": 1, "late": 1})
        stage.wait("no alert", lambda: stage.alerts() == [("no_answer", "open")])

        identity = trigger["trigger_id"]
        where = run.command("answer", identity, "--model", "m", "--status", "accepted")
        assert "retraining-results/" in where
        stage.send("retraining-results", b"m", b"no result")
        stage.send("retraining-results", None, orjson.dumps({"trigger_id": "?", "status": "x"}))
        assert stage.producer.flush(30) == 0
        stage.wait("no dead letters", lambda: run.count("dead-letters") == 2)
        worker.kill()
        worker.wait()
        worker = stage.start()
        stage.until(13)
        stage.wait("not accepted", lambda: stage.states() == {"accepted": 1})
        stage.wait("not resolved", lambda: stage.alerts()[-1:] == [("no_answer", "resolved")])

        ready = {"trigger_id": identity, "model": "m", "status": "ready", "version": "v2"}
        for _ in range(2):
            stage.send("retraining-results", None, orjson.dumps(ready))
        assert stage.producer.flush(30) == 0
        stage.until(15)
        stage.wait("not ready", lambda: stage.states() == {"ready": 1})
        worker.kill()
        worker.wait()
        worker = stage.start()
        stage.until(17)
        stage.wait("ready no more", lambda: stage.states() == {"ready": 1})
        run.stop(worker)

        told = [(one["status"], one.get("refused", "")) for one in stage.read("audit")]
        assert told == [("accepted", ""), ("ready", ""), ("ready", "duplicate")]
        assert stage.alerts() == [("no_answer", "open"), ("no_answer", "resolved")]
        assert len(stage.read("retraining-triggers")) == 1
