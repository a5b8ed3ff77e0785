"""A model whose labels follow a pattern, a letter a minute, and what is judged of them."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
import orjson

from engine.effects import Publish
from engine.model import MonitoredModel
from engine.reference_table import ReferenceTable
from tests.engine.models import MINUTE, SECOND, START, batch, beat, event, model_of, run, spec_text
from tests.engine.models import trees as told

RULE: Final = "performance: {window: 1m, at_least: 2, of_last: 3}"
LABEL: Final = "{ttl: 10m, lateness: 0s, amend: 1m, pane: 1m}"
A_MINUTE: Final = 200
SHARES: Final = {".": 0.9, "w": 0.6, "b": 1.0, "-": 0.8}
"""Share of decisions that come true: as in the reference, worse, better, a little worse."""


@cache
def model(
    performance: str = "{window: 1m, auc: null, precision: null, recall: null, f1: null}",
    cooldown: str = "3m",
    label: str = LABEL,
) -> MonitoredModel:
    """With these sections; see :func:`reference`."""
    text = spec_text(
        inputs="[predictions, labels]",
        label=label,
        estimators="{}",
        windows="[{length: 1m, judge_every: 1m}]",
        performance=performance,
        quality="null",
        retraining=f"{{cooldown: {cooldown}, rules: {{{RULE}}}}}",
    )
    return model_of(text, reference())


def reference() -> ReferenceTable:
    """Scores of 0.1 and 0.9, each true nine times of ten."""
    rows = 4_000
    high = np.arange(rows) % 2 == 1
    right = np.arange(rows) // 2 % 10 != 0
    return ReferenceTable(
        rows=rows,
        numeric={"x": np.arange(rows, dtype=np.float64) % 8, "y": np.arange(rows) % 5.0},
        categorical={"c": ["ab"[i % 2] for i in range(rows)]},
        score=np.where(high, 0.9, 0.1),
        labels=(high == right).astype(float),
    )


def streams(pattern: str) -> list[Any]:
    """A minute a character, each label a second after its prediction; ``_`` has no labels, ``f`` a
    few."""
    made, labels = [], []
    for minute, kind in enumerate(pattern):
        right = round(SHARES.get(kind, 0.9) * A_MINUTE / 2)
        for i in range(A_MINUTE):
            number = minute * A_MINUTE + i
            at = START + minute * MINUTE + i * 200
            high = i % 2 == 1
            made.append(event(number, at, score=0.9 if high else 0.1))
            truth = high if i // 2 < right else not high
            if kind != "_" and (kind != "f" or i < 20):
                labels.append(
                    {"event_id": f"e{number}", "model": "m", "ts": at + SECOND, "label": truth}
                )
    end = beat(START + (len(pattern) + 3) * MINUTE)
    return [
        batch([*map(orjson.dumps, made), end]),
        batch([*map(orjson.dumps, labels), end], topic="labels"),
    ]


def effects(pattern: str, chosen: MonitoredModel | None = None) -> list[Publish]:
    """What is said of the pattern."""
    return run([chosen or model()], 1, streams(pattern))[0]


def sections(out: list[Publish]) -> list[dict[str, Any]]:
    """Judgements of performance, by time."""
    return [tree for tree in told(out, "judgements") if "section" in tree]


def minute_of(tree: dict[str, Any]) -> int:
    """Number of a record's window."""
    end = tree["end"] if "end" in tree else tree["window"]["end"]
    return int((np.datetime64(end[:-1], "ms").astype(np.int64) - START) // MINUTE) - 1


def levels(pattern: str, chosen: MonitoredModel | None = None) -> str:
    """First letter of each window's level."""
    found = {minute_of(tree): tree["level"][0] for tree in sections(effects(pattern, chosen))}
    return "".join(found.get(minute, " ") for minute in range(len(pattern)))
