"""Changes put into real rows from one row on, at a strength.

Rule.  An injection changes the named features (or the losses) from ``change`` on and nothing else.
What a strength means stands at :data:`KINDS`.  A change of medium strength is one that only a
share of the rows has, so that values on a lattice can have it too.  The share is found on the
reference alone, feature by feature: that at which its PSI is MEDIUM_PSI, within MEDIUM_TOLERANCE,
by bisection; nothing of what the detectors say goes into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from load_tests.quality.columns import Columns, FloatArray
from load_tests.quality.measured import measure_window
from load_tests.quality.real_data import CATEGORICAL, NUMERIC, RealData

MEDIUM_PSI: Final = 0.25
MEDIUM_TOLERANCE: Final = 0.02
MEDIUM_SEED: Final = 7
"""Of the draws by which the medium strength is found."""
MEDIUM_STRENGTH: Final = 1.0
"""Of a medium shift or scale on the rows that have it: one stddev, twice as large."""
BISECTIONS: Final = 20


@dataclass(frozen=True, slots=True)
class Injection:
    """What a kind of injection does."""

    says: str
    features: str
    """``numeric``, ``categorical``, ``both`` or ``none``: which of the named features it takes."""
    is_share: bool = True
    """Whether a strength is the share of the rows that have it; else all have it."""
    strengths: tuple[float, ...] = (0.05, 0.1, 0.2, 0.4, 0.8)


KINDS: Final[dict[str, Injection]] = {
    "shift": Injection("strength x reference stddev is added", "numeric", is_share=False),
    "scale": Injection("values are 1 + strength times as large", "numeric", is_share=False),
    "missing": Injection("so large a share of the values is missing", "both"),
    "swap": Injection(
        "so large a share turns into the rarest of the listed categories", "categorical"
    ),
    "flip": Injection(
        "so large a share of the labels is flipped", "none", strengths=(0.02, 0.05, 0.1, 0.2, 0.4)
    ),
}
MEDIUM_KINDS: Final = ("shift", "scale", "swap")
"""Those that PSI can measure: it runs over valid values, and knows no labels."""


def named_features(data: RealData, kind: str) -> tuple[str, ...]:
    """The features that a kind changes."""
    wanted = KINDS[kind].features
    numeric = NUMERIC[data.name] if wanted in {"numeric", "both"} else ()
    categorical = CATEGORICAL[data.name] if wanted in {"categorical", "both"} else ()
    return (*numeric, *categorical)


def inject(
    data: RealData,
    columns: Columns,
    kind: str,
    strength: float,
    change: int,
    seed: int,
    shares: Mapping[str, float] | None = None,
) -> Columns:
    """The stream with the change from row ``change`` on.  ``shares`` is of the rows that have it,
    feature by feature; without, all have a shift or scale, and ``strength`` is the share else."""
    random = np.random.default_rng([seed, 9, list(KINDS).index(kind)])
    later = np.arange(columns.rows) >= change
    changed = {"changes": (change,), "away": (change,)}
    if kind == "flip":
        hit = (random.random(columns.rows) < strength) & later
        losses = np.where(hit, 1.0 - columns.losses, columns.losses)
        return replace(columns, losses=losses, moves=frozenset(("losses",)), **changed)
    numeric, codes = columns.numeric.copy(), columns.codes.copy()
    usual = strength if KINDS[kind].is_share else 1.0
    for feature in named_features(data, kind):
        share = usual if shares is None else shares[feature]
        hit = (random.random(columns.rows) < share) & later
        if feature in NUMERIC[data.name]:
            place = data.numeric_place(feature)
            _move(numeric[place], hit, kind, strength, data.reference.numeric[place])
        else:
            place = data.categorical_place(feature)
            _recode(codes[place], hit, kind, len(data.model.layout.categorical[place].categories))
    return replace(columns, numeric=numeric, codes=codes, moves=frozenset(("features",)), **changed)


def _move(
    values: FloatArray,
    hit: npt.NDArray[np.bool_],
    kind: str,
    strength: float,
    reference: FloatArray,
) -> None:
    """Change one numeric column in place."""
    if kind == "missing":
        values[hit] = np.nan
    elif kind == "shift":
        values[hit] += strength * float(np.nanstd(reference))
    else:
        values[hit] *= 1.0 + strength


def _recode(
    codes: npt.NDArray[np.int32], hit: npt.NDArray[np.bool_], kind: str, categories: int
) -> None:
    """Change one categorical column in place."""
    if kind == "missing":
        codes[hit] = categories + 2
        return
    # The profile lists categories by their share, the rarest last.
    codes[hit & (codes < categories)] = categories - 1


def medium_shares(data: RealData, kind: str) -> dict[str, tuple[float, float]]:
    """Feature -> (share of the rows at which its PSI on the reference is medium, that PSI)."""
    features = named_features(data, kind)

    def psi_of(shares: Mapping[str, float]) -> dict[str, float]:
        changed = inject(data, data.reference, kind, MEDIUM_STRENGTH, 0, MEDIUM_SEED, shares)
        verdicts = measure_window(data.model, changed).verdicts
        return {verdict.name: verdict.measures["psi"].value for verdict in verdicts}

    low, high = dict.fromkeys(features, 0.0), dict.fromkeys(features, 1.0)
    for _ in range(BISECTIONS):
        middle = {feature: (low[feature] + high[feature]) / 2.0 for feature in features}
        reached = psi_of(middle)
        for feature in features:
            (low if reached[feature] < MEDIUM_PSI else high)[feature] = middle[feature]
    reached = psi_of(high)
    off = {f: psi for f in features if abs((psi := reached[f]) - MEDIUM_PSI) > MEDIUM_TOLERANCE}
    if off:
        raise ValueError(f"{data.name}: no share of {kind} has PSI {MEDIUM_PSI}: {off}")
    return {feature: (high[feature], reached[feature]) for feature in features}
