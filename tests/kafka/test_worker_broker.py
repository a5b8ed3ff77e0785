"""A worker outlives its broker: a restart costs time and no record."""

from __future__ import annotations

import time

import pytest

from streams.settings import Settings
from streams.topics import create_topics
from tests.kafka.broker import RealBroker
from tests.kafka.worker_cluster import Log, Verdicts, Workers

pytestmark = pytest.mark.timeout(180)

DEADLINE_S = 60.0
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
