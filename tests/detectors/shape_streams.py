"""Streams of losses whose way of changing is known, and how their windows are named."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np

from detectors.concept_shape import concept_shape

if TYPE_CHECKING:
    from detectors.contract import FloatArray

KINDS: Final = ("none", "sudden", "gradual", "incremental", "recurring")
WINDOWS: Final = 60
SEEDS: Final = 50
FLIPS: Final = 3
"""Changes of a gradual stream at least: with one it is a sudden one."""


def error_rates(kind: str, rng: np.random.Generator, size: int) -> FloatArray:
    """Share of the new concept at each event, windows of ``size`` events, shape (events,).

    The change begins between a quarter and a half of the stream, in the midst of a window, and
    takes a fifth to a third of it where it takes time.  A gradual stream draws its concept anew
    every two windows, the new one more and more often.
    """
    at = np.arange(WINDOWS * size)
    start = int(rng.integers(WINDOWS // 4, WINDOWS // 2)) * size + int(rng.integers(size))
    takes = int(rng.integers(WINDOWS // 5, WINDOWS // 3)) * size
    along = np.clip((at - start) / takes, 0.0, 1.0)
    shares = {
        "none": np.zeros(at.size),
        "sudden": (at >= start).astype(np.float64),
        "incremental": along,
        "recurring": ((at >= start) & (at < start + takes)).astype(np.float64),
    }
    if kind in shares:
        return shares[kind]
    block = (at + int(rng.integers(2 * size))) // (2 * size)
    chance = along[np.searchsorted(block, np.arange(block[-1] + 1))]
    while True:
        new = rng.random(chance.size) < chance
        if np.sum(new[1:] != new[:-1]) >= FLIPS:
            return new[block].astype(np.float64)


def window_means(
    kind: str, seed: int, size: int, before: float = 0.05, after: float = 0.15
) -> FloatArray:
    """Means of the windows of one seeded stream of 0 and 1, shape (WINDOWS,)."""
    rng = np.random.default_rng(seed)
    rates = before + (after - before) * error_rates(kind, rng, size)
    losses = rng.random(rates.size) < rates
    means: FloatArray = losses.reshape(WINDOWS, size).mean(axis=1)
    return means


def confusion(size: int, before: float = 0.05, after: float = 0.15) -> dict[str, Counter[str]]:
    """How often the streams of each kind got each name, over SEEDS seeds."""
    counts, alarms = np.full(WINDOWS, size), np.array([WINDOWS // 2])
    return {
        kind: Counter(
            concept_shape(window_means(kind, seed, size, before, after), counts, alarms).name
            for seed in range(SEEDS)
        )
        for kind in KINDS
    }
