"""Flights made disorderly, with a seed: what careless producers and bad networks do to a stream."""

from __future__ import annotations

import heapq
import random
from pathlib import Path
from typing import Final

import numpy as np

from detectors.kernels import murmur2_partitions
from engine.spec_reading import read_spec
from streams.table_events import read_events

ROOT: Final = Path(__file__).parents[2]
EVENTS: Final = 30_000
INSIDE_LATENESS: Final = 0.10
INSIDE_AMEND: Final = 0.01
BEYOND: Final = 0.001
DUPLICATES: Final = 0.01
IDLE_PARTITION: Final = 3
PARTITIONS: Final = 4
REMEMBERED: Final = 20_000


def disorderly_flights(directory: Path, seed: int) -> Path:
    """Write ``predictions.ndjson`` and a spec that recognises duplicates; the spec's path.

    Each record is delayed by none, up to the lateness, up to amend, or beyond it; some come twice;
    one partition gets no record at all.
    """
    text = (ROOT / "examples" / "flights" / "spec.yaml").read_text()
    text += f"\nduplicates: {{last: {REMEMBERED}}}\n"
    path = directory / "spec.yaml"
    path.write_text(text)
    spec = read_spec(text)
    chance = random.Random(seed)
    lateness_ms, amend_ms = spec.time.lateness_ms, spec.time.amend_ms
    queue: list[tuple[int, int, bytes]] = []
    source = ROOT / "examples" / "flights" / "predictions.parquet"
    for number, (event_id, ts_ms, value) in enumerate(read_events(source, spec, "predictions")):
        if number == EVENTS:
            break
        if _partition(event_id) == IDLE_PARTITION:
            continue
        copies = 2 if chance.random() < DUPLICATES else 1
        for _ in range(copies):
            delay_ms = _delay(chance, lateness_ms, amend_ms)
            heapq.heappush(queue, (ts_ms + delay_ms, number, value))
    with (directory / "predictions.ndjson").open("wb") as out:
        while queue:
            out.write(heapq.heappop(queue)[2] + b"\n")
    return path


def _delay(chance: random.Random, lateness_ms: int, amend_ms: int) -> int:
    """How much later than its event time a record is sent."""
    drawn = chance.random()
    if drawn < BEYOND:
        return lateness_ms + amend_ms + chance.randrange(1, amend_ms)
    if drawn < BEYOND + INSIDE_AMEND:
        return lateness_ms + chance.randrange(amend_ms)
    if drawn < BEYOND + INSIDE_AMEND + INSIDE_LATENESS:
        return chance.randrange(lateness_ms)
    return 0


def _partition(event_id: str) -> int:
    data = np.frombuffer(event_id.encode(), dtype=np.uint8)
    ends = np.array([len(data)], dtype=np.int64)
    return int(murmur2_partitions(data, ends, PARTITIONS)[0])
