"""Scripted changes of a stream: what changes, when, how, and how much.

Rule.  Places are shares of the stream, 0 at its first event and 1 at its end.  A change is one of
KINDS and comes in one of SHAPES:

* sudden: all at once at ``start``, to stay;
* incremental: its strength grows evenly over ``ramp``;
* gradual: over ``ramp`` ever more single events have it in full, and the others not at all;
* recurring: from ``start`` on there for ``period``, gone for ``period``, and so on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import msgspec
import numpy as np

from examples.fraud.population import Floats

Shape = Literal["sudden", "gradual", "incremental", "recurring"]
Family = Literal["covariate", "prediction", "concept", "data_fault", "volume"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of change; ``moves`` names what of an event it touches, directly or by the model."""

    family: Family
    moves: tuple[str, ...]
    says: str
    is_share: bool = True
    """Whether a strength is a share of the events, and so at most 1."""


_AMOUNTS: Final = ("amount", "amount_to_usual")
KINDS: Final[dict[str, Kind]] = {
    "amount": Kind(
        "covariate", (*_AMOUNTS, "score"), "amounts are 1 + strength times as large", is_share=False
    ),
    "merchants": Kind(
        "covariate",
        ("mcc", *_AMOUNTS, "score"),
        "so large a share of the payments turns to another mix of merchant categories",
    ),
    "countries": Kind(
        "covariate", ("country", "score"), "so large a share turns to another mix of countries"
    ),
    "devices": Kind(
        "covariate", ("device", "score"), "so large a share turns from the card to apps and the web"
    ),
    "population": Kind(
        "covariate",
        (*_AMOUNTS, "mcc", "country", "device", "score"),
        "merchants, countries and devices turn, and amounts rise, all by so much",
    ),
    "new_device": Kind(
        "covariate", ("device", "score"), "so large a share pays with a device never seen before"
    ),
    "score": Kind(
        "prediction",
        ("score",),
        "the logit of the score rises by so much, and nothing else does",
        is_share=False,
    ),
    "concept": Kind(
        "concept",
        ("label",),
        "so large a share of the fraud is where the model sees none, and there is no more of it",
    ),
    "fraud_wave": Kind(
        "concept", ("label",), "the logit of fraud rises by so much everywhere", is_share=False
    ),
    "rescaled": Kind(
        "data_fault", (*_AMOUNTS, "score"), "so large a share has its amount in cents (x100)"
    ),
    "missing": Kind(
        "data_fault", ("country", "device", "score"), "so large a share has no country or device"
    ),
    "frozen": Kind(
        "data_fault", (*_AMOUNTS, "score"), "so large a share repeats one and the same amount"
    ),
    "renamed": Kind(
        "data_fault", ("country", "score"), "so large a share spells its country in small letters"
    ),
    "volume": Kind(
        "volume", ("ts",), "1 + strength times as many payments a second", is_share=False
    ),
}


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One change; ValueError when it makes no sense."""

    kind: str
    shape: Shape = "sudden"
    start: float = 0.5
    strength: float = 0.3
    ramp: float = 0.25
    """Share of the stream until a gradual or incremental change is complete."""
    period: float = 0.1
    """Share of the stream for which a recurring change is there, and for which it is gone."""

    def __post_init__(self) -> None:
        """Refuse what could not be carried out as it is told."""
        if self.kind not in KINDS:
            raise ValueError(f"no such drift: {self.kind!r}; there are {', '.join(KINDS)}")
        if not 0.0 <= self.start <= 1.0:
            raise ValueError(f"{self.kind}: start is a share of the stream, not {self.start}")
        if not (0.0 < self.ramp <= 1.0 and 0.0 < self.period <= 1.0):
            raise ValueError(f"{self.kind}: ramp and period are shares of the stream above 0")
        most = 1.0 if KINDS[self.kind].is_share else 100.0
        if not 0.0 <= self.strength <= most:
            raise ValueError(f"{self.kind}: strength must be 0 to {most:g}, not {self.strength}")

    def strengths(self, place: Floats, drawn: Floats) -> Floats:
        """How strong it is at each place; ``drawn``, uniform in [0, 1), decides whether an event of
        a gradual change has it.  Shape (events,) all three."""
        passed = place - self.start
        if self.shape == "sudden":
            share = (passed >= 0.0).astype(np.float64)
        elif self.shape == "recurring":
            # Rounded, because 0.6 - 0.5 is less than 0.1.
            turn = np.floor(np.round(passed / self.period, 9))
            share = ((passed >= 0.0) & (turn % 2 == 0)).astype(np.float64)
        elif self.shape == "incremental":
            share = np.clip(passed / self.ramp, 0.0, 1.0)
        else:
            share = (drawn < np.clip(passed / self.ramp, 0.0, 1.0)).astype(np.float64)
        return np.asarray(self.strength * share, dtype=np.float64)

    def spans(self) -> list[tuple[float, float, float]]:
        """Where it is: (begins, is complete, ends), as shares of the stream; it ends at 1 where it
        stays."""
        if self.shape == "sudden":
            return [(self.start, self.start, 1.0)]
        if self.shape != "recurring":
            return [(self.start, min(1.0, self.start + self.ramp), 1.0)]
        begins = (
            self.start + 2 * turn * self.period
            for turn in range(math.ceil((1.0 - self.start) / (2 * self.period)))
        )
        return [(at, at, min(1.0, at + self.period)) for at in begins if at < 1.0]


def strengths(changes: tuple[Change, ...], place: Floats, drawn: Floats, *kinds: str) -> Floats:
    """The strongest of the changes of these kinds at each place; 0 where there is none."""
    found = np.zeros(len(place))
    for change in changes:
        if change.kind in kinds:
            np.maximum(found, change.strengths(place, drawn), out=found)
    return found
