"""What labels are about was predicted earlier: whether data were bad then.

Rule.  A cohort is of the predictions of its own window.  A window by arrival is of predictions that
are as much older as its labels took, at the 95th of a hundred; where negatives are assumed, of
those of that long ago too.  Bad is a feature whose spells (:mod:`engine.bad_spells`) cover enough
of such a time.

Only windows of the data that ended by then are asked. They are judged before the window of
performance that ends with them, in every run in which not all partitions of predictions are idle
while labels come, so this is a function of the logs; it is so only where features come within the
predictions, and elsewhere nothing is said.  A fault that only longer windows show is told when
those end, and not before.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.bad_spells import BadSpells, bad_within, checked
from engine.performance_judging import JudgedPerformance
from engine.performance_tree import label_delay_s


def bad_of(judged: JudgedPerformance, spells: BadSpells) -> tuple[str, ...]:
    """The features, and ``records`` for the records themselves; empty of sound data."""
    if not spells or "features" in judged.model.spec.inputs:
        return ()
    lengths = {window.name: window.length_ms for window in judged.model.spec.windows}
    known = checked(spells, judged.model.spec)
    found = bad_within(known, lengths, judged.end_ms, _spans_ms(judged))
    return tuple(name or "records" for name in found)


def _spans_ms(judged: JudgedPerformance) -> Iterator[tuple[int, int]]:
    start_ms, end_ms = judged.start_ms, judged.end_ms
    if judged.plane.maturity_ms is not None:
        yield start_ms, end_ms
        return
    label = judged.model.spec.label
    late_s = label_delay_s(judged.counts).get("0.95", 0.0)
    yield start_ms - min(int(late_s * 1000), label.ttl_ms), end_ms
    if label.negative_after_ms is not None:
        yield start_ms - label.negative_after_ms, end_ms - label.negative_after_ms
