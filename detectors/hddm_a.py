"""HDDM_A over losses of 0 and 1: does Hoeffding's bound say that the mean rose since its lowest.

Rule.  River's ``HDDMA`` alarm for alarm, in :mod:`detectors.loss_kernels`.  An alarm's ``before``
is the mean up to the cut, ``after`` the mean since.

When it lies: the confidence is that of one check, and every value is one; dependent losses alarm
more often than it says (figures in docs/estimators.md).  A slow rise moves the cut with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from detectors.contract import Kind, LossBank, Takes, Watch
from detectors.loss_bank import KernelLossBank, Shape, loss_snapshot_bytes_max, refuse_faults
from detectors.loss_kernels import HDDM_A_REALS, advance_hddm_a

if TYPE_CHECKING:
    from detectors.contract import FloatArray, IntArray
    from detectors.loss_bank import Filled

KIND: Final[Kind] = "estimator"
WATCHES: Final[tuple[Watch, ...]] = ("losses",)
TAKES: Final[Takes] = "bits"
VERSION: Final = 1
"""Of the state; a snapshot of another version is refused."""
SHAPE: Final = Shape(HDDM_A_REALS)


@dataclass(frozen=True, slots=True)
class Params:
    """River's parameters and defaults.  Raises ValueError for a value that makes no detector."""

    drift_confidence: float = 0.001
    """Chance of a false alarm at one check, in (0, 1)."""
    warning_confidence: float = 0.005
    """Chance of a false warning at one check, in (0, 1)."""
    two_sided_test: bool = False
    """Whether a fall starts afresh too; it is counted as an improvement."""

    def __post_init__(self) -> None:
        """Refuse what would always alarm or not run."""
        refuse_faults(
            "hddm_a",
            ("drift_confidence must be in (0, 1)", 0.0 < self.drift_confidence < 1.0),
            ("warning_confidence must be in (0, 1)", 0.0 < self.warning_confidence < 1.0),
            ("two_sided_test must be true or false", isinstance(self.two_sided_test, bool)),
        )


def build(params: Params, streams: int, resume: bytes | None = None) -> LossBank:
    """A bank of ``streams`` detectors, new or continuing from a snapshot.

    Raises ForeignSnapshotError when ``resume`` was made with other parameters, another number of
    streams or another version, or is damaged.
    """
    bound = math.log(1.0 / params.drift_confidence)
    drift = math.log(2.0 / params.drift_confidence)
    warning = math.log(2.0 / params.warning_confidence)
    two_sided = int(params.two_sided_test)

    def advance(
        columns: FloatArray, reals: FloatArray, _: IntArray, marks: IntArray, *found: Filled
    ) -> None:
        advance_hddm_a(columns, reals, marks, bound, drift, warning, two_sided, *found)

    return KernelLossBank(("hddm_a", VERSION, params), streams, SHAPE, advance, TAKES, resume)


def snapshot_bytes_max(params: Params, streams: int) -> int:
    """What a snapshot of a bank takes at most, in bytes, however long the streams are."""
    return loss_snapshot_bytes_max(streams, SHAPE)
