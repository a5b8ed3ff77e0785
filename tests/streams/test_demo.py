"""The demo end to end on the embedded broker, its failures, its views and its tearing down."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path

import orjson
import polars as pl
import pytest
from click.testing import CliRunner
from rich.console import Console

from streams.cli import main
from streams.cli.demo import example_directory
from streams.demo_stream import DemoState, Trail
from streams.demo_view import BARS, LiveView, PlainView, bar, bars, view_for

ROOT = Path(__file__).parents[2]
FLIGHTS = ROOT / "examples" / "flights"
DEMO_LIMIT_S = 100


def start_demo(*arguments: str) -> subprocess.Popen[str]:
    """The demo as a process without a terminal."""
    return subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "demo", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def children(pid: int) -> set[int]:
    """All processes below this one, whatever session they are in."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            child = int(path.parent.name)
            found |= {child} | children(child)
    return found


def alive(pids: set[int]) -> set[int]:
    """Those of the processes that run."""
    running = set()
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z":
            running.add(pid)
    return running


def gone_within(pids: set[int], seconds: float) -> bool:
    """Whether none of the processes runs any more, soon."""
    deadline = time.monotonic() + seconds
    while alive(pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_the_demo_ends_by_itself_with_the_trigger_of_a_replay(tmp_path: Path) -> None:
    """Real flights, embedded broker, one worker: plain lines of weekly windows, the worker's
    metrics read, its live page shown, exit code 0, and alone on standard output the first trigger
    as JSON: the very one that a replay of the same files gives."""
    for name in ("spec.yaml", "predictions.parquet", "labels.parquet"):
        (tmp_path / name).symlink_to(FLIGHTS / name)
    reference = FLIGHTS / "reference.parquet"
    profile = ["--data", str(reference), "--out", str(tmp_path / "profile.json")]
    made = CliRunner().invoke(main, ["profile", str(FLIGHTS / "spec.yaml"), *profile])
    assert made.exit_code == 0, made.output
    demo = start_demo("--seconds", "15", "--example", str(tmp_path))
    out, err, shown = followed(demo)
    assert demo.returncode == 0, err
    assert shown == ["flights"]
    trigger = orjson.loads(out)
    assert (trigger["model"], trigger["rule"]) == ("flights", "psi_features")
    assert {"temp", "dewp"} <= {evidence["feature"] for evidence in trigger["evidence"]}
    windows = re.findall(r"^7d to (\S+) .* (UNKNOWN|STABLE|WATCH|DRIFT)", err, re.MULTILINE)
    assert windows[0][0] == "2013-03-07"
    assert trigger["window"]["end"][:10] in [end for end, _ in windows]
    series = re.search(r"(\d+) series of drift_psi at /metrics", err)
    assert series is not None
    assert int(series[1]) >= 15
    assert trigger == first_trigger_of_a_replay(tmp_path, trigger["window"]["end"])


def followed(demo: subprocess.Popen[str]) -> tuple[str, str, list[str]]:
    """Both outputs, and the models that the live page showed once a window was judged."""
    assert demo.stderr is not None
    assert demo.stdout is not None
    lines: list[str] = []
    shown: list[str] = []
    with demo:
        for line in demo.stderr:
            lines.append(line)
            if line.startswith("7d to") and not shown:
                shown = page_shows("".join(lines))
        return demo.stdout.read(), "".join(lines), shown


def page_shows(err: str) -> list[str]:
    """The models on the page that the demo named, asked with the token of its address."""
    found = re.search(
        r"^live page: (http://127\.0\.0\.1:\d+/)#token=([\w-]{24})$", err, re.MULTILINE
    )
    assert found is not None, err
    asked = urllib.request.Request(f"{found[1]}api/models")
    asked.add_header("Authorization", f"Bearer {found[2]}")
    for _ in range(100):
        with urllib.request.urlopen(asked, timeout=5) as answer:
            models = [one["model"] for one in orjson.loads(answer.read())["models"]]
        if models:
            break
        time.sleep(0.1)
    return models


def first_trigger_of_a_replay(example: Path, end: str) -> dict[str, object]:
    """The first trigger that a replay of the flights gives, read to two days behind ``end``."""
    until = datetime.fromisoformat(end) + timedelta(days=2)
    for name, ts in (("predictions", "ts"), ("labels", "label_ts")):
        frame = pl.read_parquet(example / f"{name}.parquet")
        frame.filter(pl.col(ts) < until).write_parquet(example / f"early-{name}.parquet")
    files = [f"--{name}={example / f'early-{name}.parquet'}" for name in ("predictions", "labels")]
    arguments = [f"--profile={example / 'profile.json'}", f"--out={example / 'out'}", *files]
    result = CliRunner().invoke(main, ["replay", str(example / "spec.yaml"), *arguments])
    assert result.exit_code == 0, result.output
    lines = (example / "out" / "retraining-triggers.ndjson").read_bytes().splitlines()
    trigger: dict[str, object] = orjson.loads(lines[0])
    return trigger


@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL"])
def test_whatever_it_started_is_gone_with_it(name: str) -> None:
    """Asked to end or killed in the middle: no broker, worker or watchdog is left."""
    demo = start_demo("--seconds", "60")
    try:
        assert demo.stderr is not None
        for line in demo.stderr:
            if line.startswith("waiting for the first judged window"):
                break
        below = children(demo.pid)
        assert len(below) >= 3, "a broker, a worker and its watchdog"
        os.kill(demo.pid, signal.Signals[name])
        demo.communicate(timeout=30)
        assert demo.returncode != 0
        assert gone_within(below, 10.0)
    finally:
        demo.kill()
        demo.wait()


def test_a_worker_that_cannot_run_is_told_with_its_log(tmp_path: Path) -> None:
    """A profile that is none: the stage, the exit code and the worker's own words; exit code 1."""
    for name in ("spec.yaml", "predictions.parquet", "labels.parquet"):
        (tmp_path / name).symlink_to(FLIGHTS / name)
    (tmp_path / "profile.json").write_text("{}")
    demo = start_demo("--example", str(tmp_path))
    out, err = demo.communicate(timeout=DEMO_LIMIT_S)
    assert demo.returncode == 1
    assert out == ""
    assert "starting a worker: the worker ended with exit code 2" in err
    assert "profile schema none" in err


def test_a_stream_without_a_trigger_is_told(tmp_path: Path) -> None:
    """Three weeks of March: the whole stream is sent, its two whole weeks are judged, no trigger
    comes, and the demo says so; exit code 1."""
    for name in ("spec.yaml", "reference.parquet"):
        (tmp_path / name).symlink_to(FLIGHTS / name)
    until = datetime.fromisoformat("2013-03-19T00:00:00Z")
    for name, ts in (("predictions", "ts"), ("labels", "label_ts")):
        frame = pl.read_parquet(FLIGHTS / f"{name}.parquet")
        frame.filter(pl.col(ts) < until).write_parquet(tmp_path / f"{name}.parquet")
    demo = start_demo("--seconds", "5", "--example", str(tmp_path))
    out, err = demo.communicate(timeout=DEMO_LIMIT_S)
    assert demo.returncode == 1
    assert out == ""
    assert "watching for drift: the stream ended and no trigger came" in err
    assert "2 windows of 7d were judged" in err
    assert [line.split()[2] for line in err.splitlines() if line.startswith("7d to ")] == [
        "2013-03-07",
        "2013-03-14",
    ]


def test_a_broker_that_is_away_is_told() -> None:
    """The first stage that did not happen is named; exit code 1."""
    demo = start_demo("--broker", "127.0.0.1:1")
    _, err = demo.communicate(timeout=DEMO_LIMIT_S)
    assert demo.returncode == 1
    assert "on 127.0.0.1:1" in err
    assert "got as far as: creating topics" in err


def test_without_its_data_it_says_how_to_get_them(tmp_path: Path) -> None:
    """A directory without the files is refused with the way out."""
    result = CliRunner().invoke(main, ["demo", "--example", str(tmp_path)])
    assert result.exit_code == 2
    assert "spec.yaml, predictions.parquet, labels.parquet" in result.stderr
    assert "make demo" in result.stderr


def test_the_data_are_found_from_a_checkout() -> None:
    """Wherever the command is called from."""
    assert example_directory(None) == FLIGHTS


def judged(end: str, psi: float, level: str) -> dict[str, object]:
    """A judgement of one feature."""
    verdict = {"level": level, "psi_corrected": psi, "psi_threshold": 0.2}
    return {
        "window": "7d",
        "revision": 0,
        "end": end,
        "events": 6_030,
        "level": "WATCH",
        "features": {"temp": verdict},
    }


def shown_state() -> DemoState:
    """A state with two windows."""
    state = DemoState("7d", stage="watching for drift", url="http://127.0.0.1:9/metrics")
    state.page = "http://127.0.0.1:9/#token=t"
    state.note_judgement(judged("2013-03-07T00:00:00Z", 0.05, "STABLE"))
    state.note_judgement(judged("2013-03-14T00:00:00Z", 0.5, "DRIFT"))
    state.note_judgement({**judged("2013-03-14T00:00:00Z", 9.0, "DRIFT"), "revision": 1})
    state.note_judgement({**judged("2013-03-14T00:00:00Z", 9.0, "DRIFT"), "window": "1d"})
    return state


def test_the_live_view_shows_features_numbers_and_the_address() -> None:
    """First judgements of the followed window only; the newest PSI and level, a bar per window."""
    state = shown_state()
    state.note_sent(24_000, 1_363_219_200_000)
    console = Console(width=110, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    console.print(LiveView(console, state, "title").render())
    text = console.export_text()
    console.file.close()
    (row,) = [line for line in text.splitlines() if "temp" in line]
    assert row.split()[1:6] == ["temp", "0.50", "0.20", "DRIFT", "▂█"]
    for shown in (
        "title",
        "2013-03-14",
        "24,000",
        "http://127.0.0.1:9/metrics",
        "9/#token=t",
        "watching for",
    ):
        assert shown in text


def test_a_bar_is_half_high_at_the_threshold() -> None:
    """Height is PSI over threshold; beyond twice it every bar is full; no number is a dot."""
    assert bar(0.0, 0.2) == bar(-0.3, 0.2) == BARS[0]
    assert bar(0.2, 0.2) == BARS[4]
    assert bar(99.0, 0.2) == BARS[-1]
    assert bar(None, 0.2) == bar(0.1, None) == "·"
    trail = Trail([0.0] * 60, 0.2, ["STABLE"] * 60)
    assert len(bars(trail)) == 44


def test_without_a_terminal_there_are_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """A line per window, each once, naming what drifted."""
    console = Console()
    view = view_for(console, shown_state(), "title")
    assert isinstance(view, PlainView)
    with view:
        view.look()
        view.look()
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "live page: http://127.0.0.1:9/#token=t",
        "watching for drift ...",
        "7d to 2013-03-07    6,030 events  WATCH",
        "7d to 2013-03-14    6,030 events  WATCH    temp PSI 0.50",
    ]
