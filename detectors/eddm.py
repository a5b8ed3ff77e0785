"""EDDM over losses of 0 and 1: do errors come closer together than at their farthest.

Rule.  River's ``EDDM`` alarm for alarm, in :mod:`detectors.loss_kernels`.  An alarm's ``before`` is
one over the mean distance of errors when that was at its best, ``after`` one over the mean
distance of the errors since then.  Where errors only became more regular and not more frequent,
the change is counted as an improvement.

When it lies: it knows no error rate and no significance; the maximum of a long stationary stream is
a lucky stretch, and what follows is less.  False alarms are frequent at every error rate (figures
in docs/estimators.md).  Read it as a baseline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from detectors.contract import Kind, LossBank, Takes, Watch
from detectors.loss_bank import KernelLossBank, Shape, loss_snapshot_bytes_max, refuse_faults
from detectors.loss_kernels import EDDM_REALS, advance_eddm

if TYPE_CHECKING:
    from detectors.contract import FloatArray, IntArray
    from detectors.loss_bank import Filled

KIND: Final[Kind] = "estimator"
WATCHES: Final[tuple[Watch, ...]] = ("losses",)
TAKES: Final[Takes] = "bits"
VERSION: Final = 1
"""Of the state; a snapshot of another version is refused."""
SHAPE: Final = Shape(EDDM_REALS)


@dataclass(frozen=True, slots=True)
class Params:
    """River's parameters and defaults.  Raises ValueError for a value that makes no detector."""

    warm_start: int = 30
    """Errors before the first check, >= 0."""
    alpha: float = 0.95
    """Share of the largest distance that is a warning, ``beta`` to 1."""
    beta: float = 0.9
    """Share of the largest distance that is an alarm, in (0, 1]."""

    def __post_init__(self) -> None:
        """Refuse what would never alarm or not run."""
        refuse_faults(
            "eddm",
            ("warm_start must be at least 0", self.warm_start >= 0),
            ("beta must be in (0, 1]", 0.0 < self.beta <= 1.0),
            ("alpha must be beta to 1", self.beta <= self.alpha <= 1.0),
        )


def build(params: Params, streams: int, resume: bytes | None = None) -> LossBank:
    """A bank of ``streams`` detectors, new or continuing from a snapshot.

    Raises ForeignSnapshotError when ``resume`` was made with other parameters, another number of
    streams or another version, or is damaged.
    """
    warm = float(params.warm_start)
    alpha, beta = float(params.alpha), float(params.beta)

    def advance(
        columns: FloatArray, reals: FloatArray, _: IntArray, marks: IntArray, *found: Filled
    ) -> None:
        advance_eddm(columns, reals, marks, warm, alpha, beta, 0.5, *found)

    return KernelLossBank(("eddm", VERSION, params), streams, SHAPE, advance, TAKES, resume)


def snapshot_bytes_max(params: Params, streams: int) -> int:
    """What a snapshot of a bank takes at most, in bytes, however long the streams are."""
    return loss_snapshot_bytes_max(streams, SHAPE)
