"""Episodes: one alert a cause from its opening to its resolution, however often windows say it.

Rule.  An episode opens with the first finding of its cause.  A finding that is more severe
escalates it at once; one that is less severe, or a quiet window of the rule, does nothing until
there were ``calm`` of them in a row: then it is less severe, or resolved.  A cause that flickers is
one alert and not ten.  A window that tells nothing leaves everything as it is; a rule that is
switched off resolves its episodes at once.

While a mute of the spec holds, by event time, what is told says so and the episode is not active.
One that is still there when the mute ends is told as open again.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import orjson

from engine.alert_rules import Mute
from engine.canonical import content_hash
from engine.decide.contract import Finding
from engine.effects import Publish
from engine.judgement import Judged
from engine.performance_judging import JudgedPerformance
from engine.timestamps import ms_to_rfc3339

SCHEMA: Final = 1
SEVERITY: Final = {
    "trigger": "WARNING",
    "operations": "CRITICAL",
    "data_quality": "WARNING",
    "business": "WARNING",
    "promise": "CRITICAL",
    "concept": "WARNING",
    "notice": "INFO",
}
"""Of a verdict, unless the finding says another."""
RANKS: Final = ("INFO", "WARNING", "CRITICAL")
RUNBOOK: Final = "docs/alerts.md"
Window = Judged | JudgedPerformance


class Episode(msgspec.Struct):
    """One alert from opening to resolution."""

    episode: str
    severity: str
    since_ms: int
    calm: int = 0
    """Windows in a row that were quiet or less severe."""
    muted: bool = False


Episodes = dict[str, Episode]
"""Open ones by ``rule/cause``."""


def follow(
    rule: str, judged: Window, finding: Finding, episodes: Episodes, *, off: bool = False
) -> list[Publish]:
    """What one window's finding does to the episodes of its rule, which are changed in place;
    ``off``: the rule holds no more."""
    current = f"{rule}/{finding.cause}" if finding.verdict != "quiet" else None
    out: list[Publish] = []
    for key in [k for k in episodes if k.startswith(f"{rule}/") and k != current]:
        episode = episodes[key]
        episode.calm += 1
        if off or episode.calm >= judged.model.spec.alerts.calm:
            del episodes[key]
            out.append(_alert(key, judged, episode, "resolved", finding))
    if current is not None:
        out += _hold(current, judged, finding, episodes)
    return out


def severity_of(finding: Finding) -> str:
    """How severe a finding is."""
    return finding.severity or SEVERITY[finding.verdict]


def _hold(key: str, judged: Window, finding: Finding, episodes: Episodes) -> list[Publish]:
    severity, episode = severity_of(finding), episodes.get(key)
    if episode is None:
        identity = [judged.model.key, key, judged.window.name, ms_to_rfc3339(judged.end_ms)]
        episode = Episode(content_hash(identity), severity, judged.start_ms)
        episodes[key] = episode
        return [_alert(key, judged, episode, "open", finding)]
    was_muted, more = episode.muted, RANKS.index(severity) - RANKS.index(episode.severity)
    episode.calm = episode.calm + 1 if more < 0 else 0
    if more > 0 or episode.calm >= judged.model.spec.alerts.calm:
        episode.severity, episode.calm = severity, 0
        return [_alert(key, judged, episode, "escalated" if more > 0 else "de-escalated", finding)]
    episode.muted = _mute(key, judged) is not None
    if was_muted and not episode.muted:
        return [_alert(key, judged, episode, "open", finding, again=True)]
    return []


def _mute(key: str, judged: Window) -> Mute | None:
    rule, cause = key.split("/", 1)
    for mute in judged.model.spec.alerts.mutes:
        about = mute.rule in {"", rule} and mute.cause in {"", cause}
        if about and mute.from_ms <= judged.end_ms < mute.until_ms:
            return mute
    return None


def _alert(
    key: str,
    judged: Window,
    episode: Episode,
    state: str,
    finding: Finding,
    *,
    again: bool = False,
) -> Publish:
    spec, mute = judged.model.spec, _mute(key, judged)
    rule, cause = key.split("/", 1)
    episode.muted = mute is not None
    once = state in {"open", "resolved"} and not again
    end = ms_to_rfc3339(judged.end_ms)
    tree: dict[str, Any] = {
        "alert_id": content_hash([episode.episode, state, *([] if once else [end])]),
        "schema": SCHEMA,
        "episode": episode.episode,
        "model": spec.model,
        "version": spec.version,
        "severity": episode.severity,
        "rule": rule,
        "cause": cause,
        "state": state,
        "since": ms_to_rfc3339(episode.since_ms),
        "window": judged.window.name,
        "end": end,
        "events": judged.events,
        "evidence": {
            "observed": finding.observed,
            "measures" if isinstance(judged, JudgedPerformance) else "features": finding.evidence,
        },
        "runbook": spec.alerts.runbook or f"{RUNBOOK}#{rule}",
    }
    if mute is not None:
        tree["muted"] = {"until": ms_to_rfc3339(mute.until_ms), "reason": mute.reason}
    return Publish("alerts", spec.model.encode(), orjson.dumps(tree))
