"""One run with every event of it: the two ways agree.

Rule.  The values that a month is drawn as become events, shuffled within their pane, each a line of
JSON that the pipeline decodes, tallies, merges and judges as a worker does.  The same events are
counted per pane and go the way of the other runs.  Both must tell the same alerts, to the last
byte.  The policy has a budget so generous that there are many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import orjson

from engine.effects import Publish
from engine.pipeline import Pipeline
from engine.records import RecordBatch
from load_tests.false_pages.drawn import (
    LEVELS,
    DrawnModel,
    IntArray,
    drawn_model,
    drawn_month,
    word,
)
from load_tests.false_pages.months import DrawnRuns
from load_tests.false_pages.policies import SPEC, WINDOW_MS, panes_in
from load_tests.quality.measured import LATENCY_MS, START_MS

GENEROUS: Final = "budget: {{false_pages: 5000, per: 30d}}\npsi: {{watch: 0.02, drift: 0.04}}\n"
POLICY: Final = "1h"
PANES_AT_ONCE: Final = 288


def generous_model(seed: int, features: int) -> DrawnModel:
    """A model of so many false pages that agreement says something."""
    return drawn_model(seed, SPEC + GENEROUS, features)


def both_ways(
    drawn: DrawnModel,
    days: int,
    events_per_pane: float,
    seed: int,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[list[bytes], list[bytes], int]:
    """The alerts by events and by panes, and how many events there were.

    ``progress`` is told how many panes were read.
    """
    values, events = drawn_month(drawn, days, seed, events_per_pane=events_per_pane)
    runs = DrawnRuns(drawn, days)
    model = runs.policies[POLICY]
    pipeline, alerts, first = Pipeline([model], 1), list[bytes](), 0
    for start in range(0, panes_in(days), PANES_AT_ONCE):
        chunk = slice(start, start + PANES_AT_ONCE)
        lines = list(_lines(drawn, values[chunk], events[chunk], start, seed))
        alerts += _said(pipeline, lines, first)
        first += len(lines)
        progress(min(PANES_AT_ONCE, panes_in(days) - start))
    end_ms = START_MS + panes_in(days) * WINDOW_MS["5m"]
    beat = orjson.dumps({"heartbeat": True, "model": model.spec.model, "ts": end_ms})
    alerts += _said(pipeline, [beat], first)
    told = runs.decided(values, events).alerts[POLICY]
    return alerts, [alert.value or b"" for alert in told], first


def _said(pipeline: Pipeline, lines: list[bytes], first: int) -> list[bytes]:
    size = len(lines)
    keys: list[bytes | None] = [b"key"] * size
    batch = RecordBatch(
        "predictions", 0, list(range(first, first + size)), [-1] * size, keys, list(lines), None
    )
    said: list[Publish] = pipeline.accept(batch)
    assert not said, "no event is rejected or late"
    return [e.value or b"" for e in pipeline.flush() if e.topic == "alerts"]


def _lines(
    drawn: DrawnModel, values: IntArray, events: IntArray, start: int, seed: int
) -> Iterator[bytes]:
    """The events of some panes in order of their time."""
    spec = drawn.model.spec
    names = [feature.name for feature in spec.features]
    numeric = [feature.type == "numeric" for feature in spec.features]
    for place, (of_pane, size) in enumerate(zip(values, events.tolist(), strict=True)):
        random = np.random.default_rng([seed, start + place])
        levels = np.array(
            [random.permutation(np.repeat(np.arange(LEVELS + 1), of_value)) for of_value in of_pane]
        )
        opens_ms = START_MS + (start + place) * WINDOW_MS["5m"]
        for number in range(size):
            row = levels[:, number].tolist()
            features = {
                name: None if level == LEVELS else 10 + level if real else word(level)
                for name, level, real in zip(names, row, numeric, strict=True)
            }
            yield orjson.dumps(
                {
                    "event_id": f"{start + place}-{number}",
                    "model": spec.model,
                    "version": spec.version,
                    "ts": opens_ms + number * WINDOW_MS["5m"] // (size + 1),
                    "features": features,
                    "score": 0.5,
                    "latency_ms": LATENCY_MS,
                }
            )
