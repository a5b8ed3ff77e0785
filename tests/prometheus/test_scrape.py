"""A real Prometheus, with the committed configuration and rules, reads metrics and alerts."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from tests.owned_process import free_ports
from tests.prometheus.server import RealPrometheus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEADLINE_SECONDS: Final = 20.0


@contextmanager
def exporter(registry: CollectorRegistry) -> Iterator[str]:
    """The address of a server that exposes ``registry``."""
    (port,) = free_ports(1)
    server, thread = start_http_server(port, "127.0.0.1", registry)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def awaited(condition: Callable[[], bool]) -> bool:
    """Whether ``condition`` comes true within the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_an_alert_of_the_worker_fires_and_ends(prometheus_program: str) -> None:
    """The worker's open episode is a firing alert with its severity, until the worker closes it."""
    registry = CollectorRegistry()
    labels = ["model", "version", "severity", "rule", "cause"]
    active = Gauge("drift_alert_active", "an open episode", labels, registry=registry)
    held = ("fraud", "1", "CRITICAL", "service_level", "service_level")
    active.labels(*held).set(1)
    active.labels("credit", "1", "WARNING", "volume", "volume").set(0)
    with exporter(registry) as target, RealPrometheus(prometheus_program, [target]) as server:
        assert awaited(lambda: len(server.query("drift_alert_active")) == 2)
        fired = {
            "alertname": "ModelAlert",
            "model": "fraud",
            "version": "1",
            "severity": "critical",
            "rule": "service_level",
            "cause": "service_level",
        }
        assert awaited(lambda: server.firing() == [fired])
        active.labels(*held).set(0)
        assert awaited(lambda: server.firing() == [])


def test_a_prometheus_that_cannot_start_says_why(tmp_path: Path) -> None:
    """A program that ends at once is a failure with its own words, and leaves nothing behind."""
    broken = tmp_path / "prometheus"
    broken.write_text("#!/bin/sh\necho no such luck\nexit 1\n")
    broken.chmod(0o755)
    server = RealPrometheus(str(broken), [])
    with pytest.raises(RuntimeError, match="no such luck"), server:
        pass
