"""The generator: the same bytes for the same seed, the shape that the benchmark claims."""

from __future__ import annotations

import hashlib

import msgspec
import numpy as np
import yaml

from engine.spec_reading import read_spec
from load_tests.event import CATEGORICAL, HISTOGRAM_BINS, MODEL, NUMERIC
from load_tests.generator import (
    BLOCK_ROWS,
    SHIFT_EVERY,
    SHIFTING,
    START_MS,
    draw_block,
    histogram_edges,
    reference_columns,
    stream,
)
from load_tests.latency import LATENESS_MS as LATENCY_LATENESS_MS
from load_tests.latency import PANE_MS, SPEC_OVERRIDES, WINDOW_MS
from load_tests.worker_runs import JUDGE_EVERY_MS, LATENESS_MS, SPEC

EVENTS = BLOCK_ROWS + 100


def events(seed: int, count: int) -> list[bytes]:
    """The first ``count`` events."""
    return [event for _, block in stream(seed, count, 5_000) for event in block]


def test_a_seed_is_a_stream() -> None:
    """Same seed, same bytes; another seed, others; a longer stream starts with the shorter."""
    first = events(7, EVENTS)
    assert (
        hashlib.sha256(b"".join(first)).digest()
        == hashlib.sha256(b"".join(events(7, EVENTS))).digest()
    )
    assert first != events(8, EVENTS)
    assert events(7, 2 * EVENTS)[:EVENTS] == first


def test_an_event_is_what_the_benchmark_says() -> None:
    """About 605 bytes, 18 numeric and 2 categorical features, ids unique, ts at the stated rate."""
    encoded = events(7, EVENTS)
    assert 590 <= np.mean([len(event) for event in encoded]) <= 620
    decoded = [msgspec.json.decode(event) for event in encoded]
    assert len(NUMERIC) == 18
    assert len(CATEGORICAL) == 2
    assert {tuple(event["features"]) for event in decoded} == {NUMERIC + CATEGORICAL}
    assert len({event["event_id"] for event in decoded}) == EVENTS
    assert [event["ts"] for event in decoded] == [START_MS + i // 5 for i in range(EVENTS)]


def test_models_take_turns() -> None:
    """Event i is of model i modulo their number, and nothing else about it changes."""
    ((_, mixed),) = stream(7, 6, 5_000, models=("a", "b", "c"))
    assert [msgspec.json.decode(event)["model"] for event in mixed] == ["a", "b", "c"] * 2
    assert msgspec.json.decode(mixed[1]) | {"model": MODEL} == msgspec.json.decode(events(7, 2)[1])


def test_only_the_scripted_features_step() -> None:
    """Between two levels a shifting feature's mean moves, another's does not."""
    before = draw_block(7, SHIFT_EVERY // BLOCK_ROWS - 1)
    after = draw_block(7, SHIFT_EVERY // BLOCK_ROWS + 1)
    for name in NUMERIC:
        spread = before.numeric[name].std()
        step = abs(after.numeric[name].mean() - before.numeric[name].mean()) / spread
        assert (step > 0.3) == (name in SHIFTING), name


def test_histogram_edges_split_the_reference_evenly() -> None:
    """Continuous features have equal shares between the inner edges."""
    reference = reference_columns(7, 5_000)
    edges = histogram_edges(reference)["amount"]
    counts = np.bincount(np.searchsorted(edges, reference.numeric["amount"], side="right"))
    assert counts.shape == (HISTOGRAM_BINS,)
    assert np.abs(counts - 5_000 / HISTOGRAM_BINS).max() <= 2


def test_the_specs_monitor_every_feature_at_the_stated_times() -> None:
    """Both specs are sound and hold what the measuring code assumes of them."""
    tree = yaml.safe_load(SPEC.read_text(encoding="utf-8"))
    backlog = read_spec(SPEC.read_text(encoding="utf-8"))
    steady = read_spec(yaml.safe_dump(tree | SPEC_OVERRIDES, sort_keys=False))
    for spec in (backlog, steady):
        assert tuple(feature.name for feature in spec.features) == NUMERIC + CATEGORICAL
    assert backlog.time.lateness_ms == LATENESS_MS
    assert {window.judge_every_ms for window in backlog.windows} == {JUDGE_EVERY_MS}
    assert (steady.time.pane_ms, steady.time.lateness_ms) == (PANE_MS, LATENCY_LATENESS_MS)
    (window,) = steady.windows
    assert (window.length_ms, window.judge_every_ms) == (WINDOW_MS, PANE_MS)
