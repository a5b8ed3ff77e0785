"""Any records through a whole tally: counted the same however the log was cut into batches.

Typed decode, second reading, diagnosis, CloudEvents, times, duplicates, lateness and counting are
all on the way.  Every record ends as exactly one outcome, every dead letter says why, and a tally
that took the records one by one says and holds the same as one that took them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from engine.effects import Publish
from engine.model import MonitoredModel
from engine.model_tally import new_state
from engine.outcomes import Outcomes
from engine.records import RecordBatch
from engine.tally import Tally
from tests.engine.models import part
from tests.fuzz.draw import Draw
from tests.fuzz.event_grammar import TOPICS, draw_record, record_times
from tests.fuzz.models_under_fuzz import inline, lighten, separate
from tests.fuzz.target import holds
from tests.fuzz.targets import decoder

RUNS: Final = 200_000
MAX_BYTES: Final = 700
INSTRUMENTED: Final = ("engine",)
WORDS: Final = decoder.WORDS
_KEYS: Final = (None, b"", b"e1", b"\xff" * 40)


class FreshTally:
    """A tally that can be made as new at little cost: its decoders are kept."""

    def __init__(self, models: Sequence[MonitoredModel]) -> None:
        self._tally = Tally(0, 2, models)

    def again(self) -> Tally:
        """The tally without anything that it counted."""
        tally = self._tally
        tally.covered, tally.outcomes, tally._seq = {}, Outcomes(), 0
        tally.fresh, tally._absent, tally._epoch = [], {}, 1
        for model in tally._models.values():
            model.state = new_state(model.model)
        return tally


def prepare() -> Callable[[bytes], None]:
    """Two tallies, one for each way of cutting."""
    lighten()
    models = [inline(), separate()]
    at_once, one_by_one = FreshTally(models), FreshTally(models)

    def execute(data: bytes) -> None:
        draw = Draw(data)
        batches = [draw_batch(draw) for _ in range(1 + draw.below(2))]
        whole, cut = at_once.again(), one_by_one.again()
        said = [letter for batch in batches for letter in whole.accept(batch)]
        pieces = [part(batch, row, row + 1) for batch in batches for row in range(len(batch))]
        holds(
            [letter for piece in pieces for letter in cut.accept(piece)] == said,
            "other letters when the batch is cut",
        )
        check_letters(whole, batches, said)
        holds(cut.snapshot() == whole.snapshot(), "another state when the batch is cut")
        holds(len(cut.flush()) == len(whole.flush()), "other panes when the batch is cut")

    return execute


def draw_batch(draw: Draw) -> RecordBatch:
    """One to four records with keys and offsets, which may have gaps."""
    topic = draw.pick(TOPICS)
    made = [draw_record(draw, topic) for _ in range(1 + draw.below(4))]
    gap = 1 + draw.below(3)
    headers = [record.headers for record in made]
    return RecordBatch(
        topic,
        0,
        [row * gap for row in range(len(made))],
        list(record_times(draw, len(made))),
        [draw.pick(_KEYS) for _ in made],
        [record.value for record in made],
        headers if any(headers) else None,
    )


def check_letters(tally: Tally, batches: list[RecordBatch], said: list[Publish]) -> None:
    """The sums of outcomes, and a reason on every letter."""
    outcomes = tally.outcomes
    for topic in {batch.topic for batch in batches}:
        holds(outcomes.ended(topic) == outcomes.records[topic], "a record ended not once")
    apart = ("rejected", "late")
    expected = sum(n for key, n in outcomes.by_outcome.items() if key.split("/")[1] in apart)
    holds(len(said) == expected, f"{len(said)} letters of {expected}")
    holds(all(dict(letter.headers).get("longshore.reason") for letter in said), "no reason")
    holds(all(letter.key is not None or letter.value is not None for letter in said), "nothing")


def seeds() -> Mapping[str, bytes]:
    """What the decoder starts from, in batches of one and of several records."""
    found = {f"one {name}": b"\x00" + data for name, data in decoder.seeds().items()}
    several = b"\x01\x00\x03" + b"".join(bytes([shape, 1, 3, 2]) for shape in (2, 3, 4, 7))
    return found | {"several": several, "labels": b"\x00\x02\x01\x02\x00\x02\x01\x03\x02"}
