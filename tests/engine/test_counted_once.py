"""Revision 0 counts an event once, however often its label is corrected."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.join_entry import Entry, JoinRules, Label, PlaneRule, Prediction, resolve
from tests.thoroughness import examples

PANE_MS = 100
RULES = JoinRules(
    ttl_ms=1_000,
    negative_after_ms=None,
    prediction_amend_ms=0,
    label_amend_ms=200,
    repeat_ms=0,
    planes=(PlaneRule(1, PANE_MS, 200, None), PlaneRule(2, PANE_MS, 200, 150)),
)
MADE = Prediction(0, 1_000, True, 0.5, 1, 0.0, ())  # noqa: FBT003 - as a record has it


def on_time(labels: list[tuple[int, float]]) -> Counter[int]:
    """How often revision 0 counts the prediction, plane by plane; labels are (time, label), read
    as soon as they are made."""
    newest, known = 0, []
    for offset, (ts_ms, label) in enumerate(labels):
        newest = max(newest, ts_ms)
        known.append(Label(offset, ts_ms, newest, ts_ms == newest, label))
    found: Counter[int] = Counter()
    for contribution, weight in resolve(Entry((MADE,), tuple(known)), RULES):
        if contribution.label is not None and not contribution.amended:
            found[contribution.plane] += weight
    return found


def test_a_second_correction_in_the_pane_of_the_first_is_an_amendment_too() -> None:
    """The first came when the match's pane had ended, so its own match is one; so is whatever
    takes its place."""
    assert on_time([(1_050, 1.0), (1_120, 0.0)])[1] == 1
    assert on_time([(1_050, 1.0), (1_120, 0.0), (1_130, 1.0)])[1] == 1
    assert on_time([(1_050, 1.0), (1_060, 0.0), (1_070, 1.0)])[1] == 1


@settings(max_examples=examples(500), deadline=None, database=None)
@given(st.lists(st.tuples(st.integers(900, 1_700), st.sampled_from([0.0, 1.0])), max_size=8))
def test_nothing_is_counted_on_time_twice(labels: list[tuple[int, float]]) -> None:
    """In no plane, whatever comes in whatever order."""
    assert all(times in {0, 1} for times in on_time(labels).values())
