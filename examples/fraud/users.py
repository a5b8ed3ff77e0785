"""Users with habits: how often they pay, on what scale, and where they live.

Rule.  The users are a function of the seed, the same for a reference and the stream after it.
A payment belongs to one of USERS; memory does not depend on how many payments there are.

Theory.  Activity follows Zipf-Mandelbrot, p(rank) ~ (rank + FLAT_RANKS) ** -EXPONENT: few pay all
the time, most seldom.  Each has a scale of amounts, log-normal around 1, and a home country, where
all but AWAY_SHARE of the payments are made.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from examples.fraud.population import COUNTRIES, Floats, Integers, categories

USERS: Final = 20_000
EXPONENT: Final = 1.05
FLAT_RANKS: Final = 100.0
"""Keeps the most active user at a fifth of a per cent of the payments."""
SCALE_SPREAD: Final = 0.4
"""Standard deviation of the logarithm of the users' scales."""
AWAY_SHARE: Final = 0.07
HASH_BYTES: Final = 8
_STREAM: Final = 2
"""Which sequence of random numbers of a seed the users are drawn from."""


@dataclass(frozen=True, slots=True)
class Users:
    """All arrays have shape (USERS,), the most active first."""

    upto: Floats
    """Cumulative share of the payments."""
    scale: Floats
    home: Integers
    """Place in COUNTRIES."""
    unit: pl.Series
    """Hashed key, as it stands in events."""

    def draw(self, rng: np.random.Generator, size: int) -> Integers:
        """The users of ``size`` payments, shape (size,)."""
        found = np.searchsorted(self.upto, rng.random(size), side="right")
        return np.minimum(found, USERS - 1).astype(np.int64)

    def countries(self, rng: np.random.Generator, user: Integers, drifted: Floats) -> Integers:
        """Where each pays: mostly at home; with probability ``drifted`` from the drifted mix."""
        switch = rng.random(len(user)) < drifted
        away = rng.random(len(user)) < AWAY_SHARE
        elsewhere = categories(rng, COUNTRIES, np.zeros(len(user)))
        drawn = categories(rng, COUNTRIES, np.ones(len(user)))
        return np.where(switch, drawn, np.where(away, elsewhere, self.home[user]))


def users_of(seed: int) -> Users:
    """The users of a seed."""
    rng = np.random.default_rng([seed, _STREAM])
    weights = (np.arange(USERS) + FLAT_RANKS) ** -EXPONENT
    units = [
        hashlib.blake2b(f"{seed}:{rank}".encode(), digest_size=HASH_BYTES).hexdigest()
        for rank in range(USERS)
    ]
    return Users(
        upto=np.cumsum(weights / weights.sum()),
        scale=np.exp(SCALE_SPREAD * rng.standard_normal(USERS)),
        home=categories(rng, COUNTRIES, np.zeros(USERS)),
        unit=pl.Series("unit", units),
    )
