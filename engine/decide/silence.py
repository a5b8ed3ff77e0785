"""No labels any more: what waits for them, and what they opened, has an end.

Rule.  When labels stop, windows of performance are judged until an empty one was, and then no more
(:mod:`engine.windows`), while the data go on.  So wherever event time of the plane that performance
is decided by has come a patience further without a window, there is a silence, a look at nothing:
``alerts.no_data`` (7 days), and three windows at least, after the last window that was judged, or
after the first event where none was, and again after twice as long, four times and so on.  A time
of maintenance is not counted.  At a silence

* episodes of rules on performance, and of requests that labels held, of which no window said
  anything for their patience, are resolved as ``no_data``;
* requests that wait for labels of so long ago are given up and told: WARNING, ``labels_missing``.
  Nobody can say any more whether performance was better, and there is little to train on.

Silences are a function of the plane's windows and clock alone, never of what is open, so decisions
on the same windows and silences under other thresholds are exact.  Where event time itself stands
still nothing ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from engine.bad_spells import united
from engine.decide.asking import HELD, MISSING, count_held, tell_held
from engine.decide.contract import Finding
from engine.decide.episodes import give_up_those, patience_ms
from engine.decide.rules import reads_performance, rules
from engine.decide.waiting import WITH_LABELS, given_up

if TYPE_CHECKING:
    from engine.decide.decisions import DecisionState
    from engine.effects import Publish
    from engine.model import MonitoredModel
    from engine.plane_flow import PlaneFlow
    from engine.spec import Spec, WindowRule


@dataclass(frozen=True, slots=True)
class Silence:
    """A look at no labels, as episodes of alerts take a window."""

    model: MonitoredModel
    window: WindowRule
    """The longest of the plane."""
    end_ms: int

    @property
    def start_ms(self) -> int:
        """As long before as the window is."""
        return self.end_ms - self.window.length_ms

    @property
    def events(self) -> int:
        """None."""
        return 0


class Silences:
    """The silences of the plane that performance is decided by, each told once in a life."""

    def __init__(self, model: MonitoredModel) -> None:
        self._model = model
        self._since_ms: int | None = None
        self._told = 0

    def until(
        self, flow: PlaneFlow, at_ms: int | None, first_event_ms: int | None
    ) -> Iterator[Silence]:
        """Those up to event time ``at_ms`` of the plane that were not told yet; ``first_event_ms``
        is that of the data."""
        ends = [ring.last_end_ms for ring in flow.rings.values() if ring.last_end_ms is not None]
        since_ms = max(ends, default=first_event_ms)
        if since_ms is None or at_ms is None:
            return
        if since_ms != self._since_ms:
            self._since_ms, self._told = since_ms, 0
        longest = max(flow.plane.windows, key=lambda window: window.length_ms)
        patience = patience_ms(self._model.spec, longest.length_ms)
        while (end_ms := _later(self._model.spec, since_ms, patience << self._told)) <= at_ms:
            self._told += 1
            yield Silence(self._model, longest, end_ms)


def _later(spec: Spec, from_ms: int, by_ms: int) -> int:
    """A time so much later, maintenance not counted."""
    end_ms = from_ms + by_ms
    for start_ms, until_ms in united((m.from_ms, m.until_ms) for m in spec.alerts.maintenance):
        if start_ms < end_ms and until_ms > from_ms:
            end_ms += until_ms - max(start_ms, from_ms)
    return end_ms


def end_silently(silence: Silence, state: DecisionState) -> list[Publish]:
    """End what a silence ends; the state is changed in place."""
    memory, episodes = state.retraining, state.episodes
    out = give_up_those(_is_of_labels, silence, episodes)
    for request in given_up(silence.model.spec, silence.end_ms, memory):
        count_held(request.rule, MISSING, memory)
        finding = msgspec.json.decode(request.finding, type=Finding)
        out += tell_held(f"{request.rule}{WITH_LABELS}", silence, MISSING, episodes, finding)
    return out


def _is_of_labels(key: str) -> bool:
    """Whether windows of performance speak of an episode (``rule/cause``)."""
    rule, cause = key.split("/", 1)
    name = cause.split("/", 1)[0] if rule == HELD else rule
    module = rules().get(name)
    return name.endswith(WITH_LABELS) or (module is not None and reads_performance(module))
