"""From an event to a page and to its end: flights, a fault and drift through the whole stack."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Final

import pytest
import yaml

from tests.prometheus.test_rules import METRIC, RULES
from tests.stack.alert_way import Way, flights_way
from tests.stack.fault_data import BEGINS, DRIFT_WEEKS, WEEK, fault_data

if TYPE_CHECKING:
    from pathlib import Path

RULE: Final = "psi_features"
WINDOW_ENDS_MS: Final = int((BEGINS + (1 + DRIFT_WEEKS) * WEEK).timestamp() * 1_000)
LATENESS_MS: Final = 3_600_000
"""Of the spec: event time is so far behind the newest event."""
PAGE_WITHIN_S: Final = 20.0
"""The quick intervals add up to three seconds; the rest is for a machine that others use."""
SHIPPED_PAGE_WITHIN_S: Final = 40.0
"""Scrape and evaluation of five seconds each, ten of group_wait, and as much again for others."""
SELECTOR: Final = re.compile(
    rf"(?:{METRIC}|\b(?:alertmanager|prometheus)_\w+|\bup\b)(?:\{{[^}}]*\}})?"
)
EMPTY: Final = {
    "model_performance_measure_level": "no labels are published here",
    "model_performance_level": "as above",
    'drift_alert_active{severity="INFO"}': "no rule of the flights alerts so low",
}
"""Selectors that find nothing in this stack, and why."""
EMPTY_RECORDS: Final = {"model:model_performance_level:max"}


def test_a_fault_and_drift_are_told_and_so_is_their_end(flights_stack: Way, tmp_path: Path) -> None:
    """The page is one, for the drift that reached the scores; the change of unit is told beside it
    in the chat; what the page makes needless is held back, and told when the page is over.  Both
    ends are told."""
    way = flights_stack
    data = fault_data(tmp_path)
    way.publish(data.trouble, "--no-heartbeats")
    way.until(lambda: way.pages("trigger") and way.chat() and way.suppressed())
    (page,) = way.pages("trigger")
    assert page["payload"]["severity"] == "critical"
    assert page["payload"]["component"] == "flights"
    assert page["payload"]["summary"].startswith("[FIRING 1] flights 2013.02: data_drift")
    assert f"docs/alerts.md#{RULE}" in page["payload"]["custom_details"]["alerts"]
    assert page["routing_key"] == "0" * 32
    for message in way.chat():
        assert message.startswith("[FIRING 1] flights 2013.02: data_quality"), message
    assert ("ModelAlert", "retraining") in way.suppressed()

    closable_s = way.window_closable_at_s(WINDOW_ENDS_MS + LATENESS_MS)
    took_s = way.paged_at_s() - closable_s
    assert 0 < way.alerted_at_s(RULE) - closable_s < took_s < PAGE_WITHIN_S

    way.publish(data.after)
    way.until(lambda: way.pages("resolve"))
    way.until(lambda: any("(resolved) flights 2013.02: data_quality" in m for m in way.chat()))
    way.until(lambda: any("no_answer (rule retraining)" in m for m in way.chat()))
    (over,) = way.pages("resolve")
    assert over["dedup_key"] == page["dedup_key"]
    assert len(way.pages("trigger")) == 1
    assert way.chat("#model-digest") == []
    assert [each.restarts for each in way.stack.running] == [0] * len(way.stack.running)
    expressions_find_what_they_ask_for(way)
    (worker,) = way.stack.of("worker")
    way.stack.stop()
    assert worker.process.exit_code == 0


def expressions_find_what_they_ask_for(way: Way) -> None:
    """Every selector of every rule finds series of this stack, every recording rule has recorded,
    no rule fails, and what finds nothing is listed with its reason."""
    groups = way.get("prometheus", "/api/v1/rules")["data"]["groups"]
    assert {group["file"].rsplit("/", 1)[1] for group in groups} == {path.name for path in RULES}
    for rule in [rule for group in groups for rule in group["rules"]]:
        assert rule["health"] == "ok", rule
    assert found(way, 'ALERTS{alertname="Watchdog", alertstate="firing"}')
    empty = []
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                if "record" in rule and not found(way, rule["record"]):
                    empty.append(rule["record"])
                expression = re.sub(r"\b\w+:\w+:\w+", "", rule["expr"])
                selectors = {match[0] for match in SELECTOR.finditer(expression)}
                empty += [each for each in selectors if not found(way, each)]
    assert set(empty) == set(EMPTY) | EMPTY_RECORDS


def found(way: Way, selector: str) -> bool:
    """Whether Prometheus has stored a sample of it since the stack began."""
    query = f"last_over_time({selector}[10m])"
    return bool(way.get("prometheus", "/api/v1/query", query=query)["data"]["result"])


def test_the_dead_mans_switch_is_called_once_it_has_an_address(
    tmp_path: Path, alertmanager_program: str
) -> None:
    """With the lines of the committed file that wait for it; nobody else is told."""
    assert alertmanager_program
    with flights_way(tmp_path, {"group_wait: 10s": "group_wait: 1s"}, "alertmanager") as way:
        alert = {"labels": {"alertname": "Watchdog", "severity": "none"}}
        way.post("alertmanager", "/api/v2/alerts", [alert])
        way.until(lambda: way.receivers.told)
        ((kind, body),) = way.receivers.told
    assert (kind, body["status"], body["receiver"]) == ("watchdog", "firing", "watchdog")


@pytest.mark.long
@pytest.mark.timeout(400)
def test_a_page_in_the_shipped_time(
    tmp_path: Path,
    prometheus_program: str,
    alertmanager_program: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With the intervals as they are shipped, nothing changed but addresses."""
    assert prometheus_program
    assert alertmanager_program
    with flights_way(tmp_path, {}) as way:
        way.publish(fault_data(tmp_path).trouble, "--no-heartbeats")
        way.until(lambda: way.pages("trigger"), limit_s=120)
        closable_s = way.window_closable_at_s(WINDOW_ENDS_MS + LATENESS_MS)
        took_s = way.paged_at_s() - closable_s
        told_s = way.alerted_at_s(RULE) - closable_s
        with capsys.disabled():
            sys.stdout.write(f"\nevent to alert record {told_s:.2f} s, to page {took_s:.1f} s\n")
        assert 0 < took_s < SHIPPED_PAGE_WITHIN_S
