"""PROMOTE, HOLD or REJECT: the decision core of a comparison, over counts.

Rule.  At each look (a day, say) the counts since the beginning are measured.  The challenger is
*better* where z is at or above the look's boundary, *worse* where it is at or below minus the
boundary.  The boundaries are those of alpha spending at half the significance for each side
(:mod:`detectors.alpha_spending`, O'Brien-Fleming-like), so that both sides and all looks together
err at most at the significance.  Alpha is spent by the calendar: the share of the planned
information is the share of ``length`` that has passed, whatever the traffic was (Lan and DeMets
1989); who decides when to look has seen dates and numbers of events, never z.  Of the significance
of an AUC a part is kept back (KEPT_BACK): its z is normal for large samples only.

* PROMOTE: better, by an estimate above ``better_by`` (with ``margin: tested`` better than that:
  the z of that difference is at the boundary), and every guard holds.  Final.
* REJECT: worse; or, at the last look, not shown to be better by so much.  Final.
* HOLD: anything else, with its reasons.  At the last look it is final: better by enough, and only
  guards hold it back; somebody may mend that and compare again.

Who goes on looking at a challenger that is better and held back errs no more often: to be promoted
it must still be above a boundary.

p-value: two-sided, twice that of alpha spending's stage-wise order at the |z| of the look; it is
below the significance where a boundary was crossed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from detectors.alpha_spending import Look, Plan, below, next_look
from detectors.boundary_crossing import Walks, crossing
from detectors.contract import P_VALUE_FLOOR

if TYPE_CHECKING:
    from engine.champion.guards import Guarded
    from engine.champion.measuring import Measured
    from engine.comparison_rules import ComparisonRules, Measure

Verdict = Literal["PROMOTE", "HOLD", "REJECT"]
SIDES: Final = 2
KEPT_BACK: Final[dict[Measure, float]] = {"auc": 0.05, "accuracy": 0.0}
"""Share of the significance that is never spent: over worlds of equals with 2 to 50 positives a day
DeLong's z crossed up to 1.01 times as often as it may; z of accuracy is cautious by itself."""
MAX_LOOKS: Final = 400
"""Looks of one comparison: alpha spending's integral takes a second for so many."""

REMEMBERED: Final = 256
"""Boundaries kept: a judge that is restored and scraped asks again for those that it knows."""


class LookMade(msgspec.Struct, frozen=True, array_like=True):
    """A look, as the decisions remember it."""

    end_ms: int
    information: float
    spent: float
    """Alpha of one side spent by this look and those before."""
    boundary: float
    """JSON has no infinity: the look is not made then."""
    z: float
    difference: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What a look says."""

    verdict: Verdict
    reasons: tuple[str, ...]
    """Why not otherwise, the same words always; empty of a promotion."""
    final: bool
    look: LookMade | None
    """None where no look was made: too little came since the last one."""
    p_value: float
    """NaN without a look."""


def decide_look(
    rules: ComparisonRules,
    looks: Sequence[LookMade],
    end_ms: int,
    elapsed_ms: int,
    measured: Measured,
    guards: Sequence[Guarded],
    also: Sequence[str] = (),
) -> Decision:
    """The decision at a look.

    Args:
        rules: of the comparison.
        looks: made before, in their order.
        end_ms: event time of this one.
        elapsed_ms: since the beginning of the comparison.
        measured: the counts since the beginning.
        guards: what became of each.
        also: further reasons to hold back.

    """
    last = elapsed_ms >= rules.length_ms
    look = _look(rules, looks, end_ms, elapsed_ms, measured)
    held_back = [*also, *(f"guard:{each.metric}" for each in guards if not each.held)]
    if look is None:
        # Without a single event that tells the two apart there is no z, however many labels came.
        equal = measured.difference.value == 0.0 and math.isnan(measured.z)
        why = "no_difference" if equal and measured.information > 0.0 else "too_little"
        # What is looked at last and tells nothing has not shown that it is better; unless it was by
        # the look before, and only guards held it back.
        shown = bool(looks) and _is_better(looks[-1], rules)
        verdict: Verdict = "REJECT" if last and not shown else "HOLD"
        return Decision(verdict, (why, *held_back), last, None, math.nan)
    chance = _p_value((*looks, look))
    if look.z <= -look.boundary:
        return Decision("REJECT", ("worse",), final=True, look=look, p_value=chance)
    short = []
    if look.z < look.boundary:
        short.append("not_significant")
    if not measured.difference.value > rules.better_by or (
        rules.margin == "tested" and not measured.z_margin >= look.boundary
    ):
        short.append("not_by_margin")
    reasons = (*short, *held_back)
    if not reasons:
        return Decision("PROMOTE", (), final=True, look=look, p_value=chance)
    return Decision("REJECT" if last and short else "HOLD", reasons, last, look, chance)


def _is_better(look: LookMade, rules: ComparisonRules) -> bool:
    """Whether a look made before was better by enough; never where the margin is tested, whose z
    nobody remembers."""
    found = look.z >= look.boundary and look.difference > rules.better_by
    return found and rules.margin != "tested"


def _look(
    rules: ComparisonRules,
    looks: Sequence[LookMade],
    end_ms: int,
    elapsed_ms: int,
    measured: Measured,
) -> LookMade | None:
    """The look with these counts; None where none is to be made."""
    if not measured.information > 0.0 or math.isnan(measured.z) or elapsed_ms <= 0:
        return None
    planned = measured.information * max(1.0, rules.length_ms / elapsed_ms)
    alpha = rules.significance * (1.0 - KEPT_BACK[rules.measure]) / SIDES
    made = _next(_plain(looks), measured.information, planned, alpha)
    if made is None or math.isinf(made.boundary):
        return None
    return LookMade(
        end_ms,
        made.information,
        made.spent,
        made.boundary,
        measured.z,
        measured.difference.value,
    )


@lru_cache(REMEMBERED)
def _next(looks: tuple[Look, ...], information: float, planned: float, alpha: float) -> Look | None:
    """The boundary says nothing of how it turned out, so the same counts have the same one."""
    return next_look(looks, information, Plan(planned, alpha))


@lru_cache(REMEMBERED)
def _below(looks: tuple[Look, ...], information: float) -> Walks:
    """The walks that crossed no boundary before, for a look with this information."""
    return below(looks, information)


def _plain(looks: Sequence[LookMade]) -> tuple[Look, ...]:
    return tuple(Look(each.information, each.spent, each.boundary) for each in looks)


def _p_value(looks: Sequence[LookMade]) -> float:
    """Two-sided, of a comparison that ends with the last of these, as
    :func:`detectors.alpha_spending.p_value` says of one side."""
    *before, last = _plain(looks)
    spent = before[-1].spent if before else 0.0
    walks = _below(tuple(before), last.information)
    now = crossing(walks, last.information, abs(looks[-1].z))
    return min(max(SIDES * (spent + now), P_VALUE_FLOOR), 1.0)
