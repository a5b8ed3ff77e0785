"""Streams that no producer should send: each record ends as one outcome, the others still count."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import orjson

from detectors.kernels import murmur2_partitions
from load_tests.chaos.contract import Fault, Lines, Recipe
from load_tests.event import PARTITIONS
from tests.engine.bad_records import REJECTED

if TYPE_CHECKING:
    from load_tests.chaos.arena import Arena

DAY_MS: Final = 86_400_000
LATENESS_MS: Final = 5_000
AMEND_MS: Final = 30_000
IDLE_PARTITION: Final = 3
REMEMBERED: Final = 20_000
NAMES: Final = 10_000
LARGE_TEXT: Final = "x" * 5_000_000


def undisturbed(arena: Arena) -> None:
    """The stream itself is the fault: only marks, at two moments."""
    for _ in arena.moments(2):
        arena.mark()


def with_strange(sound: Lines, chance: Random, strange: Lines) -> Lines:
    """``strange`` among ``sound`` at seeded places."""
    lines = list(sound)
    places = sorted((chance.randrange(1, len(lines)) for _ in strange), reverse=True)
    for place, line in zip(places, strange, strict=True):
        lines.insert(place, line)
    return lines


def _altered(line: bytes, chance: Random) -> bytes:
    """A usable event with one unusable feature."""
    event: dict[str, Any] = orjson.loads(line)
    features = event["features"]
    name = chance.choice(sorted(features))
    how = chance.randrange(4)
    if how == 0:
        features[name] = [1, 2]
    elif how == 1:
        features[name] = None
    elif how == 2:
        del features[name]
    else:
        features["nobody_knows_me"] = 1.0
    return orjson.dumps(event)


def poisoned(sound: Lines, chance: Random) -> Lines:
    """Every kind of record that must be rejected, twenty times; 5 MB; one event in fifty altered;
    one in two hundred with a number beyond a double."""
    kinds = [v for v in REJECTED.values() if v[0] is not None and v[0].strip()]
    strange = [value for value, _ in kinds if value is not None and b"\n" not in value] * 20
    large = orjson.loads(sound[0]) | {"event_id": "large", "more": LARGE_TEXT}
    lines = [_altered(line, chance) if chance.random() < 0.02 else line for line in sound]
    lines = [
        line.replace(b'"amount":', b'"amount":1e999,"was":', 1) if chance.random() < 0.005 else line
        for line in lines
    ]
    small = [value for value in strange if len(value) < 1_000_000]
    return with_strange(lines, chance, [*small, orjson.dumps(large), orjson.dumps(large)])


def duplicated(sound: Lines, chance: Random) -> Lines:
    """One event in twenty comes again, within a thousand events."""
    queue = [(float(number), line) for number, line in enumerate(sound)]
    again = [(at + chance.uniform(1, 1_000), line) for at, line in queue if chance.random() < 0.05]
    return [line for _, line in heapq.merge(queue, sorted(again))]


def disordered(sound: Lines, chance: Random) -> Lines:
    """One event in five is late within the lateness, one in fifty within amend, one in a thousand
    beyond both."""

    def sent_ms(line: bytes) -> int:
        drawn, ts_ms = chance.random(), int(orjson.loads(line)["ts"])
        if drawn < 0.001:
            return ts_ms + LATENESS_MS + AMEND_MS + chance.randrange(1, AMEND_MS)
        if drawn < 0.02:
            return ts_ms + LATENESS_MS + chance.randrange(AMEND_MS)
        return ts_ms + (chance.randrange(LATENESS_MS) if drawn < 0.22 else 0)

    order = sorted((sent_ms(line), number) for number, line in enumerate(sound))
    return [sound[number] for _, number in order]


def skewed(sound: Lines, chance: Random) -> Lines:
    """Among the sound events, copies from clocks a day ahead, at epoch 0, and in seconds."""

    def clock(ts_ms: int, how: int) -> int:
        return (ts_ms + DAY_MS, 0, ts_ms // 1_000)[how]

    strange: Lines = []
    for number in range(300):
        event = orjson.loads(chance.choice(sound))
        ts_ms = clock(event["ts"], number % 3)
        strange.append(orjson.dumps(event | {"event_id": f"skewed-{number}", "ts": ts_ms}))
    return with_strange(sound, chance, strange)


def without_a_partition(sound: Lines, _: Random) -> Lines:
    """No event whose home is one of the partitions."""
    keys = [orjson.loads(line)["event_id"].encode() for line in sound]
    ends = np.cumsum([len(key) for key in keys], dtype=np.int64)
    homes = murmur2_partitions(np.frombuffer(b"".join(keys), dtype=np.uint8), ends, PARTITIONS)
    return [
        line for line, home in zip(sound, homes.tolist(), strict=True) if home != IDLE_PARTITION
    ]


def unseen(sound: Lines, chance: Random) -> Lines:
    """Ten thousand unseen names of features, of models and of a category."""
    lines = list(sound)
    alter: list[Callable[[dict[str, Any], int], None]] = [
        lambda event, n: event["features"].update({f"feature-{n}": 1.0}),
        lambda event, n: event["features"].update({"country": f"country-{n}"}),
        lambda event, n: event.update({"model": f"model-{n}"}),
    ]
    places = chance.sample(range(len(lines)), min(3 * NAMES, len(lines)))
    for number, place in enumerate(places):
        event = orjson.loads(lines[place])
        alter[number % 3](event, number // 3)
        lines[place] = orjson.dumps(event)
    return lines


def _fault(name: str, title: str, injected: str, recipe: Recipe, *signs: str) -> Fault:
    return Fault(name, "input", title, injected, undisturbed, signs, recipe)


FAULTS: Final = (
    _fault(
        "poison",
        "poison records",
        "every kind of unusable record 20 times, 5 MB twice, wrong types, nulls, unknown and "
        "missing features in 2 % of the events, numbers beyond a double in 0.5 %",
        Recipe("poison", poisoned),
        "longshore_records_rejected_total",
    ),
    _fault(
        "duplicates",
        "duplicate producers",
        "5 % of the events twice, within 1,000 events",
        Recipe("duplicates", duplicated, spec={"duplicates": {"last": REMEMBERED}}),
        "longshore_records_outcomes_total{outcome=duplicate}",
    ),
    _fault(
        "disorder",
        "out-of-order producers",
        "20 % late within lateness, 2 % within amend, 0.1 % beyond",
        Recipe("disorder", disordered),
        "longshore_records_late_total",
    ),
    _fault(
        "clock_skew",
        "clock skew in events",
        "300 events from clocks a day ahead, at epoch 0, or in seconds for ms",
        Recipe("skew", skewed, judged=lambda sound, _: sound, recent=True),
        "longshore_records_rejected_total",
    ),
    _fault(
        "idle_partition",
        "idle partition",
        "one of four partitions without an event; idle after 3 s",
        Recipe(
            "idle",
            without_a_partition,
            spec={"time": {"pane": "10s", "lateness": "5s", "amend": "30s", "idle": "3s"}},
        ),
    ),
    _fault(
        "unseen_names",
        "30,000 unseen names",
        "10,000 feature names, 10,000 categories and 10,000 models that nobody knows",
        Recipe("unseen", unseen),
        "longshore_shadow_records_total",
    ),
)
