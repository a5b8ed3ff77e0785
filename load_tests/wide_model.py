"""A model of a thousand features: its spec, its profile, and a history that fills its windows.

Rule.  Nine features in ten are numeric, the rest categorical; every event carries them all.  The
history's event time runs over HISTORY_DAYS up to now, so that the longest window is full and has
been left by older panes, however few events there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import orjson
import polars as pl
import yaml

from load_tests.generator import event_id
from load_tests.running_worker import ModelUnderTest, run_command

MODEL: Final = "wide"
VERSION: Final = "2026.11"
HISTORY_DAYS: Final = 8
DAY_MS: Final = 86_400_000
REFERENCE_ROWS: Final = 5_000
NUMERIC_SHARE: Final = 0.9
CATEGORIES: Final = tuple(f"c{i:02d}" for i in range(20))
DECIMALS: Final = 3
BLOCK: Final = 1_000


class WideModel:
    """The names, the tables and the events of one such model."""

    def __init__(self, features: int, seed: int) -> None:
        count = round(features * NUMERIC_SHARE)
        self.numeric = [f"n{i:04d}" for i in range(count)]
        self.categorical = [f"k{i:04d}" for i in range(features - count)]
        self._seed = seed

    def write(self, directory: Path) -> ModelUnderTest:
        """Spec and profile in files; ContenderFailedError when the profile cannot be built."""
        directory.mkdir(parents=True, exist_ok=True)
        spec, profile = directory / "spec.yaml", directory / "profile.json"
        tree = {
            "model": MODEL,
            "version": VERSION,
            "inventory": {
                "owner": "load-tests",
                "purpose": "restarts of a wide model",
                "risk_tier": "low",
                "status": "development",
            },
            "time": {"pane": "1m", "lateness": "30s", "amend": "10m", "idle": "30s"},
            "windows": ["1h", "1d", "7d"],
            "features": {name: {"type": "numeric"} for name in self.numeric}
            | {name: {"type": "categorical"} for name in self.categorical},
            "prediction": {"type": "binary", "threshold": 0.5},
            "inputs": ["predictions"],
        }
        spec.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
        numbers, words, scores = self._block(0, REFERENCE_ROWS)
        columns = {name: numbers[:, i] for i, name in enumerate(self.numeric)}
        columns |= {
            name: np.array(CATEGORIES)[words[:, i]] for i, name in enumerate(self.categorical)
        }
        reference = directory / "reference.parquet"
        pl.DataFrame(columns | {"score": scores}).write_parquet(reference)
        run_command("profile", str(spec), "--data", str(reference), "--out", str(profile))
        return ModelUnderTest(spec, profile)

    def events(
        self, first: int, count: int, from_ms: int, to_ms: int
    ) -> Iterator[tuple[bytes, bytes]]:
        """(key, value) of events ``first`` and on, their times evenly over [from_ms, to_ms)."""
        for start in range(0, count, BLOCK):
            rows = min(BLOCK, count - start)
            numbers, words, scores = self._block(1 + first + start, rows)
            for row in range(rows):
                position = first + start + row
                ts_ms = from_ms + (to_ms - from_ms) * (start + row) // count
                names = zip(self.categorical, words[row].tolist(), strict=True)
                event = {
                    "event_id": event_id(self._seed, position),
                    "model": MODEL,
                    "version": VERSION,
                    "ts": ts_ms,
                    "features": dict(zip(self.numeric, numbers[row].tolist(), strict=True))
                    | {name: CATEGORIES[word] for name, word in names},
                    "score": float(scores[row]),
                }
                yield event_id(self._seed, position).encode(), orjson.dumps(event)

    def _block(self, number: int, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        random = np.random.Generator(np.random.PCG64([self._seed, number]))
        numbers = np.round(random.normal(0.0, 1.0, (rows, len(self.numeric))), DECIMALS)
        words = random.integers(0, len(CATEGORIES), (rows, len(self.categorical)))
        return numbers, words, np.round(random.beta(1.2, 20.0, rows), DECIMALS)
