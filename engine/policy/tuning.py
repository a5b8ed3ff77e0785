"""Thresholds for a wanted number of alerts: what each of a grid would have said.

Rule.  The grid is stated and bounded (:func:`grid`): around the spec's own thresholds, which are in
it.  Each of its points decides again on all windows that the rule on PSI can depend on
(:func:`engine.policy.redeciding.read_by`), and its episodes that woke somebody are counted.  Of
those with few enough the one is chosen that keeps most of the episodes that the spec itself tells,
then the one that leaves the spec most as it is.  A spec that is quiet enough is so left as it is;
what is more sensitive stands in the frontier.

One alert that never ends is one episode, and no gain: what is open longer than the spec itself is,
is not chosen, and what is open in more than half of the history is not in the frontier.

What this cannot know is which episodes were right.  In a history in which drift happened,
thresholds that are quiet enough are quiet about that drift, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import orjson

from engine.decide.psi_features import NAME
from engine.effects import Publish
from engine.model import MonitoredModel
from engine.policy.episodes import ToldEpisode, episodes_of
from engine.policy.history import ToldTrigger, covered_ms, per_month, triggers_of
from engine.policy.redeciding import (
    Decided,
    Thresholds,
    decide_again,
    read_by,
    with_thresholds,
)

ABOVE: Final = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Times the spec's own bound."""
FEATURES: Final = (-1, 0, 1, 2)
"""More than the spec's own number; one feature, too."""
LEAST_ABOVE: Final = 1e-6
MOST_ABOVE: Final = 100.0
"""What the spec takes."""
CONFIRMATIONS: Final = ((1, 1), (2, 2), (2, 3), (3, 3), (3, 5), (4, 6))
CALM: Final = (1, 2, 4)
OPEN_AT_MOST: Final = 0.5
"""Share of the history in which what stands in the frontier may be open."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one point of the grid would have said."""

    thresholds: Thresholds
    episodes: tuple[ToldEpisode, ...]
    """Of the rule on PSI, not muted."""
    triggers: tuple[ToldTrigger, ...]
    """Of that rule."""
    kept: int
    """Episodes of the spec itself that one of these overlaps with."""
    open_ms: int
    """How long any of the episodes was open."""
    changed: int
    """How far it is from the spec, in steps of the grid."""

    @property
    def first_ms(self) -> int | None:
        """When an episode first woke somebody, or would have."""
        heard = (s.at_ms for e in self.episodes for s in e.open_steps if not s.muted)
        return min(heard, default=None)

    @property
    def first_trigger_ms(self) -> int | None:
        """When retraining was first asked for."""
        return min((t.at_ms for t in self.triggers), default=None)


def grid(current: Thresholds, features: int) -> list[Thresholds]:
    """The points that are tried, of a spec with so many features; at most 1,260 of them."""
    above = sorted({current.above, *(round(current.above * times, 4) for times in ABOVE)})
    above = [value for value in above if LEAST_ABOVE <= value <= MOST_ABOVE]
    wanted = {1, *(current.features + more for more in FEATURES)}
    counts = sorted(count for count in wanted if 1 <= count <= features)
    confirmations = sorted({*CONFIRMATIONS, (current.at_least, current.of_last)})
    calms = sorted({*CALM, current.calm})
    return [
        Thresholds(a, n, k, of, calm)
        for a, n, (k, of), calm in product(above, counts, confirmations, calms)
    ]


def outcomes(
    model: MonitoredModel,
    windows: Sequence[Decided],
    current: Thresholds,
    progress: Callable[[], None] = lambda: None,
) -> list[Outcome]:
    """What each point of the grid says of the windows of a history; the spec's own is among
    them."""
    matter = read_by(NAME, model, windows)
    points = grid(current, len(model.spec.features))
    axes = [sorted({axis(point) for point in points}) for axis in _AXES]
    end_ms = max((window.end_ms for window in windows), default=0)
    own, _ = _told(decide_again(with_thresholds(model, current), matter))
    found = []
    for point in points:
        episodes, triggers = _told(decide_again(with_thresholds(model, point), matter))
        kept = sum(any(_overlap(e, other, end_ms) for other in episodes) for e in own)
        steps = [
            abs(values.index(axis(point)) - values.index(axis(current)))
            for axis, values in zip(_AXES, axes, strict=True)
        ]
        open_ms = covered_ms([(e.opened_ms, e.until_ms(end_ms)) for e in episodes])
        found.append(Outcome(point, episodes, triggers, kept, open_ms, sum(steps)))
        progress()
    return found


_AXES: Final[tuple[Callable[[Thresholds], tuple[float, ...]], ...]] = (
    lambda point: (point.above,),
    lambda point: (point.features,),
    lambda point: (point.at_least, point.of_last),
    lambda point: (point.calm,),
)


def _told(effects: Sequence[Publish]) -> tuple[tuple[ToldEpisode, ...], tuple[ToldTrigger, ...]]:
    """Episodes that woke somebody, and triggers, of the rule on PSI."""
    by_topic: dict[str, list[dict[str, object]]] = {"alerts": [], "retraining-triggers": []}
    for effect in effects:
        assert effect.value is not None, "decisions have a value"
        by_topic[effect.topic].append(orjson.loads(effect.value))
    alerts = [tree for tree in by_topic["alerts"] if tree["rule"] == NAME]
    triggers = [tree for tree in by_topic["retraining-triggers"] if tree["rule"] == NAME]
    episodes = [episode for episode in episodes_of(alerts) if not episode.muted]
    return tuple(episodes), tuple(triggers_of(triggers))


def _overlap(one: ToldEpisode, other: ToldEpisode, end_ms: int) -> bool:
    """Whether two episodes have time in common."""
    return one.since_ms < other.until_ms(end_ms) and other.since_ms < one.until_ms(end_ms)


def _order(outcome: Outcome) -> tuple[float, ...]:
    """Among equals: what changes least, and then the thresholds themselves."""
    said = outcome.thresholds
    order = (said.above, said.features, said.at_least, said.of_last, said.calm)
    return (outcome.changed, *order)


def choose(
    found: Sequence[Outcome], current: Thresholds, wanted: float, length_ms: int
) -> Outcome | None:
    """The best of those with at most ``wanted`` episodes in 30 days; None where there is none."""
    few = [o for o in eligible(found, current) if per_month(len(o.episodes), length_ms) <= wanted]
    return min(few, key=lambda o: (-o.kept, *_order(o)), default=None)


def eligible(found: Sequence[Outcome], current: Thresholds) -> list[Outcome]:
    """Those that are open no longer than the spec itself, which is one of them."""
    (own,) = (o for o in found if o.thresholds == current)
    return [o for o in found if o.open_ms <= own.open_ms]


def frontier(found: Sequence[Outcome], length_ms: int) -> list[Outcome]:
    """For each number of episodes, fewest first, the point that keeps most, and then finds the
    first earliest; without those that do neither better than one with fewer episodes."""
    best: list[Outcome] = []
    told = [o for o in found if o.open_ms <= OPEN_AT_MOST * length_ms]
    for count in sorted({len(o.episodes) for o in told}):
        same = (o for o in told if len(o.episodes) == count)
        point = min(same, key=lambda o: (-o.kept, _first(o), *_order(o)))
        if all(point.kept > b.kept or _first(point) < _first(b) for b in best):
            best.append(point)
    return best


def _first(outcome: Outcome) -> float:
    return float("inf") if outcome.first_ms is None else outcome.first_ms
