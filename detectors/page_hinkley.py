"""Page-Hinkley over losses: does the sum of deviations from the mean leave its lowest point.

Rule.  River's ``PageHinkley`` alarm for alarm, in :mod:`detectors.loss_kernels`.  An alarm's
``before`` is the mean up to the lowest point of the sum, ``after`` the mean since.  In the modes
``both`` and ``down`` a fall starts afresh and is counted as an improvement.

When it lies: ``threshold`` is in the unit of the loss, so losses of another scale need another one;
with the default, errors of 0 and 1 must pile up 50 above the mean (figures in docs/estimators.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from detectors.contract import Kind, LossBank, Takes, Watch
from detectors.loss_bank import KernelLossBank, Shape, loss_snapshot_bytes_max, refuse_faults
from detectors.loss_kernels import PAGE_HINKLEY_REALS, advance_page_hinkley

if TYPE_CHECKING:
    from detectors.contract import FloatArray, IntArray
    from detectors.loss_bank import Filled

KIND: Final[Kind] = "estimator"
WATCHES: Final[tuple[Watch, ...]] = ("losses",)
TAKES: Final[Takes] = "reals"
VERSION: Final = 1
"""Of the state; a snapshot of another version is refused."""
SHAPE: Final = Shape(PAGE_HINKLEY_REALS)


MODES: Final = ("up", "down", "both")


@dataclass(frozen=True, slots=True)
class Params:
    """River's parameters and defaults.  Raises ValueError for a value that makes no detector."""

    min_instances: int = 30
    """Values before the first check, >= 1."""
    delta: float = 0.005
    """Deviation that is tolerated, in the unit of the loss, >= 0."""
    threshold: float = 50.0
    """Sum of deviations that is an alarm, in the unit of the loss, >= 0."""
    alpha: float = 1 - 0.0001
    """What is kept of the sum at each value, in (0, 1]."""
    mode: Literal["up", "down", "both"] = "both"

    def __post_init__(self) -> None:
        """Refuse what would always alarm or not run."""
        refuse_faults(
            "page_hinkley",
            ("min_instances must be at least 1", self.min_instances >= 1),
            ("delta must be at least 0", 0.0 <= self.delta < math.inf),
            ("threshold must be at least 0", 0.0 <= self.threshold < math.inf),
            ("alpha must be in (0, 1]", 0.0 < self.alpha <= 1.0),
            ("mode must be up, down or both", self.mode in MODES),
        )


def build(params: Params, streams: int, resume: bytes | None = None) -> LossBank:
    """A bank of ``streams`` detectors, new or continuing from a snapshot.

    Raises ForeignSnapshotError when ``resume`` was made with other parameters, another number of
    streams or another version, or is damaged.
    """
    least = float(params.min_instances)
    delta, threshold = float(params.delta), float(params.threshold)
    alpha, mode = float(params.alpha), params.mode
    up, down = int(mode != "down"), int(mode != "up")

    def advance(
        columns: FloatArray, reals: FloatArray, _: IntArray, marks: IntArray, *found: Filled
    ) -> None:
        advance_page_hinkley(
            columns, reals, marks, least, delta, threshold, alpha, up, down, *found
        )

    return KernelLossBank(("page_hinkley", VERSION, params), streams, SHAPE, advance, TAKES, resume)


def snapshot_bytes_max(params: Params, streams: int) -> int:
    """What a snapshot of a bank takes at most, in bytes, however long the streams are."""
    return loss_snapshot_bytes_max(streams, SHAPE)
