"""How well another unit explains the blocks of the training data, in which there is none: what
``converted`` is held against (:mod:`engine.quality_values`).

Theory.  A calm week looks like half of the wind in another unit.  So each block of a window's
length is fitted by every unit that a window is, against the reference without the block's stretch
of time (one of FOLDS), and what the best of them explains of the distance, in absolute terms, is
kept as the bound that one further block stays below with probability BELOW: the largest, and
Student's ``mean + t_{B-1} s sqrt(1 + 1/B)``.  A unit must explain more of a window than that.  The
probability is higher than for rates of bad values, whose significance counts values: here a
season of weeks is looked at by a dozen units, and each of them is a chance to look like one.

Powers of ten with the sign, and the units that ``unit`` of the spec may be mistaken for, are each
calibrated by themselves; the latter under the name of the unit, so that another unit in the spec is
not held against the blocks of this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from detectors.unit_fit import gains
from engine.profile import OwnRate
from engine.unit_conversions import conversions, signs_and_scales

BELOW: Final = 0.999
FOLDS: Final = 10
MAX_FITTED_BLOCKS: Final = 400
"""Of more blocks every so many is fitted."""
MIN_FITTED_BLOCKS: Final = 2
CONVERTED: Final = "converted"

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def rate_name(unit: str) -> str:
    """The name of the rate of the units that this one may be mistaken for; ``unit`` is not
    empty."""
    return f"{CONVERTED} {unit}"


def own_conversions(
    blocks: Integers, edges: Floats, counts: Integers, unit: str
) -> dict[str, OwnRate]:
    """The rates by name.

    ``blocks`` has shape (blocks, cells), in order of time, values in each; ``edges`` shape
    (cells - 1,); ``counts`` are the reference's, shape (cells,); ``unit`` is the spec's, empty of
    none.  Without blocks enough, or another reference beside them, there is none.
    """
    groups = {CONVERTED: signs_and_scales(float(edges[0]), float(edges[-1]))}
    if unit:
        groups[rate_name(unit)] = tuple(conversions(unit).values())
    found = {}
    for name, units in groups.items():
        rates = _gains(blocks, edges, counts, units)
        if len(rates) >= MIN_FITTED_BLOCKS:
            found[name] = OwnRate(
                blocks=len(rates), lower=0.0, upper=bound_of(rates), dispersion=1.0
            )
    return found


def bound_of(gains_of_blocks: Floats) -> float:
    """What one further block stays below, at most 1; shape (blocks,), two of them at least."""
    blocks = len(gains_of_blocks)
    spread = float(np.std(gains_of_blocks, ddof=1)) * float(np.sqrt(1.0 + 1.0 / blocks))
    bound = float(np.mean(gains_of_blocks)) + float(stdtrit(blocks - 1, BELOW)) * spread
    return min(1.0, max(float(np.max(gains_of_blocks)), bound))


def _gains(
    blocks: Integers, edges: Floats, counts: Integers, units: Sequence[tuple[float, float]]
) -> Floats:
    """Of each fitted block what the best unit explains, shape (fitted,)."""
    every = max(1, -(-len(blocks) // MAX_FITTED_BLOCKS))
    found = [np.zeros(0)]
    for fold in np.array_split(np.arange(len(blocks)), min(FOLDS, max(1, len(blocks)))):
        rest = counts - blocks[fold].sum(axis=0)
        fitted = fold[fold % every == 0]
        if len(fitted) and rest.sum() > 0:
            found.append(gains(edges, rest, blocks[fitted], units))
    return np.concatenate(found)
