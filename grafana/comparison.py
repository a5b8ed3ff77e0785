"""Champion and challenger: the difference, its interval, and whether it may be believed yet."""

from __future__ import annotations

from typing import Final

from grafana.palette import ANY_IS_WATCH, SURE, YES_IS_GOOD
from grafana.panels import Panel, Query
from grafana.queries import MODEL, grown, newest

_PAIR: Final = "model, version, champion"
_MEASURED: Final = f"{_PAIR}, measure"
_NAMED: Final = "{{model}} {{champion}} → {{version}}"


def _of(metric: str, *more: str, by: str = _PAIR) -> str:
    return newest(metric, *more, by=by, where=MODEL)


COMPARISON: Final = (
    Panel(
        "Challenger less champion",
        "The difference by the measure of the comparison with its interval, valid at every look, "
        "and what it must exceed for a promotion. A number of the newest look.",
        (
            Query(_of("comparison_difference", by=_MEASURED), f"{_NAMED} {{{{measure}}}}"),
            Query(
                _of("comparison_low", by=_MEASURED), f"{_NAMED} {{{{measure}}}} low", "reference"
            ),
            Query(
                _of("comparison_high", by=_MEASURED), f"{_NAMED} {{{{measure}}}} high", "reference"
            ),
            Query(
                _of("comparison_better_by", by=_MEASURED),
                f"{_NAMED} {{{{measure}}}} must exceed",
                "limit",
            ),
        ),
        "timeseries",
        "none",
        12,
        9,
        decimals=4,
    ),
    Panel(
        "How sure",
        "Standard errors that the challenger is better by (z), and the boundary that z must reach "
        "at the newest look: high early, because looks spend significance.",
        (
            Query(_of("comparison_z", by=_MEASURED), f"{_NAMED} {{{{measure}}}} z"),
            Query(
                _of("comparison_boundary", by=_MEASURED),
                f"{_NAMED} {{{{measure}}}} boundary",
                "limit",
            ),
        ),
        "timeseries",
        "none",
        6,
        9,
        decimals=2,
    ),
    Panel(
        "Decision",
        "The newest decision, and where the comparison is: comparing, watching what was promoted, "
        "or over.",
        (
            Query(
                _of("comparison_decision", by=f"{_PAIR}, decision"), f"{_NAMED} {{{{decision}}}}"
            ),
            Query(_of("comparison_phase", by=f"{_PAIR}, phase"), f"{_NAMED} {{{{phase}}}}"),
        ),
        "state-timeline",
        "none",
        6,
        9,
        YES_IS_GOOD,
    ),
    Panel(
        "Both versions",
        "The measure of either version over the labelled events, p-value of no difference, looks "
        "made, and how much of the planned length has passed.",
        (
            Query(_of("comparison_measure", 'role="champion"', by=_MEASURED), "Champion"),
            Query(_of("comparison_measure", 'role="challenger"', by=_MEASURED), "Challenger"),
            Query(_of("comparison_p_value", by=_MEASURED), "p-value", unit="sci", steps=SURE),
            Query(_of("comparison_looks", by=_MEASURED), "Looks", unit="short"),
            Query(_of("comparison_elapsed", by=_MEASURED), "Passed", unit="percentunit"),
        ),
        "table",
        "none",
        12,
        7,
        decimals=4,
        labels=("model", "champion", "version", "measure"),
    ),
    Panel(
        "Events",
        "Events of each version since the beginning.",
        (Query(_of("comparison_events", by=f"{_PAIR}, by"), f"{_NAMED} {{{{by}}}}"),),
        "timeseries",
        "short",
        6,
        7,
        lowest=0,
    ),
    Panel(
        "Guards",
        "Whether what must not become worse holds. A guard that does not hold rejects.",
        (Query(_of("comparison_guard_held", by=f"{_PAIR}, guard"), f"{_NAMED} {{{{guard}}}}"),),
        "state-timeline",
        "none",
        6,
        7,
        YES_IS_GOOD,
    ),
)

SPLIT: Final = (
    Panel(
        "Share of users",
        "Share of users that the challenger is to get and that it got since the stage began.",
        (
            Query(_of("comparison_share_observed"), f"{_NAMED} got"),
            Query(_of("comparison_share"), f"{_NAMED} promised", "limit"),
        ),
        "timeseries",
        "percentunit",
        6,
        8,
        lowest=0,
        highest=1,
    ),
    Panel(
        "Stage",
        "Number of the stage in force and of all before the promotion; whether the share holds, "
        "its p-value, and the part of all users that are counted.",
        (
            Query(_of("comparison_stage"), "Stage", unit="short"),
            Query(_of("comparison_stages"), "Of", unit="short"),
            Query(_of("comparison_share_held"), "Share holds", steps=YES_IS_GOOD),
            Query(_of("comparison_share_p_value"), "p-value", unit="sci", steps=SURE),
            Query(_of("comparison_sampled"), "Sampled", unit="percentunit"),
            Query(_of("comparison_events_without_user"), "Events without user", unit="short"),
        ),
        "table",
        "none",
        9,
        8,
        labels=("model", "champion", "version"),
        empty="no split",
    ),
    Panel(
        "Users",
        "Distinct users of the stage by the version that answered them; both: seen with either.",
        (Query(_of("comparison_users", by=f"{_PAIR}, by"), f"{_NAMED} {{{{by}}}}"),),
        "timeseries",
        "short",
        6,
        8,
        lowest=0,
    ),
    Panel(
        "Promotions",
        "Records told on the topic promotions in the time shown: promotions, stages, and taking "
        "them back. Marked in every graph.",
        (Query(grown("comparison_promotions_total", by=_PAIR), _NAMED),),
        "stat",
        "short",
        3,
        8,
        ANY_IS_WATCH,
        decimals=0,
        empty="0",
    ),
)
