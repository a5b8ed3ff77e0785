"""A policy over history as tables: every episode, every trigger, their sums and their costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engine.durations import format_duration
from engine.policy.episodes import ToldEpisode
from engine.policy.history import MONTH_MS, PolicyHistory, per_month
from engine.policy.summary import Sum, costs, sums
from streams.report.sheets import Sheet
from streams.report.wording import day, moment, several, spell

COST_OPTION: Final = "--retraining-cost"
MINUTES_OPTION: Final = "--alert-minutes"
SHORT: Final = "the history is shorter than 30 days: what stands under per 30 days is extrapolated"


@dataclass(frozen=True, slots=True)
class Prices:
    """What the user says that one of each costs; None where nothing was said."""

    retraining_cost: float | None = None
    alert_minutes: float | None = None


def headline(history: PolicyHistory) -> str:
    """What was judged, in one line."""
    model = history.model
    if not history.windows or not history.length_ms:
        return (
            f"{model.key}: no window was judged. Do the files hold events of this model and "
            "version, and enough of them to complete a window?"
        )
    return (
        f"{model.key}, {day(history.start_ms)} to {day(history.end_ms)} "
        f"({spell(history.length_ms)}): {several(len(history.windows), 'window')}, "
        f"{several(len(history.episodes), 'episode')}, "
        f"{several(len(history.triggers), 'retraining trigger')}"
    )


def sheets_of(history: PolicyHistory, prices: Prices) -> list[Sheet]:
    """All tables of one history."""
    return [
        *_terms(history),
        _episodes("episodes", [e for e in history.episodes if not e.muted], history),
        *_muted(history),
        _triggers(history),
        *_ways(history),
        _sums(history),
        _costs(history, prices),
    ]


def _terms(history: PolicyHistory) -> list[Sheet]:
    """When the version served, of one that was registered or taken over."""
    rows = tuple((moment(t.at_ms), t.version, t.what) for t in history.terms)
    return [Sheet("take-over", ("at", "version", ""), rows)] if rows else []


def _muted(history: PolicyHistory) -> list[Sheet]:
    muted = [e for e in history.episodes if e.muted]
    return [_episodes("muted episodes, which wake nobody", muted, history)] if muted else []


def _episodes(title: str, episodes: list[ToldEpisode], history: PolicyHistory) -> Sheet:
    headings = ("opened", "resolved", "lasted", "severity", "rule", "cause", "window", "why")
    rows = [_episode(episode, history) for episode in episodes]
    return Sheet(title, headings, tuple(rows), nothing="no alert would have been told")


def _episode(episode: ToldEpisode, history: PolicyHistory) -> tuple[str, ...]:
    resolved = episode.resolved_ms
    return (
        moment(episode.opened_ms),
        "still open" if resolved is None else moment(resolved),
        spell(episode.open_ms(history.end_ms)),
        episode.severity,
        episode.rule,
        episode.cause,
        episode.window,
        _why(episode),
    )


def _course(episode: ToldEpisode) -> str:
    """The way that its severity went: ``WARNING > CRITICAL 2013-06-13 00:00``; empty where it was
    one from first to last."""
    first, *more = episode.open_steps
    told = [first.severity]
    before = first
    for step in more:
        if step.severity != before.severity:
            told.append(f"{step.severity} {moment(step.at_ms)}")
        before = step
    return " > ".join(told) if len(told) > 1 else ""


def _why(episode: ToldEpisode) -> str:
    """The reason of its worst, how its severity went, and why it was muted."""
    worst = episode.worst
    muted = [f"muted: {step.muted}" for step in episode.open_steps if step.muted]
    told = [f"{worst.why} ({several(worst.events, 'event')})", _course(episode), *muted[:1]]
    return "; ".join(filter(None, told))


def _triggers(history: PolicyHistory) -> Sheet:
    headings = ("at", "rule", "cause", "window", "no other until", "why")
    rows = [
        (
            moment(t.at_ms),
            t.rule,
            t.cause,
            t.window,
            moment(t.cooldown_until_ms),
            f"{t.why} ({several(t.events, 'event')})",
        )
        for t in history.triggers
    ]
    cooldown = format_duration(history.model.spec.retraining.cooldown_ms)
    notes = (f"cool-down {cooldown} of event time; what labels say has one of its own",)
    nothing = "no retraining would have been asked for"
    return Sheet("retraining triggers", headings, tuple(rows), notes=notes, nothing=nothing)


def _ways(history: PolicyHistory) -> list[Sheet]:
    """How each trigger came to what it recommends."""
    rows = [(moment(t.at_ms), t.rule, t.way) for t in history.triggers if t.way]
    title = "the way to what was recommended"
    return [Sheet(title, ("at", "rule", "questions and answers"), tuple(rows))] if rows else []


def _sums(history: PolicyHistory) -> Sheet:
    headings = (
        "severity",
        "rule",
        "episodes",
        "pages",
        "per 30 days",
        "time open",
        "of the history",
    )
    rows = [_sum_row(each) for each in sums(history)]
    open_count = sum(not e.muted for e in history.episodes)
    months = per_month(open_count, history.length_ms)
    notes = [f"{several(open_count, 'episode')} not muted, {months:.2f} per 30 days"]
    if 0 < history.length_ms < MONTH_MS:
        notes.append(SHORT)
    return Sheet(
        "by severity and rule", headings, tuple(rows), frozenset(range(2, 7)), tuple(notes)
    )


def _sum_row(each: Sum) -> tuple[str, ...]:
    return (
        f"{each.severity} (muted)" if each.muted else each.severity,
        each.rule,
        f"{each.episodes:,}",
        f"{each.pages:,}",
        f"{each.per_month:.2f}",
        spell(each.open_ms),
        f"{each.share:.1%}",
    )


def _costs(history: PolicyHistory, prices: Prices) -> Sheet:
    found = costs(history, prices.retraining_cost, prices.alert_minutes)
    retraining = f"{several(found.retrainings, 'retraining')}"
    if found.retraining_cost is None:
        retraining += f": {COST_OPTION} COST says what one costs"
    else:
        retraining += f" x {prices.retraining_cost:,g} = {found.retraining_cost:,g}"
    alerts = f"{several(found.alerts, 'alert')} that somebody hears at once (not INFO, not muted)"
    if found.alert_minutes is None:
        alerts += f": {MINUTES_OPTION} MINUTES says how long one takes"
    else:
        hours = found.alert_minutes / 60
        alerts += f" x {prices.alert_minutes:,g} min = {hours:,.1f} h"
    return Sheet("what it would have cost", ("",), ((retraining,), (alerts,)))
