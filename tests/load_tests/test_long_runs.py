"""The long measurements in small, by their own commands: they end, and they say something."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.long, pytest.mark.timeout(1_800)]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A tool of the project to its end."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=1_700,
    )


def test_readiness_in_small(kafka: str, tmp_path: Path) -> None:
    """Every way to restart is measured, and every event is counted once after each."""
    assert kafka
    page = tmp_path / "cost.md"
    options = ("--features", "100", "--events", "2000", "--rounds", "1", "--out", str(page))
    done = run("load_tests.readiness", *options)
    assert page.exists(), done.stderr
    text = page.read_text()
    assert text.count("membership |") == 4
    assert "2,160 events, each counted exactly once after every restart" in text


def test_soak_in_small(kafka: str, tmp_path: Path) -> None:
    """Four minutes are too short to be flat, but every event is counted."""
    assert kafka
    page = tmp_path / "soak.md"
    done = run("load_tests.soak", "--minutes", "4", "--rate", "1000", "--out", str(page))
    assert page.exists(), done.stderr
    assert "| events tallied / in closed windows | 240,000 / 240,000 |" in page.read_text()
    assert (tmp_path / "soak.svg").exists()


def test_snapshot_cost_in_small(kafka: str, tmp_path: Path) -> None:
    """Both ways."""
    page = tmp_path / "cost.md"
    options = ("--events", "100000", "--rounds", "1", "--broker", kafka, "--out", str(page))
    done = run("load_tests.bench", "--snapshot-cost", *options)
    assert done.returncode == 0, done.stderr
    assert "| bench, 20 features | 1 |" in page.read_text()


def test_labels_in_small(kafka: str, tmp_path: Path) -> None:
    """With and without; a run this small says nothing of the goal."""
    page = tmp_path / "cost.md"
    options = ("--events", "100000", "--rounds", "1", "--broker", kafka, "--out", str(page))
    done = run("load_tests.bench", "--labels", *options)
    assert page.exists(), done.stderr
    assert "| without labels | 1 |" in page.read_text()
    assert "| labels | 1 |" in page.read_text()
