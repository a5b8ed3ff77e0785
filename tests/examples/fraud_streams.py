"""Streams of the fraud generator as tables, for its tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from examples.fraud.drift import Change
from examples.fraud.payments import BLOCK, FRAUD_RATE, generate
from examples.fraud.tables import frame
from examples.fraud.users import users_of

SEED: Final = 11
EVENTS: Final = 100_000
"""More than one block."""


def payments(
    *changes: Change,
    events: int = EVENTS,
    seed: int = SEED,
    rate: float = 1.0,
    fraud_rate: float = FRAUD_RATE,
) -> pl.DataFrame:
    """All payments of a stream as one table."""
    users = users_of(seed)
    blocks = generate(seed, events, rate_per_s=rate, changes=changes, fraud_rate=fraud_rate)
    return pl.concat([frame(block, users, seed, n * BLOCK) for n, block in enumerate(blocks)])


def psi(before: pl.Series, after: pl.Series) -> float:
    """PSI over ten equal bins of ``before``, or over its categories; a test's own, plain form."""
    shares: list[npt.NDArray[np.float64]]
    if before.dtype == pl.String:
        names = pl.concat([before, after]).drop_nulls().unique().sort().to_list()
        shares = [
            np.array([(side == name).sum() for name in names]) + 0.5 for side in (before, after)
        ]
    else:
        edges = np.quantile(before.to_numpy(), np.arange(1, 10) / 10)
        shares = [
            np.bincount(np.searchsorted(edges, side.to_numpy(), side="right"), minlength=10) + 0.5
            for side in (before, after)
        ]
    e, a = (counts / counts.sum() for counts in shares)
    return float(((a - e) * np.log(a / e)).sum())


def calibration(table: pl.DataFrame, edges: Sequence[float]) -> npt.NDArray[np.float64]:
    """How far the fraud in each bin of the score lies from the sum of the scores, in standard
    deviations of a sum of independent events of those probabilities; shape (bins,)."""
    score, fraud = table["score"].to_numpy(), table["label"].to_numpy()
    home = np.searchsorted(edges, score, side="right")
    expected = np.bincount(home, score, len(edges) + 1)
    variance = np.bincount(home, score * (1.0 - score), len(edges) + 1)
    return np.asarray((np.bincount(home, fraud, len(edges) + 1) - expected) / np.sqrt(variance))


def auc(table: pl.DataFrame) -> float:
    """Probability that a fraud has a higher score than another payment."""
    ranks = table["score"].rank("average").to_numpy()
    fraud = table["label"].to_numpy() == 1
    ours, others = int(fraud.sum()), int((~fraud).sum())
    return float((ranks[fraud].sum() - ours * (ours + 1) / 2) / (ours * others))
