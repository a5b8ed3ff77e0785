"""The digest of a week: what is worth reading and woke nobody, and what is due."""

from __future__ import annotations

from typing import Final

from engine.policy.episodes import HEARD
from engine.review.meaning import meaning
from engine.review.review import Review, VersionPart
from streams.report.chapters import USUAL_VOLUME, axis_of, comparisons, summary
from streams.report.document import table
from streams.report.heat_map import ranked
from streams.report.markup import Markup, tag
from streams.report.period_plots import operations_plot, performance_plot
from streams.report.period_sheets import (
    episodes_sheet,
    faults_sheet,
    gaps_sheet,
    left_out_sheet,
    of_versions,
    requests_sheet,
)
from streams.report.pieces import Chapter, absent, note, of_version
from streams.report.review_page import due, page
from streams.report.version_sheets import features_sheet

MOVERS: Final = 10


def digest_page(review: Review) -> str:
    """The whole file."""
    chapters = [due(review), alerts(review)]
    for number, part in enumerate(review.parts, 1):
        chapters += [
            summary(review, number, part),
            volumes(review, number, part),
            movers(review, number, part),
            quality(review, number, part),
            results(review, number, part),
        ]
    compared = comparisons(review)
    chapters += [] if compared is None else [compared]
    return page(review, f"Digest: {review.scope.model}", chapters)


def alerts(review: Review) -> Chapter:
    """INFO alerts that began, what ended, what goes on, and what was asked for."""
    scope, told = review.scope, review.told
    begun, ended = told.begun(scope), told.ended(scope)
    notices = [e for e in begun if e.severity not in HEARD and not e.muted]
    heard = [e for e in begun if e.severity in HEARD and not e.muted]
    on = [e for e in told.episodes if e.resolved_ms is None and e not in begun]
    of_episodes = (
        ("worth reading (INFO)", notices),
        ("told when they came (WARNING, CRITICAL)", heard),
        ("ended", ended),
        ("open since before", on),
    )
    asked = told.asked(scope)
    sheets = [
        *(episodes_sheet(title, e, scope.to_ms, "none in this period") for title, e in of_episodes),
        requests_sheet("requests to retrain", asked),
    ]
    if len(review.parts) > 1:
        versions = [[told.versions[each.episode] for each in found] for _, found in of_episodes]
        versions.append([str(each.record["version"]) for each in asked])
        sheets = [of_versions(*each) for each in zip(sheets, versions, strict=True)]
    return Chapter("alerts", "Alerts", tuple(table(sheet) for sheet in sheets))


def volumes(review: Review, number: int, part: VersionPart) -> Chapter:
    """How many predictions came, and what is missing."""
    operations = part.dimensions[4]
    text = meaning(operations, part.series)
    body: list[Markup] = [tag("p", text) if operations.spots else absent(text)]
    if operations.spots:
        body += [operations_plot(axis_of(review), part.series), note(USUAL_VOLUME)]
    if part.gaps.window:
        body.append(table(gaps_sheet(part.gaps)))
    body.append(table(left_out_sheet(review)))
    return Chapter(f"volumes-{number}", of_version(review, part, "Volumes"), tuple(body))


def movers(review: Review, number: int, part: VersionPart) -> Chapter:
    """The features that moved most."""
    title = of_version(review, part, "Features that moved most")
    points = [point for point in part.series.data if point.cells]
    name = f"movers-{number}"
    if not points:
        return Chapter(name, title, (absent(meaning(part.dimensions[1], part.series)),))
    sheet = features_sheet(points, ranked(points)[:MOVERS])
    return Chapter(name, title, (table(sheet, heading=""),))


def quality(review: Review, number: int, part: VersionPart) -> Chapter:
    """Bad data."""
    dimension = part.dimensions[3]
    text = meaning(dimension, part.series)
    body = [tag("p", text) if dimension.spots else absent(text)]
    faults = faults_sheet(part.series)
    body += [table(faults)] if faults.rows else []
    return Chapter(f"quality-{number}", of_version(review, part, "Data quality"), tuple(body))


def results(review: Review, number: int, part: VersionPart) -> Chapter:
    """What labels said in the week."""
    dimension, series = part.dimensions[0], part.series
    text = meaning(dimension, series)
    body = [tag("p", text) if dimension.spots else absent(text)]
    if any(point.labelled for point in series.performance):
        label = "measures by arrival of the label"
        body.append(performance_plot(axis_of(review), series.performance, label))
    return Chapter(f"results-{number}", of_version(review, part, "Performance"), tuple(body))
