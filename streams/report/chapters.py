"""The chapters of both reports of a period, each from what the records have."""

from __future__ import annotations

from typing import Final, NamedTuple

from engine.policy.episodes import ToldEpisode
from engine.policy.history import ToldTrigger
from engine.review.meaning import meaning
from engine.review.points import DataPoint, PerformancePoint
from engine.review.review import Review, VersionPart
from engine.timestamps import ms_to_rfc3339
from streams.report.axis import TimeAxis
from streams.report.bins_table import bins_table, shown_bins
from streams.report.comparison_plot import comparison_plot, decisions_sheet
from streams.report.document import table
from streams.report.heat_map import ROWS, heat_key, heat_map, ranked
from streams.report.lane_plot import lane_plot
from streams.report.level_plot import level_key
from streams.report.markup import Markup, tag
from streams.report.period_plots import (
    business_plot,
    operations_plot,
    performance_plot,
    prediction_plot,
    quality_plot,
)
from streams.report.period_sheets import (
    answers_sheet,
    episodes_sheet,
    evidence_sheet,
    faults_sheet,
    path_sheet,
    requests_sheet,
)
from streams.report.pieces import (
    Chapter,
    absent,
    definitions,
    level,
    note,
    of_version,
    rich_table,
)
from streams.report.timeline import key, timeline
from streams.report.version_sheets import (
    features_sheet,
    identity_sheet,
    measures_sheet,
    segments_sheet,
)
from streams.report.wording import moment, several

BINS_OF: Final = 6
"""Features with their bins in a report."""
USUAL_VOLUME: Final = "Dashes: how many the same hours of the week had in training."
REQUESTS: Final = 10
"""Requests to retrain that are told whole."""


class TimelineOf(NamedTuple):
    """What a timeline is drawn of."""

    title: str
    episodes: tuple[ToldEpisode, ...]
    triggers: tuple[ToldTrigger, ...]
    end_ms: int


def axis_of(review: Review) -> TimeAxis:
    """The axis that all plots of the report share."""
    return TimeAxis(review.scope.from_ms, review.scope.to_ms)


def summary(review: Review, number: int, part: VersionPart) -> Chapter:
    """The six dimensions in a table, each with what it means."""
    rows = [
        (
            tag("th", dimension.name, scope="row"),
            tag("td", level(dimension.now)),
            tag("td", level(dimension.worst)),
            tag("td", meaning(dimension, part.series), class_="prose"),
        )
        for dimension in part.dimensions
    ]
    headings = ("dimension", "newest", "worst", "what it means")
    title = of_version(review, part, "Six dimensions")
    body = [
        rich_table(headings, rows, title),
        level_key(),
        lane_plot(axis_of(review), part.dimensions, "levels of the six dimensions over time"),
        note(
            "Operations and business have no levels of their own: WATCH and DRIFT stand for an "
            "alert of WARNING or CRITICAL that was open then."
        ),
    ]
    return Chapter(f"dimensions-{number}", title, tuple(body))


def drift(review: Review, number: int, part: VersionPart) -> Chapter:
    """Data drift: heat map, table and bins."""
    series = part.series
    title = of_version(review, part, "Data drift")
    name = f"drift-{number}"
    points: list[DataPoint] = [p for p in series.data if p.cells]
    if not points:
        return Chapter(name, title, (absent(meaning(part.dimensions[1], series)),))
    features = ranked(points)
    body = [heat_key(), heat_map(axis_of(review), points, features)]
    if len(features) > ROWS:
        body.append(note(f"The {ROWS} that went furthest of {len(features):,} features."))
    body.append(table(features_sheet(points, features)))
    shown = shown_bins(features, series.worst, BINS_OF)
    if shown:
        body.append(tag("h3", "What moved: bins in training and in the worst window"))
        tables = [bins_table(feature, series.worst[feature]) for feature in shown]
        body.append(tag("div", *tables, class_="pairs"))
    else:
        body.append(absent("No feature was WATCH or DRIFT, so the records have no bins."))
    return Chapter(name, title, tuple(body))


def performance(review: Review, number: int, part: VersionPart) -> Chapter:
    """Performance against the reference, by arrival and by cohort."""
    series = part.series
    title = of_version(review, part, "Performance")
    views: list[tuple[str, list[PerformancePoint]]] = []
    if series.performance:
        views.append((f"by arrival of the label, windows of {series.performance_window}",
                      series.performance))  # fmt: skip
    for name, points in series.cohorts.items():
        window = series.cohort_windows[name]
        maturity = name.partition("/")[2]
        views.append((f"cohorts, {maturity} after the prediction, windows of {window}", points))
    body: list[Markup] = [tag("p", meaning(part.dimensions[0], series))]
    for view, points in views:
        body.append(tag("h3", view))
        if any(point.labelled for point in points):
            body.append(performance_plot(axis_of(review), points, f"measures {view}"))
        body.append(table(measures_sheet(f"measures {view}", points)))
    segments = segments_sheet(series.performance)
    if segments is not None:
        body.append(table(segments))
    return Chapter(f"performance-{number}", title, tuple(body))


def others(review: Review, number: int, part: VersionPart) -> Chapter:
    """Prediction drift, data quality, operations and business, each with its plot."""
    axis, series = axis_of(review), part.series
    _, _, prediction, quality, operations, business = part.dimensions
    body: list[Markup] = []
    for dimension in (prediction, quality, operations, business):
        body.append(tag("h3", dimension.name.capitalize()))
        body.append(
            tag("p", meaning(dimension, series))
            if dimension.spots
            else absent(meaning(dimension, series))
        )
        if not dimension.spots:
            continue
        if dimension is prediction:
            body.append(prediction_plot(axis, series))
        elif dimension is quality:
            drawn = quality_plot(axis, series)
            body += [] if drawn is None else [drawn]
            faults = faults_sheet(series)
            body += [table(faults)] if faults.rows else []
        elif dimension is operations:
            body += [operations_plot(axis, series), note(USUAL_VOLUME)]
        else:
            body.append(business_plot(axis, series))
    title = of_version(review, part, "Predictions, quality, operations, business")
    return Chapter(f"others-{number}", title, tuple(body))


def alerts(review: Review, number: int, part: VersionPart) -> Chapter:
    """Episodes and requests to retrain, with the timeline."""
    scope = review.scope
    body: list[Markup] = []
    requests = [r for r in part.requests if scope.has(r.told.at_ms)]
    earlier = len(requests) < len(part.requests)
    if part.episodes or requests:
        told = TimelineOf("", part.episodes, tuple(r.told for r in requests), scope.to_ms)
        body += [key(), timeline(axis_of(review), [told])]
    heard = [e for e in part.episodes if not e.muted]
    nothing = "no alert was open in the period"
    body.append(table(episodes_sheet("episodes", heard, scope.to_ms, nothing)))
    muted = [e for e in part.episodes if e.muted]
    if muted:
        body.append(table(episodes_sheet("muted episodes, which wake nobody", muted, scope.to_ms)))
    if review.told.endings:
        count = several(review.told.endings, "episode")
        body.append(note(f"{count} ended whose beginning is not in the records."))
    title = "requests to retrain" + (", and earlier ones without an end" if earlier else "")
    body.append(table(requests_sheet(title, part.requests)))
    return Chapter(f"alerts-{number}", of_version(review, part, "Alerts"), tuple(body))


def triggers(review: Review, number: int, part: VersionPart) -> Chapter | None:
    """Each request to retrain, whole; None without one."""
    if not part.requests:
        return None
    body: list[Markup] = []
    for request in part.requests[:REQUESTS]:
        told = request.told
        rows = (
            ("rule and cause", f"{told.rule}, {told.cause}"),
            ("window", f"{told.window} to {moment(told.at_ms)}, {several(told.events, 'event')}"),
            ("recommended", str(request.record.get("recommended", "retrain")).replace("_", " ")),
            ("state", request.state),
            ("trigger_id", request.trigger_id),
        )
        sheets = [path_sheet(request), evidence_sheet(request), answers_sheet(request)]
        body += [
            tag("h3", f"Asked at {moment(told.at_ms)}"),
            definitions(rows),
            *(table(sheet, heading="h4") for sheet in sheets),
        ]
    if len(part.requests) > REQUESTS:
        body.append(note(f"{len(part.requests) - REQUESTS:,} more stand in the table above."))
    title = of_version(review, part, "Why retraining was asked for")
    return Chapter(f"triggers-{number}", title, tuple(body))


def comparisons(review: Review) -> Chapter | None:
    """Champion and challenger; None where nothing was compared."""
    body: list[Markup] = []
    for part in review.parts:
        looks = part.series.comparisons
        if looks:
            champion = looks[-1]["champion"]
            body.append(tag("h3", f"{part.version} against {champion}"))
            body.append(comparison_plot(axis_of(review), looks))
    if review.told.promotions:
        body.append(table(decisions_sheet(review.told.promotions)))
    if not body:
        return None
    return Chapter("comparisons", "Champion and challenger", tuple(body))


def identity(review: Review) -> Chapter:
    """By what it was judged, and how to make it again."""
    scope = review.scope
    body = [table(identity_sheet(review))]
    conventions = [part.series.conventions for part in review.parts if part.series.conventions]
    if conventions:
        newest = conventions[-1]
        psi = newest.get("psi", {})
        body.append(
            note(
                f"PSI over {psi.get('bins', '-')}, pseudo-count {psi.get('pseudo_count', '-')}; "
                f"significance of one comparison {newest.get('significance', 0):.2g}; "
                f"calibrated by: {newest.get('calibration', '-')}."
            )
        )
    body.append(tag("h3", "How to make it again"))
    body.append(
        tag(
            "p",
            "The records are a function of the logs, of the spec and of the profile. With files of "
            "the same events, and the spec and profile of the hashes above, this makes the "
            "judgements again, to the last byte, and from them this report:",
        )
    )
    more = "" if review.spec is None else " --spec spec.yaml"
    if len(scope.versions) == 1:
        more += f" --version {scope.versions[0]}"
    replay = (
        "longshore replay spec.yaml --profile profile.json --predictions events --labels labels"
        " \\\n"
        "    --results audit.ndjson --out records\n"
        f"longshore report records --kind review --model {scope.model}{more} \\\n"
        f"    --from {ms_to_rfc3339(scope.from_ms)} --to {ms_to_rfc3339(scope.to_ms)} "
        "--out report.html"
    )
    body.append(_lines(replay))
    return Chapter("identity", "Configuration, and how to reproduce it", tuple(body))


def _lines(text: str) -> Markup:
    """Lines to be copied, as they are."""
    lines = [tag("span", line) for line in text.splitlines()]
    return tag("pre", Markup("\n".join(lines)))
