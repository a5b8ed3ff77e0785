"""Who pays what where: the tables that card payments are drawn from.

Rule.  Everything is a column of one block of payments and is drawn from the generator that is
passed in, in a fixed order, so that a drift changes what it names and leaves every other draw as it
was.  How far a drift has come is a column too: the share of payments drawn from the other mix.

Theory.  Amounts are log-normal around their merchant category's centre and their user's own scale,
with a Pareto tail of exponent TAIL_EXPONENT on TAIL_SHARE of the payments: mean and median lie
apart, the variance is infinite and the largest payments carry much of the money.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Row = tuple[float, ...]
"""What is known of a category: its shares first, its weight in the score last."""

MISSING: Final = -1
"""The code of a category that was not recorded."""
TAIL_SHARE: Final = 0.02
TAIL_EXPONENT: Final = 1.5
AMOUNT_SPREAD: Final = 0.7
"""Standard deviation of the logarithm of amounts within a merchant category and a user."""
LARGEST_AMOUNT: Final = 250_000.0
"""What the cards of this issuer can pay at most."""
CENTS: Final = 100.0
USUAL_AMOUNT: Final = 40.0
"""What a user of scale 1 usually pays, in euros."""

MERCHANTS: Final[dict[str, Row]] = {
    # category: share of payments, share in the drifted mix, typical amount, weight in the score
    "5411": (0.260, 0.120, 32.0, -0.6),  # groceries
    "5541": (0.110, 0.050, 45.0, -0.3),  # fuel
    "5812": (0.120, 0.060, 38.0, -0.4),  # restaurants
    "5814": (0.130, 0.060, 11.0, -0.5),  # fast food
    "5912": (0.060, 0.040, 21.0, -0.4),  # pharmacies
    "4111": (0.080, 0.040, 6.0, -0.6),  # local transport
    "5651": (0.050, 0.080, 64.0, 0.1),  # clothing
    "5732": (0.030, 0.120, 180.0, 0.9),  # electronics
    "5999": (0.050, 0.160, 55.0, 0.7),  # other shops, online
    "4511": (0.015, 0.040, 320.0, 0.6),  # airlines
    "7011": (0.020, 0.040, 150.0, 0.3),  # hotels
    "5816": (0.040, 0.120, 14.0, 1.1),  # digital goods
    "7995": (0.010, 0.050, 60.0, 1.6),  # betting
    "6011": (0.025, 0.020, 120.0, 0.4),  # cash
}
COUNTRIES: Final[dict[str, Row]] = {
    # country: share of payments, share in the drifted mix, weight in the score
    "DE": (0.820, 0.300, -0.3),
    "AT": (0.040, 0.080, 0.0),
    "FR": (0.030, 0.100, 0.2),
    "NL": (0.030, 0.080, 0.2),
    "IT": (0.020, 0.060, 0.3),
    "GB": (0.020, 0.100, 0.5),
    "US": (0.025, 0.160, 0.9),
    "BR": (0.005, 0.040, 1.5),
    "TR": (0.005, 0.040, 1.2),
    "TH": (0.005, 0.040, 1.4),
}
DEVICES: Final[dict[str, Row]] = {
    # device: share of payments, share in the drifted mix, weight in the score
    "contactless": (0.480, 0.150, -0.6),
    "chip": (0.220, 0.080, -0.8),
    "phone": (0.140, 0.220, -0.2),
    "app": (0.100, 0.300, 0.8),
    "web": (0.060, 0.250, 1.3),
    "wearable": (0.0, 0.0, 0.0),  # nobody has one until it is brought out
}
NEW_DEVICE: Final = list(DEVICES).index("wearable")
REMOTE_DEVICES: Final = tuple(list(DEVICES).index(name) for name in ("app", "web"))
RENAMED_COUNTRY: Final = len(COUNTRIES)
"""Added to the code of a country that comes under another spelling."""


def categories(rng: np.random.Generator, table: Mapping[str, Row], drifted: Floats) -> Integers:
    """Draw a category per payment; with probability ``drifted`` from the drifted mix."""
    uniform, switch = rng.random(len(drifted)), rng.random(len(drifted))
    usual, other = (_pick(table, place, uniform) for place in (0, 1))
    return np.where(switch < drifted, other, usual)


def _pick(table: Mapping[str, Row], place: int, uniform: Floats) -> Integers:
    upto = np.cumsum([row[place] for row in table.values()])
    return np.searchsorted(upto / upto[-1], uniform, side="right").astype(np.int64)


def amounts(rng: np.random.Generator, mcc: Integers, scale: Floats) -> Floats:
    """Heavy-tailed amounts in euros around each user's own scale, not yet rounded."""
    centre = np.array([row[2] for row in MERCHANTS.values()])[mcc] * scale
    usual = centre * np.exp(AMOUNT_SPREAD * rng.standard_normal(len(mcc)))
    tail = centre * (1.0 - rng.random(len(mcc))) ** (-1.0 / TAIL_EXPONENT)
    return np.where(rng.random(len(mcc)) < TAIL_SHARE, tail, usual)


def in_cents(amount: Floats) -> Floats:
    """Between one cent and LARGEST_AMOUNT, whole cents."""
    return np.round(np.clip(amount, 1.0 / CENTS, LARGEST_AMOUNT) * CENTS) / CENTS
