"""A broker that lets in nobody unknown and allows nothing that was not granted: exactly the rights
of ``longshore acls`` are enough, and one less stops the worker with one line."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import orjson
import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from streams.broker_answers import RefusedError
from streams.reach import ReachError, reach
from streams.rights import check_worker
from streams.tls import tls_context
from streams.topics import TopicsError
from tests.kafka.libraries import SystemPackageError
from tests.kafka.longshore_run import PARTITIONS, assert_equal, replayed
from tests.kafka.secured_broker import SecuredBroker
from tests.kafka.secured_run import (
    COMMON,
    GROUP,
    PREFIX,
    PRINCIPALS,
    SECONDS,
    Files,
    SecuredRun,
    await_records,
    end,
    errors,
    halved_files,
    listed,
    longshore,
    of_worker,
    publish,
    settings_of,
    trainer_says,
)
from tests.left_out import missing
from tests.streams.cli_example import HOUR_MS

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def secured() -> Iterator[SecuredBroker]:
    """The broker, with the topics made by the operator and every right of the list granted."""
    broker = SecuredBroker()
    try:
        broker.start()
        refused = longshore("topics", "create", login=broker.login("operator"))
        assert refused.exit_code == 1
        assert f"topic {PREFIX}features: no right to Create" in refused.output
        for part in PRINCIPALS:
            broker.grant(listed(part))
        made = longshore("topics", "create", login=broker.login("operator"))
        assert made.exit_code == 0, made.output
        yield broker
    except SystemPackageError as error:
        missing(error.package, error.how_to_get)
    finally:
        broker.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The example's drifting stream, and what a replay makes of it."""
    return halved_files(tmp_path_factory.mktemp("secured"))


def test_exactly_the_rights_listed_are_enough(
    secured: SecuredBroker, files: Files, tmp_path: Path
) -> None:
    """Published by one principal, judged by another: first with a login, then, after a restart from
    its snapshots, with a certificate.  What comes out is the replay's to the last bit, the trigger
    reaches the retraining job, and a right withdrawn meanwhile ends the worker with one line."""
    expected = replayed(files.replayed)
    assert expected["retraining-triggers"]
    with SecuredRun(secured, tmp_path) as run:
        publish(secured, files, 0)
        worker = run.logged_in(secured.login("worker")).worker(files.model)
        await_records(run, "judgements", 1)
        run.stop(worker)
        run.logged_in(secured.certificate(secured.worker_certificate))
        worker = run.worker(files.model, log="second.log")
        publish(secured, files, 1)
        end(secured, files, files.newest_ms)
        assert_equal(run.wait_for(expected, limit_s=SECONDS), expected, crashed=True)
        assert "records were dropped" not in run.log("second.log")
        told = trainer_says(secured, tmp_path)
        assert orjson.loads(expected["retraining-triggers"][0])["trigger_id"] in told
        assert page_shows(run, "second.log") == ["loans"]
        lost = of_worker("Write", "judgements")
        secured.withdraw(lost)
        try:
            end(secured, files, files.newest_ms + 2 * HOUR_MS)
            assert worker.wait(SECONDS) == 1, run.log("second.log")
        finally:
            secured.grant(lost)
        told = errors(run.log("second.log"))
        assert len(told) == 1, told
        assert f"topic {PREFIX}judgements: this user may not write to it" in told[0]


def page_shows(run: SecuredRun, log: str) -> list[str]:
    """The models that the live page has read of, from before the restart too, to its token."""
    asked = urllib.request.Request(f"http://{run.address(log)}/api/models")
    asked.add_header("Authorization", f"Bearer {COMMON['LONGSHORE_HTTP_TOKEN']}")
    with urllib.request.urlopen(asked, timeout=5) as answer:
        return [one["model"] for one in orjson.loads(answer.read())["models"]]


def test_what_is_refused(secured: SecuredBroker, files: Files, tmp_path: Path) -> None:
    """One right less, a wrong password, a broker that nobody vouches for, no certificate, and
    forgery by those who may publish: each is refused in one line that says what to do.

    One test, so that tests run side by side do not start a broker each."""
    for operation, name, line in LESS:
        one_right_less(secured, operation, name, line)
    for mechanism in ("SCRAM-SHA-256", "PLAIN"):
        login = secured.login("worker", sasl_mechanism=mechanism)
        assert check_worker(settings_of(login)) == PARTITIONS
    wrong_logins(secured, files, tmp_path)
    without_a_certificate(secured)
    forgery(secured)


LESS: Final = (
    ("Write", "snapshots", f"topic {PREFIX}snapshots: no right to Write, grant it"),
    ("Read", "predictions", f"topic {PREFIX}predictions: no right to Read, grant it"),
    ("Write", "dead-letters", f"topic {PREFIX}dead-letters: no right to Write, grant it"),
    ("Read", "alerts", f"topic {PREFIX}alerts: no right to Read, grant it"),
    ("Read", GROUP, f"group {GROUP}: no right to Read, grant it"),
)
"""A right, where, and what a worker without it says."""


def one_right_less(secured: SecuredBroker, operation: str, name: str, line: str) -> None:
    """Before anything starts: the line names the topic or group and the right that is missing.
    With the right back, nothing is missing."""
    lost = of_worker(operation, name)
    secured.withdraw(lost)
    try:
        faults = settled(secured, missing_now=True)
        assert len(faults) == 1, faults
        assert line in faults[0]
    finally:
        secured.grant(lost)
    assert settled(secured, missing_now=False) == []


def settled(secured: SecuredBroker, *, missing_now: bool) -> list[str]:
    """The faults of a worker's start once the brokers know of the last change."""
    limit = time.monotonic() + SECONDS
    while True:
        try:
            assert check_worker(settings_of(secured.login("worker"))) == PARTITIONS
            faults = []
        except TopicsError as error:
            faults = error.faults
        if bool(faults) == missing_now or time.monotonic() > limit:
            return faults
        time.sleep(0.1)


def wrong_logins(secured: SecuredBroker, files: Files, tmp_path: Path) -> None:
    """A wrong password and a broker that nobody vouches for: exit 1 at once, one line that names
    the setting, and no password in it; so for a publisher too."""
    for name, login, words in (
        ("password", secured.login("worker", sasl_password="tunafish"), "the login is refused"),
        ("authority", secured.login("worker", ssl_ca=secured.stranger.cert), "is not trusted"),
    ):
        with SecuredRun(secured, tmp_path) as run:
            worker = run.logged_in(login).worker(files.model, log=f"{name}.log")
            assert worker.wait(SECONDS) == 1
            said = (tmp_path / f"{name}.log").read_text()
        assert len(errors(said)) == 1, said
        sent = longshore("publish", files.spec, "--predictions", files.halves[0], login=login)
        assert sent.exit_code == 1
        for told in (errors(said)[0], sent.output.replace("\n", " ")):
            assert words in told
            assert "(user 'worker' with SCRAM-SHA-512)" in told or "security.ssl_ca" in told
        assert "Traceback" not in said + sent.output
        assert "fish" not in said + sent.output


def without_a_certificate(secured: SecuredBroker) -> None:
    """At the door that asks for one; the line names the setting, whoever knocks first."""
    login = secured.certificate(secured.worker_certificate)
    for name in ("CERT", "KEY"):
        del login[f"LONGSHORE_SECURITY_SSL_{name}"]
    settings = settings_of(login)
    refused = "this client's certificate .*security.ssl_cert"
    with pytest.raises(RefusedError, match=refused):
        check_worker(settings)
    with pytest.raises(ReachError, match=refused):
        reach(settings.brokers, tls_context(settings.security))


def forgery(secured: SecuredBroker) -> None:
    """What is not listed is refused: panes, snapshots, judgements and triggers are out of reach of
    those who publish events, and events out of reach of a retraining job."""
    for user, names in (
        ("producer", ("panes", "snapshots", "judgements", "retraining-triggers")),
        ("trainer", ("predictions", "panes", "snapshots", "retraining-triggers")),
    ):
        client = Producer(secured.client(user) | {"log_level": 0})
        for name in names:
            met: list[KafkaError | None] = []
            try:
                client.produce(
                    PREFIX + name,
                    b"forged",
                    on_delivery=lambda error, _, met=met: met.append(error),
                )
            except KafkaException as refused:  # where the client has learned of it before
                met.append(refused.args[0])
            client.flush(SECONDS)
            assert met, name
            assert met[0] is not None, f"{user} wrote to {name}"
            assert met[0].name() == "TOPIC_AUTHORIZATION_FAILED"
