"""The monitoring report that a reviewer of model risk reads: a period of one model, whole."""

from __future__ import annotations

from typing import Final

from engine.review.review import EMPTY_WORDS, Review
from streams.report.chapters import (
    alerts,
    comparisons,
    drift,
    identity,
    others,
    performance,
    summary,
    triggers,
)
from streams.report.document import document, table
from streams.report.markup import Markup, tag
from streams.report.period_sheets import budget_sheet, due_sheet, gaps_sheet, left_out_sheet
from streams.report.period_style import PERIOD_STYLE
from streams.report.pieces import (
    Chapter,
    absent,
    contents,
    definitions,
    facts,
    of_version,
    period_words,
    versions_words,
)
from streams.report.timeline import patterns
from streams.report.version_sheets import terms_sheet
from streams.report.wording import several

NO_SPEC: Final = (
    "The records do not say who owns the model and what it is for: that stands in its spec, which "
    "was not given (--spec)."
)


def review_page(review: Review) -> str:
    """The whole file."""
    title = f"Monitoring report: {review.scope.model}"
    chapters = [inventory(review), versions(review)] if review.parts else [inventory(review)]
    for number, part in enumerate(review.parts, 1):
        chapters.append(summary(review, number, part))
    for number, part in enumerate(review.parts, 1):
        found = (
            performance(review, number, part),
            drift(review, number, part),
            others(review, number, part),
            alerts(review, number, part),
            triggers(review, number, part),
        )
        chapters += [chapter for chapter in found if chapter is not None]
    compared = comparisons(review)
    chapters += [] if compared is None else [compared]
    if review.parts or not review.is_empty:
        chapters += [budget(review), missing(review)]
    chapters.append(due(review))
    if review.parts:
        chapters.append(identity(review))
    return page(review, title, chapters)


def page(review: Review, title: str, chapters: list[Chapter]) -> str:
    """A report of a period, with its head and its contents."""
    known = versions_words(review) if review.parts else "no version"
    head = [tag("h1", title), tag("p", f"{period_words(review)}, {known}")]
    if review.is_empty:
        head.append(tag("p", EMPTY_WORDS, class_="empty"))
    else:
        head.append(figures(review))
    body = [patterns(), tag("header", *head), contents(chapters)]
    body.append(tag("main", *(chapter.shown() for chapter in chapters)))
    body.append(tag("footer", tag("p", FOOTER)))
    return document(title, PERIOD_STYLE, body)


FOOTER: Final = (
    "Made by Longshore from the records of the period. Times are event time, UTC. A period has the "
    "windows that end in it, as they were judged first: what rules acted on. Points are absolute."
)


def figures(review: Review) -> Markup:
    """The few numbers that are read first."""
    scope, told = review.scope, review.told
    events = sum(part.events for part in review.parts)
    windows = sum(part.windows for part in review.parts)
    heard = [e for e in told.episodes if not e.muted]
    still = sum(e.resolved_ms is None for e in heard)
    critical = sum(e.severity == "CRITICAL" for e in heard)
    asked = told.asked(scope)
    rows = [
        (f"{events:,}", "predictions"),
        (f"{windows:,}", "windows judged"),
        (f"{len(heard):,}", f"alerts ({critical} CRITICAL, {still} still open)"),
        (f"{len(asked):,}", "requests to retrain"),
    ]
    if review.budget is not None:
        allowed = f"{review.budget.allowed:.1f}"
        rows.append((f"{told.pages:,}", f"pages (budget of false ones: {allowed})"))
    else:
        rows.append((f"{told.pages:,}", "pages"))
    return facts(rows)


def inventory(review: Review) -> Chapter:
    """Who answers for the model."""
    spec = review.spec
    if spec is None:
        return Chapter("inventory", "Inventory", (absent(NO_SPEC),))
    told = spec.inventory
    windows = ", ".join(window.name for window in spec.windows)
    rows = (
        ("model", f"{spec.model}, version {spec.version}"),
        ("owner", told.owner),
        ("purpose", told.purpose or "not said"),
        ("risk tier", told.risk_tier),
        ("status", told.status),
        ("next review", told.next_review or "not said"),
        ("prediction", spec.prediction.type),
        ("watched", f"{several(len(spec.features), 'feature')}, windows of {windows}"),
    )
    body = [definitions(rows)]
    if review.parts and review.spec_part is None:
        body.append(absent("The spec that was given is of a version that has no window here."))
    elif review.parts and not _was_used(review):
        body.append(
            absent("None of these windows was judged by the spec that was given: its hash differs.")
        )
    return Chapter("inventory", "Inventory", tuple(body))


def _was_used(review: Review) -> bool:
    part = review.spec_part
    assert part is not None, "it was asked for"
    return any(spec == review.spec_hash for spec, _ in part.series.identities)


def versions(review: Review) -> Chapter:
    """Which versions served."""
    return Chapter("versions", "Versions in service", (table(terms_sheet(review), heading=""),))


def budget(review: Review) -> Chapter:
    """What false alarms cost."""
    return Chapter("budget", "False-alarm budget", (table(budget_sheet(review), heading=""),))


def missing(review: Review) -> Chapter:
    """What is not in any window."""
    body = []
    for part in review.parts:
        if len(review.parts) > 1:
            body.append(tag("h3", of_version(review, part, "Data")))
        if part.gaps.window:
            body.append(table(gaps_sheet(part.gaps)))
        else:
            body.append(absent("No window of the data was judged."))
        if part.amended:
            amended = several(part.amended, "window")
            body.append(
                tag("p", f"{amended} of the records were judged once more, with what came late.")
            )
    body.append(table(left_out_sheet(review)))
    return Chapter("missing", "Data gaps, rejected and late records", tuple(body))


def due(review: Review) -> Chapter:
    """What is to be done."""
    return Chapter("due", "What is due", (table(due_sheet(review.due), heading=""),))
