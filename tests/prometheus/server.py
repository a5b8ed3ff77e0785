"""A real Prometheus for the tests, started from the very configuration that compose starts.

Rule.  Only what a test must change is changed: the workers are given addresses instead of names in
a container network and are all that is scraped, scraping and evaluation run every second, and an
alert is kept no longer than that.  The rules are as committed otherwise.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import yaml

from tests.owned_process import answers_200, free_ports, started

if TYPE_CHECKING:
    from types import TracebackType

COMMITTED: Final = Path(__file__).resolve().parents[2] / "prometheus"
START_SECONDS: Final = 30.0
INTERVAL: Final = "1s"
HELD: Final = re.compile(r"keep_firing_for: \w+")


class RealPrometheus:
    """Prometheus scraping ``targets`` (host:port each); use it as a context manager.

    ``program`` is the path of the executable.  Entering raises RuntimeError with Prometheus' own
    words when it does not come up.
    """

    def __init__(self, program: str, targets: list[str]) -> None:
        self._program = program
        self._targets = targets
        (self._port,) = free_ports(1)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """(labels, value) of each series that an instant query gives."""
        parameters = urllib.parse.urlencode({"query": expression})
        answer = self._get(f"/api/v1/query?{parameters}")
        return [(each["metric"], float(each["value"][1])) for each in answer["data"]["result"]]

    def firing(self) -> list[dict[str, str]]:
        """The labels of each alert that fires now, but for the Watchdog, which always does."""
        alerts = self._get("/api/v1/alerts")["data"]["alerts"]
        found = [alert["labels"] for alert in alerts if alert["state"] == "firing"]
        return [labels for labels in found if labels["alertname"] != "Watchdog"]

    def __enter__(self) -> Self:
        self._directory = Path(tempfile.mkdtemp(prefix="longshore-prometheus-"))
        log = self._directory / "prometheus.log"
        config = yaml.safe_load((COMMITTED / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": INTERVAL, "evaluation_interval": INTERVAL}
        del config["alerting"]
        workers = config["scrape_configs"] = config["scrape_configs"][:1]
        del workers[0]["dns_sd_configs"]
        workers[0]["static_configs"] = [{"targets": self._targets}]
        (self._directory / "prometheus.yml").write_text(yaml.safe_dump(config))
        shutil.copytree(COMMITTED / "rules", self._directory / "rules")
        for rules in (self._directory / "rules").iterdir():
            rules.write_text(HELD.sub(f"keep_firing_for: {INTERVAL}", rules.read_text()))
        command = [
            self._program,
            f"--config.file={self._directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
        ]
        ready = f"{self.url}/-/ready"
        self._process = started(
            command, self._directory, log, lambda: answers_200(ready), START_SECONDS
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.stop(hard=True)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _get(self, path: str) -> dict[str, Any]:
        with urllib.request.urlopen(self.url + path, timeout=5.0) as answer:
            read: dict[str, Any] = json.load(answer)
        return read
