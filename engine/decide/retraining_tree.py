"""What to do about a request to retrain: retrain, recalibrate, new features, rebuild, or wait.

Rule.  One question after the other, each answered from numbers; the first that settles it ends the
way, and the way is told with the answer.  What nobody knows (no labels, no estimate, a measure that
is not judged) is ``unknown`` and settles nothing: a request that no question settles is
``retrain``, which is what its rule asks for.  ``wait`` sends no request.

The theory.  P(X, Y) = P(X) P(Y|X).  Where P(X) moved and P(Y|X) did not, the model is right about
events that it saw too few of: train on those of today.  Where P(Y|X) moved, what it learnt is
wrong: train on recent labels only.  A score that still ranks and no longer comes true as often as
it says needs its calibration fitted again, on far fewer labels and without another model.  Where
the order is lost, nothing that is watched moved, and training again did not bring it back, what
tells the classes apart is not among the features.  Where several requests brought no recovery, or
the order is hardly better than chance, doing the same again is no remedy.

When it lies: concept drift that recent labels cure and a cause outside the features look the same
in any count (the score's order is lost in both), so the cheaper remedy is named first and the other
when it did not help; a request that nobody acted upon counts as one that did not help.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

Recommended = Literal["retrain", "recalibrate", "new_features", "rebuild", "wait"]
REBUILD_AFTER: Final = 3
"""Requests of one rule since its condition was last over, after which the next says ``rebuild``."""
NEAR_CHANCE: Final = 0.55
"""An AUC whose whole interval is below ranks hardly better than chance."""


class Facts(msgspec.Struct, kw_only=True):
    """What is known when a rule asks; None of what is not."""

    cause: str
    bad: list[str] = msgspec.field(default_factory=list)
    """What of the window's data is bad: features, faults of records, ``no events``."""
    asked: int = 0
    """Requests of the rule since its condition was last over."""
    moved: int | None = None
    """Features that moved by themselves."""
    scores: str | None = None
    """Level of scores and decisions."""
    estimated_worse: dict[str, float] | None = None
    """Measure -> by how much the estimate is below the usual, significantly; empty: of none."""
    only_decisions: bool = False
    """Whether the only figures beyond their limits are shares of decisions."""
    labelled: int | None = None
    better: list[str] | None = None
    """Measures that are better than the reference's, significantly."""
    worse: list[str] | None = None
    """Measures that are worse by more than they may be, significantly."""
    unforeseen: list[str] | None = None
    """Those of them that the estimate, of the same events, did not foresee."""
    auc: list[float] | None = None
    """Its value, low and high end, and the reference's; NaN-free."""
    ranks: bool | None = None
    """Whether AUC did not fall."""
    miscalibrated: float | None = None
    """How far scores come true less, or more, often than in the reference (a mean over events);
    0 where it is chance."""
    mix_moved: bool | None = None
    """Whether the mix of the labelled events' scores or segments moved."""


@dataclass(frozen=True, slots=True)
class Advice:
    """Where the way ends."""

    recommended: Recommended
    why: str
    """In a word; of ``wait`` the reason for which nothing is asked."""
    path: list[dict[str, Any]] = field(default_factory=list)
    """The questions in order with their answers, and the numbers that gave them."""


class _Way:
    """Questions asked so far."""

    def __init__(self) -> None:
        self.path: list[dict[str, Any]] = []

    def ask(self, question: str, *, answer: bool | None, **numbers: Any) -> bool | None:  # noqa: ANN401 - whatever says so
        """Note a question; its answer, None being unknown."""
        told = {True: "yes", False: "no", None: "unknown"}[answer]
        known = {name: value for name, value in numbers.items() if value is not None}
        self.path.append({"question": question, "answer": told, "numbers": known})
        return answer

    def end(self, recommended: Recommended, why: str) -> Advice:
        """The way ends here."""
        return Advice(recommended, why, self.path)


def advise(facts: Facts) -> Advice:
    """What to do, and how that was found."""
    way = _Way()
    if not way.ask("are the data sound?", answer=not facts.bad, bad=facts.bad[:10] or None):
        return way.end("wait", "bad_data")
    if facts.cause == "scheduled":
        way.ask("is it asked for by the calendar?", answer=True)
        return way.end("retrain", "scheduled")
    return _labels(way, facts) or _asked_by_data(way, facts)


def _asked_by_data(way: _Way, facts: Facts) -> Advice:
    """The calendar does not ask, and labels do not settle it by themselves."""
    again = facts.asked >= REBUILD_AFTER
    if way.ask("was it asked for again and again?", answer=again, asked=facts.asked):
        return way.end("rebuild", "no_recovery")
    if facts.worse:
        return _fallen(way, facts)
    if facts.cause == "business_kpi":
        return _kpi(way, facts)
    return _moved(way, facts)


def _labels(way: _Way, facts: Facts) -> Advice | None:
    """What labels say by themselves, wherever the request comes from."""
    better = None if facts.better is None else bool(facts.better) and not facts.worse
    if way.ask(
        "is performance better than the reference?",
        answer=better,
        measures=facts.better or None,
        labelled=facts.labelled,
    ):
        return way.end("wait", "improvement")
    if facts.auc is None:
        return None
    value, low, high, usual = facts.auc
    chance = high < NEAR_CHANCE <= usual
    numbers = {"auc": value, "low": low, "high": high, "baseline": usual}
    if way.ask("is the ranking near chance?", answer=chance, **numbers):
        return way.end("rebuild", "near_chance")
    return None


def _fallen(way: _Way, facts: Facts) -> Advice:
    """Labels say that it is worse."""
    way.ask("is performance worse than the reference?", answer=True, measures=facts.worse)
    off = None if facts.miscalibrated is None else facts.miscalibrated > 0.0
    ranks = way.ask("does the ranking hold?", answer=facts.ranks)
    calibrated = way.ask("is the calibration off?", answer=off, by=facts.miscalibrated)
    if ranks and calibrated:
        return way.end("recalibrate", "calibration")
    foreseen = None if facts.unforeseen is None else not facts.unforeseen
    if way.ask(
        "did labels come as the scores foretold?", answer=foreseen, unforeseen=facts.unforeseen
    ):
        return way.end("retrain", "population")
    moved = way.ask("did the mix of scores or segments move?", answer=facts.mix_moved)
    if ranks is False and moved is False:
        before = facts.asked > 0
        if way.ask("was retraining asked for before?", answer=before, asked=facts.asked):
            return way.end("new_features", "unexplained")
    return way.end("retrain", "recent_labels" if foreseen is False else "performance")


def _kpi(way: _Way, facts: Facts) -> Advice:
    """A business figure is beyond its limit."""
    quiet = facts.moved == 0 and facts.scores in {"STABLE", "UNKNOWN", None}
    if not way.ask(
        "did features or scores move?", answer=not quiet, features=facts.moved, scores=facts.scores
    ):
        if way.ask("is it a share of decisions only?", answer=facts.only_decisions):
            return way.end("wait", "threshold_or_policy")
        return way.end("new_features", "unexplained")
    return way.end("retrain", "population")


def _moved(way: _Way, facts: Facts) -> Advice:
    """The data moved, and no label says that performance fell."""
    way.ask("did features move?", answer=_positive(facts.moved), features=facts.moved)
    moved = None if facts.scores is None else facts.scores in {"WATCH", "DRIFT"}
    way.ask("did scores or decisions move?", answer=moved, level=facts.scores)
    worse = None if facts.estimated_worse is None else bool(facts.estimated_worse)
    way.ask(
        "is performance estimated to be worse?",
        answer=worse,
        worse_by=facts.estimated_worse or None,
    )
    if facts.ranks and facts.miscalibrated:
        way.ask("is the calibration off?", answer=True, by=facts.miscalibrated)
        return way.end("recalibrate", "calibration")
    return way.end("retrain", "population")


def _positive(number: int | None) -> bool | None:
    return None if number is None else number > 0
