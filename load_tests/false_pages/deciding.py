"""A month of windows, judged and decided by the engine's own code.

Rule.  The windows of all lengths fall due in the order of their ends, as in a worker.  A window is
*quiet* when no rule of any policy can hold in it: no feature is over the rules' bound even at the
most generous threshold that a window can have (all features called moved), and its data are not
bad.  Quiet windows change nothing where no episode is open, so only then are they passed over;
every other window is judged whole (:class:`engine.window_judging.WindowJudging`) and decided on
(:func:`engine.decide.decisions.decide`) under every policy, each with a memory of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import orjson

from engine.decide.decisions import DecisionState, decide
from engine.effects import Publish
from engine.judgement import Judged
from engine.model import MonitoredModel

HEARD = frozenset({"WARNING", "CRITICAL"})
"""Severities that somebody hears at once."""


@dataclass(frozen=True, slots=True)
class Due:
    """One window that fell due."""

    window: str
    end_ms: int
    quiet: bool
    judge: Callable[[], Judged]
    """Judges it, under the first policy's spec."""


@dataclass(frozen=True, slots=True)
class Month:
    """What was told, by policy."""

    alerts: dict[str, list[Publish]]
    judged: int
    """Windows that were judged whole."""

    def pages(self, policy: str) -> list[str]:
        """The rule of each page."""
        trees = [orjson.loads(alert.value or b"{}") for alert in self.alerts[policy]]
        return [
            tree["rule"] for tree in trees if tree["state"] == "open" and tree["severity"] in HEARD
        ]


def decide_month(policies: Mapping[str, MonitoredModel], due: Iterable[Due]) -> Month:
    """Decide on windows in order, under every policy."""
    states = {name: DecisionState() for name in policies}
    alerts: dict[str, list[Publish]] = {name: [] for name in policies}
    count = 0
    for each in due:
        wanted = [name for name, state in states.items() if not each.quiet or state.episodes]
        if not wanted:
            continue
        judged = each.judge()
        count += 1
        for name in wanted:
            said = decide(under(judged, policies[name]), states[name])
            alerts[name] += [effect for effect in said if effect.topic == "alerts"]
    return Month(alerts, count)


def under(judged: Judged, model: MonitoredModel) -> Judged:
    """The same window under another spec of the same profile, features, windows and budget."""
    return replace(judged, model=model, window=model.spec.window(judged.window.name))


def in_order(ends_ms: Mapping[str, np.ndarray]) -> list[tuple[int, str, int]]:
    """(end, window, number of the window) of all windows as they fall due: of the same end by
    name, as the judge does."""
    return sorted(
        (end_ms, window, number)
        for window, ends in ends_ms.items()
        for number, end_ms in enumerate(ends.tolist())
    )
