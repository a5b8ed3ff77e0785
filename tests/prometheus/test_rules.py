"""The committed Prometheus configuration and alert rules, judged by Prometheus' own promtool."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

ROOT: Final = Path(__file__).resolve().parents[2]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run it from the repository's root, both outputs in one."""
    return subprocess.run(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )


METRIC: Final = r"\b((?:longshore|drift|model|serving|feature|prediction)_\w+)"
RULES: Final = sorted((ROOT / "prometheus/rules").glob("*.yml"))
CASES: Final = {
    "longshore.yml": ("rules_test.yml", "days_test.yml"),
    "longshore-models.yml": ("models_rules_test.yml", "models_days_test.yml"),
    "longshore-monitor.yml": ("monitor_rules_test.yml",),
    "longshore-worker.yml": ("worker_rules_test.yml",),
}
"""Rules -> the cases that they are tested by."""
WEAKENED: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "longshore.yml": {
        "FeatureDrift": (" == 3", " == 9"),
        "WatermarkStuck": (
            "unless on (model, version) max by (model, version) (longshore_version_serves) == 0",
            "",
        ),
    },
    "longshore-models.yml": {
        "PredictionDrift": ("(prediction_level) == 3", "(prediction_level) >= 2"),
        "LabelsStopped": ("and model:longshore_labels:sum offset 3d > 0", ""),
        "LabelsWithoutPrediction": (">= 100", ">= 0"),
        "RecordsLate": (">= 10", ">= 0"),
        "NoPredictions": ("unless model:serving_events:increase1h offset 1w == 0", ""),
    },
    "longshore-monitor.yml": {
        "WorkersBehind": ("> 1000", "> 100"),
        "JudgementsLate": ("p95_rate10m > 5", "p95_rate10m > 15"),
        "RebalancesWithoutEnd": ("> 10", "> 7"),
        "ForeignPaneRecords": ("[10m])) > 0", "[30m])) > 0"),
        "Watchdog": ("vector(1)", "vector(1) and on () up"),
    },
    "longshore-worker.yml": {
        "RecordsRejected": (">= 10", ">= 0"),
        "SnapshotsTooOld": ("for: 3m", "for: 30m"),
        "BoundNearlyReached": ("|folds", ""),
        "CommitsStuck": ("changes(longshore_committed_offset[5m]) > 0", "vector(0)"),
        "WorkerRestarting": (">= 3", ">= 2"),
        "PartitionStuck": ("(longshore_source_stalled) == 1", "(longshore_source_stalled) == 0"),
        "StateRebuilt": ("or longshore_rebuilt_total > 0", "or longshore_rebuilt_total < 0"),
    },
}
"""Rules -> alert -> a part of its rule and what it is made into: its cases must then fail."""


def test_the_configuration_is_valid(promtool: str) -> None:
    """The configuration that compose starts Prometheus with is valid and finds its rules."""
    result = run(promtool, "check", "config", "prometheus/prometheus.yml")
    assert result.returncode == 0, result.stdout
    assert f"{len(RULES)} rule files found" in result.stdout
    assert {path.name for path in RULES} == set(CASES)


def test_rules_fire_when_they_should_and_only_then(promtool: str) -> None:
    """Every case gives exactly the alerts that it names."""
    cases = [f"tests/prometheus/{name}" for names in CASES.values() for name in names]
    result = run(promtool, "test", "rules", *cases)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("name", WEAKENED)
def test_wrong_rules_fail(promtool: str, tmp_path: Path, name: str) -> None:
    """The cases can fail: each rule that is made too quiet or too loud is found."""
    rules = (ROOT / "prometheus/rules" / name).read_text()
    for part, instead in WEAKENED[name].values():
        assert part in rules, part
        rules = rules.replace(part, instead)
    (tmp_path / name).write_text(rules)
    for each in CASES[name]:
        cases = (ROOT / "tests/prometheus" / each).read_text()
        (tmp_path / each).write_text(cases.replace(f"../../prometheus/rules/{name}", name))
    result = run(promtool, "test", "rules", *(str(tmp_path / each) for each in CASES[name]))
    assert result.returncode != 0
    assert [alert for alert in WEAKENED[name] if f"alertname: {alert}," not in result.stdout] == []


def test_every_alert_has_a_case() -> None:
    """An alert without a case would be one that nobody has seen fire; and each has one in which
    nothing fires."""
    for path in RULES:
        alerts = re.findall(r"- alert: (\w+)", path.read_text())
        assert alerts
        texts = [(ROOT / "tests/prometheus" / each).read_text() for each in CASES[path.name]]
        cases = "".join(texts)
        assert [name for name in alerts if f"- alertname: {name}\n" not in cases] == []
        quiet = [n for n in alerts if not re.search(rf"alertname: {n}, .*exp_alerts: \[\]", cases)]
        assert quiet == (["Watchdog"] if "Watchdog" in alerts else [])


def alerting_rules() -> dict[str, dict[str, Any]]:
    """Name -> rule of every alert."""
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def test_every_alert_has_its_runbook_and_every_runbook_its_alert() -> None:
    """The link of each alert is the anchor of a section of its name, which answers every question
    that whoever is woken has; no section is left of an alert that is gone, and none is there
    twice."""
    page = (ROOT / "docs/runbooks.md").read_text()
    parts = re.split(r"^### (\w+)$", page, flags=re.MULTILINE)[1:]
    assert len(parts[::2]) == len(set(parts[::2]))
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    rules = alerting_rules()
    assert sorted(sections) == sorted(rules)
    for name, rule in rules.items():
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks.md#{name.lower()}"
        answers = re.findall(r"^- \*\*(.+?)\*\*", sections[name], re.MULTILINE)
        assert answers == ["What it means.", "How sure.", "Look at.", "Do.", "When it lies."], name
        assert f"`{rule['labels']['severity'].strip()}`" in sections[name] or name == "ModelAlert"


def test_what_runbooks_and_pages_name_is_there() -> None:
    """Every metric of the runbooks is exported or recorded, every page linked exists."""
    page = (ROOT / "docs/runbooks.md").read_text()
    named = set(re.findall(r"`((?:longshore|drift|model|serving|feature|prediction)_\w+)", page))
    assert len(named) > 20
    assert named <= exported(), named - exported()
    for link in re.findall(r"\]\(([\w./-]+)(?:#[\w-]+)?\)", page):
        assert (ROOT / "docs" / link).exists(), link


def exported() -> set[str]:
    """Names of the metrics of a worker, as they are queried."""
    names = set()
    for line in (ROOT / "docs/metrics.md").read_text().splitlines():
        found = re.match(r"\| `(\w+)` \| (\w+)", line)
        if found:
            names.add(found[1])
            if found[2] == "histogram":
                names |= {f"{found[1]}_{part}" for part in ("bucket", "count", "sum")}
    return names


def test_every_metric_in_a_rule_is_exported() -> None:
    """A rule over a metric that no worker has would never fire; ``up`` is Prometheus' own."""
    for path in RULES:
        named = set(re.findall(METRIC, expressions(path)))
        assert named
        assert named <= exported(), named - exported()


def test_what_an_alert_reads_is_recorded_in_front_of_it() -> None:
    """Groups are evaluated each by itself: what another one records may be missing yet."""
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            recorded: set[str] = set()
            for rule in group["rules"]:
                read = set(re.findall(r"\b\w+:\w+:\w+", rule["expr"]))
                assert read <= recorded, (group["name"], read - recorded)
                recorded |= {rule["record"]} if "record" in rule else set()


def expressions(path: Path) -> str:
    """The PromQL of a rule file."""
    groups = yaml.safe_load(path.read_text())["groups"]
    recorded = {rule["record"] for group in groups for rule in group["rules"] if "record" in rule}
    text = "\n".join(rule["expr"] for group in groups for rule in group["rules"])
    for name in recorded:
        text = text.replace(name, "")
    return text
