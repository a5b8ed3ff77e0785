"""Every bound is named, exported and documented, and holds against names that producers make up."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path
from typing import Final

import orjson
import pytest

from engine.outcomes import MAX_SHADOW_CHARS, MAX_SHADOW_NAMES
from engine.pipeline import Pipeline
from streams.bounds import BOUNDS, measured, obey
from streams.live import LiveState
from streams.model_files import MAX_MODELS, ModelFilesError, load_models
from streams.settings import ModelFiles, Settings
from tests.engine.models import START, batch, beat, event, model_of, raw, run
from tests.streams.test_metrics import exposed, live_of, model, pipeline_of, samples

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = (ROOT / "docs" / "bounds.md").read_text()
SHOWS: Final = ("demo",)
"""Files whose constants only bound what is shown."""
FLOOD: Final = 10_000


def rows(columns: int) -> list[list[str]]:
    """The rows of the page's tables that name something and have so many columns."""
    found = [line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in found if len(row) == columns]


def number(text: str) -> float:
    """A number as the page writes it."""
    return float(text.replace(",", ""))


def test_the_page_is_the_registry() -> None:
    """Name, limit, what happens, and whether usage is told: the same rows in the same order."""
    told = [
        (name.strip("`"), number(limit), reached, used == "yes")
        for name, limit, reached, used, _ in rows(5)
    ]
    assert told == [(b.name, b.limit, b.reached, b.used is not None) for b in BOUNDS]
    words = PAGE.partition("`reached` says what happens:")[2].partition("| bound")[0]
    assert {b.reached for b in BOUNDS} <= set(re.findall(r"`(\w+)`", words))


def test_every_constant_is_on_the_page() -> None:
    """Each ``MAX_…`` of the packages stands there with its value, and nothing that is not."""
    constants = {}
    for package in ("detectors", "engine", "streams"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if path.parent.name == "cli" or path.name.startswith(SHOWS):
                continue
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            for node in ast.parse(path.read_text()).body:
                target = node.target if isinstance(node, ast.AnnAssign) else None
                name = target.id if isinstance(target, ast.Name) else ""
                if name.startswith("MAX_") and not name.endswith("_S"):
                    constants[f"{module}.{name}"] = float(getattr(import_module(module), name))
    page = {name.strip("`"): number(value) for name, value, _ in rows(3)}
    assert page == constants


def test_limits_and_usage_are_exported_and_follow_the_settings() -> None:
    """One series a bound, with what the settings say; usage only of those that have one."""
    live = live_of(pipeline_of(model()))
    obey(live, Settings(batch_size=7, dead_letters_per_minute=9, dead_letter_ratio_limit=0.5))
    live.usage["unsettled_tally_effects"] = lambda: 4_321
    found = samples(exposed(live, max_series=20))
    for bound, limit, used in measured(live):
        series = f'longshore_bound_limit{{bound="{bound.name}",reached="{bound.reached}"}}'
        assert found[series] == limit
        assert found.get(f'longshore_bound_used{{bound="{bound.name}"}}') == used
    limits = {bound.name: limit for bound, limit, _ in measured(live)}
    assert (limits["batch_records"], limits["dead_letters_per_minute"]) == (7, 9)
    assert live.dead_letters.per_minute == 9
    assert found['longshore_bound_used{bound="unsettled_tally_effects"}'] == 4_321
    assert found['longshore_bound_used{bound="shadow_names"}'] == 1
    assert found['longshore_bound_used{bound="series"}'] > limits["series"] == 20
    assert found["longshore_dead_letter_ratio_limit"] == 0.5


def test_a_new_worker_tells_its_bounds() -> None:
    """Every usage can be read before anything runs."""
    assert [used for _, _, used in measured(LiveState()) if used] == []


def test_too_many_models_are_refused() -> None:
    """In one line, before any file is read."""
    many = [ModelFiles(spec="no-such-file", profile="none")] * (MAX_MODELS + 1)
    with pytest.raises(ModelFilesError, match=f"{MAX_MODELS + 1} models, at most {MAX_MODELS}"):
        load_models(many)


def flooded(kind: str) -> list[bytes | None]:
    """Events with FLOOD names that nobody knows."""
    if kind == "models":
        names = [f"unheard-of-{i}" for i in range(FLOOD)]
        return [orjson.dumps(event(i, START, model=name)) for i, name in enumerate(names)]
    if kind == "versions":
        return [orjson.dumps(event(i, START, version=f"9.{i}")) for i in range(FLOOD)]
    if kind == "categories":
        features = ({"x": 1.0, "y": 1.0, "c": f"made-up-{i}"} for i in range(FLOOD))
        return [orjson.dumps(event(i, START, features=f)) for i, f in enumerate(features)]
    per_event = 50
    return [
        orjson.dumps(
            event(i, START, features={"x": 1.0} | {f"new-{i}-{j}": j for j in range(per_event)})
        )
        for i in range(FLOOD // per_event)
    ]


@pytest.mark.parametrize("kind", ["models", "versions", "features", "categories"])
def test_made_up_names_cost_a_constant(kind: str) -> None:
    """Ten thousand unseen names add at most the bound's series, and at most its bytes of state."""
    one = model_of()

    def after(values: list[bytes | None]) -> tuple[Pipeline, set[str]]:
        log = [raw(0, START), beat(START + 600_000), *values]
        pipeline = run([one], 1, [batch(log)])[1]
        return pipeline, set(samples(exposed(live_of(pipeline))))

    (calm, calm_series), (wild, wild_series) = after([raw(1, START)]), after(flooded(kind))
    more = wild_series - calm_series
    assert len(more) <= MAX_SHADOW_NAMES
    assert all(series.startswith("longshore_shadow_records_total") for series in more)
    bytes_before, bytes_after = (len(p.tallies[0].snapshot().state) for p in (calm, wild))
    assert bytes_after - bytes_before <= (MAX_SHADOW_NAMES + 1) * (MAX_SHADOW_CHARS + 16) + 1_024
    judged = [len(p.judges["m@v1"].snapshot().state) for p in (calm, wild)]
    assert judged[1] - judged[0] <= 1_024


def test_a_scrape_holds_no_more_than_the_bound() -> None:
    """What is left out by the bound on series is counted and not collected first."""
    live = live_of(pipeline_of(model(windows="[1m, 5m]")))
    found = samples(exposed(live, max_series=5))
    kept = [s for s in found if s.startswith(("drift_", "prediction_", "feature_"))]
    decisions = [s for s in kept if s.startswith(("drift_alert", "drift_retraining"))]
    assert len(kept) - len(decisions) == 5
    whole = samples(exposed(live))
    assert found["longshore_series_left_out"] == whole['longshore_bound_used{bound="series"}'] - 5


def kinds(found: dict[str, float]) -> dict[str, int]:
    """Series by whether they are drift statistics (bounded) or the worker's own."""
    statistic = re.compile(
        r"(drift|prediction|feature|business|model)_(?!alert|retraining)"
        r"|serving_\w+{.*window="
    )
    drift = sum(bool(statistic.match(series)) for series in found)
    return {"drift": drift, "own": len(found) - drift}


def test_series_are_as_many_as_the_page_says() -> None:
    """The page's formula, held against a worker of one model, of two, and of one more partition."""

    def series(models: int, partitions: int) -> dict[str, int]:
        live = live_of(pipeline_of(*(model(name) for name in "mn"[:models])))
        for extra in range(1, partitions):
            live.tallies[extra] = live.tallies[0]
        return kinds(samples(exposed(live)))

    def stated(pattern: str) -> list[int]:
        found = re.search(pattern, PAGE)
        assert found is not None
        return [int(text) for text in found.groups()]

    (per_model,) = stated(r"models judged here x \((\d+) \+ decision rules \+ open episodes\)")
    (per_partition,) = stated(r"partitions here x \((\d+) \+ models x \(1 \+ data topics\)\)")
    (rest,) = stated(r"\+ (\d+) +dead letters by reason")
    per_window, per_feature = stated(r"models x windows x \((\d+) \+ (\d+) x features\)")
    one, two, wider = series(1, 1), series(2, 1), series(1, 2)
    rules = episodes = 1
    late, watermark = 1, 1
    assert one["drift"] <= per_window + per_feature * 2
    assert two["drift"] == 2 * one["drift"]
    of_model = per_model + rules + episodes
    assert two["own"] - one["own"] == of_model + late + watermark
    unused_names = MAX_SHADOW_NAMES - 1
    of_partition = per_partition - unused_names + late + watermark
    assert wider["own"] - one["own"] == of_partition
    assert one["own"] - of_model - of_partition <= rest
