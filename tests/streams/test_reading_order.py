"""Labels of a backlog wait until their predictions are read."""

from __future__ import annotations

from typing import Any, cast

import orjson
import pytest

from engine.read_ahead import AHEAD_MS, labels_run_ahead
from engine.spec import Topic
from engine.tally import Tally
from streams.reading_order import ReadingOrder
from streams.starting_offsets import Source
from tests.engine.models import HOUR, START, batch, event, model_of, spec_text

PENDING = 100
LABELS: Source = ("labels", 0)


@pytest.mark.parametrize(
    ("labels", "ahead_ms", "held", "expected"),
    [
        (51, AHEAD_MS + 1, False, True),
        (50, AHEAD_MS + 1, False, False),
        (51, AHEAD_MS, False, False),
        (26, AHEAD_MS + 1, True, True),
        (25, AHEAD_MS + 1, True, False),
    ],
)
def test_half_of_the_room_and_a_minute_ahead(
    labels: int,
    ahead_ms: int,
    held: bool,  # noqa: FBT001 - a column of the table above
    expected: bool,  # noqa: FBT001 - as above
) -> None:
    """And a quarter is enough to go on holding."""
    newest: dict[Topic, int] = {"predictions": START, "labels": START + ahead_ms}
    assert labels_run_ahead(labels, newest, PENDING, held=held) is expected


def test_predictions_that_were_never_heard_of_are_far_behind() -> None:
    """A backlog may begin with nothing but labels; without labels nothing is ahead."""
    assert labels_run_ahead(60, {"labels": START}, PENDING, held=False)
    assert not labels_run_ahead(60, {"predictions": START}, PENDING, held=False)


class HeldFeed:
    """Remembers what is held; predictions lag as told."""

    def __init__(self) -> None:
        self.lag = 10
        self.holds: list[set[Source]] = []

    def lags(self) -> dict[Source, int]:
        return {("predictions", 0): self.lag}

    def hold(self, sources: set[Source]) -> None:
        self.holds.append(set(sources))


def labels(prefix: str) -> list[bytes | None]:
    """Sixty, of an hour later."""
    told = {"model": "m", "ts": START + HOUR, "label": 1}
    return [orjson.dumps({**told, "event_id": f"{prefix}{n}"}) for n in range(60)]


def test_labels_are_held_until_their_predictions_are_read_or_never_will_be() -> None:
    """By a tally that read a label of an hour ahead for each of its events."""
    label = f"{{ttl: 1d, lateness: 0s, amend: 1m, pane: 1m, pending: {PENDING}}}"
    model = model_of(spec_text(inputs="[predictions, labels]", label=label))
    tally, feed = Tally(0, 1, [model]), HeldFeed()
    order = ReadingOrder(cast("Any", feed))
    order.look(0, tally)
    tally.accept(batch(labels("e"), topic="labels"))
    order.look(0, tally)
    order.look(0, tally)
    made = [orjson.dumps(event(n, START)) for n in range(60)]
    tally.accept(batch([*made[:20]]))
    order.look(0, tally)
    assert feed.holds == [{LABELS}], "forty wait still"
    tally.accept(batch([*made[20:]], first=20))
    order.look(0, tally)
    assert feed.holds == [{LABELS}, set()]
    tally.accept(batch(labels("f"), topic="labels", first=60))
    feed.lag = 0
    order.look(0, tally)
    assert len(feed.holds) == 2, "whatever is to come of predictions is there"
    feed.lag = 1
    order.look(0, tally)
    assert feed.holds[2:] == [{LABELS}]
