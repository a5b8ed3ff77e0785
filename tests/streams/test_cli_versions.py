"""`longshore replay --models`, `--version`: what is read, what is told, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import orjson
import polars as pl
import pytest
from click.testing import Result

from streams.control import ControlRecord
from streams.model_records import encode_version
from streams.models_file import line_of
from tests.streams.cli_example import HOUR_MS, SPEC, START_MS, table
from tests.streams.test_cli_replay import profiled, records, run
from tests.streams.test_policy_report import parsed

TAKES_OVER = "2026-01-03T08:00:00Z"
TAKES_OVER_MS = START_MS + 56 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Versions:
    """Two versions of the example: the second was trained on what had drifted."""

    old: tuple[Path, Path]
    """Spec and profile."""
    new: tuple[Path, Path]
    predictions: tuple[Path, Path]
    """Tables of the first version and of the second."""
    events: Path
    """Both, as NDJSON."""
    models: Path
    """What the topic would hold."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Versions:
    """Eight hours of the first version, which drift, and eight of the second."""
    directory = tmp_path_factory.mktemp("versions")
    made = profiled(directory, drifted_by=2.0)
    spec, profile, training = (directory / n for n in ("2.yaml", "2.json", "2.parquet"))
    spec.write_text(SPEC.replace('version: "1"', 'version: "2"'))
    table(START_MS, 48, 2.0, seed=3).write_parquet(training)
    done = run("profile", spec, "--data", training, "--out", profile)
    assert done.exit_code == 0, done.output
    tables = directory / "old.parquet", directory / "new.parquet"
    frames = [table(START_MS + h * HOUR_MS, 8, 2.0, seed=h) for h in (48, 56)]
    for path, frame in zip(tables, frames, strict=True):
        frame.write_parquet(path)
    events = directory / "events.ndjson"
    events.write_bytes(b"".join(event for n, f in enumerate(frames, 1) for event in lines(f, n)))
    written = encode_version(
        spec.read_text(),
        profile.read_bytes(),
        of=("loans", "2"),
        effective_from_ms=TAKES_OVER_MS,
        part_bytes=3_000,
    )
    models = directory / "models.ndjson"
    models.write_bytes(
        b"".join(
            line_of(ControlRecord("models", 0, n, -1, *record)) + b"\n"
            for n, record in enumerate(written)
        )
    )
    return Versions((made.spec, made.profile), (spec, profile), tables, events, models)


def lines(frame: pl.DataFrame, version: int) -> list[bytes]:
    """The events of a table."""
    return [
        orjson.dumps(
            {
                "event_id": row["event_id"],
                "model": "loans",
                "version": str(version),
                "ts": int(row["ts"].timestamp() * 1_000),
                "features": {"amount": row["amount"], "country": row["country"]},
                "score": row["score"],
            }
        )
        + b"\n"
        for row in frame.iter_rows(named=True)
    ]


def replay(files: Versions, *more: object) -> Result:
    """Replay from the first version on."""
    return run("replay", files.old[0], "--profile", files.old[1], *more)


def told(out: Path) -> dict[str, list[bytes]]:
    """What a replay wrote."""
    return {p.name: sorted(p.read_bytes().splitlines()) for p in out.iterdir()}


def test_a_file_of_records_and_options_say_the_same(files: Versions, tmp_path: Path) -> None:
    """Events that name their version, or a table for each; the one that takes over is judged by
    its own profile, and the old one's alert ends with the reason."""
    given = (*files.new, TAKES_OVER)
    one = replay(
        files, "--predictions", files.events, "--models", files.models, "--out", tmp_path / "a"
    )
    assert one.exit_code == 0, one.output
    other = replay(
        files,
        *("--predictions", files.predictions[0], "--version", *given),
        *("--version-predictions", "2", files.predictions[1], "--out", tmp_path / "b"),
    )
    assert other.exit_code == 0, other.output
    found = told(tmp_path / "a")
    options = told(tmp_path / "b")
    # By hand it is registered in fewer parts.
    options["audit.ndjson"] = [
        line.replace(b'"stamp":2}', b'"stamp":%d}' % len(files.models.read_bytes().splitlines()))
        for line in options["audit.ndjson"]
    ]
    assert options == found
    levels = {
        (j["version"], j["level"])
        for j in records(tmp_path / "a" / "judgements.ndjson")
        if j["events"] and "section" not in j
    }
    assert levels == {("1", "DRIFT"), ("2", "STABLE")}
    last = records(tmp_path / "a" / "alerts.ndjson")[-1]
    assert (last["version"], last["state"], last["end"]) == ("1", "resolved", TAKES_OVER)
    assert "2026-01-03T08:00  1 ends, superseded by 2" in one.stderr
    assert "2026-01-03T08:00  2 serves from here on" in one.stderr


def test_without_them_the_second_version_is_a_shadow(files: Versions, tmp_path: Path) -> None:
    """Nobody knows it."""
    assert replay(files, "--predictions", files.events, "--out", tmp_path).exit_code == 0
    assert {j["version"] for j in records(tmp_path / "judgements.ndjson")} == {"1"}
    assert not records(tmp_path / "audit.ndjson")


def test_a_policy_tells_of_each_version(files: Versions, tmp_path: Path) -> None:
    """Tables and plots of both, a line and a mark at the take-over."""
    report = tmp_path / "report.html"
    result = replay(
        files,
        *("--predictions", files.events, "--models", files.models, "--policy", "--report", report),
    )
    assert result.exit_code == 0, result.output
    assert "loans@1, 2026-01-03 to 2026-01-03 (" in result.stdout
    assert "2026-01-03 08:00  1        ends, superseded by 2" in result.stdout
    assert "2026-01-03 08:00  2        serves from here on" in result.stdout
    assert "loans@2, " in result.stdout
    root = parsed(report.read_text())
    plots = [svg for svg in root.iter("svg") if svg.get("role") == "img"]
    marks = [[e for e in p.iter("line") if e.get("class") == "marked"] for p in plots]
    assert len(plots) > 2
    assert {len(each) for each in marks} == {1}
    assert len({each[0].get("x1") for each in marks}) == 1, "they stand above each other"
    told_twice = "Vertical line: 2026-01-03 08:00 1 ends, superseded by 2; 2 serves from here on."
    assert told_twice in report.read_text()
    names = [t.findtext("title") for t in root.iter("text") if t.get("class") == "name"]
    assert {"1: retraining triggers", "2: retraining triggers"} <= set(names)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--version", "{spec}", "{profile}", "soon"), "is no RFC 3339 time"),
        (("--version", "{profile}", "{profile}", TAKES_OVER), "fault"),
        (("--version-predictions", "2", "{new}"), "is of a version of --models or --version"),
        (
            ("--models", "{models}", "--version-predictions", "3", "{new}"),
            "--version-predictions 3: the versions are 1, 2",
        ),
        (("--models", "{spec}"), "is no JSON object"),
        (("--models", "{empty}"), "registers no version of loans"),
        (("--models", "{models}", "--policy", "--against", "{old}"), "--against compares two"),
    ],
)
def test_what_cannot_be_is_refused(
    files: Versions, tmp_path: Path, more: tuple[str, ...], says: str
) -> None:
    """Before anything is replayed, in words."""
    empty = tmp_path / "empty.ndjson"
    empty.write_bytes(b"\n")
    places = {
        "spec": files.new[0],
        "profile": files.new[1],
        "new": files.predictions[1],
        "old": files.old[0],
        "models": files.models,
        "empty": empty,
    }
    out = tmp_path / "out"
    given = [each.format(**places) for each in more]
    result = replay(files, "--predictions", files.events, "--out", out, *given)
    assert result.exit_code == 2, result.output
    assert says in " ".join(result.stderr.split())
    assert not out.exists()


def test_another_model_is_refused(files: Versions, tmp_path: Path) -> None:
    """It has no events here."""
    other = tmp_path / "other.yaml"
    other.write_text(files.new[0].read_text().replace("model: loans", "model: cards"))
    result = replay(
        files,
        *("--predictions", files.events, "--out", tmp_path / "out"),
        *("--version", other, files.new[1], TAKES_OVER),
    )
    assert result.exit_code == 2
    assert "cards@2" in result.stderr or "fault" in result.stderr


def test_torn_records_are_told_and_passed_by(files: Versions, tmp_path: Path) -> None:
    """As workers do."""
    torn = tmp_path / "torn.ndjson"
    torn.write_bytes(b"".join(files.models.read_bytes().splitlines(keepends=True)[1:]))
    result = replay(
        files,
        *("--predictions", files.events, "--models", torn, "--out", tmp_path / "out"),
        *("--version", *files.new, "beside"),
    )
    assert result.exit_code == 0, result.output
    assert "is not used" in result.stderr
    assert {j["version"] for j in records(tmp_path / "out" / "judgements.ndjson")} == {"1", "2"}
