"""Looking every day without finding what is not there: boundaries by alpha spending.

Rule.  A comparison that is looked at daily at 1.64 finds something in 24 of 100 pairs of equal
models within thirty days.  Here each look may spend a part of alpha, one-sided, and its boundary is
the z that is reached for the first time with just that chance where there is no difference.  What
may be spent by a share t of the planned information (Lan and DeMets 1983):

* ``obrien_fleming``: 2 (1 - Phi(z_{alpha/2} / sqrt(t))): next to nothing early, nearly the whole
  level of a single look at the end;
* ``pocock``: alpha ln(1 + (e - 1) t): about the same boundary at every look; it finds large
  differences earlier and small ones less often.

The looks need not be planned, only the information at which the last is due; when they are made may
depend on the calendar and on counts of events, never on how these turned out.  Information is any
count in proportion to which 1 / variance grows: pairs of :mod:`detectors.mcnemar`,
:func:`detectors.paired_auc.worth`.

No look is made, and nothing is spent, where one brings less than LEAST_STEP of the planned
information, or fewer events than before (amended counts may), or may spend less than LEAST_SPENT;
the next one may spend what this one did not.

Beyond the plan: the first look at or above the planned information is the last one.  It spends all
that is left, and its boundary follows from the information that there really is; so the type I
error is alpha however far it overran.  Later there is none: the answer is what was found by then.
A plan may be changed between looks by those who have not seen z; what was spent stays spent.

When it lies: z is normal for large samples only; with a few dozen discordant pairs or positives the
level is near alpha and not at it.  Events that come in clusters are fewer than they seem, and no
spending repairs that.  After a stop the estimate is too good by its own luck (the winner's curse):
read the interval as a description.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal

from scipy.special import ndtr, ndtri

from detectors.boundary_crossing import Walks, begun, boundary_of, carried, crossing
from detectors.contract import P_VALUE_FLOOR

if TYPE_CHECKING:
    from collections.abc import Sequence

Family = Literal["obrien_fleming", "pocock"]

LEAST_STEP: Final = 0.002
"""Share of the planned information that a look must bring, so there are at most 500."""
LEAST_SPENT: Final = 1e-9
"""Alpha below which no boundary is made of it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Raises ValueError for a plan that means nothing."""

    planned: float
    """Information at which the last look is due, > 0."""
    alpha: float = 0.05
    """Type I error of all looks together, one-sided, in (0, 0.5)."""
    family: Family = "obrien_fleming"

    def __post_init__(self) -> None:
        if not 0.0 < self.planned < math.inf:
            raise ValueError(f"planned information is finite and above 0, not {self.planned}")
        if not 0.0 < self.alpha < 0.5:  # noqa: PLR2004
            raise ValueError(f"alpha is between 0 and 0.5, not {self.alpha}")
        if self.family not in {"obrien_fleming", "pocock"}:
            raise ValueError(f"spending is obrien_fleming or pocock, not {self.family!r}")


@dataclass(frozen=True, slots=True)
class Look:
    """A look that was made; the comparison is decided where z reached the boundary."""

    information: float
    spent: float
    """Alpha spent by this look and those before."""
    boundary: float
    """The z to reach."""


def spendable(fraction: float, plan: Plan) -> float:
    """Alpha that may be spent by this share of the planned information; all of it from 1 on."""
    if fraction <= 0.0:
        return 0.0
    if fraction >= 1.0:
        return plan.alpha
    if plan.family == "pocock":
        return plan.alpha * math.log1p(math.expm1(1.0) * fraction)
    return 2.0 * float(ndtr(float(ndtri(plan.alpha / 2.0)) / math.sqrt(fraction)))


def next_look(looks: Sequence[Look], information: float, plan: Plan) -> Look | None:
    """The look with this information after those made; None where none is to be made.

    Args:
        looks: made so far in their order, none of which crossed its boundary.
        information: that there is now, >= 0.
        plan: as it is now.

    Raises ValueError for information that is no finite number, or looks that are in no order.

    """
    if not math.isfinite(information):
        raise ValueError(f"information is finite, not {information}")
    before = looks[-1].information if looks else 0.0
    spent = looks[-1].spent if looks else 0.0
    may_spend = spendable(information / plan.planned, plan)
    little = information - before < LEAST_STEP * plan.planned
    if little or may_spend - spent < LEAST_SPENT:
        return None
    walks = below(looks, information)
    return Look(information, may_spend, boundary_of(walks, information, may_spend - spent))


def below(looks: Sequence[Look], information: float) -> Walks:
    """The walks that crossed no boundary, on points fit for a look with this information.

    Raises ValueError for looks that are in no order.
    """
    reached = [0.0, *(look.information for look in looks), information]
    if any(later <= earlier for earlier, later in pairwise(reached)):
        raise ValueError("looks are in the order of their information")
    walks = begun()
    for look, following in zip(looks, reached[2:], strict=True):
        walks = carried(walks, look.information, look.boundary, following)
    return walks


def p_value(looks: Sequence[Look], z: float) -> float:
    """P-value of a comparison that ended with the last of these looks, at this z.

    The chance to cross before, or to be at z or above now, without a difference (stage-wise order:
    Jennison and Turnbull 2000, ch. 8.4): at most the alpha spent just where z reached the boundary.
    It is that of an end.  At a look that neither crossed nor was the last it may be below alpha
    without meaning anything.  NaN of no looks or a z that is NaN.
    """
    if not looks or math.isnan(z):
        return math.nan
    *before, last = looks
    spent = before[-1].spent if before else 0.0
    now = crossing(below(before, last.information), last.information, z)
    return min(max(spent + now, P_VALUE_FLOOR), 1.0)


def looks_at(information: Sequence[float], plan: Plan) -> tuple[Look, ...]:
    """The looks that come of these amounts of information in turn, while no boundary is crossed."""
    made: tuple[Look, ...] = ()
    for each in information:
        look = next_look(made, each, plan)
        made = made if look is None else (*made, look)
    return made
