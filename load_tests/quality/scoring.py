"""Alarms against the truth: false alarms, delays and misses.

Rule.  Before the first change every alarm is false.  A change is found by the first alarm from its
row on and before its end (the next change, or that of the stream); its delay is the rows between.
A change without one is missed.  Further alarms after a change are neither counted nor blamed: the
detector may be catching up.  A gradual change counts from its beginning, so its delay holds its own
slowness.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from scipy.stats import chi2

PER_EVENTS = 100_000


class Score(msgspec.Struct):
    """What one detector did on one or many streams."""

    false_alarms: int = 0
    still_events: int = 0
    """Rows on which an alarm would have been false."""
    changes: int = 0
    delays: list[int] = msgspec.field(default_factory=list)
    """Of the changes that were found, in rows."""

    @property
    def missed(self) -> int:
        """Changes without an alarm."""
        return self.changes - len(self.delays)

    @property
    def false_rate(self) -> float:
        """False alarms per PER_EVENTS rows; NaN without such rows."""
        still = self.still_events
        return self.false_alarms / still * PER_EVENTS if still else float("nan")

    def false_rate_interval(self) -> tuple[float, float]:
        """Exact 95 % interval of that rate, alarms taken as Poisson (Garwood 1936)."""
        if not self.still_events:
            return (float("nan"), float("nan"))
        scale = PER_EVENTS / self.still_events / 2.0
        low = chi2.ppf(0.025, 2 * self.false_alarms) if self.false_alarms else 0.0
        return float(low) * scale, float(chi2.ppf(0.975, 2 * self.false_alarms + 2)) * scale

    def median_delay(self) -> float:
        """Of the changes found; NaN when none was."""
        ordered = sorted(self.delays)
        middle = len(ordered) // 2
        if not ordered:
            return float("nan")
        return (ordered[middle] + ordered[~middle]) / 2.0


def score(alarms: Iterable[int], rows: int, changes: Sequence[int], ends: Sequence[int]) -> Score:
    """Score the rows of alarms on one stream of ``rows`` rows; each change may be found before its
    end."""
    ordered = sorted(alarms)
    first = changes[0] if changes else rows
    found = Score(sum(row < first for row in ordered), first, len(changes))
    for change, end in zip(changes, ends, strict=True):
        within = [row for row in ordered if change <= row < end]
        found.delays += [within[0] - change] if within else []
    return found


def together(scores: Iterable[Score]) -> Score:
    """The sum over streams."""
    total = Score()
    for each in scores:
        total.false_alarms += each.false_alarms
        total.still_events += each.still_events
        total.changes += each.changes
        total.delays += each.delays
    return total
