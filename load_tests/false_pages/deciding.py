"""A month of windows, judged and decided by the engine's own code.

Rule.  The windows of all lengths fall due in the order of their ends, as in a worker.  A window is
*quiet* when no rule of a policy can hold in it: no feature is over the rules' bound even at the
most generous threshold that a window can have (all features called moved), and its data are not
bad.  Every other window is judged whole (:class:`engine.window_judging.WindowJudging`) and decided
on (:func:`engine.decide.decisions.decide`) under every policy that reads its length, each with a
memory of its own.

Quiet windows change nothing where no episode is open.  Where one is, CALM of them in a row end it.
In a worker they may not: windows too small to say anything leave an alert open, and what is false
after it is no further page.  So here more pages are counted than a worker tells, never fewer; the
run by events, which has to agree to the byte, decides on quiet windows as well (``exact``).
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

CALM = 2
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


def decide_month(
    policies: Mapping[str, MonitoredModel], due: Iterable[Due], *, exact: bool = False
) -> Month:
    """Decide on windows in order, under every policy."""
    heard_ms = dict.fromkeys(policies, 0)
    states = {name: DecisionState() for name in policies}
    alerts: dict[str, list[Publish]] = {name: [] for name in policies}
    reads = {name: read_window(model) for name, model in policies.items()}
    count = 0
    for each in due:
        wanted = [
            name
            for name, state in states.items()
            if each.window == reads[name] and (not each.quiet or (exact and state.episodes))
        ]
        if not wanted:
            continue
        judged = each.judge()
        count += 1
        for name in wanted:
            calm_ms = (CALM + 1) * judged.window.length_ms
            if not exact and judged.end_ms - heard_ms[name] >= calm_ms:
                states[name].episodes.clear()
            heard_ms[name] = judged.end_ms
            said = decide(under(judged, policies[name]), states[name])
            alerts[name] += [effect for effect in said if effect.topic == "alerts"]
    return Month(alerts, count)


def read_window(model: MonitoredModel) -> str:
    """The one length of windows that all rules of a policy read; they look at no other."""
    rule, quality = model.spec.retraining.psi_features, model.spec.quality
    assert rule is not None, "a policy has both rules"
    assert quality is not None, "a policy has both rules"
    assert rule.window == quality.window, "they read the same windows"
    return rule.window


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
