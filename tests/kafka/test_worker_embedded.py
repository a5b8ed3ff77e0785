"""A worker process on librdkafka's in-process broker, the one of the demo: no Java needed."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest

from tests.kafka.worker_cluster import EmbeddedBroker, Log, Verdicts, Workers

pytestmark = pytest.mark.timeout(180)

DEADLINE_S = 60.0


def test_a_kill_loses_nothing_on_the_embedded_broker() -> None:
    """The whole scheme works there too: topics made by being named, kill -9, exact resume."""
    broker = EmbeddedBroker()
    log = Log(broker.bootstrap)
    verdicts = Verdicts(broker.bootstrap, log)
    with Workers(broker.bootstrap, embedded="true") as workers:
        for _ in range(2):
            worker = workers.start()
            counted = verdicts.records
            log.write("predictions", 4_000)
            log.write("labels", 400)
            verdicts.wait_for_records(counted + 1, DEADLINE_S)
            verdicts.read(1.5)
            workers.kill(worker)
        worker = workers.start()
        log.write("predictions", 400)
        verdicts.wait_for_all(DEADLINE_S)
        url = workers.url(worker)
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            assert answer.status == 200
        assert workers.stop(worker) == 0
    verdicts.close()


def test_brokers_out_of_reach_are_one_line_and_exit_1(capfd: pytest.CaptureFixture[str]) -> None:
    """A worker that reaches no broker says so and ends."""
    with Workers("127.0.0.1:1") as workers:
        assert workers.ended(workers.start()) == 1
    lines = [line for line in capfd.readouterr().err.splitlines() if "longshore.worker" in line]
    assert len(lines) == 1
    assert "127.0.0.1:1" in lines[0]


def test_only_the_worker_imports_faust() -> None:
    """Faust reads the command line when imported, so nothing that is not a worker may import it."""
    streams = Path(__file__).parents[2] / "streams"
    importers = {
        path.name
        for path in streams.rglob("*.py")
        if any(
            line.startswith(("import faust", "from faust"))
            for line in path.read_text(encoding="utf-8").splitlines()
        )
    }
    consumer = {"changelog_reading.py", "covered_commits.py", "transport.py"}
    others = {"app.py", "membership.py", "producer.py", "registered_tables.py"}
    assert importers == {*others, *consumer}
