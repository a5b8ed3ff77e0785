"""The predictions of both versions in a batch, as columns in offset order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.champion.cells import NO_DECISION
from engine.champion.comparison import Comparison
from engine.champion.users import Digests, digests_of
from engine.decoded import Events

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Answers:
    """Columns of shape (n,)."""

    rows: Integers
    """Position in the batch."""
    ts_ms: Integers
    ids: Sequence[str]
    arms: Integers
    decisions: Integers
    """0, 1 or NO_DECISION."""
    bins: Integers
    """Bin of the score, the last one without."""
    errors: npt.NDArray[np.bool_]
    values: Floats
    """What the prediction is about is worth; not finite where nobody said."""
    latencies_ms: Floats
    """Not finite where nobody said."""
    users: Digests
    """0 where nobody said, or nobody asks."""

    def at(self, chosen: Integers) -> Answers:
        """Those of the chosen rows, in their order."""
        return Answers(
            self.rows[chosen],
            self.ts_ms[chosen],
            [self.ids[row] for row in chosen.tolist()],
            self.arms[chosen],
            self.decisions[chosen],
            self.bins[chosen],
            self.errors[chosen],
            self.values[chosen],
            self.latencies_ms[chosen],
            self.users[chosen],
        )


def answers_of(comparison: Comparison, found: Sequence[Events]) -> Answers:
    """The answers of both versions, whichever of them are there, one at least."""
    parts = [_of_version(comparison, events) for events in found]
    if len(parts) == 1:
        return parts[0]
    whole = Answers(
        np.concatenate([part.rows for part in parts]),
        np.concatenate([part.ts_ms for part in parts]),
        [text for part in parts for text in part.ids],
        np.concatenate([part.arms for part in parts]),
        np.concatenate([part.decisions for part in parts]),
        np.concatenate([part.bins for part in parts]),
        np.concatenate([part.errors for part in parts]),
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.latencies_ms for part in parts]),
        np.concatenate([part.users for part in parts]),
    )
    return whole.at(np.argsort(whole.rows, kind="stable"))


def _of_version(comparison: Comparison, events: Events) -> Answers:
    arm = comparison.versions.index(events.model.key)
    count = len(events.rows)
    assert events.outcome is not None, "predictions have an outcome"
    score, latency_ms = events.outcome
    bins = np.searchsorted(comparison.edges[arm], score, side="right").astype(np.int64)
    bins[~np.isfinite(score)] = comparison.matches.bins
    decisions = np.full(count, NO_DECISION, dtype=np.int64)
    if events.positive is not None:
        decided = events.positive >= 0
        decisions[decided] = events.positive[decided]
    errors = events.errors if events.errors is not None else np.zeros(count, dtype=np.bool_)
    values = events.value if events.value is not None else np.full(count, np.nan)
    arms = np.full(count, arm, dtype=np.int64)
    place = (events.rows, events.ts_ms, events.ids)
    users = digests_of(events.units, comparison.salt, count)
    failed = errors.astype(np.bool_)
    return Answers(*place, arms, decisions, bins, failed, values, latency_ms, users)
