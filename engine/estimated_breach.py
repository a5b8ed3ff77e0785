"""Performance that is estimated to have fallen: support for a request to retrain, never a request.

Rule.  A measure is estimated to have fallen when the estimate of the window is below that of the
training table's own scores by more than ``worse_by`` (of ``performance``, or three points), with
its whole interval.  Both come through the same map, so what the map gets wrong is in both.

Why it asks for nothing by itself: it assumes that a score means what it meant
(:mod:`detectors.cbpe`), so it is blind to concept drift, and of a population that became harder it
only says that it is harder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.estimating import estimates

if TYPE_CHECKING:
    from engine.judgement import Judged

USUAL_WORSE_BY: Final = 0.03
"""Three points, where the spec does not say how much worse a measure may be."""


def estimated_worse(judged: Judged) -> dict[str, float] | None:
    """Measure -> by how much it is estimated to be worse; None where nothing is estimated."""
    if judged.estimated is None or judged.estimated_usual is None:
        return None
    usual, rules = estimates(judged.estimated_usual), judged.model.spec.performance
    found = {}
    for name, now in estimates(judged.estimated).items():
        if name not in usual:
            continue
        measure = None if rules is None else rules.measures.get(name)
        worse_by = None if measure is None else measure.worse_by
        then = usual[name].value
        below = then - now.value
        if below > (USUAL_WORSE_BY if worse_by is None else worse_by) and now.high < then:
            found[name] = below
    return found
