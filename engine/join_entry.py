"""What one event_id's predictions and labels add to the panes: a function of the set alone.

Rule.  An entry holds the accepted predictions of one event_id (nearly always one) and its labels,
both in offset order.  :func:`resolve` says from these alone what they add, so it does not matter
how the two topics interleave; whoever changes an entry moves the difference.

* A label belongs to the first prediction by offset that is within ``ttl`` of it, by comparing the
  two event times and never a watermark.
* A prediction takes its first label.  A further equal one is a duplicate.  A further different one
  corrects it: the earlier match is taken out of its pane and the new one counted.  Where the
  labels' clock had already passed the end of the earlier match's pane when the correction was read,
  both are amendments, so that revision 0 counts an event once; where it had passed end + amend, the
  earlier match stands.  What no pane can take in any more does not belong to the prediction.
  The pane of a match that was taken out is named still, with nothing: it may have been told with
  the match by an earlier life, which read less, and only what is told again replaces that.
* ``negative_after`` closes a prediction that no label reached, as negative, at prediction time +
  negative_after, once the labels' watermark has passed that.

The labels' clock is the watermark of their partition when a label was read: a function of the log
of labels alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

import msgspec

LabelFate = Literal["matched", "corrected", "duplicate", "pending"]
MAX_LABELS_PER_EVENT: Final = 16
"""Labels kept of one event_id; further ones are ignored and counted as duplicates."""
MAX_PREDICTIONS_PER_EVENT: Final = 16
"""Predictions kept of one event_id that come so far apart that they are no repeats; further ones
are ignored."""


class Prediction(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the join keeps of a prediction."""

    offset: int
    ts_ms: int
    on_time: bool
    score: float
    """NaN where there is none."""
    decision: int
    """Binary 0 or 1, multiclass the class's number; -1 where there is none."""
    value: float
    """NaN where there is none."""
    segments: tuple[int, ...]
    assumed: bool = False
    """Whether the labels' watermark passed ts + negative_after with no label read before."""


class Label(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the join keeps of a label."""

    offset: int
    ts_ms: int
    watermark_ms: int
    """Of its partition when it was read, itself included."""
    on_time: bool
    label: float
    assumed: bool = False


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All of one event_id."""

    predictions: tuple[Prediction, ...] = ()
    labels: tuple[Label, ...] = ()


class PlaneRule(NamedTuple):
    """Where a plane counts a match, and how long it can be reached."""

    number: int
    pane_ms: int
    amend_ms: int
    maturity_ms: int | None
    """None counts at the later of the two times; else at the prediction's, what was known so long
    after it."""


@dataclass(frozen=True, slots=True)
class JoinRules:
    """What a spec says of the join."""

    ttl_ms: int
    negative_after_ms: int | None
    prediction_amend_ms: int
    label_amend_ms: int
    repeat_ms: int
    """A prediction is a repeat of an earlier one of its event_id when their times are so close."""
    planes: tuple[PlaneRule, ...]


class Contribution(NamedTuple):
    """One match (or, in a cohort, one prediction made) in one pane."""

    plane: int
    start_ms: int
    amended: bool
    prediction: Prediction
    label: Label | None
    """None counts the prediction as made."""


Delta = tuple[Contribution, int]
"""A contribution and how often it counts."""
_Place = tuple[int, int, bool, int, int]


@dataclass(slots=True)
class Chain:
    """A prediction and the labels that it took, each different from the one before."""

    prediction: Prediction
    labels: list[Label] = field(default_factory=list)
    reach_ms: int = 0
    """From this labels' watermark on no label can change anything."""

    def take(self, label: Label, rules: JoinRules) -> LabelFate | None:
        """What becomes of a label; None when it does not belong to this prediction."""
        prediction = self.prediction
        if abs(label.ts_ms - prediction.ts_ms) > rules.ttl_ms:
            return None
        after_ms = rules.negative_after_ms
        if not self.labels and after_ms is not None:
            closed_ms = prediction.ts_ms + after_ms
            if label.watermark_ms > closed_ms:
                self._append(_negative(closed_ms), rules)
        if not self.labels:
            self._append(label, rules)
            return "matched"
        if label.watermark_ms >= self.reach_ms:
            return None
        if label.label == self.labels[-1].label:
            return "duplicate"
        self._append(label, rules)
        return "corrected"

    def close(self, rules: JoinRules) -> None:
        """Take the assumed negative where no label came before it."""
        if self.prediction.assumed and not self.labels:
            assert rules.negative_after_ms is not None, "nothing is assumed without it"
            self._append(_negative(self.prediction.ts_ms + rules.negative_after_ms), rules)

    def _append(self, label: Label, rules: JoinRules) -> None:
        self.labels.append(label)
        made_ms = self.prediction.ts_ms
        for plane in rules.planes:
            at_ms = made_ms if plane.maturity_ms is not None else max(made_ms, label.ts_ms)
            end_ms = at_ms // plane.pane_ms * plane.pane_ms + plane.pane_ms
            reach_ms = end_ms + plane.amend_ms + (plane.maturity_ms or 0)
            self.reach_ms = max(self.reach_ms, reach_ms)


class Sorted(NamedTuple):
    """An entry taken apart."""

    chains: list[Chain]
    fates: list[LabelFate]
    """What became of each label, in offset order."""
    owners: list[int]
    """Which chain each label belongs to; -1 of one that waits for its prediction."""


def sort_out(entry: Entry, rules: JoinRules) -> Sorted:
    """Who takes which label, and what becomes of each."""
    found = Sorted([Chain(prediction) for prediction in entry.predictions], [], [])
    for label in entry.labels:
        fate: LabelFate | None = None
        owner = -1
        for number, chain in enumerate(found.chains):
            fate = chain.take(label, rules)
            if fate is not None:
                owner = number
                break
        found.fates.append(fate or "pending")
        found.owners.append(owner)
    for chain in found.chains:
        chain.close(rules)
    return found


def anchor_ms(entry: Entry) -> int:
    """Event time of the oldest thing in an entry."""
    times_ms = [record.ts_ms for record in entry.predictions]
    return min(times_ms + [record.ts_ms for record in entry.labels])


def first_orphan_ms(entry: Entry, sorted_out: Sorted) -> int:
    """Event time of the oldest label without a prediction; there is one."""
    pairs = zip(entry.labels, sorted_out.owners, strict=True)
    return min(label.ts_ms for label, owner in pairs if owner < 0)


def resolve(entry: Entry, rules: JoinRules) -> list[Delta]:
    """What the entry adds: contributions with their weights, 1, -1 for an amendment that takes away
    what an on-time count holds, or 0 where a match stood until it was corrected in time."""
    found: list[Delta] = []
    move((), sort_out(entry, rules).chains, rules, found)
    return found


def move(was: Sequence[Chain], now: Sequence[Chain], rules: JoinRules, deltas: list[Delta]) -> None:
    """Add what an entry contributes now, less what it did before, to ``deltas``.

    Predictions are only ever added: ``now`` begins with those of ``was``.
    """
    for chain in now[len(was) :]:
        deltas += predicted(chain.prediction, rules)
    gone, come = _matched(was, rules), _matched(now, rules)
    if gone:
        found = {_place(*delta): delta for delta in come}
        for contribution, weight in gone:
            if found.pop(_place(contribution, weight), None) is None:
                deltas.append((contribution, -weight))
        deltas += found.values()
    else:
        deltas += come


def predicted(made: Prediction, rules: JoinRules) -> list[Delta]:
    """A prediction as one that was made, in each cohort."""
    return [
        (
            Contribution(
                plane.number,
                made.ts_ms // plane.pane_ms * plane.pane_ms,
                not made.on_time,
                made,
                None,
            ),
            1,
        )
        for plane in rules.planes
        if plane.maturity_ms is not None
    ]


def _matched(chains: Sequence[Chain], rules: JoinRules) -> list[Delta]:
    """The matches of predictions with their labels."""
    found: list[Delta] = []
    for chain in chains:
        if chain.labels:
            for plane in rules.planes:
                found += _in_plane(chain, plane)
    return found


def _place(contribution: Contribution, weight: int) -> _Place:
    """What tells the contributions of one entry apart."""
    assert contribution.label is not None, "a match has a label"
    offset = contribution.label.offset
    side = 3 * contribution.prediction.offset + weight
    return (contribution.plane, contribution.start_ms, contribution.amended, side, offset)


def _in_plane(chain: Chain, plane: PlaneRule) -> list[Delta]:
    """The matches of one prediction in one plane."""
    made = chain.prediction
    found: list[Delta] = []
    current: Contribution | None = None
    moved = False
    for label in chain.labels:
        at_ms = max(made.ts_ms, label.ts_ms)
        if plane.maturity_ms is not None:
            if label.ts_ms - made.ts_ms > plane.maturity_ms:
                continue
            at_ms = made.ts_ms
        amended = moved or not (made.on_time and label.on_time)
        if current is not None:
            end_ms = current.start_ms + plane.pane_ms
            clock_ms = label.watermark_ms - (plane.maturity_ms or 0)
            if clock_ms >= end_ms + plane.amend_ms:
                continue
            if clock_ms < end_ms:
                found[-1] = (current, 0)
            else:
                found.append((current._replace(amended=True), -1))
                amended = moved = True
        start_ms = at_ms // plane.pane_ms * plane.pane_ms
        current = Contribution(plane.number, start_ms, amended, made, label)
        found.append((current, 1))
    return found


def _negative(ts_ms: int) -> Label:
    """The label that ``negative_after`` assumes at ``ts_ms``."""
    return Label(-1, ts_ms, ts_ms, on_time=True, label=0.0, assumed=True)
