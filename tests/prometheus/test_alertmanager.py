"""Who hears of an alert: the committed configuration of Alertmanager, by amtool and by itself."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import yaml

from engine.alert_rules import OTHER_ALERTS
from engine.decide.asking import HELD
from engine.decide.episodes import RANKS
from engine.decide.rules import rules
from tests.prometheus.receivers import RealAlertmanager, Receivers
from tests.prometheus.test_rules import ROOT, run

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG: Final = "prometheus/alertmanager.yml"
DEADLINE_SECONDS: Final = 20.0
OF: Final = ("model", "version", "instance")
SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
HEARD_BY: Final = {"critical": "page", "warning": "chat", "info": "digest"}


def test_the_configuration_is_valid(amtool: str) -> None:
    """Alertmanager's own check, templates included."""
    result = run(amtool, "check-config", CONFIG)
    assert result.returncode == 0, result.stdout
    assert "1 templates" in result.stdout


@pytest.mark.parametrize("severity", [rank.lower() for rank in RANKS])
def test_every_severity_of_the_worker_has_its_receiver(amtool: str, severity: str) -> None:
    """CRITICAL pages, WARNING goes to the chat, INFO to the digest; of models and of workers."""
    for labels in (["model=fraud", "version=1"], ["alertname=WorkerDown"]):
        result = run(amtool, *TESTED, f"severity={severity}", *labels)
        assert result.stdout.splitlines()[-1] == HEARD_BY[severity]


TESTED: Final = ("config", "routes", "test", f"--config.file={CONFIG}")


@pytest.mark.parametrize("labels", [[], ["severity=CRITICAL"], ["severity=page"]])
def test_a_severity_that_nobody_knows_is_heard(amtool: str, labels: list[str]) -> None:
    """A mistake in a rule must not be silence."""
    result = run(amtool, *TESTED, "alertname=Any", *labels)
    assert result.stdout.splitlines()[-1] == "chat"


def test_prometheus_tells_the_alertmanager_of_compose() -> None:
    """By the name and the port that compose gives it; alerts of a week are kept for the digest."""
    prometheus = yaml.safe_load((ROOT / "prometheus/prometheus.yml").read_text())
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    ((target,),) = [
        each["targets"]
        for manager in prometheus["alerting"]["alertmanagers"]
        for each in manager["static_configs"]
    ]
    service, port = target.split(":")
    described = compose["services"][service]
    assert described["ports"] == [f"127.0.0.1:{port}:{port}"]
    (kept,) = re.findall(r"--data.retention=(\d+)h", " ".join(described["command"]))
    assert int(kept) > 7 * 24
    secrets = {
        place
        for receiver in yaml.safe_load((ROOT / CONFIG).read_text())["receivers"]
        for configs in receiver.values()
        if isinstance(configs, list)
        for each in configs
        for name, place in each.items()
        if name.endswith("_file")
    }
    mounted = [volume.rsplit(":", 2)[1] for volume in described["volumes"] if "secrets" in volume]
    assert {str(Path(place).parent) for place in secrets} == set(mounted)


def test_what_is_told_again_is_told_as_often_as_it_says() -> None:
    """Whether to repeat is asked once a group_interval, a moment less than that after the last
    message went out: where the repetition were no shorter, every second one would be left out."""
    route = yaml.safe_load((ROOT / CONFIG).read_text())["route"]
    found = {
        each["receiver"]: tuple(
            SECONDS[text[-1]] * int(text[:-1])
            for text in (
                each.get("group_interval", route["group_interval"]),
                each.get("repeat_interval", route["repeat_interval"]),
            )
        )
        for each in route["routes"]
    }
    for asked_s, again_s in found.values():
        assert again_s < asked_s or again_s > 10 * asked_s
    assert found["watchdog"][0] == 60
    assert found["digest"][0] == SECONDS["w"]


def test_every_rule_has_a_runbook() -> None:
    """What ModelAlert points to is a heading of docs/alerts.md."""
    headings = re.findall(r"^### (\w+)$", (ROOT / "docs/alerts.md").read_text(), re.MULTILINE)
    assert sorted(headings) == sorted([*rules(), HELD, *OTHER_ALERTS])


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    """Stand for PagerDuty and Slack."""
    found = Receivers()
    yield found
    found.close()


def alert(name: str, severity: str, **labels: str) -> dict[str, dict[str, str]]:
    """As the rules make it."""
    rule = [labels["rule"]] if "rule" in labels else []
    return {
        "labels": {"alertname": name, "severity": severity, **labels},
        "annotations": {
            "summary": " ".join(
                [name, *rule, "of", *(labels[k] for k in OF if k in labels)],
            ),
            "description": "What it is.",
            "runbook": "docs/alerts.md#any",
        },
    }


def test_of_a_model_the_worst_is_told_and_by_one_message(
    alertmanager_program: str, receivers: Receivers
) -> None:
    """A page inhibits what is less of the same version of the same model and of nothing else, its
    causes are one message, and the texts are filled in."""
    fraud, other = {"model": "fraud", "version": "1"}, {"model": "fraud", "version": "2"}
    credit, trading = {"model": "credit", "version": "1"}, {"model": "trading", "version": "1"}
    with RealAlertmanager(alertmanager_program, receivers) as manager:
        manager.fire(
            alert("ModelAlert", "critical", rule="service_level", **fraud),
            alert("ModelAlert", "critical", rule="operations", **fraud),
            alert("ModelAlert", "warning", rule="psi_features", **fraud),
            alert("ModelAlert", "warning", rule="data_quality", **fraud),
            alert("WatermarkStuck", "warning", **fraud),
            alert("FeatureDrift", "info", feature="amount", **fraud),
            alert("ModelAlert", "warning", rule="psi_features", **other),
            alert("ModelAlert", "warning", rule="volume", **credit),
            alert("FeatureDrift", "info", feature="age", **credit),
            alert("FeatureDrift", "info", feature="price", **trading),
            alert("WorkerDown", "warning", instance="a"),
        )
        deadline = time.monotonic() + DEADLINE_SECONDS
        while len(receivers.told) < 7 and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1.0)  # twice the wait: a message too many would be here
        held_back = manager.suppressed()
    assert held_back == {
        ("ModelAlert psi_features of fraud 1", "warning"),
        ("FeatureDrift of fraud 1", "info"),
        ("FeatureDrift of credit 1", "info"),
    }
    pages = [body for kind, body in receivers.told if kind == "pagerduty"]
    chats = [body for kind, body in receivers.told if kind == "slack"]
    assert sorted(page["payload"]["summary"] for page in pages) == [
        "[FIRING 1] ModelAlert operations of fraud 1",
        "[FIRING 1] ModelAlert service_level of fraud 1",
    ]
    assert len({page["dedup_key"] for page in pages}) == 2
    for page in pages:
        assert (page["payload"]["severity"], page["payload"]["component"]) == ("critical", "fraud")
        assert page["payload"]["custom_details"]["alerts"].count("docs/alerts.md#any") == 1
    said = {each["channel"]: [] for each in chats}  # type: dict[str, list[str]]
    for each in chats:
        (attachment,) = each["attachments"]
        said[each["channel"]].append(attachment["title"] + "\n" + attachment["text"])
    assert sorted(said) == ["#model-alerts", "#model-digest"]
    *alone, together = sorted(said["#model-alerts"])
    assert [text.split("\n")[0] for text in alone] == [
        "[FIRING 1] ModelAlert psi_features of fraud 2",
        "[FIRING 1] ModelAlert volume of credit 1",
        "[FIRING 1] WorkerDown of a",
    ]
    assert together.startswith("[FIRING 2]")
    assert "ModelAlert data_quality of fraud 1" in together
    assert "WatermarkStuck of fraud 1" in together
    (digest,) = said["#model-digest"]
    assert "1 to read" in digest
    assert "FeatureDrift of trading 1" in digest
    assert "amount" not in digest


def test_without_a_worker_it_is_no_news_that_one_is_missing(
    alertmanager_program: str, receivers: Receivers
) -> None:
    """One page that none answers; what others watch by the same Alertmanager is told as ever."""
    with RealAlertmanager(alertmanager_program, receivers) as manager:
        manager.fire(
            alert("NoWorker", "critical"),
            alert("WorkerDown", "warning", instance="a"),
            alert("ModelAlert", "warning", model="credit", version="1", rule="volume"),
            alert("PostgresDown", "critical", instance="b"),
        )
        deadline = time.monotonic() + DEADLINE_SECONDS
        while len(receivers.told) < 3 and time.monotonic() < deadline:
            time.sleep(0.1)
        held_back = manager.suppressed()
    assert held_back == {("WorkerDown of a", "warning")}
    assert sorted(kind for kind, _ in receivers.told) == ["pagerduty", "pagerduty", "slack"]


def test_of_one_cause_only_the_cause_is_told(
    alertmanager_program: str, receivers: Receivers
) -> None:
    """What follows from something worse is held back where that is, and nowhere else."""
    fraud, other = {"model": "fraud", "version": "1"}, {"model": "other", "version": "1"}
    with RealAlertmanager(alertmanager_program, receivers) as manager:
        manager.fire(
            alert("RestoreRefused", "critical", instance="a"),
            alert("WorkerRestarting", "critical", instance="a"),
            alert("WorkerRestarting", "critical", instance="b"),
            alert("SnapshotsTooOld", "warning", instance="b"),
            alert("CommitsStuck", "warning", instance="b"),
            alert("CommitsStuck", "warning", instance="c"),
            alert("PartitionStuck", "critical"),
            alert("WorkersBehind", "warning"),
            alert("ModelAlert", "warning", rule="data_quality", **fraud),
            alert("FeatureFault", "info", feature="amount", **fraud),
            alert("FeatureFault", "info", feature="amount", **other),
            alert("Watchdog", "none"),
        )
        deadline = time.monotonic() + DEADLINE_SECONDS
        while len(receivers.told) < 6 and time.monotonic() < deadline:
            time.sleep(0.1)
        held_back = manager.suppressed()
    assert held_back == {
        ("WorkerRestarting of a", "critical"),
        ("CommitsStuck of b", "warning"),
        ("WorkersBehind of", "warning"),
        ("FeatureFault of fraud 1", "info"),
    }
    assert "Watchdog" not in str(receivers.told)


def test_the_watchdog_is_for_its_switch_alone(amtool: str) -> None:
    """Whatever its severity, it wakes nobody."""
    for severity in ("none", "critical"):
        result = run(amtool, *TESTED, "alertname=Watchdog", f"severity={severity}")
        assert result.stdout.splitlines()[-1] == "watchdog"
