"""The tables of a report of a period: alerts, requests, what is due, data that are missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from engine.durations import format_duration
from engine.policy.episodes import ToldEpisode
from engine.policy.reasons import number
from engine.review.due import Due
from engine.review.gaps import Gaps
from engine.review.left_out import LeftOut
from engine.review.points import Series
from engine.review.review import Review
from engine.review.told import Request
from engine.timestamps import rfc3339_to_ms
from streams.report.policy_sheets import EPISODE_HEADINGS, episode_row
from streams.report.sheets import Sheet
from streams.report.version_sheets import p_text
from streams.report.wording import moment, several, spell

EXPECTED: Final = "false pages to be expected of these windows, had nothing changed"
MORE: Final = (
    "more pages than the budget mean that something happened, or that production is not what the "
    "reference is"
)
BINS: Final = 2
"""Bins of one feature that its row of the evidence names."""


def episodes_sheet(
    title: str, episodes: Sequence[ToldEpisode], to_ms: int, nothing: str = "none"
) -> Sheet:
    """Alerts from their opening to their end, or to the end of the period."""
    rows = tuple(episode_row(episode, to_ms) for episode in episodes)
    return Sheet(title, EPISODE_HEADINGS, rows, nothing=nothing)


def requests_sheet(title: str, requests: Sequence[Request]) -> Sheet:
    """Requests to retrain and what became of them."""
    headings = ("at", "rule", "cause", "window", "why", "recommended", "state", "no other until")
    rows = [
        (
            moment(r.told.at_ms),
            r.told.rule,
            r.told.cause,
            r.told.window,
            f"{r.told.why} ({several(r.told.events, 'event')})",
            str(r.record.get("recommended", "retrain")).replace("_", " "),
            r.state,
            moment(r.told.cooldown_until_ms),
        )
        for r in requests
    ]
    return Sheet(title, headings, tuple(rows), nothing="no retraining was asked for")


def of_versions(sheet: Sheet, versions: Sequence[str]) -> Sheet:
    """The sheet with the version that each row is of in front."""
    rows = tuple((version, *row) for version, row in zip(versions, sheet.rows, strict=True))
    right = frozenset(column + 1 for column in sheet.right)
    return replace(sheet, headings=("version", *sheet.headings), rows=rows, right=right)


def path_sheet(request: Request) -> Sheet:
    """The questions that led to what was recommended."""
    rows = [
        (step["question"], str(step["answer"]), _numbers(step.get("numbers", {})))
        for step in request.record.get("path", ())
    ]
    return Sheet("decision path", ("question", "answer", "by"), tuple(rows))


def _numbers(numbers: dict[str, object]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {number(v)}" for name, v in numbers.items())


def evidence_sheet(request: Request) -> Sheet:
    """What it rests on; of features with the bins that changed most."""
    rows = []
    for row in request.record.get("evidence", ()):
        if "feature" in row:
            told = f"PSI {number(row.get('psi_corrected', row.get('psi')))}"
            rows.append(
                (
                    row["feature"],
                    told,
                    number(row.get("psi_threshold", float("nan"))),
                    _p(row),
                    "; ".join(map(_bin, row.get("top_bins", ())[:BINS])),
                )
            )
        else:
            name = str(row.get("measure", row.get("figure", row.get("loss", "-"))))
            rows.append(
                (
                    name,
                    number(row.get("value", float("nan"))),
                    number(row.get("limit", row.get("baseline", float("nan")))),
                    _p(row),
                    "",
                )
            )
    headings = ("feature or measure", "found", "threshold", "p", "bins that changed most")
    observed = _numbers({k: v for k, v in request.record.get("observed", {}).items() if _flat(v)})
    wanted = _numbers({k: v for k, v in request.record.get("threshold", {}).items() if _flat(v)})
    notes = (f"observed: {observed}", f"the rule asks for: {wanted}")
    return Sheet("evidence", headings, tuple(rows), frozenset({2, 3}), notes)


def _p(row: Mapping[str, Any]) -> str:
    return p_text(row["p_value"]) if isinstance(row.get("p_value"), float) else "-"


def _flat(value: object) -> bool:
    return isinstance(value, int | float | str)


def _bin(row: dict[str, object]) -> str:
    expected, actual = row.get("expected"), row.get("actual")
    if not isinstance(expected, float | int) or not isinstance(actual, float | int):
        return str(row.get("bin", ""))
    return f"{row.get('bin')} {expected:.1%} to {actual:.1%}"


def answers_sheet(request: Request) -> Sheet:
    """What was answered to it."""
    headings = ("acted at", "answer", "version", "used from", "reason", "taken")
    rows = [
        (
            moment(rfc3339_to_ms(line["at"])) if "at" in line else "-",
            line["status"],
            line.get("version", ""),
            moment(rfc3339_to_ms(line["effective_from"])) if "effective_from" in line else "",
            line.get("reason", ""),
            "yes" if line["taken"] else f"no: {line.get('refused', '')}",
        )
        for line in request.answers
    ]
    return Sheet("answers", headings, tuple(rows), nothing="nobody answered by then")


def due_sheet(due: Sequence[Due]) -> Sheet:
    """What is to be done, by date."""
    rows = [
        (
            "-" if one.by_ms is None else moment(one.by_ms),
            f"{one.what} (OVERDUE)" if one.overdue else one.what,
            one.about,
        )
        for one in due
    ]
    return Sheet("what is due", ("by", "what", "about"), tuple(rows), nothing="nothing is due")


def gaps_sheet(gaps: Gaps) -> Sheet:
    """Times without data."""
    rows = [
        (
            moment(gap.start_ms),
            moment(gap.end_ms),
            spell(gap.end_ms - gap.start_ms),
            "windows without an event" if gap.judged else "no window was judged",
        )
        for gap in gaps.found
    ]
    notes = []
    if gaps.silent_until_ms is not None:
        notes.append(f"the records begin with {moment(gaps.silent_until_ms)}")
    nothing = f"none: windows of {gaps.window} follow each other, each with events"
    headings = ("from", "to", "lasted", "what")
    return Sheet("times without data", headings, tuple(rows), notes=tuple(notes), nothing=nothing)


def left_out_sheet(review: Review) -> Sheet:
    """Records that no window has."""
    rows: list[tuple[str, ...]] = []
    for kind, found in (("rejected", review.rejected), ("late", review.late)):
        rows += _counts(kind, found)
    headings = ("what", "topic", "reason", "records")
    nothing = "none: every record that came is in a window"
    notes: tuple[str, ...] = ()
    if review.rejected.unreadable or review.late.unreadable:
        notes = ("of records that cannot be read nobody can say whose they are, or of when",)
    title = "records that no window has"
    return Sheet(title, headings, tuple(rows), frozenset({3}), notes, nothing)


def _counts(kind: str, found: LeftOut) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, counts in ((kind, found.known), (f"{kind}, cannot be read", found.unreadable)):
        for (topic, reason), count in sorted(counts.items()):
            rows.append((name, topic, reason.replace("_", " "), f"{count:,}"))
    return rows


def faults_sheet(series: Series) -> Sheet:
    """Bad data by feature and kind."""
    told: dict[tuple[str, str], list[tuple[float, float, int]]] = {}
    for point in series.data:
        named = {**point.quality.get("features", {})}
        if "records" in point.quality:
            named["(records)"] = point.quality["records"]
        for name, kinds in named.items():
            for kind, numbers in kinds.items():
                one = (numbers["observed"], numbers["expected"], point.end_ms)
                told.setdefault((name, kind), []).append(one)
    rows = []
    for (name, kind), found in sorted(told.items(), key=lambda row: (-len(row[1]), row[0])):
        observed, expected, end_ms = max(found)
        rows.append(
            (name, kind.replace("_", " "), f"{len(found):,}", number(observed), number(expected),
             moment(end_ms))
        )  # fmt: skip
    headings = ("feature", "fault", "windows", "at most", "usual", "in the window to")
    return Sheet("bad data", headings, tuple(rows), frozenset({2, 3, 4}))


def budget_sheet(review: Review) -> Sheet:
    """Pages against what the spec allows."""
    budget, pages = review.budget, review.told.pages
    rows = [("pages told (WARNING or CRITICAL, not muted), true or false", f"{pages:,}")]
    notes: tuple[str, ...] = ()
    if budget is None:
        notes = ("what the budget is stands in the spec, which was not given (--spec)",)
    else:
        spec = review.spec
        assert spec is not None, "a budget is of a spec"
        allowed = f"{budget.allowed:.2f}"
        per = format_duration(spec.budget.per_ms)
        rows += [
            (f"false pages that the spec allows ({spec.budget.false_pages:g} in {per})", allowed),
            (EXPECTED, f"{budget.spent:.2f}"),
            ("windows that rules examined", f"{budget.looks:,}"),
        ]
        if pages > max(1.0, budget.allowed):
            notes = (MORE,)
    return Sheet("false-alarm budget", ("", ""), tuple(rows), frozenset({1}), notes)
