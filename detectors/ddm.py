"""DDM over losses of 0 and 1: has the error rate risen above its best.

Rule.  River's ``DDM`` alarm for alarm, in :mod:`detectors.loss_kernels`.  An alarm's ``before`` is
the error rate at its best, ``after`` the rate of the values since then.

When it lies: where the first ``warm_start`` outcomes are all right the best is 0 without spread,
and the first error alarms; so the rarer errors are, the more often it is wrong (figures in
docs/estimators.md).  It watches errors of both kinds together and misses a trade of one for the
other.  Read it as a baseline.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from detectors.contract import Kind, LossBank, Takes, Watch
from detectors.loss_bank import KernelLossBank, Shape, loss_snapshot_bytes_max, refuse_faults
from detectors.loss_kernels import DDM_REALS, advance_ddm

if TYPE_CHECKING:
    from detectors.contract import FloatArray, IntArray
    from detectors.loss_bank import Filled

KIND: Final[Kind] = "estimator"
WATCHES: Final[tuple[Watch, ...]] = ("losses",)
TAKES: Final[Takes] = "bits"
VERSION: Final = 1
"""Of the state; a snapshot of another version is refused."""
SHAPE: Final = Shape(DDM_REALS)


@dataclass(frozen=True, slots=True)
class Params:
    """River's parameters and defaults.  Raises ValueError for a value that makes no detector."""

    warm_start: int = 30
    """Values before the first check, >= 0."""
    warning_threshold: float = 2.0
    """Standard deviations above the best that are a warning, > 0."""
    drift_threshold: float = 3.0
    """Standard deviations above the best that are an alarm, >= 1: below, the best itself is one."""

    def __post_init__(self) -> None:
        """Refuse what would always alarm or not run."""
        refuse_faults(
            "ddm",
            ("warm_start must be at least 0", self.warm_start >= 0),
            ("warning_threshold must be above 0", 0.0 < self.warning_threshold < math.inf),
            ("drift_threshold must be at least 1", 1.0 <= self.drift_threshold < math.inf),
        )


def build(params: Params, streams: int, resume: bytes | None = None) -> LossBank:
    """A bank of ``streams`` detectors, new or continuing from a snapshot.

    Raises ForeignSnapshotError when ``resume`` was made with other parameters, another number of
    streams or another version, or is damaged.
    """
    warm = float(params.warm_start)
    warning, drift = float(params.warning_threshold), float(params.drift_threshold)

    def advance(
        columns: FloatArray, reals: FloatArray, _: IntArray, marks: IntArray, *found: Filled
    ) -> None:
        advance_ddm(columns, reals, marks, warm, warning, drift, *found)

    return KernelLossBank(("ddm", VERSION, params), streams, SHAPE, advance, TAKES, resume)


def snapshot_bytes_max(params: Params, streams: int) -> int:
    """What a snapshot of a bank takes at most, in bytes, however long the streams are."""
    return loss_snapshot_bytes_max(streams, SHAPE)
