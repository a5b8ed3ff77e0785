"""`make stack` and `make stack-down` themselves, on the ports of compose."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Final

import pytest

from tests.kafka.libraries import SystemPackageError, java
from tests.left_out import missing
from tests.owned_process import answers_200
from tests.stack.__main__ import DIRECTORY, RUNNING, main
from tests.stack.compose import ROOT

if TYPE_CHECKING:
    from pathlib import Path

LAST_LINE: Final = "ends it and removes its data"
START_LIMIT_S: Final = 120.0


def test_down_without_a_stack_is_no_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where a process id is left that is another program's by now."""
    monkeypatch.setattr("tests.stack.__main__.RUNNING", tmp_path / "running")
    assert main(["down"]) == 0
    (tmp_path / "running").write_text("1")
    assert main(["down"]) == 0
    assert capsys.readouterr().out == "was not running\nwas not running\n"


def judged(model: str) -> bool:
    """Whether Prometheus has the level of a window of the model."""
    query = urllib.parse.urlencode({"query": f'drift_window_level{{model="{model}"}}'})
    with urllib.request.urlopen(f"http://127.0.0.1:9090/api/v1/query?{query}", timeout=5) as told:
        return bool(json.load(told)["data"]["result"])


@pytest.mark.long
@pytest.mark.timeout(240)
def test_it_starts_says_where_it_is_and_ends(
    tmp_path: Path, prometheus_program: str, alertmanager_program: str
) -> None:
    """What is printed answers; the payments are judged by the version that was registered, and
    Prometheus has it; a second stack is refused; `down` ends it with exit code 0 and nothing stays.
    """
    assert prometheus_program
    assert alertmanager_program
    try:
        java()
    except SystemPackageError as error:
        missing(error.package, error.how_to_get)
    log = tmp_path / "log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "tests.stack", "up", "fraud"]
        stack = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | {"WORKERS": "2"}, stdout=output, stderr=output
        )
    try:
        end = time.monotonic() + START_LIMIT_S
        while LAST_LINE not in log.read_text():
            assert stack.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.2)
        said = log.read_text()
        assert "grafana is left out" in said
        pages = [word for word in said.split() if word.startswith("http://")]
        assert len(pages) == 3 * 2 + 2 + 1
        assert [page for page in pages if not answers_200(page)] == []
        while not judged("fraud"):
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.5)
        assert main(["up"]) == 1
        assert main(["down"]) == 0
        assert stack.wait(10) == 0
    finally:
        stack.kill()
        stack.wait()
    assert not DIRECTORY.exists()
    assert not RUNNING.exists()
