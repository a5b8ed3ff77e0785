"""Two policies over one history as tables: what only one told, what both did, and counts."""

from __future__ import annotations

from collections.abc import Sequence

from engine.policy.comparison import Comparison, Finding, Told
from engine.policy.episodes import ToldEpisode
from engine.policy.history import PolicyHistory
from streams.report.sheets import Sheet
from streams.report.wording import moment, spell

NEITHER = "-"


def compared_sheets(a: PolicyHistory, b: PolicyHistory, found: Comparison) -> list[Sheet]:
    """The findings, the requests to retrain and the counts, side by side."""
    return [_findings(a, b, found), _requests(found), _counts(a, b, found)]


def _findings(a: PolicyHistory, b: PolicyHistory, found: Comparison) -> Sheet:
    end_ms = max(a.end_ms, b.end_ms)
    rows = [
        (
            _told_by(finding),
            finding.rule,
            finding.cause,
            _episodes(finding.a, end_ms),
            _episodes(finding.b, end_ms),
        )
        for finding in found.findings
    ]
    headings = ("told by", "rule", "cause", "A", "B")
    notes = ("one rule and cause, overlapping in time, is one finding",)
    return Sheet("findings side by side", headings, tuple(rows), notes=notes)


def _told_by(finding: Finding) -> str:
    return finding.side if finding.side == "both" else f"only {finding.side}"


def _episodes(episodes: Sequence[ToldEpisode], end_ms: int) -> str:
    told = [
        f"{moment(e.opened_ms)} {e.severity}{', muted' if e.muted else ''}, "
        f"{spell(e.open_ms(end_ms))}{'' if e.resolved_ms is not None else ', still open'}"
        for e in episodes
    ]
    return " | ".join(told) or NEITHER


def _requests(found: Comparison) -> Sheet:
    rows = [
        (
            each.side if each.side == "both" else f"only {each.side}",
            moment(each.trigger.at_ms),
            each.trigger.rule,
            each.trigger.cause,
            each.trigger.why,
        )
        for each in found.requests
    ]
    headings = ("asked by", "at", "rule", "cause", "why")
    return Sheet("retraining triggers side by side", headings, tuple(rows))


def _counts(a: PolicyHistory, b: PolicyHistory, found: Comparison) -> Sheet:
    rules = sorted({finding.rule for finding in found.findings})
    rows: list[tuple[str, ...]] = [
        (
            rule,
            f"{sum(e.rule == rule for e in a.episodes):,}",
            f"{sum(e.rule == rule for e in b.episodes):,}",
            f"{found.count('A', rule):,}",
            f"{found.count('B', rule):,}",
            f"{found.count('both', rule):,}",
        )
        for rule in rules
    ]
    headings = ("rule", "episodes A", "episodes B", "only in A", "only in B", "in both")
    rows.append(
        (
            "triggers",
            f"{len(a.triggers):,}",
            f"{len(b.triggers):,}",
            *(
                f"{sum(each.side == side for each in found.requests):,}"
                for side in ("A", "B", "both")
            ),
        )
    )
    return Sheet(
        "counts side by side", headings, tuple(rows), frozenset(range(1, 6)), (difference(found),)
    )


def difference(found: Comparison) -> str:
    """The first difference in one line."""
    if found.first_difference is None:
        return "no difference: both told the same alerts and triggers at the same times"
    at_ms, only_a, only_b = found.first_difference
    return f"first difference at {moment(at_ms)}: only A: {_said(only_a)}; only B: {_said(only_b)}"


def _said(told: Sequence[Told]) -> str:
    return ", ".join(map(_one, told)) or "nothing"


def _one(told: Told) -> str:
    if told.what == "trigger":
        return f"asks for retraining, {told.rule}/{told.cause}"
    muted = " muted" if told.muted else ""
    return f"{told.rule}/{told.cause} {told.state} {told.severity}{muted}"
