"""The decided classes of a multiclass model: which of them are decided more or less often.

Rule.  The decided class is compared like a categorical feature, and beside that each class has a
test of its own, because a distance of the whole cannot see a rare class become twice as frequent:
Fisher's exact test of its share, the odds ratio as effect, both as for the positive decisions
(:mod:`engine.positive_rate`); the significance is divided among the classes and the whole.

Classes are those that the training table decided, at most MAX_CLASSES; rarer ones are ``(other)``
and what the table never decided is ``(unseen)``.  A prediction without a decision counts nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from engine.levels import Level, worst
from engine.performance_layout import MAX_CLASSES
from engine.positive_rate import AS_COUNTED, RateVerdict, rate_verdict
from engine.profile import ClassReference
from engine.profile_features import categorical_profile
from engine.verdict_tree import verdict_tree

if TYPE_CHECKING:
    from engine.measuring import Verdict
    from engine.model import MonitoredModel
    from engine.profile_features import ReferenceFrame
    from engine.reference_table import ReferenceTable
    from engine.spec import Spec

OTHER: Final = "(other)"
UNSEEN: Final = "(unseen)"


@dataclass(frozen=True, slots=True)
class ClassShares:
    """The decided classes of a window against the reference's."""

    level: Level
    """The worst of the whole and of each class."""
    verdict: Verdict
    """Of the whole."""
    classes: dict[str, RateVerdict]
    """Class -> its share; one that neither side has is left out."""


def class_reference(
    spec: Spec, table: ReferenceTable, frame: ReferenceFrame
) -> ClassReference | None:
    """What the table decided; None unless it is of a multiclass model and says so."""
    decided = table.decided
    if spec.prediction.type != "multiclass" or decided is None:
        return None
    texts = [None if text is None else str(text) for text in decided]
    if not any(text is not None for text in texts):
        return None
    shares = categorical_profile(texts, 0, MAX_CLASSES, frame)
    own = {}
    given = _mask(text is not None for text in texts)
    listed = set(shares.categories)
    masks = [_mask(text == name for text in texts) for name in shares.categories]
    masks.append(_mask(text is not None and text not in listed for text in texts))
    for window, blocks in frame.blocks.items():
        found = [rate for mask in masks if (rate := blocks.rate(mask, given)) is not None]
        if len(found) == len(masks):
            own[window] = tuple(found)
    return ClassReference(shares=shares, own=own)


def class_shares(
    model: MonitoredModel, verdict: Verdict, window: str, alpha: float
) -> ClassShares | None:
    """The classes of a window, of which ``verdict`` is the whole; None without a decision."""
    reference = model.profile.classes
    if reference is None or not verdict.events:
        return None
    actual, expected = verdict.sample.actual.tolist(), reference.shares.counts
    own = reference.own.get(window, ())
    names = [*reference.shares.categories, OTHER, UNSEEN]
    tested = sum(1 for now, then in zip(actual, expected, strict=True) if now or then)
    found = {}
    for cell, name in enumerate(names):
        if actual[cell] or expected[cell]:
            found[name] = rate_verdict(
                (actual[cell], verdict.events, expected[cell], sum(expected)),
                own[cell] if cell < len(own) else AS_COUNTED,
                model.spec.prediction,
                alpha / (tested + 1),
            )
    return ClassShares(worst([verdict.level, *(v.level for v in found.values())]), verdict, found)


def classes_tree(model: MonitoredModel, found: ClassShares) -> dict[str, Any]:
    """The classes as a judgement tells them."""
    tree = verdict_tree(found.verdict, model, bins=False)
    return {
        **{("undecided" if name == "missing" else name): tree[name] for name in tree},
        "level": found.level,
        "shares": {
            name: {
                "level": one.level,
                "share": one.rate,
                "expected": one.expected,
                "odds_ratio": one.odds_ratio,
                "p_value": one.p_value,
            }
            for name, one in found.classes.items()
        },
    }


def _mask(rows: Iterable[bool]) -> npt.NDArray[np.bool_]:
    return np.array(list(rows), dtype=np.bool_)
