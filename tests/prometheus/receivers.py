"""A real Alertmanager on the committed configuration, and what PagerDuty and Slack are told by it.

Rule.  Only what a test must change is changed: the addresses and keys of the receivers, and the
times to wait before a group is told.  Routes, grouping, inhibition and texts are as committed.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, Self

import yaml

from tests.owned_process import answers_200, free_ports, started
from tests.prometheus.server import COMMITTED

if TYPE_CHECKING:
    from types import TracebackType

START_SECONDS: Final = 30.0
WAIT: Final = "500ms"


class Receivers:
    """An HTTP server that stands for PagerDuty and Slack and keeps what it is sent, and when (Unix
    time)."""

    def __init__(self) -> None:
        told = self.told = []  # type: list[tuple[str, dict[str, Any]]]
        told_at_s = self.told_at_s = []  # type: list[float]

        class Answering(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                told_at_s.append(time.time())
                told.append((self.path.strip("/"), json.loads(body)))
                self.send_response(202 if self.path == "/pagerduty" else 200)
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()


class RealAlertmanager:
    """Alertmanager that tells ``receivers``; use it as a context manager."""

    def __init__(self, program: str, receivers: Receivers) -> None:
        self._program = program
        self._receivers = receivers
        (self._port,) = free_ports(1)

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def fire(self, *alerts: dict[str, dict[str, str]]) -> None:
        """As Prometheus would: alerts with ``labels`` and ``annotations`` that hold now."""
        request = urllib.request.Request(
            f"{self._url}/api/v2/alerts",
            json.dumps(alerts).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=5.0) as answer:
            assert answer.status == 200

    def suppressed(self) -> set[tuple[str, str]]:
        """Summary and severity of each alert that is held back for another."""
        with urllib.request.urlopen(f"{self._url}/api/v2/alerts", timeout=5.0) as answer:
            alerts = json.load(answer)
        return {
            (alert["annotations"]["summary"], alert["labels"]["severity"])
            for alert in alerts
            if alert["status"]["state"] == "suppressed"
        }

    def __enter__(self) -> Self:
        self._directory = Path(tempfile.mkdtemp(prefix="longshore-alertmanager-"))
        log = self._directory / "alertmanager.log"
        shutil.copytree(COMMITTED / "templates", self._directory / "templates")
        (self._directory / "alertmanager.yml").write_text(yaml.safe_dump(self._config()))
        command = [
            self._program,
            f"--config.file={self._directory / 'alertmanager.yml'}",
            f"--storage.path={self._directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
            "--cluster.listen-address=",
        ]
        ready = f"{self._url}/-/ready"
        self._process = started(
            command, self._directory, log, lambda: answers_200(ready), START_SECONDS
        )
        return self

    def _config(self) -> dict[str, Any]:
        config: dict[str, Any] = yaml.safe_load((COMMITTED / "alertmanager.yml").read_text())
        key, address = self._directory / "pagerduty_key", self._directory / "slack_url"
        key.write_text("0" * 32)
        address.write_text(f"{self._receivers.url}/slack")
        for receiver in config["receivers"]:
            for pagerduty in receiver.get("pagerduty_configs", ()):
                pagerduty["routing_key_file"] = str(key)
                pagerduty["url"] = f"{self._receivers.url}/pagerduty"
            for slack in receiver.get("slack_configs", ()):
                slack["api_url_file"] = str(address)
        for route in (config["route"], *config["route"]["routes"]):
            if "group_wait" in route:
                route["group_wait"] = WAIT
        return config

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.stop(hard=True)
        shutil.rmtree(self._directory, ignore_errors=True)
