"""The stack of compose with receivers of its own, and how long an alert takes through it.

Rule.  What is changed for the tests is listed in QUICK, with the reason; ports are free ones, and
the receivers' addresses are those of a server of the test.  Everything else, from the broker's
properties to routes and rules, is what compose starts.
"""

from __future__ import annotations

import json
import re
import time
import urllib.parse
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from confluent_kafka import Consumer, TopicPartition

from tests.kafka.longshore_run import PARTITIONS, in_process
from tests.owned_process import free_ports
from tests.prometheus.receivers import Receivers
from tests.stack.compose import read_compose
from tests.stack.native import Here, ports_of
from tests.stack.running import Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

QUICK: Final = {
    # An end would be told after ten minutes.
    "keep_firing_for: 10m": "keep_firing_for: 2s",
    # The same for the next message of a group: five minutes.
    "group_interval: 5m": "group_interval: 2s",
    "group_wait: 10s": "group_wait: 1s",
    "group_wait: 30s": "group_wait: 1s",
    "scrape_interval: 5s": "scrape_interval: 1s",
    "evaluation_interval: 5s": "evaluation_interval: 1s",
}
"""Text of the configuration -> what the quick test has instead, and why."""
SWITCH: Final = re.compile(
    r"    # webhook_configs:\n    #   - url: \S+\n    #     send_resolved: false\n"
)
SWITCHED: Final = (
    "    webhook_configs:\n      - url: {url}/watchdog\n        send_resolved: false\n"
)
LIMIT_S: Final = 60.0
SOON_S: Final = 0.1
SPEC: Final = "examples/flights/spec.yaml"


@dataclass(frozen=True, slots=True)
class Way:
    """A stack and who hears of it."""

    stack: Stack
    receivers: Receivers

    @property
    def bootstrap(self) -> str:
        """The address of the broker as programs outside of the stack see it."""
        assert self.stack.broker is not None
        return self.stack.broker.bootstrap

    def publish(self, predictions: Path, *options: str) -> None:
        """``longshore publish`` of a file of the flights, as fast as it goes."""
        where = ("--broker", self.bootstrap)
        in_process("publish", SPEC, "--predictions", str(predictions), *where, *options)

    def until(self, condition: Callable[[], object], limit_s: float = LIMIT_S) -> None:
        """Wait; AssertionError with all that was told when it does not come true."""
        end = time.monotonic() + limit_s
        while not condition():
            self.stack.watch()
            assert time.monotonic() < end, json.dumps(self.receivers.told, indent=1)[:6000]
            time.sleep(SOON_S)

    def pages(self, action: str) -> list[dict[str, Any]]:
        """What PagerDuty was told: ``trigger`` or ``resolve``."""
        told = [body for kind, body in self.receivers.told if kind == "pagerduty"]
        return [body for body in told if body["event_action"] == action]

    def chat(self, channel: str = "#model-alerts") -> list[str]:
        """Title and text of each message to a channel."""
        told = [body for kind, body in self.receivers.told if kind == "slack"]
        return [
            f"{attachment['title']}\n{attachment['text']}"
            for body in told
            if body["channel"] == channel
            for attachment in body["attachments"]
        ]

    def url(self, service: str) -> str:
        """Where a service of one port answers."""
        ((_, (port, *_)),) = [
            each for each in self.stack.here.ports.items() if each[0][0] == service
        ]
        return f"http://127.0.0.1:{port}"

    def get(self, service: str, path: str, **parameters: str) -> Any:  # noqa: ANN401 - JSON
        """What the API of a service answers."""
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url(service)}{path}?{query}", timeout=10) as answer:
            return json.load(answer)

    def post(self, service: str, path: str, fields: object) -> None:
        """Send JSON to the API of a service."""
        request = urllib.request.Request(
            self.url(service) + path, orjson.dumps(fields), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200

    def suppressed(self) -> set[tuple[str, str]]:
        """(alert, rule) of what Alertmanager holds back for something worse."""
        return {
            (alert["labels"]["alertname"], alert["labels"].get("rule", ""))
            for alert in self.get("alertmanager", "/api/v2/alerts")
            if alert["status"]["state"] == "suppressed"
        }

    def paged_at_s(self) -> float:
        """When the first page came (Unix time)."""
        kinds = [kind for kind, _ in self.receivers.told]
        return self.receivers.told_at_s[kinds.index("pagerduty")]

    def window_closable_at_s(self, end_ms: int) -> float:
        """When the record was appended with which event time passed ``end_ms`` everywhere: of each
        partition of predictions the first record that late, of those the last."""
        first: dict[int, float] = {}
        for partition, at_s, fields in self._records("predictions"):
            if fields.get("ts", 0) >= end_ms:
                first.setdefault(partition, at_s)
        assert len(first) == PARTITIONS, first
        return max(first.values())

    def alerted_at_s(self, rule: str) -> float:
        """When the worker told of the first episode of the rule, on the topic of alerts."""
        return min(at_s for _, at_s, alert in self._records("alerts") if alert["rule"] == rule)

    def _records(self, role: str) -> Iterator[tuple[int, float, dict[str, Any]]]:
        """(partition, append time, fields) of every record of a topic."""
        reader = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "way"})
        try:
            places = [TopicPartition(f"drift.{role}", each, 0) for each in range(PARTITIONS)]
            left = sum(reader.get_watermark_offsets(each, timeout=10)[1] for each in places)
            reader.assign(places)
            while left > 0:
                for message in reader.consume(5_000, 1.0):
                    assert message.error() is None, message.error()
                    left -= 1
                    at_s = message.timestamp()[1] / 1_000
                    yield message.partition() or 0, at_s, orjson.loads(message.value() or b"{}")
        finally:
            reader.close()


@contextmanager
def flights_way(directory: Path, changes: dict[str, str], *only: str) -> Iterator[Way]:
    """The stack without a load, or these services ``only``, its configuration changed by
    ``changes``; the receivers are told what PagerDuty, Slack and a dead man's switch would be."""
    receivers = Receivers()
    secrets = directory / "secrets"
    secrets.mkdir()
    (secrets / "pagerduty_key").write_text("0" * 32)
    (secrets / "slack_url").write_text(f"{receivers.url}/slack")
    used: set[str] = set()

    def changed(name: str, text: str) -> str:
        for found, instead in changes.items():
            used.update({found} if found in text else ())
            text = text.replace(found, instead)
        if name == "alertmanager.yml":
            assert SWITCH.search(text)
            text = SWITCH.sub(SWITCHED.format(url=receivers.url), text)
            paging = "pagerduty_configs:\n      - "
            text = text.replace(paging, f"{paging}url: {receivers.url}/pagerduty\n        ")
        return text

    services = read_compose({"ALERT_SECRETS": str(secrets)})
    services = {name: each for name, each in services.items() if not only or name in only}
    ports = {place: free_ports(services[place[0]].replicas) for place in ports_of(services)}
    here = Here(services, directory / "stack", ports=ports, edit=changed)
    try:
        with Stack(services, here) as stack:
            assert used == set(changes), set(changes) - used
            yield Way(stack, receivers)
    finally:
        receivers.close()
