"""Which payments are fraud, and what the model says of them.

Rule.  The truth is drawn with the probability of a logistic rule of fixed weights over the true
features.  The model is that very rule over the features that it is given, so its score is
calibrated, P(fraud | score) = score, until something drifts.  The intercept is found by bisection
so that the share of fraud is the one asked for.

Concept drift mixes that probability with one of other weights: fraud then hides where the model
sees none (card present, everyday shops, small amounts).  Both have the same overall rate, so
P(Y | X) moves while P(X) and P(Y) hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from examples.fraud.population import (
    COUNTRIES,
    DEVICES,
    MERCHANTS,
    USUAL_AMOUNT,
    Floats,
    Integers,
)

SHARPNESS: Final = 2.2
"""Factor on all weights: how well fraud can be told."""
AMOUNT_WEIGHT: Final = 0.35
"""Of the logarithm of the amount over USUAL_AMOUNT."""
HABIT_WEIGHT: Final = 0.20
"""Of the logarithm of the amount over what the user usually pays."""
NIGHT_WEIGHT: Final = 0.8
NIGHT_ENDS_HOUR: Final = 5
LEAST_RATE: Final = 0.0005
LARGEST_RATE: Final = 0.05
_BISECTIONS: Final = 50


@dataclass(frozen=True, slots=True)
class Features:
    """What is known of payments, all of shape (payments,).  Categories are places in the tables;
    MISSING and a renamed country weigh nothing."""

    amount: Floats
    amount_to_usual: Floats
    mcc: Integers
    country: Integers
    device: Integers
    hour: Integers


@dataclass(frozen=True, slots=True)
class Intercepts:
    """Of the rule, and of the rule after the concept has moved."""

    usual: float
    moved: float


def evidence(seen: Features) -> Floats:
    """The logit of the model without its intercept."""
    logit = _weights(MERCHANTS, seen.mcc) + _weights(COUNTRIES, seen.country)
    logit += _weights(DEVICES, seen.device) + NIGHT_WEIGHT * (seen.hour < NIGHT_ENDS_HOUR)
    logit += AMOUNT_WEIGHT * np.log(seen.amount / USUAL_AMOUNT)
    logit += HABIT_WEIGHT * np.log(seen.amount_to_usual)
    return SHARPNESS * logit


def moved_evidence(seen: Features) -> Floats:
    """The logit after the concept has moved, without its intercept: merchants, devices and amounts
    count the other way round."""
    logit = _weights(COUNTRIES, seen.country) - _weights(MERCHANTS, seen.mcc)
    logit -= _weights(DEVICES, seen.device) + AMOUNT_WEIGHT * np.log(seen.amount / USUAL_AMOUNT)
    return SHARPNESS * logit


def _weights(table: dict[str, tuple[float, ...]], codes: Integers) -> Floats:
    """Weight per payment; codes beyond the table, and MISSING from behind, meet a zero."""
    weights = np.array([*(row[-1] for row in table.values()), *[0.0] * (len(table) + 1)])
    return np.asarray(weights[codes], dtype=np.float64)


def probability(logit: Floats) -> Floats:
    """The logistic function."""
    return np.asarray(1.0 / (1.0 + np.exp(-logit)), dtype=np.float64)


def intercepts(sample: Features, fraud_rate: float) -> Intercepts:
    """Intercepts that give the share ``fraud_rate`` on a sample; ValueError for a rate that is not
    rare (LEAST_RATE to LARGEST_RATE)."""
    if not LEAST_RATE <= fraud_rate <= LARGEST_RATE:
        raise ValueError(f"fraud_rate must be {LEAST_RATE} to {LARGEST_RATE}, not {fraud_rate}")
    return Intercepts(
        _intercept(evidence(sample), fraud_rate), _intercept(moved_evidence(sample), fraud_rate)
    )


def _intercept(logit: Floats, rate: float) -> float:
    low, high = -50.0, 50.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        if float(probability(logit + middle).mean()) < rate:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0
