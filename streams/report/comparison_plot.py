"""A comparison of champion and challenger, look by look, with what was decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.review.index import Tree
from engine.timestamps import rfc3339_to_ms
from streams.report.axis import TimeAxis
from streams.report.markup import Markup
from streams.report.series_plot import Lane, Spot, series_plot
from streams.report.sheets import Sheet
from streams.report.wording import moment


def comparison_plot(axis: TimeAxis, looks: Sequence[Tree]) -> Markup:
    """The difference with its interval, against none and against what was asked for."""
    spots = []
    at_ms = max(axis.start_ms, rfc3339_to_ms(looks[0]["start"]))
    for look in looks:
        measure, end_ms = look["measure"], rfc3339_to_ms(look["end"])
        spots.append(
            Spot(
                min(at_ms, end_ms),
                end_ms,
                measure["difference"],
                measure["low"],
                measure["high"],
                level=f"{look['decision']} ({look['phase']})",
            )
        )
        at_ms = end_ms
    last = looks[-1]["measure"]
    name = f"difference in {last['name']}"
    lane = Lane(name, spots, 0.0, (last["better_by"],), higher_is_worse=False)
    return series_plot(axis, [lane], f"{name}, challenger less champion, with its interval")


def decisions_sheet(promotions: Sequence[Tree]) -> Sheet:
    """What was decided, a row each."""
    headings = ("until", "kind", "decision", "reasons", "champion", "challenger", "measured", "p")
    rows = [
        (
            moment(rfc3339_to_ms(line["until"])),
            line["kind"],
            line["decision"] + (", final" if line.get("final") else ""),
            ", ".join(line["reasons"]),
            line["champion"],
            line["challenger"],
            _measured(line),
            _p_value(line),
        )
        for line in promotions
    ]
    return Sheet("what was decided", headings, tuple(rows))


def _measured(line: Tree) -> str:
    measure: dict[str, Any] = line.get("measure", {})
    if measure.get("difference") is None:
        users = line.get("users")
        if users is None:
            return "nothing yet"
        return f"{users['champion']:,} and {users['challenger']:,} users, share {line['share']:g}"
    interval = ""
    if measure["low"] is not None and measure["high"] is not None:
        interval = f" ({measure['low']:+.4f} to {measure['high']:+.4f})"
    return f"{measure['name']} {measure['difference']:+.4f}{interval}"


def _p_value(line: Tree) -> str:
    value = line.get("sequential", {}).get("p_value")
    return "-" if value is None else f"{value:.2g}"
