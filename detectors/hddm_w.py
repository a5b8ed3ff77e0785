"""HDDM_W over losses of 0 and 1: does McDiarmid's bound say that the weighted mean rose.

Rule.  River's ``HDDMW`` alarm for alarm, in :mod:`detectors.loss_kernels`.  An alarm's ``before``
is the weighted mean up to the cut, ``after`` that of the values since.

When it lies: it looks about 1 / lambda_val values back, so it is quick at a sudden rise and blind
to a small one; the confidence is that of one check (figures in docs/estimators.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from detectors.contract import Kind, LossBank, Takes, Watch
from detectors.loss_bank import KernelLossBank, Shape, loss_snapshot_bytes_max, refuse_faults
from detectors.loss_kernels import HDDM_W_REALS, advance_hddm_w

if TYPE_CHECKING:
    from detectors.contract import FloatArray, IntArray
    from detectors.loss_bank import Filled

KIND: Final[Kind] = "estimator"
WATCHES: Final[tuple[Watch, ...]] = ("losses",)
TAKES: Final[Takes] = "bits"
VERSION: Final = 1
"""Of the state; a snapshot of another version is refused."""
SHAPE: Final = Shape(HDDM_W_REALS)


@dataclass(frozen=True, slots=True)
class Params:
    """River's parameters and defaults.  Raises ValueError for a value that makes no detector."""

    drift_confidence: float = 0.001
    """Chance of a false alarm at one check, in (0, 1)."""
    warning_confidence: float = 0.005
    """Chance of a false warning at one check, in (0, 1)."""
    lambda_val: float = 0.05
    """Weight of the newest value, in (0, 1)."""
    two_sided_test: bool = False
    """Whether a fall starts afresh too; it is counted as an improvement."""

    def __post_init__(self) -> None:
        """Refuse what would always alarm or not run."""
        refuse_faults(
            "hddm_w",
            ("drift_confidence must be in (0, 1)", 0.0 < self.drift_confidence < 1.0),
            ("warning_confidence must be in (0, 1)", 0.0 < self.warning_confidence < 1.0),
            ("lambda_val must be in (0, 1)", 0.0 < self.lambda_val < 1.0),
            ("two_sided_test must be true or false", isinstance(self.two_sided_test, bool)),
        )


def build(params: Params, streams: int, resume: bytes | None = None) -> LossBank:
    """A bank of ``streams`` detectors, new or continuing from a snapshot.

    Raises ForeignSnapshotError when ``resume`` was made with other parameters, another number of
    streams or another version, or is damaged.
    """
    drift = math.log(1.0 / params.drift_confidence)
    warning = math.log(1.0 / params.warning_confidence)
    share, two_sided = float(params.lambda_val), int(params.two_sided_test)
    kept_squared = (1.0 - share) ** 2

    def advance(
        columns: FloatArray, reals: FloatArray, _: IntArray, marks: IntArray, *found: Filled
    ) -> None:
        advance_hddm_w(
            columns, reals, marks, drift, warning, share, kept_squared, two_sided, *found
        )

    return KernelLossBank(("hddm_w", VERSION, params), streams, SHAPE, advance, TAKES, resume)


def snapshot_bytes_max(params: Params, streams: int) -> int:
    """What a snapshot of a bank takes at most, in bytes, however long the streams are."""
    return loss_snapshot_bytes_max(streams, SHAPE)
