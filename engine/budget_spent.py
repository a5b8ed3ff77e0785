"""What of the false-alarm budget a model has spent: looks, and pages of the last period.

Rule.  Each window that rules examine is a look, and spends its share (:mod:`engine.budget_shares`)
whether it pages or not: the sum is how many false pages were to be expected so far if nothing ever
happened.  Beside it stand the pages that were told: alerts that somebody hears at once (opened at,
or escalated to, WARNING or CRITICAL, and not muted), true or false, by the end of their window in
event time.  More than the budget in a period means that something happened, or that the reference
is not what production is.

Sums are whole numbers of 1e-9 pages, so that they do not depend on the order of the planes'
windows; the pages kept are those within the budget's period of the newest one, at most MAX_PAGES.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import msgspec
import orjson

from engine.budget_shares import window_share
from engine.label_windows import label_windows
from engine.performance_judging import JudgedPerformance

if TYPE_CHECKING:
    from engine.decide.silence import Silence
    from engine.effects import Publish
    from engine.judgement import Judged
    from engine.spec import Spec, WindowRule

NANO: Final = 1_000_000_000
MAX_PAGES: Final = 1_000
"""Pages whose times are kept; of more the oldest are forgotten, and only the total has them."""
HEARD: Final = frozenset({"WARNING", "CRITICAL"})
TOLD: Final = frozenset({"open", "escalated"})


class SpentBudget(msgspec.Struct):
    """Part of what decisions remember."""

    nano_pages: int = 0
    """False pages to be expected of all looks so far, in 1e-9."""
    pages: int = 0
    """Pages so far."""
    page_ends_ms: list[int] = msgspec.field(default_factory=list)
    """Ends of the windows of the newest of them, ascending."""

    def note(self, judged: Judged | JudgedPerformance | Silence, said: Iterable[Publish]) -> None:
        """Note a window that was decided on, and what was said of it."""
        self.nano_pages += round(NANO * spent_by(judged))
        for _ in _heard(said):
            self.pages += 1
            self.page_ends_ms.append(judged.end_ms)
        kept_ms = judged.model.spec.budget.per_ms
        newest_ms = max(self.page_ends_ms, default=0)
        kept = sorted(end for end in self.page_ends_ms if end > newest_ms - kept_ms)
        self.page_ends_ms = kept[-MAX_PAGES:]

    def within(self, clock_ms: int, period_ms: int) -> int:
        """Pages of the period that ends now, in event time."""
        return sum(clock_ms - period_ms < end for end in self.page_ends_ms)


def spent_by(judged: Judged | JudgedPerformance | Silence) -> float:
    """The share of the budget that a look at this window is: that of each section with a rule that
    reads windows of its length; nothing of an empty window."""
    spec = judged.model.spec
    if not judged.events:
        return 0.0
    if isinstance(judged, JudgedPerformance):
        # What is not decided on shows losses; the view that is judged spends for the section.
        return share_of_performance(spec, judged.window) if judged.is_decided else 0.0
    return share_of_data(spec, judged.window)


def share_of_performance(spec: Spec, window: WindowRule) -> float:
    """The share of a window of the view that performance is decided by."""
    rules = (spec.retraining.performance, spec.performance)
    reads = any(rule is not None and rule.window == window.name for rule in rules)
    return reads * window_share(spec, window, len(label_windows(spec)))


def share_of_data(spec: Spec, window: WindowRule) -> float:
    """The share of a window of the data."""
    return _sections_reading(spec, window.name) * window_share(spec, window, len(spec.windows))


def _sections_reading(spec: Spec, window: str) -> int:
    """Sections of the data with a rule that reads windows of this length."""
    values = (
        spec.retraining.psi_features,
        spec.retraining.volume,
        spec.operations,
        spec.business,
    )
    found = any(rule is not None and rule.window == window for rule in values)
    return found + (spec.quality is not None and spec.quality.window == window)


def _heard(said: Iterable[Publish]) -> Iterable[None]:
    for effect in said:
        if effect.topic == "alerts" and effect.value is not None:
            tree = orjson.loads(effect.value)
            if tree["state"] in TOLD and tree["severity"] in HEARD and "muted" not in tree:
                yield None
