"""How a loss changed: suddenly, gradually, incrementally, or back to what it was before.

Rule.  Alarms say that the loss changed; the means of disjoint windows say how.  Each subtype is a
curve with few numbers, fitted by weighted least squares, and the one with the lowest criterion
names the change:

* none: one level (1 number);
* sudden: a step between two levels (3: the levels and the place);
* incremental: a ramp between two levels over RAMP_LEAST windows or more (4);
* gradual: two levels between which the stream flips until the second one stays; one bit for each
  window of the time between (4 and those bits);
* recurring: a level that was left and taken up again, each stay EDGE windows or more, a tenth of
  the series at least (2 and each change).

A subtype is only claimed where it beats the single level by GAIN_LEAST; a return counts only where
the last stay is within RETURN_ERRORS standard errors of the earlier level.  Without an alarm there
is no change to name.

Theory.  The criterion is Schwarz's (Annals of Statistics 1978), N log(RSS / N) + k log N for N
windows whose noise is normal with a variance of sigma^2 / n; a free bit costs 2 log 2, its code
length (Rissanen, Automatica 1978).  A gain of 10 is very strong evidence by Kass and Raftery (JASA
1995).  The subtypes are those of Gama et al. (ACM Computing Surveys 2014).

When it lies: flips that are shorter than a window are means between the levels and look like a
ramp; a change in the first or last EDGE windows is not seen yet, and a return that is still to come
is a step until then.  Accuracy: docs/estimators.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from detectors.concept_fits import (
    EDGE,
    Fit,
    fit_gradual,
    fit_incremental,
    fit_none,
    fit_recurring,
    fit_sudden,
)

if TYPE_CHECKING:
    from detectors.contract import FloatArray, IntArray

ShapeName = Literal["too_little", "none", "sudden", "gradual", "incremental", "recurring"]

WINDOWS_LEAST: Final = 12
"""Windows with losses that a name takes at least."""
MAX_WINDOWS: Final = 240
"""Windows of a series at most: the work grows with their cube."""
GAIN_LEAST: Final = 10.0
RETURN_ERRORS: Final = 3.0


@dataclass(frozen=True, slots=True)
class ConceptShape:
    """The name of a change and the numbers behind it."""

    name: ShapeName
    evidence: dict[str, float]
    """``windows`` with losses and ``alarms``; ``gain_<subtype>`` over the single level, for each
    that could be fitted, and ``noise``, the standard deviation of a window of mean size.  Where a
    change is named: ``level_before``, ``level_after``, ``start_window`` and ``end_window`` (the
    windows given, from 0, in which the loss began to leave the one level and from which on it kept
    the other; for a return, in which it left and last returned), ``changes`` of level, and
    ``alarms_after_start``.  For a return ``return_errors``, its distance from the earlier level in
    standard errors."""


def concept_shape(means: FloatArray, counts: IntArray, alarm_windows: IntArray) -> ConceptShape:
    """Name the change in a series of windows.

    Args:
        means: mean loss of each disjoint window, oldest first, shape (windows,).
        counts: losses in each, shape (windows,); a window without any, or whose mean is not
            finite, is left out.
        alarm_windows: the windows in which an estimator alarmed, from 0, shape (alarms,).

    Raises ValueError for arrays of other shapes, more than MAX_WINDOWS windows, a count below 0
    or an alarm in no window.

    """
    windows = means.shape[0] if means.ndim == 1 else -1
    if windows < 0 or counts.shape != (windows,) or windows > MAX_WINDOWS:
        raise ValueError(
            f"concept shape: means {means.shape} and counts {counts.shape} must be one series of "
            f"at most {MAX_WINDOWS} windows"
        )
    if np.any(counts < 0):
        raise ValueError("concept shape: a window holds fewer than no losses")
    if np.any((alarm_windows < 0) | (alarm_windows >= windows)):
        raise ValueError("concept shape: an alarm lies in no window")
    places = np.flatnonzero((counts > 0) & np.isfinite(means))
    evidence = {"windows": float(places.size), "alarms": float(alarm_windows.size)}
    if places.size < WINDOWS_LEAST:
        return ConceptShape("too_little", evidence)
    weights = counts[places] / counts[places].mean()
    fits = _fits(means[places], weights)
    gains = {fit.name: fits["none"].criterion - fit.criterion for fit in fits.values()}
    evidence |= {f"gain_{name}": gain for name, gain in sorted(gains.items()) if name != "none"}
    best = min(fits.values(), key=lambda fit: fit.criterion)
    if gains[best.name] < GAIN_LEAST or alarm_windows.size == 0:
        evidence["noise"] = fits["none"].noise
        return ConceptShape("none", evidence)
    evidence |= {
        "noise": best.noise,
        "level_before": best.before,
        "level_after": best.after,
        "start_window": float(places[best.start]),
        "end_window": float(places[best.end]),
        "changes": float(best.changes),
        "alarms_after_start": float(np.sum(alarm_windows >= places[best.start])),
    }
    if best.name == "recurring":
        evidence["return_errors"] = best.return_errors
    return ConceptShape(best.name, evidence)


def _fits(means: FloatArray, weights: FloatArray) -> dict[ShapeName, Fit]:
    """The best curve of each subtype that the series has room for."""
    sudden = fit_sudden(means, weights)
    fits = [
        fit_none(means, weights),
        sudden,
        fit_incremental(means, weights),
        fit_gradual(means, weights, sudden),
        fit_recurring(means, weights, sudden),
    ]
    return {
        fit.name: fit
        for fit in fits
        if fit is not None and (fit.name != "recurring" or fit.return_errors <= RETURN_ERRORS)
    }


__all__ = ["EDGE", "MAX_WINDOWS", "WINDOWS_LEAST", "ConceptShape", "ShapeName", "concept_shape"]
