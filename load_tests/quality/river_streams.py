"""River's synthetic streams with a change of concept, and the losses of a model that learns them.

Rule.  Rows come from River's generators ``before`` and ``after``; a change decides, row by row and
by the seed, from which.  SEA, Agrawal and Sine change P(Y | X) and leave P(X) as it is, so for a
detector of features they are still throughout; RandomRBF changes P(X) too.

The losses are those of River's Hoeffding tree, tested on each row before it learns it, after
WARM_ROWS rows of training that are at the same time the reference of the features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from load_tests.quality.columns import Columns, FloatArray, Watched

Kind = Literal["stationary", "sudden", "gradual", "recurring"]
KINDS: Final[tuple[Kind, ...]] = ("stationary", "sudden", "gradual", "recurring")
FAMILIES: Final = ("SEA", "Agrawal", "Sine", "RandomRBF")
WARM_ROWS: Final = 5_000
ROWS: Final = 20_000
GRADUAL_SHARE: Final = 0.1
"""Of the rows, for which a gradual change mixes the two concepts."""
RECURRENCES: Final = 4

Row = tuple[dict[str | int, float], Any]


def _generators(family: str, seed: int) -> tuple[Iterator[Row], Iterator[Row]]:
    """(before, after) of one family, without end."""
    # River brings scikit-learn with it: more than a second.
    from river.datasets import synth  # noqa: PLC0415

    pairs: dict[str, Callable[[], tuple[Any, Any]]] = {
        "SEA": lambda: (
            synth.SEA(variant=2, seed=seed, noise=0.1),
            synth.SEA(variant=3, seed=seed + 1, noise=0.1),
        ),
        "Agrawal": lambda: (
            synth.Agrawal(classification_function=0, seed=seed),
            synth.Agrawal(classification_function=2, seed=seed + 1),
        ),
        "Sine": lambda: (
            synth.Sine(classification_function=0, seed=seed),
            synth.Sine(classification_function=1, seed=seed + 1),
        ),
        "RandomRBF": lambda: (
            synth.RandomRBF(seed_model=seed, seed_sample=seed, n_features=10),
            synth.RandomRBF(seed_model=seed + 1, seed_sample=seed + 1, n_features=10),
        ),
    }
    before, after = pairs[family]()
    return iter(before), iter(after)


def moves_of(family: str) -> frozenset[Watched]:
    """What a change of this family moves."""
    return frozenset(("features", "losses") if family == "RandomRBF" else ("losses",))


def changes_of(kind: Kind, rows: int) -> tuple[int, ...]:
    """The rows at which a change begins."""
    if kind == "stationary":
        return ()
    if kind == "recurring":
        return tuple(rows * turn // (RECURRENCES + 1) for turn in range(1, RECURRENCES + 1))
    return (rows // 2,)


def from_after(kind: Kind, rows: int, random: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Which rows come from the second concept, shape (rows,)."""
    at = np.arange(rows)
    changes = changes_of(kind, rows)
    if kind == "gradual":
        risen = (at - changes[0]) / (GRADUAL_SHARE * rows)
        return np.asarray(random.random(rows) < risen)
    return np.searchsorted(changes, at, side="right") % 2 == 1


def river_stream(
    family: str, kind: Kind, seed: int, rows: int = ROWS, warm_rows: int = WARM_ROWS
) -> tuple[FloatArray, Columns]:
    """(features of the warm-up, shape (features, warm_rows); the stream after it)."""
    from river.tree import HoeffdingTreeClassifier  # noqa: PLC0415 - as above

    # No two streams share a row, or one accident would count several times.
    before, after = _generators(family, 100 * seed + 2 * KINDS.index(kind))
    switch = from_after(kind, rows, np.random.default_rng([seed, KINDS.index(kind)]))
    model = HoeffdingTreeClassifier()
    values: list[list[float]] = []
    losses: list[bool] = []
    for second in [*[False] * warm_rows, *switch.tolist()]:
        x, y = next(after if second else before)
        losses.append(model.predict_one(x) != y)
        model.learn_one(x, y)
        values.append([float(value) for value in x.values()])
    features = np.ascontiguousarray(np.array(values, dtype=np.float64).T)
    changes = changes_of(kind, rows)
    stream = Columns(
        np.ascontiguousarray(features[:, warm_rows:]),
        np.empty((0, rows), np.int32),
        np.array(losses[warm_rows:], dtype=np.float64),
        changes,
        changes[::2],
        moves_of(family) if changes else frozenset(),
    )
    return np.ascontiguousarray(features[:, :warm_rows]), stream
