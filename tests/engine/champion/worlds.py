"""Two versions of one model, small logs of what they say of the same events, and their labels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import orjson

from engine.champion.comparison import Comparison, comparisons_of
from engine.model import MonitoredModel
from tests.engine.models import SECOND, START, event, model_of, spec_text

Tree = dict[str, Any]
COMPARISON = "{champion: v1, looks: 10s, length: 300s, maturity: 20s, within: 6s, score_bins: 4}"
TIME = "{pane: 10s, lateness: 3s, amend: 5s, idle: 30s}"
WINDOWS = "[{length: 1m, judge_every: 1m}, {length: 5m, judge_every: 5m}]"
"""Judged as seldom as may be: what is tested is what is said of two versions."""
LABEL = "{ttl: 60s, lateness: 4s, amend: 25s, maturities: [20s], pane: 1m}"


@cache
def versions(comparison: str = COMPARISON, label: str = LABEL) -> tuple[MonitoredModel, ...]:
    """Champion v1 and challenger v2."""
    sections = {
        "inputs": "[predictions, labels]",
        "label": label,
        "time": TIME,
        "estimators": "{}",
        "windows": WINDOWS,
    }
    return (
        model_of(spec_text(version="v1", **sections)),
        model_of(spec_text(version="v2", comparison=comparison, **sections)),
    )


def comparison_of(models: Sequence[MonitoredModel]) -> Comparison:
    """The one comparison of these."""
    (found,) = comparisons_of(models)
    return found


def logs(seed: int, rows: int = 24) -> tuple[list[Tree], list[Tree]]:
    """Predictions and labels as they arrive: out of order, repeated, too late, alone, corrected,
    few event_ids that come again."""
    random = np.random.default_rng(seed)
    predictions: list[tuple[float, Tree]] = []
    labels: list[tuple[float, Tree]] = []
    for row in range(rows):
        at = START + row * 1_500
        name = f"e{row % 17}"
        for version in ("v1", "v2"):
            if random.random() < 0.15:
                continue
            said = float(random.random())
            scored: Tree = {"score": said, "decision": int(said + random.normal(0, 0.2) > 0.5)}
            for key in ("score", "decision"):
                if random.random() < 0.1:
                    scored = {other: value for other, value in scored.items() if other != key}
            for _ in range(1 + (random.random() < 0.2)):
                ts = at + int(random.integers(-1, 5)) * SECOND
                said_of = {"score": ..., "unit": f"u{row % 5}" if row % 7 else None, **scored}
                tree = event(0, ts, event_id=name, version=version, **said_of)
                if scored:
                    predictions.append((ts + random.exponential(3) * SECOND, tree))
        for _ in range(int(random.choice([0, 1, 1, 1, 2, 3]))):
            ts = at + int(random.exponential(8)) * SECOND
            tree = {"event_id": name, "model": "m", "ts": ts, "label": int(random.integers(0, 2))}
            labels.append((ts + random.exponential(8) * SECOND, tree))
        if random.random() < 0.3:  # a correction once the pane has ended
            tree = {"event_id": name, "model": "m", "ts": at + 15 * SECOND, "label": row % 2}
            labels.append((at + 40 * SECOND, tree))
    order = sorted(range(len(predictions)), key=lambda i: predictions[i][0])
    known = sorted(range(len(labels)), key=lambda i: labels[i][0])
    return [predictions[i][1] for i in order], [labels[i][1] for i in known]


def values(trees: Sequence[Tree]) -> list[bytes]:
    """As they stand on a topic."""
    return [orjson.dumps(tree) for tree in trees]
