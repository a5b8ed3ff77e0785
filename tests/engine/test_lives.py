"""A restored tally tells its panes again, and nothing is judged on what it has not told yet."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from engine.effects import Publish
from engine.judge import Judge
from engine.tally import Tally
from tests.engine.models import logs_of, model_of, part, said, stream

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
