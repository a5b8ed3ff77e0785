"""/metrics: the whole text for a small worker, the bound on series, and nothing stale."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import orjson
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from engine.judge import Judge
from engine.model import MonitoredModel
from engine.pipeline import Pipeline
from engine.reference_table import ReferenceTable
from engine.tally import Tally
from streams.feed import Feed
from streams.live import LiveState
from streams.metrics import WorkerCollector
from tests.engine.models import (
    HOUR,
    MINUTE,
    SECOND,
    START,
    batch,
    beat,
    event,
    model_of,
    raw,
    run,
    spec_text,
)

GOLDEN: Final = Path(__file__).parent / "metrics_golden.txt"
RULES: Final = (
    "{cooldown: 3m, rules: {psi_features: "
    "{above: 0.2, features: 1, window: 1m, at_least: 1, of_last: 1}}}"
)
LATE, EARLY = raw(1, START - HOUR), raw(2, START, model="other")


@cache
def model(name: str = "m", windows: str = "[1m]", **more: str) -> MonitoredModel:
    """Feature x takes 0 to 7 equally often in the reference, c is a or b, the score 0.0 to 0.9."""
    rows = 8_000
    table = ReferenceTable(
        rows=rows,
        numeric={"x": np.arange(rows, dtype=np.float64) % 8},
        categorical={"c": ["ab"[i % 2] for i in range(rows)]},
        score=np.arange(rows, dtype=np.float64) % 10 / 10,
    )
    features = "{x: {type: numeric, bins: 4, range: [0, 6]}, c: {type: categorical}}"
    text = spec_text(
        name=name, windows=windows, features=features, retraining=RULES, estimators="{}", **more
    )
    return model_of(text, table)


def pipeline_of(*models: MonitoredModel, record_ms: int = -1) -> Pipeline:
    """A minute and a half of events of every model: x only in its upper half, c as it was."""
    values: list[bytes | None] = [b"broken"]
    for one in models:
        values += [
            orjson.dumps(
                event(
                    i,
                    START + i * 100,
                    model=one.spec.model,
                    features={"x": 4 + i % 4 if i % 50 else None, "c": "ab"[i % 2]},
                    score=i % 10 / 10,
                    error="time-out" if i % 100 == 0 else None,
                )
            )
            for i in range(900)
        ]
        values.append(beat(START + MINUTE + 40 * SECOND, one.spec.model))
    return run(list(models), 1, [batch([*values, LATE, EARLY], record_ms=record_ms)])[1]


def live_of(pipeline: Pipeline) -> LiveState:
    """A worker that serves everything of the pipeline."""
    live = LiveState(
        state="ready",
        rebalances=1,
        batches=5,
        unknown_panes_records=6,
        published={"judgements": 4},
        snapshots=3,
        snapshot_bytes=2_048,
        snapshot_seconds=0.25,
        last_snapshot_s=1_357_552_900.5,
        started_s=1_357_552_000.5,
    )
    live.tallies.update(enumerate(pipeline.tallies))
    live.judges.update(pipeline.judges)
    live.judges.update(pipeline.comparisons)
    live.delays.note(0.3)
    live.delays.note(1.7)
    return live


def exposed(live: LiveState, max_series: int = 50_000) -> str:
    """The text that Prometheus would read."""
    registry = CollectorRegistry()
    registry.register(WorkerCollector(live, max_series))
    return generate_latest(registry).decode()


def samples(text: str) -> dict[str, float]:
    """Value by series."""
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {series: float(value) for series, value in lines}


def test_the_whole_text() -> None:
    """Names, help, types, labels and order as committed; numbers equal to nine digits.

    When the metrics change on purpose, write the new text into the golden file and read the diff.
    """
    text = exposed(live_of(pipeline_of(model())))
    golden = GOLDEN.read_text()
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        line for line in golden.splitlines() if line.startswith("#")
    ]
    assert list(samples(text)) == list(samples(golden))
    assert samples(text) == pytest.approx(samples(golden), rel=1e-9)


def test_freshness_is_record_time_less_event_time() -> None:
    """Events of a minute, all written at the end of the third; none where records have no time."""
    found = samples(exposed(live_of(pipeline_of(model(), record_ms=START + 3 * MINUTE))))
    window = 'model="m",version="v1",window="1m"'
    shares = [found[f"serving_freshness_p{at}_seconds{{{window}}}"] for at in (50, 95, 99)]
    assert 110 <= shares[0] <= shares[1] <= shares[2] <= 300
    assert "serving_freshness" not in exposed(live_of(pipeline_of(model())))


def test_the_numbers_are_the_streams() -> None:
    """What can be counted by hand in the stream stands in the text."""
    found = samples(exposed(live_of(pipeline_of(model()))))
    window = 'model="m",version="v1",window="1m"'
    assert found[f"drift_window_events{{{window}}}"] == 600
    assert found[f"drift_window_end_timestamp_seconds{{{window}}}"] == START / 1000 + 70
    assert found[f'drift_level{{feature="x",{window}}}'] == 3
    assert found[f'drift_level{{feature="c",{window}}}'] == 1
    assert found[f'feature_missing_ratio{{feature="x",{window}}}'] == 12 / 600
    assert found[f'feature_out_of_range_ratio{{feature="x",{window}}}'] == 150 / 588
    assert found[f"prediction_positive_ratio{{{window}}}"] == 0.5
    assert found[f"prediction_mean{{{window}}}"] == pytest.approx(0.45, abs=1e-3)
    model_labels = '{model="m",version="v1"}'
    assert found[f"serving_events_total{model_labels}"] == 700
    assert found[f"serving_errors_total{model_labels}"] == 7
    assert found['serving_latency_seconds_bucket{le="0.01",model="m",version="v1"}'] == 700
    assert found[f"serving_latency_seconds_sum{model_labels}"] == pytest.approx(700 * 0.0075)
    assert found['longshore_records_total{partition="0",topic="predictions"}'] == 904
    rejected = 'longshore_records_rejected_total{partition="0",reason="malformed_json"}'
    assert found[rejected] == 1
    assert found['longshore_shadow_records_total{name="other",partition="0"}'] == 1
    assert found['longshore_records_late_total{model="m",partition="0",version="v1"}'] == 1


def test_what_is_in_no_window_is_counted() -> None:
    """Restored counts of an older layout, pane records of one, panes too late for a revision."""
    (tally,), judge = (pipeline := pipeline_of(model())).tallies, pipeline.judges["m@v1"]
    changed = model(windows="[1m, 5m]")
    new_tally = Tally(0, 1, [changed], resume=tally.snapshot())
    new_judge = Judge(changed, 1, resume=judge.snapshot())
    told = Tally(0, 1, [model()], resume=tally.snapshot()).flush()
    for effect in told:
        assert effect.value is not None
        new_judge.accept(effect.value)
    new_judge.late_counts = 3
    live = LiveState(tallies={0: new_tally}, judges={"m@v1": new_judge})
    found = samples(exposed(live))
    assert found['longshore_fresh_starts{model="m",version="v1"}'] == 2
    assert found['longshore_foreign_pane_records_total{model="m",version="v1"}'] == len(told) > 0
    assert found['longshore_late_pane_events_total{model="m",version="v1"}'] == 3
    before = samples(exposed(live_of(pipeline)))
    assert before['longshore_fresh_starts{model="m",version="v1"}'] == 0


def test_what_the_reader_met_is_told() -> None:
    """Errors met in fetching come from the reader itself, by topic, partition and name."""
    options = {"bootstrap.servers": "127.0.0.1:1", "group.id": "nobody", "log_level": 0}
    feed = Feed(options, {"predictions": "predictions"}, batch_size=10)
    feed.errors["predictions", 3, "_BAD_MSG"] += 2
    found = samples(exposed(LiveState(feed=feed)))
    series = 'longshore_fetch_errors_total{error="_BAD_MSG",partition="3",topic="predictions"}'
    assert found[series] == 2


def test_outcomes_add_up_to_records() -> None:
    """In the text as in the core."""
    found = samples(exposed(live_of(pipeline_of(model()))))
    ended = sum(n for name, n in found.items() if name.startswith("longshore_records_outcomes"))
    assert ended == found['longshore_records_total{partition="0",topic="predictions"}']


@pytest.mark.parametrize("bound", [0, 5, 20, 40])
def test_the_bound_keeps_levels_and_psi(bound: int) -> None:
    """At most ``max_series`` gauges of judgements; levels stay longest, then PSI, then the numbers
    of what moved; what is left out is counted."""
    live = live_of(pipeline_of(model()))
    whole, cut = samples(exposed(live)), samples(exposed(live, bound))
    of_windows = [name for name in whole if 'window="' in name]
    kept = [name for name in cut if 'window="' in name]
    assert len(kept) == min(bound, len(of_windows))
    assert cut["longshore_series_left_out"] == len(of_windows) - len(kept)
    ranks = [rank(name) for name in kept]
    left = [rank(name) for name in of_windows if name not in kept]
    assert max(ranks, default=0) <= min(left, default=9)
    assert all(cut[name] == whole[name] for name in kept)


def rank(series: str) -> int:
    """How early a series may be left out: the later the higher."""
    name = series.split("{", maxsplit=1)[0]
    if name in ("drift_level", "prediction_level") or name.startswith("drift_window_"):
        return 0
    if name in ("drift_psi", "prediction_psi") or re.fullmatch(
        "prediction_(mean|stddev|positive_ratio)", name
    ):
        return 1
    return 2


def test_what_moved_away_leaves_no_series() -> None:
    """A judge or a tally that is not in the live state any more has no series."""
    live = live_of(pipeline_of(model(), model("n")))
    both = exposed(live)
    assert 'model="n"' in both
    del live.judges["n@v1"]
    gone = samples(exposed(live))
    left = {name.split("{")[0] for name in gone if 'model="n"' in name}
    assert left == {
        "longshore_source_watermark_timestamp_seconds",
        "longshore_fresh_starts",
        "longshore_records_late_total",
    }
    live.tallies.clear()
    assert 'model="n"' not in exposed(live)
    assert 'partition="0"' not in exposed(live)


def test_a_new_worker_has_metrics_before_any_event() -> None:
    """Nothing judged, nothing read: the text is there, without a series that says so falsely."""
    found = samples(exposed(LiveState()))
    assert found["longshore_ready"] == 0
    assert not [name for name in found if name.startswith(("drift_", "prediction_", "feature_"))]
    idle = samples(exposed(live_of(Pipeline([model()], 1))))
    assert not [name for name in idle if name.startswith(("drift_psi", "drift_level"))]


def test_conventions() -> None:
    """Every family has a help text and a name by Prometheus' conventions: snake case, base units,
    counters end in _total, times in _timestamp_seconds; no series stands there twice."""
    text = exposed(live_of(pipeline_of(model(windows="[1m, 5m]"))))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    names = [line.rsplit(" ", 1)[0] for line in lines]
    assert len(names) == len(set(names))
    families = list(text_string_to_metric_families(text))
    assert len(families) > 30
    for family in families:
        subject = "drift|prediction|feature|serving|business|longshore"
        assert re.fullmatch(rf"({subject})_[a-z0-9_]+", family.name)
        assert len(family.documentation) > 10
        assert not re.search(r"(_ms|_milliseconds|_percent|_count)$", family.name)
        if family.type == "counter":
            assert all(s.name.endswith("_total") for s in family.samples)


def test_promtool_finds_no_fault(promtool: str) -> None:
    """Prometheus' own linter agrees, but for one name that the contract gives: quantiles of the
    score are a gauge ``prediction_quantile`` with the label ``quantile``, as in recording rules."""
    result = subprocess.run(
        [promtool, "check", "metrics"],
        input=exposed(live_of(pipeline_of(model()))),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    said = {line for line in (result.stdout + result.stderr).splitlines() if line}
    assert said == {'prediction_quantile non-summary metrics should not have "quantile" label'}
