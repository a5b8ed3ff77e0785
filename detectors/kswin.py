"""KSWIN over losses: are the newest losses of another distribution than those before them.

Rule.  River's ``KSWIN`` with the same seed alarm for alarm, in :mod:`detectors.kswin_kernel`.  An
alarm's ``before`` is the mean of the window without its newest ``stat_size`` values, ``after`` the
mean of those.  A change of the distribution by which the mean did not rise is counted as an
improvement.  River's default of no seed would give another answer at each run; here it is 0.

When it lies: every value is a test at level ``alpha``, of windows that overlap nearly wholly, so
``alpha`` tells no rate of alarms; on losses of 0 and 1 ties make the test blind to small changes
(figures in docs/estimators.md).
"""

from __future__ import annotations

import functools
import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from detectors.contract import Kind, LossBank, Takes, Watch
from detectors.kswin_kernel import WORDS, advance_kswin
from detectors.loss_bank import KernelLossBank, Shape, loss_snapshot_bytes_max, refuse_faults

if TYPE_CHECKING:
    from detectors.contract import FloatArray, IntArray
    from detectors.loss_bank import Filled

KIND: Final[Kind] = "estimator"
WATCHES: Final[tuple[Watch, ...]] = ("losses",)
TAKES: Final[Takes] = "reals"
VERSION: Final = 1
"""Of the state; a snapshot of another version is refused."""
MAX_WINDOW_SIZE: Final = 10_000
MAX_STAT_SIZE: Final = 1_000
"""Largest ``window_size`` and ``stat_size``: the state and the work of a value grow with them."""
SEED_LIMIT: Final = 1 << 32
LEAST_DISTANCE: Final = 0.1
"""River's own: a smaller distance of the distribution functions is no change."""
SMALL_SET: Final = 21
"""Of ``random.sample``: what a set takes more than a list, in entries."""


@dataclass(frozen=True, slots=True)
class Params:
    """River's parameters and defaults.  Raises ValueError for a value that makes no detector."""

    alpha: float = 0.005
    """Largest p-value of the test that is an alarm, in (0, 1)."""
    window_size: int = 100
    """Values of the window, at least twice ``stat_size``, at most MAX_WINDOW_SIZE."""
    stat_size: int = 30
    """Values on each side of the test, 1 to MAX_STAT_SIZE."""
    seed: int = 0
    """Of the draw, 0 to SEED_LIMIT - 1; every alarm starts it again."""

    def __post_init__(self) -> None:
        """Refuse what would always alarm or not run."""
        refuse_faults(
            "kswin",
            ("alpha must be in (0, 1)", 0.0 < self.alpha < 1.0),
            (f"stat_size must be 1 to {MAX_STAT_SIZE}", 1 <= self.stat_size <= MAX_STAT_SIZE),
            (
                f"window_size must be twice stat_size to {MAX_WINDOW_SIZE}",
                2 * self.stat_size <= self.window_size <= MAX_WINDOW_SIZE,
            ),
            (f"seed must be 0 to {SEED_LIMIT - 1}", 0 <= self.seed < SEED_LIMIT),
        )


def build(params: Params, streams: int, resume: bytes | None = None) -> LossBank:
    """A bank of ``streams`` detectors, new or continuing from a snapshot.

    Raises ForeignSnapshotError when ``resume`` was made with other parameters, another number of
    streams or another version, or is damaged.
    """
    recent = params.stat_size
    by_pool = int(drawn_from_a_pool(params.window_size - recent, recent))
    seeded = seeded_words(params.seed)
    alarming = np.array(alarming_distances(recent, params.alpha), np.int64)

    def advance(
        columns: FloatArray,
        windows: FloatArray,
        words: IntArray,
        marks: IntArray,
        *found: Filled,
    ) -> None:
        advance_kswin(columns, windows, words, marks, recent, by_pool, seeded, alarming, *found)

    shape = _shape(params)
    return KernelLossBank(("kswin", VERSION, params), streams, shape, advance, TAKES, resume)


def snapshot_bytes_max(params: Params, streams: int) -> int:
    """What a snapshot of a bank takes at most, in bytes, however long the streams are."""
    return loss_snapshot_bytes_max(streams, _shape(params))


def _shape(params: Params) -> Shape:
    return Shape(params.window_size, WORDS, (params.window_size, WORDS))


def seeded_words(seed: int) -> IntArray:
    """The state of Python's ``random.Random(seed)``, shape (WORDS,): MT19937's init_by_array."""
    # A list, since a bare number is taken for the seed of an older algorithm.
    state = np.random.RandomState([seed]).get_state(legacy=False)
    return np.asarray(state["state"]["key"], np.int64)


def drawn_from_a_pool(population: int, drawn: int) -> bool:
    """Whether ``random.sample`` uses a pool, not a set: a choice that changes what is drawn."""
    most = SMALL_SET
    if drawn > 5:  # noqa: PLR2004 - as random.sample does
        most += 4 ** math.ceil(math.log(drawn * 3, 4))
    return population <= most


@functools.lru_cache(maxsize=64)
def alarming_distances(recent: int, alpha: float) -> tuple[bool, ...]:
    """For each distance h of ``recent``-ths: is it a change, by the test that River calls."""
    # scipy.stats takes most of a second to import, and only this estimator needs it.
    from scipy.stats import ks_2samp  # noqa: PLC0415

    ranks = np.arange(recent, dtype=np.float64)
    found = []
    for distance in range(recent + 1):
        with warnings.catch_warnings():
            # It warns, as it does River, where rounding makes it take the asymptotic p-value.
            warnings.simplefilter("ignore", category=RuntimeWarning)
            test = ks_2samp(ranks, ranks + max(distance - 0.5, 0.0), method="auto")
        found.append(bool(test.pvalue <= alpha and test.statistic > LEAST_DISTANCE))
    return tuple(found)
