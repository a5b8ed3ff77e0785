"""Windows of a stream, counted and measured by the engine's own code, without records around them.

Rule.  The rows of a window become counts by :class:`engine.counting.Counting` and are judged by
:class:`engine.window_judging.WindowJudging`; what a worker does before that (decoding, panes,
merging) adds up the same counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from engine.counting import Counting
from engine.decoded import Events
from engine.judgement import Judged
from engine.model import MonitoredModel, build_model
from engine.performance_counting import Matches, count_matches
from engine.performance_judging import JudgedPerformance, PerformanceJudging
from engine.planes import PERFORMANCE
from engine.profile import Provenance, decode_profile, encode_profile
from engine.profile_building import build_profile
from engine.reference_table import ReferenceTable
from engine.spec_reading import read_spec
from engine.window_judging import WindowJudging
from load_tests.quality.columns import Columns, FloatArray

START_MS: Final = 1_767_225_600_000
"""2026-01-01: where the first window begins; a multiple of an hour."""
LATENCY_MS: Final = 10.0
NO_SLICES: Final = np.zeros(1, np.int64)
MADE_BY: Final = Provenance(
    code_commit="unknown",
    data_sha256="sha256:unknown",
    data_rows=0,
    parameters={},
    seed=0,
    start_ms=None,
    end_ms=None,
)
NUMERIC_SPEC: Final = """\
model: {name}
version: quality
inventory: {{owner: quality}}
time: {{pane: 1m}}
windows: [{{length: 1h, judge_every: 1h}}]
features:
{features}
"""


def numeric_model(name: str, warm: FloatArray) -> MonitoredModel:
    """A model of numeric features only, its profile made of ``warm``, shape (features, rows)."""
    names = [f"x{place}" for place in range(len(warm))]
    lines = "\n".join(f"  {feature}: {{type: numeric}}" for feature in names)
    spec = read_spec(NUMERIC_SPEC.format(name=name, features=lines))
    table = ReferenceTable(warm.shape[1], dict(zip(names, warm, strict=True)), {})
    profile = build_profile(spec, table, MADE_BY)
    return build_model(spec, decode_profile(encode_profile(profile)))


def measured_windows(
    model: MonitoredModel, columns: Columns, rows_per_window: int
) -> Iterator[Judged]:
    """Each whole window of the stream, judged as one hour."""
    counting, judging = Counting(model.layout), WindowJudging(model)
    window = model.spec.windows[0]
    for number in range(columns.rows // rows_per_window):
        rows = slice(number * rows_per_window, (number + 1) * rows_per_window)
        events = _events(model, columns, rows)
        slots = np.zeros(rows_per_window, np.int32)
        counts = counting.count(events, slots, 1)[0]
        end_ms = START_MS + (number + 1) * window.length_ms
        yield judging.judge(window, end_ms, 0, counts, NO_SLICES, {}, START_MS)


def measure_window(model: MonitoredModel, columns: Columns) -> Judged:
    """The whole stream as one window."""
    return next(measured_windows(model, columns, columns.rows))


def measured_performance(
    model: MonitoredModel, columns: Columns, rows_per_window: int
) -> Iterator[JudgedPerformance]:
    """Each whole window of a stream with scores, as its labels judge it: a loss says whether the
    decision came true."""
    assert columns.scores is not None, "performance is of scores"
    assert columns.decisions is not None, "performance is of decisions"
    assert model.performance is not None, "the model has labels"
    judging, window = PerformanceJudging(model), model.spec.windows[0]
    plane = next(plane for plane in model.planes if plane.number == PERFORMANCE)
    for number in range(columns.rows // rows_per_window):
        rows = slice(number * rows_per_window, (number + 1) * rows_per_window)
        matches = _matches(columns, rows)
        counts = count_matches(model.performance, matches, 1)[0]
        end_ms = START_MS + (number + 1) * window.length_ms
        yield judging.judge(plane, window, end_ms, 0, counts, START_MS)


def _matches(columns: Columns, rows: slice) -> Matches:
    assert columns.scores is not None, "performance is of scores"
    assert columns.decisions is not None, "performance is of decisions"
    losses = columns.losses[rows]
    known = np.isfinite(losses)
    decisions = columns.decisions[rows][known]
    size = len(decisions)
    return Matches(
        slots=np.zeros(size, np.int64),
        weights=np.ones(size, np.int64),
        scores=columns.scores[rows][known],
        decisions=decisions.astype(np.int64),
        values=np.full(size, np.nan),
        segments=np.empty((0, size), np.int64),
        labels=np.abs(decisions - losses[known]),
        delays_ms=np.zeros(size, np.int64),
        assumed=np.zeros(size, np.bool_),
    )


def _events(model: MonitoredModel, columns: Columns, rows: slice) -> Events:
    size = rows.stop - rows.start
    ids: Sequence[str] = ()
    outcome = None
    if columns.scores is not None:
        outcome = np.vstack([columns.scores[rows], np.full(size, LATENCY_MS)])
    return Events(
        model,
        np.arange(size),
        np.full(size, START_MS),
        ids,
        np.ascontiguousarray(columns.numeric[:, rows]),
        np.ascontiguousarray(columns.codes[:, rows]),
        outcome,
    )
