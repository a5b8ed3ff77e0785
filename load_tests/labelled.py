"""The benchmark's model with labels, and the labels of its stream.

Rule.  The two models differ in nothing but that one reads labels: the same features, quality,
business figures and segment.  Every prediction of the stream has exactly one label, half a minute
of event time later, true as often as its score says; labels of one block come in another order than
their predictions.  An event is a function of (seed, block, row), as in load_tests.generator.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from load_tests.event import MODEL
from load_tests.generator import BLOCK_ROWS, START_MS, draw_block, event_id, stream
from load_tests.running_worker import ModelUnderTest
from load_tests.worker_runs import REFERENCE_ROWS, make_model

DELAY_MS: Final = 30_000
CHANNELS: Final = ("web", "app", "branch")
_TRUTH: Final = 1
_VALUE: Final = 2
_ORDER: Final = 3
"""What a block's further random numbers are for."""

UNLABELLED: Final[Mapping[str, Any]] = {"business": {}, "segments": ["channel"]}
LABELLED: Final[Mapping[str, Any]] = {
    **UNLABELLED,
    "inputs": ["predictions", "labels"],
    "label": {"ttl": "10m", "lateness": "5s", "amend": "30s", "pane": "5s"},
}
MATURE: Final[Mapping[str, Any]] = {
    **LABELLED,
    "label": {**LABELLED["label"], "maturities": ["1m", "5m"]},
}
"""With two cohorts, which are two further planes."""


def make_labelled(
    directory: Path, seed: int, overrides: Mapping[str, Any] = LABELLED
) -> ModelUnderTest:
    """The model with labels; its training table has them, and values and channels too.

    Raises ContenderFailedError when the command that builds the profile refuses.
    """
    random = _random(seed, 0, 0)
    columns = {
        "label": random.integers(0, 2, REFERENCE_ROWS).tolist(),
        "value": np.round(random.lognormal(3.4, 1.1, REFERENCE_ROWS), 2).tolist(),
        "channel": [CHANNELS[i] for i in random.integers(0, 3, REFERENCE_ROWS).tolist()],
    }
    return make_model(directory, seed, MODEL, overrides, columns)


def predictions(
    seed: int, events: int, events_per_second: float
) -> Iterator[tuple[int, list[bytes]]]:
    """The stream of load_tests.generator, each event with a value; block by block."""
    for first, block in stream(seed, events, events_per_second):
        random = _random(seed, first // BLOCK_ROWS, _VALUE)
        values = np.round(random.lognormal(3.4, 1.1, BLOCK_ROWS), 2).tolist()
        yield (
            first,
            [
                b'%b,"value":%.2f}' % (event[:-1], value)
                for event, value in zip(block, values, strict=False)
            ],
        )


def labels(
    seed: int, events: int, events_per_second: float
) -> Iterator[tuple[int, list[tuple[bytes, bytes]]]]:
    """(key, label) of each of the first ``events`` predictions, in the order of their times, as
    (position of the block's first, block)."""
    for block in range(-(-events // BLOCK_ROWS)):
        first = block * BLOCK_ROWS
        rows = min(BLOCK_ROWS, events - first)
        score = draw_block(seed, block).score[:rows]
        truth = (_random(seed, block, _TRUTH).random(rows) < score).astype(int).tolist()
        order = _random(seed, block, _ORDER).permutation(rows).tolist()
        ts_ms = (START_MS + DELAY_MS + (first + np.arange(rows)) * 1000 / events_per_second).astype(
            np.int64
        )
        found = []
        for row, ts in zip(order, ts_ms.tolist(), strict=True):
            name = event_id(seed, first + row)
            tree = {"event_id": name, "model": MODEL, "ts": ts, "label": truth[row]}
            found.append((name.encode(), orjson.dumps(tree)))
        yield first, found


def _random(seed: int, block: int, purpose: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([seed, block, purpose]))
