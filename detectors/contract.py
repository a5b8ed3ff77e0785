"""The contract of a detector: what every file found by discovery must offer.

Rule.  Parameters, state and logic are three things.  There are two kinds of detector:

* a *statistic* compares a reference histogram with a current one.  It is stateless:
  ``KIND = "statistic"``, ``APPLIES_TO``, a frozen dataclass ``Params`` (every field with a
  default) and ``measure(sample, params) -> Measure``.  ``SYMMETRIC = True`` claims that swapping
  reference and current changes nothing.
* an *estimator* watches the columns of one source partition in offset order.  ``KIND =
  "estimator"``, ``Params``, and ``build(params, streams, resume=None) -> Bank``; a bank holds the
  state of all the columns, so that a whole batch is one call.  ``snapshot_bytes_max(params,
  streams)`` bounds its snapshot.  ``WATCHES`` says what its columns may be: ``features``, where a
  change either way is news, or ``losses`` of joined labels, where only a rise is (an improvement
  starts the detector afresh, is counted and never an alarm).  ``TAKES`` says which values it can
  read: any ``reals``, or only ``bits``, 0 and 1; a bank refuses others with ValueError.

An estimator that watches losses only is a :class:`LossBank` as it is built; what watches both is
made one by :func:`detectors.rising.build_for_losses`, which is the door for both.

A bank's snapshot starts with the fingerprint of the parameters that made it, and refuses any
other (:class:`ForeignSnapshotError`): changed parameters mean fresh state, no reinterpretation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

Kind = Literal["statistic", "estimator"]
ValueType = Literal["numeric", "categorical"]
Watch = Literal["features", "losses"]
"""What the columns of an estimator are."""
Takes = Literal["reals", "bits"]
"""Which finite values an estimator can read; bits are 0 (right) and 1 (wrong)."""

P_VALUE_FLOOR: Final = 1e-6
"""Smallest p-value that is reported; anything below prints as the bound ``<= 1e-6``.

It is the smallest that decides, too, but for PSI (``Measure.chance``): farther out a p-value tells
more of what it assumes, independent events or a dispersion of some tens of blocks, than of the
data.  PSI's alone is held against the tail of the training data's own blocks.  A smaller share of a
false-alarm budget is taken as this, which is what the false pages were measured with.
"""


class ContractError(TypeError):
    """A module says that it is a detector and does not offer what one must."""


class ForeignSnapshotError(ValueError):
    """A snapshot was made by other parameters, another version, or is damaged."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A reference and a current histogram over the same cells.

    Numeric cells run from low to high: cell 0 is below ``edges[0]``, cell ``i`` is
    ``[edges[i-1], edges[i])``, the last cell is at or above ``edges[-1]``; so
    ``len(expected) == len(edges) + 1``.  Categorical cells have no order and ``edges`` is empty.
    Missing and invalid values are in no cell.
    """

    expected: FloatArray
    """Reference counts per cell, shape (cells,).  Real numbers where seasonal slices are mixed."""
    actual: IntArray
    """Current counts per cell, shape (cells,)."""
    coarse: IntArray
    """The coarse bin that each cell belongs to, shape (cells,), non-decreasing from 0 for numeric
    cells.  Statistics on coarse bins (PSI, chi-square) merge by it; the others read the cells."""
    edges: FloatArray
    """Boundaries between numeric cells, shape (cells - 1,), strictly increasing."""
    spread: float = 1.0
    """Standard deviation of the reference, > 0; the unit of Wasserstein."""
    below_mean: tuple[float, float] = (np.nan, np.nan)
    """Mean of the values in the lowest cell: (reference, current); NaN where that cell is empty."""
    above_mean: tuple[float, float] = (np.nan, np.nan)
    """Mean of the values in the highest cell: (reference, current); NaN where it is empty."""
    effective_size: float | None = None
    """How many independent values the comparison is worth (own-block calibration of the profile);
    None means n*m/(n+m) of the counts themselves."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What a statistic says: its value, its p-value where it has one, and named further numbers."""

    value: float
    p_value: float | None = None
    more: dict[str, float] = field(default_factory=dict)
    contributions: FloatArray | None = None
    """Share of the value per coarse bin, shape (coarse bins,), where the statistic is a sum."""
    chance: float | None = None
    """A p-value that holds far out, below P_VALUE_FLOOR too, for who compares at a strict budget;
    None where the statistic does not tell it."""


@dataclass(frozen=True, slots=True)
class Alarms:
    """Alarms of one call, in order of (row, stream); all arrays have shape (alarms,)."""

    streams: IntArray
    rows: IntArray
    positions: IntArray
    """How many finite values the stream had seen, the alarming one included."""
    before: FloatArray
    """Mean estimated before the cut."""
    after: FloatArray
    """Mean estimated after the cut."""


class Bank(Protocol):
    """The state of one estimator over several streams."""

    def advance(self, columns: FloatArray) -> Alarms:
        """Feed columns, shape (streams, rows), in row order.

        Values that are not finite are skipped: they are missing or invalid, not evidence.  The
        input is not changed, and a batch split anywhere gives the same alarms and state.
        """

    def snapshot(self) -> bytes:
        """The whole state; ``build(params, streams, resume=snapshot)`` continues exactly."""


class LossBank(Bank, Protocol):
    """A bank over losses: ``advance`` tells rises of the mean only."""

    @property
    def improvements(self) -> IntArray:
        """Changes downwards of each stream since its bank was made, shape (streams,).

        Each of them started its detector afresh, as an alarm does, and was not told as one.  The
        count is part of the snapshot.
        """
