"""A restored join is looked at before it is believed: what no cell can be found for is refused."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import orjson
import pytest

from engine.join_batches import LabelColumns, PredictionColumns
from engine.join_entry import Entry, Label, Prediction
from engine.model import MonitoredModel
from engine.snapshot import SnapshotError
from engine.tally import Tally
from engine.waiting_checks import refuse_uncountable
from engine.waiting_rows import WaitingRows
from tests.engine.models import SECOND, START, batch, event, model_of, spec_text

LABEL = "{ttl: 20m, lateness: 0s, amend: 5m, pane: 1m}"
ON_TIME = True


@cache
def model() -> MonitoredModel:
    """Binary, no segments."""
    return model_of(spec_text(inputs="[predictions, labels]", label=LABEL, estimators="{}"))


def made(**of: Any) -> Prediction:  # noqa: ANN401 - fields of several types
    """A prediction that the model can make, but for ``of``."""
    sound = {"offset": 0, "ts_ms": START, "on_time": ON_TIME, "score": 0.5, "decision": 1}
    return Prediction(**{**sound, "value": 0.0, "segments": (), **of})


def known(label: float, watermark_ms: int = START) -> Label:
    """A label."""
    return Label(0, START, watermark_ms, on_time=ON_TIME, label=label)


def refuse(prediction: Prediction | None, label: Label | None, other: Entry | None) -> None:
    """Look at a table with these."""
    rows = WaitingRows(60_000)
    place = rows.add(np.array([[1, 1]], dtype=np.uint64))
    if prediction is not None:
        rows.put_made(place, PredictionColumns.of([prediction], len(prediction.segments)))
    if label is not None:
        rows.put_known(place, LabelColumns.of([label]))
    if other is not None:
        rows.put_others(place, [other])
    layout = model().performance
    assert layout is not None
    refuse_uncountable(rows, layout)


@pytest.mark.parametrize(
    ("prediction", "label"),
    [
        (made(decision=2), None),
        (made(decision=10**9), None),
        (made(decision=-2), None),
        (made(segments=(0,)), None),
        (None, known(2.0)),
        (None, known(0.5)),
        (None, known(float("nan"))),
        (made(), known(-1.0)),
    ],
)
def test_what_is_none_of_the_models_is_refused(
    prediction: Prediction | None, label: Label | None
) -> None:
    """As a simple row, and as an entry of any other kind."""
    with pytest.raises(SnapshotError):
        refuse(prediction, label, None)
    predictions = (made(),) if prediction is None else (made(), prediction)
    labels = () if label is None else (known(1.0), label)
    with pytest.raises(SnapshotError):
        refuse(None, None, Entry(predictions, labels))


def test_times_of_other_entries_are_looked_at() -> None:
    """A watermark beyond all arithmetic."""
    with pytest.raises(SnapshotError):
        refuse(None, None, Entry((), (known(1.0, 1 << 63), known(0.0))))


def test_what_is_sound_is_restored() -> None:
    """A tally with rows of every kind goes on."""
    refuse(made(decision=-1), known(1.0), None)
    refuse(None, None, Entry((made(), made(ts_ms=START + 10**7)), (known(0.0), known(1.0))))
    one = Tally(0, 1, [model()])
    one.accept(batch([orjson.dumps(event(n, START, score=0.9)) for n in range(3)]))
    labels = [
        orjson.dumps({"event_id": f"e{n}", "model": "m", "ts": START + SECOND, "label": label})
        for n, label in ((1, 1), (1, 0), (2, 1), (9, 1))
    ]
    one.accept(batch(labels, topic="labels"))
    again = Tally(0, 1, [model()], resume=one.snapshot())
    assert again.joinings[model().key].join.counts == one.joinings[model().key].join.counts
