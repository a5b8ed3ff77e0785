"""Control charts: is this window of a series worse than its reference allows by chance.

Rule.  A window becomes a score: its distance from the reference in standard errors, above 0 for
worse.  ``direction`` says which way is worse, so an improvement never alarms.  The limits grow as
the window shrinks, because the standard error is that of its own number of events.  The state is
plain data of fixed size; a window without a value (NaN) changes nothing, breaks no run and is no
evidence.

Formulas.  A rate of n trials against a share p from m: z = (rate - p) / (d sqrt(p (1 - p) (1/n +
1/m))), where d >= 1 is how much more than binomially the reference's own windows vary (Laney's p'
chart, 2002).  Signals, one-sided, with their chance per window for normal scores without drift:

* ``limit``: z > sigmas (Shewhart), 0.13 % at 3;
* ``ewma``: e = w z + (1 - w) e above sigmas sqrt(w / (2 - w) (1 - (1 - w)^2t)) in window t
  (Roberts 1959), 0.13 % at 3; it finds small shifts that last, the limit large ones at once;
* run rules (Western Electric 1956): ``two_of_three`` beyond 2, 0.10 %, ``four_of_five`` beyond 1,
  0.22 %, the present one among them, ``eight_in_row`` beyond 0, 0.39 %.

All five together signal in about 1 window of 110, so by default limit and ewma alone alarm; the run
rules are told.

When it lies: scores of rare events are not normal and the limit is crossed too often; feed
:func:`score_of_p_value` of an exact test instead.  Windows that overlap, or a season, make runs of
nothing.  An average that was good for long takes a few windows more to turn; scores are cut at
SCORE_CLIP in it, so that one wild window neither hides nor makes a lasting shift.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from scipy.special import ndtri

from detectors.contract import P_VALUE_FLOOR, ForeignSnapshotError

Direction = Literal["higher_is_worse", "lower_is_worse"]
Signal = Literal["limit", "ewma", "two_of_three", "four_of_five", "eight_in_row"]

SIGNALS: Final[tuple[Signal, ...]] = (
    "limit",
    "ewma",
    "two_of_three",
    "four_of_five",
    "eight_in_row",
)
RUN_RULES: Final[dict[Signal, tuple[int, int, float]]] = {
    "two_of_three": (2, 3, 2.0),
    "four_of_five": (4, 5, 1.0),
    "eight_in_row": (8, 8, 0.0),
}
"""How many of how many last windows beyond how many standard errors."""
RECENT_WINDOWS: Final = 8
"""Scores that a state remembers: what the longest run rule looks at."""
SCORE_CLIP: Final = 6.0
"""Largest magnitude of a score in the average and in the memory."""
WINDOWS_MAX: Final = 2**53
"""Windows of one chart; more cannot have been."""
SNAPSHOT_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Params:
    """Raises ValueError for limits, a weight or signals that mean nothing."""

    sigmas: float = 3.0
    """Shewhart's limit, standard errors, > 0."""
    ewma_weight: float = 0.2
    """Weight of the present window in the average, in (0, 1]."""
    ewma_sigmas: float = 3.0
    """Limit of the average, in its own standard errors, > 0."""
    alarms: tuple[Signal, ...] = ("limit", "ewma")
    """Which signals are alarms; the others are only told."""

    def __post_init__(self) -> None:
        """Refuse what would always or never signal."""
        if not (0.0 < self.sigmas < math.inf and 0.0 < self.ewma_sigmas < math.inf):
            raise ValueError("control chart: limits are a positive, finite number of sigmas")
        if not 0.0 < self.ewma_weight <= 1.0:
            raise ValueError(f"control chart: ewma_weight is in (0, 1], not {self.ewma_weight}")
        if not set(self.alarms) <= set(SIGNALS):
            raise ValueError(f"control chart: signals are {SIGNALS}, not {self.alarms}")


@dataclass(frozen=True, slots=True)
class ChartState:
    """What a chart remembers of the windows before."""

    windows: int = 0
    """Windows with a value."""
    ewma: float = 0.0
    """Average of the scores, the present ones weighing most."""
    recent: tuple[float, ...] = ()
    """The last scores, oldest first, RECENT_WINDOWS at most."""

    def snapshot(self) -> list[int | float | list[float]]:
        """The state as plain data, for JSON or msgpack."""
        return [SNAPSHOT_VERSION, self.windows, self.ewma, list(self.recent)]


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """One window on its chart."""

    score: float
    """Standard errors worse than the reference; NaN where the window has no value."""
    ewma: float
    ewma_limit: float
    """What the average must exceed to signal; NaN before the first window."""
    signals: tuple[Signal, ...]
    alarm: bool


def restored(snapshot: object) -> ChartState:
    """The state of a snapshot; ForeignSnapshotError when it is of another version or damaged."""
    match snapshot:
        case [int(version), int(windows), int() | float() as ewma, [*recent]]:
            pass
        case _:
            raise ForeignSnapshotError("control chart: the snapshot is not one of a chart")
    if version != SNAPSHOT_VERSION:
        raise ForeignSnapshotError(f"control chart: snapshot of version {version}")
    scores = tuple(float(score) for score in recent if isinstance(score, int | float))
    sound = len(scores) == len(recent) == min(windows, RECENT_WINDOWS) and windows <= WINDOWS_MAX
    if not (sound and all(abs(score) <= SCORE_CLIP for score in (float(ewma), *scores))):
        raise ForeignSnapshotError("control chart: the snapshot is damaged")
    return ChartState(windows, float(ewma), scores)


def advanced(state: ChartState, score: float, params: Params) -> tuple[ChartState, ChartPoint]:
    """The chart after one more window.

    Args:
        state: of the windows before.
        score: standard errors worse than the reference, infinite allowed; NaN of no value.
        params: limits and alarms.

    """
    if math.isnan(score):
        limit = ewma_limit(state.windows, params)
        return state, ChartPoint(score, state.ewma, limit, (), alarm=False)
    windows = state.windows + 1
    cut = min(max(score, -SCORE_CLIP), SCORE_CLIP)
    ewma = params.ewma_weight * cut + (1.0 - params.ewma_weight) * state.ewma
    recent = (*state.recent, cut)[-RECENT_WINDOWS:]
    limit = ewma_limit(windows, params)
    found = {"limit": score > params.sigmas, "ewma": ewma > limit}
    for rule, (least, of_last, beyond) in RUN_RULES.items():
        last = [one > beyond for one in recent[-of_last:]]
        found[rule] = last[-1] and sum(last) >= least
    signals = tuple(signal for signal in SIGNALS if found[signal])
    alarm = not set(signals).isdisjoint(params.alarms)
    return ChartState(windows, ewma, recent), ChartPoint(score, ewma, limit, signals, alarm)


def ewma_limit(windows: int, params: Params) -> float:
    """Limit of the average in the window with this number, from 1; NaN of none."""
    if not windows:
        return math.nan
    weight = params.ewma_weight
    settled = 1.0 - (1.0 - weight) ** (2 * windows)
    return params.ewma_sigmas * math.sqrt(weight / (2.0 - weight) * settled)


def mean_score(value: float, center: float, error: float, direction: Direction) -> float:
    """Score of a value with a standard error, NaN of no value.

    An ``error`` of 0 makes any difference infinite.  Raises ValueError for a negative error or an
    unknown direction.
    """
    if direction not in {"higher_is_worse", "lower_is_worse"}:
        raise ValueError(f"control chart: which direction is worse, {direction!r}?")
    if error < 0.0:
        raise ValueError(f"control chart: a standard error is not negative, as {error}")
    gap = value - center if direction == "higher_is_worse" else center - value
    if math.isnan(gap) or gap == 0.0:
        return gap
    return gap / error if error else math.copysign(math.inf, gap)


def rate_error(
    share: float, trials: float, reference_trials: float = math.inf, dispersion: float = 1.0
) -> float:
    """Standard error of a rate of ``trials`` less its reference share; NaN of no trials.

    Args:
        share: of the reference, in [0, 1].
        trials: of the window.
        reference_trials: what the share rests on; infinite where it is known exactly.
        dispersion: at least 1, how much more than binomially windows of the reference vary.

    Raises ValueError for anything outside these.

    """
    if not (0.0 <= share <= 1.0 and trials >= 0 and reference_trials > 0 and dispersion >= 1.0):
        raise ValueError("control chart: a share in [0, 1] of trials, and a dispersion >= 1")
    if not trials:
        return math.nan
    return dispersion * math.sqrt(share * (1.0 - share) * (1.0 / trials + 1.0 / reference_trials))


def rate_limits(share: float, error: float, sigmas: float) -> tuple[float, float]:
    """Lower and upper limit of a rate, cut to [0, 1], for a :func:`rate_error`."""
    return max(share - sigmas * error, 0.0), min(share + sigmas * error, 1.0)


def score_of_p_value(p_value: float) -> float:
    """The score as rare as a one-sided p-value; within what P_VALUE_FLOOR can tell (+-4.75)."""
    return -float(ndtri(min(max(p_value, P_VALUE_FLOOR), 1.0 - P_VALUE_FLOOR)))
