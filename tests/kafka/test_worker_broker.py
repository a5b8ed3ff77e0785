"""A worker outlives its broker: a restart costs time and no record, a stop does not wait for it."""

from __future__ import annotations

import os
import signal
import time

import pytest

from streams.settings import Settings
from streams.topics import create_topics
from streams.worker import STOP_LIMIT_S
from tests.kafka.broker import RealBroker
from tests.kafka.worker_cluster import Log, Verdicts, Workers

pytestmark = pytest.mark.timeout(180)

DEADLINE_S = 60.0
STOP_SLACK_S = 15.0
"""Beyond STOP_LIMIT_S, for a busy machine."""
AWAY_S = 5.0
"""Longer than the session time-out of the workers here."""


def test_a_broker_restart_loses_nothing(private_broker: RealBroker) -> None:
    """The worker waits for its broker and goes on by itself, exactly where it was."""
    bootstrap = private_broker.bootstrap
    create_topics(Settings(brokers=(bootstrap,)))
    log = Log(bootstrap)
    verdicts = Verdicts(bootstrap, log)
    with Workers(bootstrap) as workers:
        worker = workers.start()
        log.write("predictions", 4_000)
        verdicts.wait_for_all(DEADLINE_S)
        private_broker.stop()
        time.sleep(AWAY_S)
        private_broker.start()
        log.write("predictions", 4_000)
        verdicts.wait_for_all(DEADLINE_S)
        assert worker.poll() is None, "the worker ended while its broker was away"
    verdicts.close()


@pytest.mark.parametrize("signals", [1, pytest.param(2, marks=pytest.mark.long)])
def test_a_stop_does_not_wait_for_a_broker_that_hangs(
    private_broker: RealBroker, signals: int
) -> None:
    """Connections stay open and nothing answers: the worker ends at its limit all the same, and at
    once when it is asked a second time.  The next one reads on at the last snapshot."""
    bootstrap = private_broker.bootstrap
    create_topics(Settings(brokers=(bootstrap,)))
    log = Log(bootstrap)
    verdicts = Verdicts(bootstrap, log)
    assert private_broker.pid is not None
    with Workers(bootstrap) as workers:
        worker = workers.start()
        log.write("predictions", 4_000)
        verdicts.wait_for_all(DEADLINE_S)
        log.write("predictions", 4_000)
        os.kill(private_broker.pid, signal.SIGSTOP)
        try:
            time.sleep(1.0)
            began = time.monotonic()
            for _ in range(signals):
                worker.send_signal(signal.SIGTERM)
                time.sleep(1.0)
            worker.wait(STOP_LIMIT_S + STOP_SLACK_S)
            took_s = time.monotonic() - began
        finally:
            os.kill(private_broker.pid, signal.SIGCONT)
        assert (took_s < STOP_LIMIT_S) == (signals > 1), f"ended after {took_s:.1f} s"
        workers.start()
        verdicts.wait_for_all(DEADLINE_S)
    verdicts.close()
