"""Card payments, block after block: the same for the same seed, whatever drifts.

Rule.  Payments are drawn in blocks of BLOCK, each from a generator of its own, seeded with (seed,
stream, block), and every draw is made whether a change needs it or not.  So the same arguments give
the same payments, a change leaves all that it does not touch as it was, and without changes a
payment does not depend on how many follow it.  The memory is that of one block and of the users.

The truth is drawn from the payment as it was; the model sees it as it arrives, faults included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt

from examples.fraud.drift import Change, strengths
from examples.fraud.population import (
    CENTS,
    DEVICES,
    MERCHANTS,
    MISSING,
    NEW_DEVICE,
    RENAMED_COUNTRY,
    USUAL_AMOUNT,
    Floats,
    Integers,
    amounts,
    categories,
    in_cents,
)
from examples.fraud.rhythm import DAY_MS, HOUR_MS, Rhythm
from examples.fraud.risk import (
    NIGHT_ENDS_HOUR,
    Features,
    Intercepts,
    evidence,
    intercepts,
    moved_evidence,
    probability,
)
from examples.fraud.users import Users, users_of

BLOCK: Final = 65_536
"""Payments drawn at once; a part of the format, as every block has its own random numbers."""
START_MS: Final = 1_767_225_600_000
"""2026-01-01, a Thursday: weeks aligned to the epoch begin on Thursdays."""
STREAM, REFERENCE, _USERS, _CALIBRATION = 0, 1, 2, 3
"""The sequences of random numbers of a seed."""
FRAUD_RATE: Final = 0.004
NIGHT_REMOTE_SHARE: Final = 0.3
"""Of the payments at night, the share that turns from the card to apps and the web."""
FROZEN_AMOUNT: Final = 19.99
LABEL_MEDIAN_DAYS: Final = 9.0
LABEL_SPREAD: Final = 0.8
"""Standard deviation of the logarithm of the delay of a label."""
LABEL_MAX_DAYS: Final = 90.0
"""After so many days nobody disputes a payment any more: the delay is cut here."""
LATENCY_MEDIAN_MS: Final = 11.0
LATENCY_SPREAD: Final = 0.45


@dataclass(frozen=True, slots=True)
class Payments:
    """One block of payments; all arrays have shape (payments,)."""

    ts_ms: Integers
    user: Integers
    value: Floats
    """What was really paid, in euros."""
    amount: Floats
    amount_to_usual: Floats
    """The amount over what this user usually pays."""
    mcc: Integers
    country: Integers
    device: Integers
    hour: Integers
    latency_ms: Floats
    score: Floats
    fraud: npt.NDArray[np.bool_]
    label_ts_ms: Integers
    """When a dispute, or the confirmation that there is none, arrives."""


def generate(
    seed: int,
    events: int,
    start_ms: int = START_MS,
    rate_per_s: float = 1.0,
    changes: tuple[Change, ...] = (),
    stream: int = STREAM,
    fraud_rate: float = FRAUD_RATE,
) -> Iterator[Payments]:
    """Blocks of at most BLOCK payments in order of time, ``events`` in all.

    ``rate_per_s`` is that of an average week.  Raises ValueError when ``events`` is negative,
    ``rate_per_s`` not positive or ``fraud_rate`` not that of a rare event.
    """
    if events < 0:
        raise ValueError(f"events must not be negative, and are {events}")
    rhythm = Rhythm(start_ms, rate_per_s)
    maker = _Maker(users_of(seed), seed, stream, fraud_rate)
    return maker.blocks(rhythm, events, changes)


class _Maker:
    """What all blocks of a stream share."""

    def __init__(self, users: Users, seed: int, stream: int, fraud_rate: float) -> None:
        self.users, self.seed, self.stream = users, seed, stream
        # A week of its own, at any rate: only who pays what counts for the share of fraud.
        sample = self._paid(
            np.random.default_rng([seed, _CALIBRATION]),
            Rhythm(START_MS, BLOCK / (7 * 86_400)),
            np.zeros(BLOCK),
            (),
        )[1]
        self.intercepts: Intercepts = intercepts(sample, fraud_rate)

    def blocks(
        self, rhythm: Rhythm, events: int, changes: tuple[Change, ...]
    ) -> Iterator[Payments]:
        for first in range(0, events, BLOCK):
            rng = np.random.default_rng([self.seed, self.stream, first // BLOCK])
            place = (first + np.arange(BLOCK)) / events
            block = self._draw(rng, rhythm, place, changes)
            # Whole blocks are drawn, so that a longer stream starts with the shorter one.
            yield block if first + BLOCK <= events else head(block, events - first)

    def _paid(
        self,
        rng: np.random.Generator,
        rhythm: Rhythm,
        place: Floats,
        changes: tuple[Change, ...],
    ) -> tuple[Integers, Features, Integers, Floats]:
        """(times, the payments as they were, users, the draws that decide gradual changes)."""
        drawn = rng.random(len(place))

        def strength(*kinds: str) -> Floats:
            return strengths(changes, place, drawn, *kinds)

        ts_ms = rhythm.advance(rng, strength("volume"))
        hour = ts_ms // HOUR_MS % 24
        user = self.users.draw(rng, len(place))
        mcc = categories(rng, MERCHANTS, strength("merchants", "population"))
        country = self.users.countries(rng, user, strength("countries", "population"))
        at_night = NIGHT_REMOTE_SHARE * (hour < NIGHT_ENDS_HOUR)
        turned = 1.0 - (1.0 - at_night) * (1.0 - strength("devices", "population"))
        device = categories(rng, DEVICES, turned)
        device = np.where(rng.random(len(place)) < strength("new_device"), NEW_DEVICE, device)
        inflated = 1.0 + strength("amount", "population")
        scale = self.users.scale[user]
        amount = in_cents(amounts(rng, mcc, scale) * inflated)
        usual = USUAL_AMOUNT * scale
        return ts_ms, Features(amount, amount / usual, mcc, country, device, hour), user, drawn

    def _draw(
        self,
        rng: np.random.Generator,
        rhythm: Rhythm,
        place: Floats,
        changes: tuple[Change, ...],
    ) -> Payments:
        ts_ms, paid, user, drawn = self._paid(rng, rhythm, place, changes)

        def strength(*kinds: str) -> Floats:
            return strengths(changes, place, drawn, *kinds)

        truth = probability(self.intercepts.usual + evidence(paid) + strength("fraud_wave"))
        moved = probability(self.intercepts.moved + moved_evidence(paid))
        share = strength("concept")
        fraud = rng.random(len(place)) < (1.0 - share) * truth + share * moved
        seen = _arrived(paid, rng.random(len(place)), strength)
        logit = self.intercepts.usual + evidence(seen) + strength("score")
        delay = np.exp(LABEL_SPREAD * rng.standard_normal(len(place))) * LABEL_MEDIAN_DAYS
        latency = LATENCY_MEDIAN_MS * np.exp(LATENCY_SPREAD * rng.standard_normal(len(place)))
        return Payments(
            ts_ms=ts_ms,
            user=user,
            value=paid.amount,
            amount=seen.amount,
            amount_to_usual=seen.amount_to_usual.round(4),
            mcc=seen.mcc,
            country=seen.country,
            device=seen.device,
            hour=seen.hour,
            latency_ms=latency.round(1),
            score=probability(logit).round(5),
            fraud=fraud,
            label_ts_ms=ts_ms + (np.minimum(delay, LABEL_MAX_DAYS) * DAY_MS).astype(np.int64),
        )


def _arrived(paid: Features, damaged: Floats, strength: Callable[[str], Floats]) -> Features:
    """The payments as the model gets them: with the faults of what lies before it."""
    lost = damaged < strength("missing")
    spelt = RENAMED_COUNTRY * (damaged < strength("renamed"))
    usual = paid.amount / paid.amount_to_usual
    amount = np.where(damaged < strength("rescaled"), paid.amount * CENTS, paid.amount)
    amount = np.where(damaged < strength("frozen"), FROZEN_AMOUNT, amount)
    return Features(
        amount,
        amount / usual,
        paid.mcc,
        np.where(lost, MISSING, paid.country + spelt),
        np.where(lost, MISSING, paid.device),
        paid.hour,
    )


def head(block: Payments, size: int) -> Payments:
    """The first ``size`` payments of a block."""
    return Payments(*(getattr(block, field.name)[:size] for field in fields(Payments)))
