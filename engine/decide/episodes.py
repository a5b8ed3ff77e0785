"""Episodes: one alert a cause from its opening to its resolution, however often windows say it.

Rule.  An episode opens with the first finding of its cause.  A finding that is more severe
escalates it at once; after ``calm`` windows in a row that were less severe it is less severe, and
after ``calm`` quiet ones in a row it is resolved.  A cause that flickers is one alert and not ten.
A window that tells nothing leaves everything as it is; a rule that is switched off, or asked
otherwise, resolves its episodes at once.

Of an episode about which no window said anything for ``alerts.no_data`` (7 days, and three windows
of its own at least) nobody knows whether it is over: it is resolved as ``no_data``, by the windows
that are still judged, so that an alert on a model without data does not stay for ever.

What a window says that overlaps with a mute of the spec says so.  An episode that was told muted is
told as open again by the first window of its cause after the mute.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec
import orjson

from engine.canonical import content_hash
from engine.champion.split_look import SplitLook
from engine.decide.contract import Finding
from engine.effects import Publish
from engine.judgement import Judged
from engine.performance_judging import JudgedPerformance
from engine.quiet import mute_of
from engine.spec import Spec
from engine.timestamps import ms_to_rfc3339

if TYPE_CHECKING:
    from engine.decide.silence import Silence

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
NO_DATA: Final = "no_data"
NO_DATA_WINDOWS: Final = 3
RUNBOOK: Final = "docs/alerts.md"
Window = Judged | JudgedPerformance
AnyWindow: TypeAlias = "Window | SplitLook | Silence"
"""That alerts may be about: also a look at how users are split, and one at no labels."""


class Episode(msgspec.Struct):
    """One alert from opening to resolution."""

    episode: str
    severity: str
    since_ms: int
    quiet: int = 0
    """Quiet windows in a row."""
    lower: int = 0
    """Windows in a row that were less severe, quiet ones among them."""
    told_ms: int = 0
    """End of the newest window that said something of its cause; 0 where nobody noted it."""
    window_ms: int = 0
    """Length of that window."""
    muted: bool = False
    """Whether what was told last was told muted."""


Episodes = dict[str, Episode]
"""Open ones by ``rule/cause``."""


def follow(
    rule: str, judged: AnyWindow, finding: Finding, episodes: Episodes, *, off: bool = False
) -> list[Publish]:
    """What one window's finding does to the episodes of its rule, which are changed in place;
    ``off``: the rule holds no more."""
    causes = () if finding.verdict == "quiet" else (finding.cause, *finding.also)
    current = [f"{rule}/{cause}" for cause in causes]
    out: list[Publish] = []
    spoken = f"{rule}/{finding.about}"
    for key in [k for k in episodes if k.startswith(spoken) and k not in current]:
        if finding.about and key != spoken:
            continue
        episode = episodes[key]
        _heard(episode, judged)
        episode.quiet += 1
        episode.lower += 1
        if off or episode.quiet >= judged.model.spec.alerts.calm:
            del episodes[key]
            out.append(_alert(key, judged, episode, "resolved", finding))
    for key in current:
        out += _hold(key, judged, finding, episodes)
    return out


def hold_open(rule: str, judged: Window, episodes: Episodes) -> None:
    """Note a window in which bad data may have made the difference: the cause may still be
    there."""
    for key, episode in episodes.items():
        if key.startswith(f"{rule}/"):
            _heard(episode, judged)


def give_up(rules: Collection[str], judged: Window, episodes: Episodes) -> list[Publish]:
    """End the episodes of these rules of which no window said anything for :func:`patience_ms`."""
    beginnings = tuple(f"{rule}/" for rule in rules)
    return give_up_those(lambda key: key.startswith(beginnings), judged, episodes)


def patience_ms(spec: Spec, length_ms: int) -> int:
    """How long an episode of windows of this length stays open without a word: ``alerts.no_data``,
    and NO_DATA_WINDOWS windows."""
    return max(spec.alerts.no_data_ms, NO_DATA_WINDOWS * length_ms)


def give_up_those(
    are_meant: Callable[[str], bool], judged: AnyWindow, episodes: Episodes
) -> list[Publish]:
    """The same of the episodes whose ``rule/cause`` is meant."""
    out: list[Publish] = []
    for key, episode in list(episodes.items()):
        if not are_meant(key):
            continue
        if not episode.told_ms:
            _heard(episode, judged)
        patience = patience_ms(judged.model.spec, episode.window_ms)
        if judged.end_ms - episode.told_ms >= patience:
            del episodes[key]
            observed = {"no_data_since": ms_to_rfc3339(episode.told_ms)}
            nothing = Finding("quiet", key, "", observed)
            out.append(_alert(key, judged, episode, "resolved", nothing, why=NO_DATA))
    return out


def _heard(episode: Episode, judged: AnyWindow) -> None:
    if judged.end_ms >= episode.told_ms:
        episode.told_ms, episode.window_ms = judged.end_ms, judged.window.length_ms


def severity_of(finding: Finding) -> str:
    """How severe a finding is."""
    return finding.severity or SEVERITY[finding.verdict]


def _hold(key: str, judged: AnyWindow, finding: Finding, episodes: Episodes) -> list[Publish]:
    severity, episode = severity_of(finding), episodes.get(key)
    if episode is None:
        identity = [judged.model.key, key, judged.window.name, ms_to_rfc3339(judged.end_ms)]
        episode = Episode(content_hash(identity), severity, judged.start_ms)
        episodes[key] = episode
        _heard(episode, judged)
        return [_alert(key, judged, episode, "open", finding)]
    more = RANKS.index(severity) - RANKS.index(episode.severity)
    _heard(episode, judged)
    episode.quiet = 0
    episode.lower = episode.lower + 1 if more < 0 else 0
    changed = more > 0 or episode.lower >= judged.model.spec.alerts.calm
    if changed:
        episode.severity, episode.lower = severity, 0
    covered = mute_of(judged.model.spec, key, judged.start_ms, judged.end_ms) is not None
    if episode.muted and not covered:
        return [_alert(key, judged, episode, "open", finding, again=True)]
    if changed:
        return [_alert(key, judged, episode, "escalated" if more > 0 else "de-escalated", finding)]
    return []


def _alert(
    key: str,
    judged: AnyWindow,
    episode: Episode,
    state: str,
    finding: Finding,
    *,
    again: bool = False,
    why: str = "",
) -> Publish:
    spec = judged.model.spec
    mute = mute_of(spec, key, judged.start_ms, judged.end_ms)
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
            _about(judged): finding.evidence,
        },
        "runbook": spec.alerts.runbook or f"{RUNBOOK}#{rule}",
    }
    if why:
        tree["resolution"] = why
    if mute is not None:
        tree["muted"] = {"until": ms_to_rfc3339(mute.until_ms), "reason": mute.reason}
    return Publish("alerts", spec.model.encode(), orjson.dumps(tree))


def _about(judged: AnyWindow) -> str:
    """What the evidence of a window is a list of."""
    if isinstance(judged, SplitLook):
        return "versions"
    return "measures" if isinstance(judged, JudgedPerformance) else "features"
