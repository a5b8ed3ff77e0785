"""A restored tally tells its panes again, and nothing is judged on what it has not told yet."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from engine.effects import Publish
from engine.judge import Judge
from engine.tally import Tally
from tests.engine.models import (
    HOUR,
    MINUTE,
    SECOND,
    START,
    ended,
    logs_of,
    model_of,
    part,
    said,
    spec_text,
    stream,
    trees,
)

CUT = 57
"""Inside a pane, so that the snapshot has counted a part of it."""


def flushed(tally: Tally) -> list[bytes]:
    """The records of one flush."""
    return [effect.value for effect in tally.flush() if effect.value is not None]


def judgements(records: Sequence[bytes]) -> list[bytes]:
    """What a judge says of these."""
    judge = Judge(model_of(), 2)
    out: list[Publish] = []
    for record in records:
        out += judge.accept(record)
    return said(out)["judgements"]


@pytest.mark.parametrize("told", range(1, 6))
def test_no_window_closes_between_a_new_lifes_panes_and_its_mark(told: int) -> None:
    """The mark of the life before does not count any more once the new one has told a pane."""
    model, logs = model_of(), logs_of(stream(5, 300, step_ms=400), 2)
    first = Tally(0, 2, [model], generation=1)
    first.accept(part(logs[0], 0, CUT))
    snapshot, before = first.snapshot(), flushed(first)
    first.accept(part(logs[0], CUT))
    before += flushed(first)
    other = Tally(1, 2, [model], generation=1)
    other.accept(logs[1])
    mover = flushed(other)
    again = Tally(0, 2, [model], resume=snapshot, generation=2)
    retold = flushed(again)
    again.accept(part(logs[0], CUT))
    rest = flushed(again)
    interleaved = [*before, *retold[:told], *mover, *retold[told:], *rest]
    assert judgements(interleaved) == judgements([*before, *mover]) != []


LABELLED = "{ttl: 40m, lateness: 1m, amend: 4m, pane: 1m}"


@pytest.mark.parametrize("apart", [False, True])
def test_a_match_that_a_life_before_told_is_gone_once_it_is_corrected(*, apart: bool) -> None:
    """The new life reads a label together with its correction, which moves the match to another
    pane: nothing stands in the first one any more, and that is said."""
    model = model_of(
        spec_text(inputs="[predictions, labels]", label=LABELLED, estimators="{}"),
    )
    made = ended(logs_of(stream(3, 20, step_ms=SECOND), 1), START + HOUR)
    truth = [
        {"event_id": "e5", "model": "m", "ts": START + 90 * SECOND, "label": 1},
        {"event_id": "e5", "model": "m", "ts": START + 2 * MINUTE + SECOND, "label": 0},
    ]
    known = ended(logs_of(truth, 1, "labels"), START + HOUR)
    first = Tally(0, 1, [model], generation=1)
    for batch in made:
        first.accept(batch)
    first.accept(part(known[0], 0, 1))
    before = flushed(first)
    again = Tally(0, 1, [model], generation=2)
    for batch in [*made, *([part(known[0], 0, 1), part(known[0], 1)] if apart else known)]:
        again.accept(batch)
    judge = Judge(model, 1)
    out = [effect for record in [*before, *flushed(again)] for effect in judge.accept(record)]
    found = [t for t in trees(out, "judgements") if t.get("section") == "performance"]
    assert sum(t["events"] for t in found if t["window"] == "1m" and not t["revision"]) == 1
