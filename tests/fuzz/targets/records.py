"""Any bytes on an input topic: no exception, and every record ends in exactly one place.

This is the cheapest of the targets, and so the one with the most executions; what the decoder says
of a record is looked at by the target ``decoder``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from engine.decode import Decoder
from engine.records import RecordBatch
from tests.fuzz.models_under_fuzz import inline, separate
from tests.fuzz.target import holds
from tests.fuzz.targets import decoder

RUNS: Final = 7_000_000
MAX_BYTES: Final = 1_024
INSTRUMENTED: Final = ("engine",)
WORDS: Final = decoder.WORDS
_RECORD_MS: Final = 1_357_552_900_000


def prepare() -> Callable[[bytes], None]:
    """The decoder lives on: it has no state."""
    predictions = Decoder([inline(), separate()], "predictions")

    def execute(data: bytes) -> None:
        batch = RecordBatch("predictions", 0, [0], [_RECORD_MS], [None], [data])
        found = predictions.decode(batch)
        rows = sum(len(events.rows) for events in found.events)
        others = (found.heartbeats, found.rejected, found.shadows, found.offline)
        holds(rows + sum(map(len, others)) == 1, "the record did not end in one place")

    return execute


def seeds() -> Mapping[str, bytes]:
    """Good and bad records as they stand."""
    return decoder.plain_records()
