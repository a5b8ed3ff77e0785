"""The committed Prometheus configuration and alert rules, judged by Prometheus' own promtool."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

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


def test_the_configuration_is_valid(promtool: str) -> None:
    """The configuration that compose starts Prometheus with is valid and finds its rules."""
    result = run(promtool, "check", "config", "prometheus/prometheus.yml")
    assert result.returncode == 0, result.stdout
    assert "1 rule files found" in result.stdout


def test_rules_fire_when_they_should_and_only_then(promtool: str) -> None:
    """Every case of rules_test.yml gives exactly the alerts that it names."""
    result = run(promtool, "test", "rules", "tests/prometheus/rules_test.yml")
    assert result.returncode == 0, result.stdout


def test_a_wrong_expectation_fails(promtool: str, tmp_path: Path) -> None:
    """The rule tests can fail: with another threshold they do."""
    rules = (ROOT / "prometheus/rules/longshore.yml").read_text()
    assert "> 0.01" in rules
    (tmp_path / "longshore.yml").write_text(rules.replace("> 0.01", "> 0.10"))
    cases = (ROOT / "tests/prometheus/rules_test.yml").read_text()
    changed = cases.replace("../../prometheus/rules/longshore.yml", "longshore.yml")
    (tmp_path / "cases.yml").write_text(changed)
    result = run(promtool, "test", "rules", str(tmp_path / "cases.yml"))
    assert result.returncode != 0
    assert "RecordsRejected" in result.stdout


def test_every_alert_has_a_case() -> None:
    """An alert without a case in rules_test.yml would be one that nobody has seen fire."""
    rules = (ROOT / "prometheus/rules/longshore.yml").read_text()
    cases = (ROOT / "tests/prometheus/rules_test.yml").read_text()
    alerts = [line.split(":")[1].strip() for line in rules.splitlines() if "- alert:" in line]
    assert alerts
    assert [name for name in alerts if f"- alertname: {name}\n" not in cases] == []
