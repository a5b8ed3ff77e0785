"""Which features of a window moved: as many as the false discovery rate allows.

Rule (Benjamini and Hochberg 1995).  With m comparisons and the share q of a window, Bonferroni
calls a feature moved at ``p <= q / m``.  With a thousand features that is a threshold which a
change of hundreds of them may miss one by one.  So the k smallest p-values are called moved
together when the k-th is at most ``k q / m``, for the largest such k: where nothing moved, the
probability that any is called is still at most q (Simes 1986), which is all that the budget of
pages asks; where many moved, among those that are called at most the share q is called wrongly.

Dependence.  Simes' inequality holds for independent features and for those that depend on each
other positively, as copies and what is made from one source do; for any dependence whatever
(Benjamini and Yekutieli 2001) the threshold would be divided by 1 + 1/2 + ... + 1/m, 4.5 at 50
features, which is less than Bonferroni has where one feature moved.  What the features of a model
do together on real days is measured (docs/false-alarms.md).

Features that are held back, because their data are bad, take no part: a fault of ten features must
not make the eleventh easier to call.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isnan

from engine.levels import MAX_SIGNIFICANCE


def discovery_alpha(chances: Iterable[float], alpha: float) -> float:
    """The p-value up to which features are called moved: at least ``alpha``, which is q / m, and
    otherwise at most MAX_SIGNIFICANCE.

    ``chances`` are p-values of the features that take part; the others count in m only.
    """
    found = 1
    for rank, chance in enumerate(sorted(c for c in chances if not isnan(c)), start=1):
        if chance <= rank * alpha:
            found = rank
    return max(alpha, min(MAX_SIGNIFICANCE, found * alpha))
