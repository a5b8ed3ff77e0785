"""The committed Prometheus configuration and alert rules, judged by Prometheus' own promtool."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Final

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


RULES: Final = sorted((ROOT / "prometheus/rules").glob("*.yml"))
CASES: Final = {
    "longshore.yml": "rules_test.yml",
    "longshore-worker.yml": "worker_rules_test.yml",
}
"""Rules -> the cases that they are tested by."""
WEAKENED: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "longshore.yml": {"FeatureDrift": (" == 3", " == 9")},
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
    cases = [f"tests/prometheus/{name}" for name in CASES.values()]
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
    cases = (ROOT / "tests/prometheus" / CASES[name]).read_text()
    (tmp_path / "cases.yml").write_text(cases.replace(f"../../prometheus/rules/{name}", name))
    result = run(promtool, "test", "rules", str(tmp_path / "cases.yml"))
    assert result.returncode != 0
    assert [alert for alert in WEAKENED[name] if f"alertname: {alert}," not in result.stdout] == []


def test_every_alert_has_a_case() -> None:
    """An alert without a case would be one that nobody has seen fire; and each has one in which
    nothing fires."""
    for path in RULES:
        alerts = re.findall(r"- alert: (\w+)", path.read_text())
        assert alerts
        cases = (ROOT / "tests/prometheus" / CASES[path.name]).read_text()
        assert [name for name in alerts if f"- alertname: {name}\n" not in cases] == []
        quiet = [n for n in alerts if not re.search(rf"alertname: {n}, .*exp_alerts: \[\]", cases)]
        assert quiet == []


def test_every_metric_in_a_rule_is_exported() -> None:
    """A rule over a metric that no worker has would never fire; ``up`` is Prometheus' own."""
    exported = set()
    for line in (ROOT / "tests/streams/metrics_golden.txt").read_text().splitlines():
        if line.startswith("# TYPE"):
            exported.add(line.split()[2])
    for path in RULES:
        named = set(re.findall(r"\b((?:longshore|drift|model)_\w+)", expressions(path)))
        assert named
        assert named <= exported, named - exported


def expressions(path: Path) -> str:
    """The PromQL of a rule file."""
    groups = yaml.safe_load(path.read_text())["groups"]
    recorded = {rule["record"] for group in groups for rule in group["rules"] if "record" in rule}
    text = "\n".join(rule["expr"] for group in groups for rule in group["rules"])
    for name in recorded:
        text = text.replace(name, "")
    return text
