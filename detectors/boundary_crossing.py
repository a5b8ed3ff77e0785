"""Chances that a score which is looked at again and again crosses its boundary.

Theory.  Scores z of growing data are those of a random walk: S = z sqrt(I) at information I has
independent normal steps of variance equal to the information that was added, and drift x that
information in the mean (canonical joint distribution, Jennison and Turnbull 2000, ch. 3.1).  The
density of the walks that are still below all boundaries is carried from look to look by numerical
integration (Armitage, McPherson and Rowe 1969; Jennison and Turnbull 2000, ch. 19.2):

    f_k(s) = integral of f_{k-1}(u) phi((s - u - drift D) / sqrt(D)) / sqrt(D) du,  u below b_{k-1}

D being the information added.  Each integral is a sum over Gauss-Legendre panels no wider than
PANEL standard deviations of the smaller of the steps before and after, from REACH standard
deviations below the mean to the boundary.  What is left out below is less than 1e-9 of all walks,
and they would have to come back from there to count.

Speed: thirty looks 5 ms, a year of daily ones 0.7 s; a boundary more is one such pass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import ndtr, roots_legendre

if TYPE_CHECKING:
    from collections.abc import Sequence

    from detectors.contract import FloatArray

PANEL: Final = 4.0
"""Width of a panel in standard deviations of a step."""
REACH: Final = 6.5
"""Standard deviations of z that are followed on either side of its mean."""
KNOTS: Final = 12
"""Points of a panel."""
HALVINGS: Final = 60
"""Steps of the bisection for a boundary."""
HIGHEST: Final = 40.0
"""A z that no boundary is above: its tail is below the smallest double."""


@dataclass(frozen=True, slots=True)
class Walks:
    """The walks that are below every boundary so far."""

    information: float
    places: FloatArray
    """S of each point, shape (points,)."""
    masses: FloatArray
    """How much of all walks each point stands for, the same shape."""


def begun() -> Walks:
    """All of them, before there is any information."""
    return Walks(0.0, np.zeros(1), np.ones(1))


def crossing_chances(
    information: Sequence[float], boundaries: Sequence[float], drift: float = 0.0
) -> FloatArray:
    """Chance to cross at each look for the first time; their sum is the type I error at drift 0.

    Args:
        information: at each look, > 0 and strictly increasing.
        boundaries: z that is crossed when reached, one a look; infinite for none.
        drift: mean of z over sqrt(information); of 4 discordant pairs in 100 and a gain of 1 % it
            is 0.01 / sqrt(0.04) with pairs as information.

    Raises ValueError for looks that do not bring information or lack a boundary.

    """
    if len(information) != len(boundaries):
        raise ValueError("every look has one boundary")
    if any(after <= before for before, after in pairwise((0.0, *information))):
        raise ValueError("every look brings information")
    chances = np.zeros(len(information))
    walks = begun()
    for place, (reached, boundary) in enumerate(zip(information, boundaries, strict=True)):
        chances[place] = crossing(walks, reached, boundary, drift)
        if place + 1 < len(information):
            walks = carried(walks, reached, boundary, information[place + 1], drift)
    return chances


def crossing(walks: Walks, information: float, boundary: float, drift: float = 0.0) -> float:
    """Chance to be at ``boundary`` or above at the look with this information."""
    added = information - walks.information
    above = walks.places + drift * added - boundary * math.sqrt(information)
    return float(walks.masses @ ndtr(above / math.sqrt(added)))


def carried(
    walks: Walks, information: float, boundary: float, following: float, drift: float = 0.0
) -> Walks:
    """The walks below ``boundary`` at this look, on points fine enough for the next one.

    Args:
        walks: of the look before.
        information: at this look, more than theirs.
        boundary: z of this look.
        following: information at the next look.
        drift: as of :func:`crossing_chances`.

    """
    added = information - walks.information
    scale, mean = math.sqrt(information), drift * information
    low = mean - REACH * scale
    high = max(min(boundary * scale, mean + REACH * scale), low)
    width = PANEL * math.sqrt(min(added, following - information))
    panels = max(1, math.ceil((high - low) / width))
    edges = np.linspace(low, high, panels + 1)
    knots, weights = roots_legendre(KNOTS)
    half = (high - low) / (2.0 * panels)
    places = (edges[:-1, None] + half * (knots + 1.0)).ravel()
    steps = (places[:, None] - walks.places - drift * added) / math.sqrt(added)
    density = np.exp(-0.5 * steps * steps) @ walks.masses / math.sqrt(2.0 * math.pi * added)
    return Walks(information, places, density * np.tile(half * weights, panels))


def boundary_of(walks: Walks, information: float, chance: float) -> float:
    """The z that the walks reach at this look with just that chance, > 0, without drift.

    Infinite where not even the smallest chance is as rare, minus HIGHEST where fewer are left.
    """
    low, high = -HIGHEST, HIGHEST
    if crossing(walks, information, high) > chance:
        return math.inf
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        # The high end never spends more than the chance.
        if crossing(walks, information, middle) > chance:
            low = middle
        else:
            high = middle
    return high
