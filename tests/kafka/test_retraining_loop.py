"""The loop closes on a real broker: drift, a trigger, a job that fits again, a version that takes
over, performance that is better for it, and a replay that says the same."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson
import polars as pl
import pytest
from confluent_kafka import Consumer, TopicPartition

from examples.flights.lateness import LatenessModel
from streams.model_files import read_spec_file
from tests.examples.raw_performance import auc
from tests.kafka.longshore_run import (
    DECIDED,
    PARTITIONS,
    ROOT,
    LongshoreRun,
    assert_equal,
    by_clock,
    in_process,
    replayed,
    scrape,
)

FLIGHTS: Final = ROOT / "examples" / "flights"
BEGIN: Final = datetime(2013, 5, 2, tzinfo=UTC)
SENT_BEFORE: Final = datetime(2013, 5, 25, tzinfo=UTC)
"""When the job is waited for; its trigger is of the week until 23 May."""
END: Final = datetime(2013, 6, 21, tzinfo=UTC)
DAYS: Final = ("06-06", "06-13", "06-20")
WEEKS: Final = tuple(f"2013-{day}T00:00:00Z" for day in DAYS)
"""The whole ones of the new version, by their end."""
OLD: Final = "2013.02"


@dataclass
class Topic:
    """Reads one output topic, as far as it has come."""

    run: LongshoreRun
    name: str

    def records(self) -> list[dict[str, Any]]:
        """All there is now, partition by partition."""
        return list(map(orjson.loads, self.values()))

    def values(self) -> list[bytes]:
        """The same as it stands there."""
        options = {"bootstrap.servers": self.run.bootstrap, "group.id": "reader"}
        reader = Consumer(options | {"enable.auto.commit": False})
        found: list[bytes] = []
        try:
            for number in range(PARTITIONS):
                place = TopicPartition(self.run.prefix + self.name, number, 0)
                low, high = reader.get_watermark_offsets(place, timeout=10)
                reader.assign([place])
                while low < high:
                    for message in reader.consume(min(high - low, 500), 1.0):
                        low = (message.offset() or 0) + 1
                        found.append(message.value() or b"{}")
        finally:
            reader.close()
        return found

    def wait(
        self, wanted: Callable[[dict[str, Any]], bool], limit_s: float, of: str
    ) -> dict[str, Any]:
        """The first record that is wanted."""
        end = time.monotonic() + limit_s
        while True:
            for record in self.records():
                if wanted(record):
                    return record
            assert time.monotonic() < end, f"no {of}: {self.run.log()}\n{self.run.log('job.log')}"
            time.sleep(0.5)


def between(table: pl.DataFrame, clock: str, since: datetime, until: datetime) -> pl.DataFrame:
    """The rows of these times."""
    return table.filter(pl.col(clock).is_between(since, until, closed="left"))


class Serving:
    """The service that predicts, and what becomes of the flights."""

    def __init__(self, run: LongshoreRun, directory: Path) -> None:
        self._run = run
        self._directory = directory
        self.predictions = pl.read_parquet(FLIGHTS / "predictions.parquet")
        self.labels = pl.read_parquet(FLIGHTS / "labels.parquet")
        self._sent: dict[str, list[pl.DataFrame]] = {}

    def send(
        self, spec: Path, predictions: pl.DataFrame, since: datetime, until: datetime, *more: str
    ) -> None:
        """Publish predictions, and the labels that came in the same time."""
        files = []
        version = read_spec_file(spec).version
        came = between(self.labels, "label_ts", since, until)
        for name, table in (("predictions", predictions), ("labels", came)):
            path = self._directory / f"{name}.parquet"
            table.write_parquet(path)
            files += [f"--{name}", str(path)]
            sent = name if name == "labels" else version
            self._sent.setdefault(sent, []).append(table)
        self._run.publish(str(spec), *files, *more)

    def sent(self, name: str) -> str:
        """A file of all that was sent: of ``labels``, or predictions of a version."""
        path = self._directory / f"sent-{name}.parquet"
        pl.concat(self._sent[name], how="vertical_relaxed").write_parquet(path)
        return str(path)


def weekly(judgements: list[dict[str, Any]], version: str) -> dict[str, dict[str, Any]]:
    """Performance of a version's weeks by their end, revision 0."""
    return {
        j["end"]: j["performance"]
        for j in judgements
        if j["version"] == version
        and j.get("section") == "performance"
        and (j["window"], j["revision"]) == ("7d", 0)
    }


@pytest.mark.timeout(400)
def test_the_loop_closes(kafka: str, topic_prefix: Callable[[], str], tmp_path: Path) -> None:
    """Data drift of spring asks for retraining once; the job fits on the two months before and
    registers the version while the worker runs; it takes over, the old one's alert ends with the
    reason, and the weeks after it are judged better than the old model's scores of the same
    flights, whose AUC the old version never reached again."""
    spec, profile = FLIGHTS / "spec.yaml", tmp_path / "profile.json"
    with LongshoreRun(kafka, topic_prefix(), tmp_path) as run:
        reference = str(FLIGHTS / "reference.parquet")
        run.command("profile", str(spec), "--data", reference, "--out", str(profile))
        worker = run.worker(f"{spec}:{profile}")
        job = start_job(run, spec, tmp_path)
        serving = Serving(run, tmp_path)
        before = between(serving.predictions, "ts", BEGIN, SENT_BEFORE)
        serving.send(spec, before, BEGIN, SENT_BEFORE, "--no-heartbeats")
        results = Topic(run, "retraining-results")
        ready = results.wait(lambda r: r["status"] in {"ready", "failed"}, 200, "answer")
        assert (ready["status"], ready["version"]) == ("ready", "2013.05.23"), ready
        assert job.wait(30) == 0, run.log("job.log")
        taken = datetime.fromisoformat(ready["effective_from"])
        assert taken > SENT_BEFORE, "it is ahead of what was sent"

        old = between(serving.predictions, "ts", SENT_BEFORE, taken)
        serving.send(spec, old, SENT_BEFORE, taken, "--no-heartbeats")
        made = tmp_path / "retrained" / ready["version"]
        later = between(serving.predictions, "ts", taken, END)
        scored = LatenessModel.load(made / "model.pickle").scored(later)
        serving.send(made / "spec.yaml", scored.select(later.columns), taken, END)

        def last_week(judged: dict[str, Any]) -> bool:
            return judged["end"] == WEEKS[-1] and bool(weekly([judged], ready["version"]))

        judgements = Topic(run, "judgements")
        judgements.wait(last_week, 90, "week of the new version")
        found = judgements.records()
        series = scrape(run.address())
        statuses = [answer["status"] for answer in results.records()]
        triggers = Topic(run, "retraining-triggers").records()
        alerts = Topic(run, "alerts").records()
        run.stop(worker)
        versions = serving.sent(OLD), ready["version"], serving.sent(ready["version"])
        is_what_a_replay_says(run, (str(spec), "--profile", str(profile)), serving, versions)

    assert [t["version"] for t in triggers] == [OLD], "one cause, one trigger"
    assert triggers[0]["trigger_id"] == ready["trigger_id"]
    assert statuses == ["accepted", "ready"]
    recovers(found, ready["version"], later, serving.labels)
    ended = [a for a in alerts if a["version"] == OLD and a["state"] == "resolved"]
    assert any(
        a["evidence"]["observed"].get("reason") == f"superseded by {ready['version']}"
        and a["end"] == ready["effective_from"]
        for a in ended
    ), ended
    told = {(name, labels["version"]) for name, labels, _ in series if "version" in labels}
    assert ("drift_psi", ready["version"]) in told
    assert not {("drift_psi", OLD), ("drift_alert_active", OLD)} & told


def is_what_a_replay_says(
    run: LongshoreRun, model: tuple[str, ...], serving: Serving, versions: tuple[str, str, str]
) -> None:
    """What was registered and what was answered, as it stands on the topics, replayed over what was
    sent: everything that the worker told, byte for byte, and who served when."""
    old, version, new = versions
    registered, answered = run.directory / "models.ndjson", run.directory / "audit.ndjson"
    listed = run.command("model", "list", "--records").splitlines()
    registered.write_text("".join(f"{line}\n" for line in listed if line.startswith("{")))
    answered.write_bytes(b"".join(value + b"\n" for value in Topic(run, "audit").values()))
    out = run.directory / "replayed"
    told = in_process(
        *("replay", *model, "--predictions", old, "--version-predictions", version, new),
        *("--labels", serving.sent("labels"), "--models", str(registered)),
        *("--results", str(answered), "--out", str(out)),
    )
    assert f"{version} serves from here on" in told
    found = {name: Topic(run, name).values() for name in DECIDED}
    assert_equal(found, replayed(out))
    live, again = (of_terms(path) for path in (answered, out / "audit.ndjson"))
    assert again == live
    assert [[orjson.loads(line)["change"] for line in live[one]] for one in sorted(live)] == [
        ["heard", "ends"],
        ["begins"],
    ]


def of_terms(audit: Path) -> dict[tuple[str, str, str], list[bytes]]:
    """What audit says of terms, version by version."""
    lines = audit.read_bytes().splitlines()
    return by_clock(line for line in lines if orjson.loads(line)["kind"] == "term")


def recovers(
    judgements: list[dict[str, Any]], version: str, flights: pl.DataFrame, labels: pl.DataFrame
) -> None:
    """Weeks of the new version against the old scores of the same flights."""
    new, old = weekly(judgements, version), weekly(judgements, OLD)
    assert old, "the old version was judged"
    outcomes = flights.join(labels, on="event_id")
    gains = {}
    for end in WEEKS:
        until = datetime.fromisoformat(end)
        week = outcomes.filter(
            pl.max_horizontal("ts", "label_ts").is_between(
                until - timedelta(days=7), until, closed="left"
            )
        )
        kept = auc(week["score"].to_numpy(), week["label"].to_numpy())
        gains[end] = new[end]["auc"] - kept
        assert new[end]["labelled"] == len(week)
    assert min(gains.values()) > 0, gains
    assert sum(gains.values()) / len(gains) > 0.01, gains


def start_job(run: LongshoreRun, spec: Path, directory: Path) -> subprocess.Popen[bytes]:
    """The job as a process of its own, for one trigger."""
    files = ["--spec", str(spec), "--history", str(FLIGHTS), "--out", str(directory / "retrained")]
    command = [sys.executable, "-m", "examples.retraining_job", *files, "--once", "--folds", "2"]
    return run.begin(command, log="job.log")
