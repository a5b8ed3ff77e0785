"""The stream of a round and what an undisturbed run says of it.

Rule.  The oracle is ``longshore replay`` over the very events that are published, so it shares no
broker, no worker and no clock with what is tested.  A stream is a function of (recipe, seed,
number of events), made once and shared by all rounds that need it.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import time
from typing import Final

import numpy as np
import orjson

from detectors.kernels import murmur2_partitions
from engine.spec_reading import read_spec
from load_tests.chaos.contract import Lines, Recipe
from load_tests.event import PARTITIONS
from load_tests.generator import START_MS, stream
from load_tests.processes import child_environment
from load_tests.running_worker import ModelUnderTest
from load_tests.worker_runs import make_model
from streams.replay import Source, end_of_stream, merged_events
from tests.kafka.longshore_run import Records, replayed

EVENT_RATE: Final = 100.0
"""Events per second of event time: 100,000 events are a quarter of an hour."""
PROFILE_SEED: Final = 7
REPLAY_LIMIT_S: Final = 240.0
SPEC: Final[dict[str, object]] = {
    # No outage of a round is as long as ``idle``: an outage must not look like an idle source.
    "time": {"pane": "10s", "lateness": "5s", "amend": "30s", "idle": "10m"},
    "windows": ["30s", "1m"],
    "retraining": {
        "cooldown": "1m",
        "rules": {
            "psi_features": {
                "above": 0.10,
                "features": 2,
                "window": "30s",
                "at_least": 2,
                "of_last": 3,
            }
        },
    },
}
"""Over the spec of the benchmark: windows close, and triggers fall due, all along a round."""


class RecordingError(RuntimeError):
    """The replay did not run; the message has its words."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One record to be published."""

    ts_ms: int
    key: bytes | None
    value: bytes
    partition: int


@dataclass(frozen=True, slots=True)
class Recording:
    """A stream and its truth."""

    model: ModelUnderTest
    records: list[Sent]
    """In the order of sending, the heartbeats that end it included."""
    expected: Records
    events: int
    """Records without the heartbeats."""


class Studio:
    """Makes recordings, each once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._models: dict[str, ModelUnderTest] = {}
        self._kept: dict[tuple[str, int, int], Recording] = {}

    def recording(self, recipe: Recipe, seed: int, events: int) -> Recording:
        """The stream of this recipe and its truth.

        Raises RecordingError when the replay fails, ContenderFailedError when no profile is made.
        """
        wanted = (recipe.name, seed, events)
        if wanted not in self._kept:
            self._kept[wanted] = self._make(recipe, seed, events)
        return self._kept[wanted]

    def _model(self, recipe: Recipe) -> ModelUnderTest:
        name = orjson.dumps(recipe.spec, option=orjson.OPT_SORT_KEYS).decode()
        if name not in self._models:
            directory = self._directory / f"model-{len(self._models)}"
            overrides = SPEC | recipe.spec
            self._models[name] = make_model(directory, PROFILE_SEED, overrides=overrides)
        return self._models[name]

    def _make(self, recipe: Recipe, seed: int, events: int) -> Recording:
        model = self._model(recipe)
        directory = self._directory / f"{recipe.name}-{seed}-{events}"
        directory.mkdir(parents=True)
        start_ms = START_MS
        if recipe.recent:
            start_ms = int(time() - events / EVENT_RATE) // 60 * 60_000
        sound = [e for _, part in stream(seed, events, EVENT_RATE, start_ms=start_ms) for e in part]
        published = _written(directory / "published.ndjson", recipe.published(sound, Random(seed)))
        judged = published
        if recipe.judged is not None:
            judged = _written(directory / "judged.ndjson", recipe.judged(sound, Random(seed)))
        _replay(model, judged, directory / "replay")
        records = _records(model, published)
        return Recording(
            model=model,
            records=records + _heartbeats(model, judged),
            expected=replayed(directory / "replay"),
            events=len(records),
        )


def _written(path: Path, lines: Lines) -> Path:
    with path.open("wb") as out:
        out.writelines(line + b"\n" for line in lines)
    return path


def _replay(model: ModelUnderTest, events: Path, out: Path) -> None:
    files = ["--profile", str(model.profile), "--predictions", str(events), "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli", "replay", str(model.spec), *files],
        capture_output=True,
        text=True,
        check=False,
        timeout=REPLAY_LIMIT_S,
        env=child_environment({}),
    )
    if done.returncode != 0:
        raise RecordingError(f"replay of {events.name}: {(done.stderr or done.stdout)[-1_000:]}")


def _source(model: ModelUnderTest, path: Path) -> Source:
    return Source("predictions", path, read_spec(model.spec.read_text(encoding="utf-8")))


def _records(model: ModelUnderTest, path: Path) -> list[Sent]:
    events = list(merged_events([_source(model, path)], {}))
    keys = [key for _, _, key, _ in events]
    ends = np.cumsum([len(key) for key in keys], dtype=np.int64)
    data = np.frombuffer(b"".join(keys), dtype=np.uint8)
    homes = murmur2_partitions(data, ends, PARTITIONS).tolist()
    return [
        Sent(ts_ms, key, value, home)
        for (ts_ms, _, key, value), home in zip(events, homes, strict=True)
    ]


def _heartbeats(model: ModelUnderTest, judged: Path) -> list[Sent]:
    source, newest = _source(model, judged), dict[int, int]()
    for _ in merged_events([source], newest):
        pass
    beat = end_of_stream(source.spec, "predictions", newest[0])
    return [Sent(newest[0], None, beat, partition) for partition in range(PARTITIONS)]
