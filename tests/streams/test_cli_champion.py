"""`longshore replay` with a champion: promotions.ndjson, what is printed, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import Result

from engine.champion.judge import ComparisonJudge
from engine.pipeline import Pipeline
from streams.live import LiveState
from streams.model_files import load_models
from streams.settings import ModelFiles
from tests.engine.champion.test_comparison import BETTER, LABEL, whole
from tests.engine.champion.worlds import versions
from tests.streams.champion_files import ChampionFiles, champion_files
from tests.streams.test_cli_replay import records, run
from tests.streams.test_metrics import exposed, samples


def replayed(files: ChampionFiles, out: Path, *more: object) -> Result:
    """The challenger's spec over both versions' events."""
    spec, profile = files.challenger
    return run(
        *("replay", spec, "--profile", profile, "--predictions", files.predictions),
        *("--labels", files.labels, "--out", out, *more),
    )


def test_promotions_are_written_and_told(tmp_path: Path) -> None:
    """The whole way from files to PROMOTE."""
    files = champion_files(tmp_path)
    spec, profile = files.champion
    beside = ("--champion", spec, "--champion-profile", profile)
    result = replayed(files, tmp_path / "out", *beside)
    assert result.exit_code == 0, result.output
    told = records(tmp_path / "out" / "promotions.ndjson")
    assert [each["decision"] for each in told][-1] == "PROMOTE"
    assert f"{len(told)} decision" in result.stderr
    assert "PROMOTE  accuracy +0.1" in result.stderr


def test_without_its_champion_nothing_is_compared_and_that_is_said(tmp_path: Path) -> None:
    """The replay goes on; what does not fit is refused."""
    files = champion_files(tmp_path)
    result = replayed(files, tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "nothing is compared" in result.stderr
    assert records(tmp_path / "out" / "promotions.ndjson") == []
    half = replayed(files, tmp_path / "out", "--champion", files.champion[0])
    assert half.exit_code == 2
    assert "go together" in half.stderr
    spec, profile = files.challenger
    itself = replayed(files, tmp_path / "o", "--champion", spec, "--champion-profile", profile)
    assert itself.exit_code == 2
    assert "the comparison is with m@v1" in itself.stderr


def test_a_worker_says_that_the_champion_is_missing(tmp_path: Path) -> None:
    """And runs; with both it says nothing."""
    files = champion_files(tmp_path)
    both = [ModelFiles(spec=str(spec), profile=str(profile)) for spec, profile in files[:2]]
    (fault,) = load_models(both[1:]).faults
    assert "m@v2: comparison.champion: v1 is not among the models" in fault
    assert load_models(both).faults == ()


def test_a_scrape_tells_the_newest_look() -> None:
    """Difference, interval, p, boundary, looks, guards and what was decided."""
    pipeline = Pipeline(versions(BETTER, LABEL), 1)
    for log in whole(0.15, 1):
        pipeline.accept(log)
    pipeline.flush()
    live = LiveState()
    live.judges.update(pipeline.comparisons)
    found = samples(exposed(live))
    (judge,) = pipeline.comparisons.values()
    assert isinstance(judge, ComparisonJudge)
    of = 'champion="v1",{}model="m"{},version="v2"'

    def value(name: str, before: str = "", between: str = "") -> float:
        return found[f"comparison_{name}{{{of.format(before, between)}}}"]

    accuracy = 'measure="accuracy",'
    gap = value("difference", accuracy)
    assert gap > 0.1
    assert value("low", accuracy) < gap < value("high", accuracy)
    sides = [value("measure", accuracy, f',role="{role}"') for role in ("champion", "challenger")]
    assert sides[1] - sides[0] == pytest.approx(gap)
    assert value("promotions_total") == judge.state.promoted > 0
    assert value("guard_held", 'guard="error_rate",') == 1
    assert value("phase", between=f',phase="{judge.state.phase}"') == 1
    assert found['comparison_events{by="both",champion="v1",model="m",version="v2"}'] > 0
