"""`longshore worker`: what it refuses, and a start and stop on the embedded broker."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from streams.cli import main
from streams.embedded import EmbeddedBroker
from tests.streams.cli_example import ExampleFiles, example_files

START_LIMIT_S = 60


def run(*arguments: object, env: dict[str, str] | None = None) -> Result:
    """Run a command."""
    return CliRunner().invoke(main, list(map(str, arguments)), env=env)


@pytest.fixture
def files(tmp_path: Path) -> ExampleFiles:
    """The example with its profile."""
    files = example_files(tmp_path)
    made = run("profile", files.spec, "--data", files.training, "--out", files.profile)
    assert made.exit_code == 0, made.output
    return files


def test_without_a_model_it_refuses_to_start() -> None:
    """A worker that watches nothing is a mistake."""
    result = run("worker")
    assert result.exit_code == 2
    assert "no model is named" in result.stderr


def test_with_broken_models_only_it_refuses_and_tells_every_fault(
    files: ExampleFiles, tmp_path: Path
) -> None:
    """Every fault of every file, each with its file."""
    broken = tmp_path / "broken.yaml"
    broken.write_text("model: x\nsurprise: 1\n")
    result = run(
        *("worker", "--model", f"{broken}:{files.profile}"),
        *("--model", f"{files.spec}:{tmp_path / 'none.json'}"),
    )
    assert result.exit_code == 2
    assert f"{broken}: line 2, surprise" in result.stderr
    assert f"{tmp_path / 'none.json'}: cannot be read" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--model", "spec.yaml"], "--model spec.yaml: is not SPEC:PROFILE"),
        (["--http", "9646"], "--http 9646: is not HOST:PORT"),
        (["--http", "127.0.0.1:99999"], "is not HOST:PORT"),
        (["--broker", "kafka"], "'kafka' is not host:port"),
        (["--group", ""], "group: may not be empty"),
    ],
)
def test_wrong_usage_exits_2(arguments: list[str], told: str) -> None:
    """The option is named with what it should be."""
    result = run("worker", *arguments)
    assert result.exit_code == 2
    assert told in result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--partitions", "99999999999"], "partitions: 99999999999 is not in 1 to 10,000"),
        (["--replication", "99999"], "replication: 99999 is not in 1 to 100"),
    ],
)
def test_topics_that_no_broker_could_make_are_wrong_usage(arguments: list[str], told: str) -> None:
    """What the command line says is checked as the file is."""
    result = run("topics", "create", *arguments)
    assert result.exit_code == 2
    assert told in result.stderr


def test_settings_of_file_environment_and_command_line_are_refused_together(tmp_path: Path) -> None:
    """All faults at once, each with where it stands."""
    config = tmp_path / "longshore.yaml"
    config.write_text("group: ''\nsurprise: 1\n")
    result = run("worker", "--config", config, env={"LONGSHORE_PARTITIONS": "none"})
    assert result.exit_code == 2
    for told in ("surprise: there is no such setting", "LONGSHORE_PARTITIONS", "group: may not be"):
        assert told in result.stderr


def test_it_starts_leaves_out_what_is_broken_and_stops_on_sigterm(
    files: ExampleFiles, tmp_path: Path
) -> None:
    """A broken model beside a sound one: its faults are logged, the other is watched; the address
    of /metrics is told on standard output; SIGTERM ends it with exit code 0."""
    broken = tmp_path / "broken.yaml"
    broken.write_text("model: x\nsurprise: 1\n")
    log = tmp_path / "log"
    with EmbeddedBroker() as broker, log.open("wb") as errors:
        worker = subprocess.Popen(
            [
                *(sys.executable, "-m", "streams.cli", "worker", "--embedded"),
                *("--broker", broker.address, "--http", "127.0.0.1:0"),
                *("--model", f"{broken}:{files.profile}"),
                *("--model", f"{files.spec}:{files.profile}"),
            ],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            assert worker.stdout is not None
            address = worker.stdout.readline().removeprefix("listening ").strip()
            assert address.startswith("http://127.0.0.1:"), log.read_text()
            await_ready(address.removesuffix("/metrics") + "/health")
            with urllib.request.urlopen(address, timeout=10) as answer:
                assert b"longshore_records_total" in answer.read()
        finally:
            worker.send_signal(signal.SIGTERM)
            code = worker.wait(30)
            worker.stdout.close()
    assert code == 0, log.read_text()
    assert f"left out: {broken}: line 2, surprise" in log.read_text()


def test_a_full_standard_output_ends_no_worker(files: ExampleFiles, tmp_path: Path) -> None:
    """The address is in the log too; what could not be said is told as what it is, and a verbose
    worker tells its settings, and each request."""
    log = tmp_path / "log"
    with EmbeddedBroker() as broker, log.open("wb") as errors, Path("/dev/full").open("wb") as full:
        worker = subprocess.Popen(
            [
                *(sys.executable, "-m", "streams.cli", "worker", "--embedded", "--verbose"),
                *("--broker", broker.address, "--http", "127.0.0.1:0"),
                *("--model", f"{files.spec}:{files.profile}"),
            ],
            stdout=full,
            stderr=errors,
            env=os.environ | {"LONGSHORE_HTTP_TOKEN": "starfish"},
        )
        try:
            await_ready(served_at(log) + "/health")
        finally:
            worker.send_signal(signal.SIGTERM)
            code = worker.wait(30)
    said = log.read_text()
    assert code == 0, said
    assert "WARNING longshore.worker standard output cannot be written" in said
    assert " ERROR " not in said
    assert "DEBUG longshore.worker settings: Settings(brokers=(" in said
    assert "DEBUG longshore.http GET /health: 200 for 127.0.0.1" in said
    assert "starfish" not in said


def test_a_taken_address_is_told_as_what_it_is(files: ExampleFiles) -> None:
    """One line with the address, and exit code 1."""
    with EmbeddedBroker() as broker, socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "streams.cli", "worker", "--embedded"),
                *("--broker", broker.address, "--http", address),
                *("--model", f"{files.spec}:{files.profile}"),
            ],
            capture_output=True,
            text=True,
            timeout=START_LIMIT_S,
            check=False,
        )
    assert ended.returncode == 1, ended.stderr
    (line,) = [line for line in ended.stderr.splitlines() if " ERROR " in line]
    assert f"longshore.worker http: {address} cannot be served: " in line
    assert ended.stdout == ""


def served_at(log: Path) -> str:
    """The address that a worker's log tells."""
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        found = re.search(r"serving (http://\S+)/metrics", log.read_text())
        if found is not None:
            return found[1]
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def await_ready(url: str) -> None:
    """Wait until the worker has its partitions and judges the sound model."""
    deadline = time.monotonic() + START_LIMIT_S
    health = {}
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                health = orjson.loads(answer.read())
                break
        except OSError:
            time.sleep(0.1)
    assert health["state"] == "ready"
    assert health["models"] == ["loans@1"]
