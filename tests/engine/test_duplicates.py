"""The duplicate filter: a function of the log's offsets alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.duplicates import DuplicateFilter
from tests.engine.models import SECOND, START, batch, event, model_of, run, spec_text
from tests.thoroughness import examples

LABEL = "{ttl: 10m, lateness: 0s, amend: 1m, pane: 1m}"
QUICK = settings(max_examples=examples(150), deadline=None, database=None)


@st.composite
def logs(draw: st.DrawFn) -> tuple[list[str], list[int]]:
    """A few names again and again, at offsets with gaps (compaction, transactions)."""
    ids = draw(st.lists(st.sampled_from("abcdefg"), max_size=60))
    gaps = draw(st.lists(st.integers(1, 4), min_size=len(ids), max_size=len(ids)))
    return ids, np.cumsum([100, *gaps])[1:].tolist()


def plainly(ids: list[str], offsets: list[int], last: int) -> list[bool]:
    """A record is a duplicate when its name lies among the ``last`` offsets before it."""
    return [
        any(ids[j] == ids[i] and offsets[j] >= offsets[i] - last for j in range(i))
        for i in range(len(ids))
    ]


@QUICK
@given(log=logs(), last=st.integers(1, 30), cuts=st.lists(st.integers(0, 60), max_size=5))
def test_batches_do_not_matter(
    log: tuple[list[str], list[int]], last: int, cuts: list[int]
) -> None:
    """Any cutting gives what the rule says, and no more than ``last`` offsets are remembered."""
    ids, offsets = log
    known = DuplicateFilter(last)
    found: list[bool] = []
    bounds = sorted({0, len(ids), *(min(cut, len(ids)) for cut in cuts)})
    for start, end in pairwise(bounds):
        piece = np.array(offsets[start:end], dtype=np.int64)
        found += known.seen_before(ids[start:end], piece).tolist()
        assert len(known) <= last + 1
    assert found == plainly(ids, offsets, last)


@QUICK
@given(log=logs(), last=st.integers(1, 30), cut=st.integers(0, 60))
def test_reading_the_last_again_restores_it(
    log: tuple[list[str], list[int]], last: int, cut: int
) -> None:
    """A fresh filter that read the ``last`` offsets before a place again goes on as the old one."""
    ids, offsets = log
    cut = min(cut, len(ids))
    fresh = DuplicateFilter(last)
    start = offsets[cut] - last if cut < len(ids) else 0
    again = [i for i in range(cut) if offsets[i] >= start]
    fresh.seen_before(
        [ids[i] for i in again], np.array([offsets[i] for i in again], dtype=np.int64)
    )
    found = fresh.seen_before(ids[cut:], np.array(offsets[cut:], dtype=np.int64)).tolist()
    assert found == plainly(ids, offsets, last)[cut:]


@pytest.mark.parametrize("last", ["", "{last: 1000}"])
def test_a_label_may_be_corrected_beside_a_filter(last: str) -> None:
    """Predictions read again are left out; a further label is the join's, which tells a correction
    from a repeat."""
    sections = {"duplicates": last} if last else {}
    model = model_of(spec_text(inputs="[predictions, labels]", label=LABEL, **sections))
    made = [orjson.dumps(event(number, START)) for number in (1, 2, 2)]
    labels = [
        {"event_id": f"e{number}", "model": "m", "ts": START + SECOND, "label": label}
        for number, label in ((1, 0), (1, 1), (2, 1), (2, 1))
    ]
    _, pipeline = run(
        [model], 1, [batch(made), batch([*map(orjson.dumps, labels)], topic="labels")]
    )
    (joining,) = pipeline.tallies[0].joinings.values()
    assert joining.join.counts.by_outcome == {"matched": 2, "corrected": 1, "duplicate": 1}
    outcomes = pipeline.tallies[0].outcomes.by_outcome
    assert outcomes["labels/tallied"] == 4
    assert outcomes.get("predictions/duplicate", 0) == (1 if last else 0)
