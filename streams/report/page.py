"""The report: one HTML file with its plots and tables.

Rule.  It needs nothing but itself: no script, no font, no picture from elsewhere, and the policy
in its head forbids the browser to fetch any.  It follows the reader's choice of light or dark, and
what is wider than a telephone is scrolled by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine.policy.comparison import compare
from engine.policy.history import PolicyHistory
from streams.report.axis import TimeAxis
from streams.report.level_plot import level_key, level_plot
from streams.report.markup import Markup, tag
from streams.report.policy_sheets import Prices, headline, sheets_of
from streams.report.psi_plot import SHOWN, left_out, psi_plot, shown_features
from streams.report.sheets import Sheet
from streams.report.side_by_side import compared_sheets
from streams.report.style import STYLE
from streams.report.timeline import key, patterns, timeline
from streams.report.wording import moment

LONG: Final = 32
"""Characters from which a cell may have several lines."""
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def page(
    history: PolicyHistory,
    against: PolicyHistory | None,
    prices: Prices,
    others: Sequence[PolicyHistory] = (),
) -> str:
    """The report of one spec, or of two side by side, or with ``others`` of several versions."""
    histories = [history, *([] if against is None else [against]), *others]
    title = f"Policy of {history.model.key} over history"
    body = [tag("h1", title), patterns()]
    body += [tag("p", _headline(each, histories)) for each in histories]
    body += _plots([each for each in histories if each.length_ms > 0], len(histories))
    if against is not None:
        body += _section("A and B side by side", _compared(history, against))
    for each in histories:
        name = "Tables" if len(histories) == 1 else f"Tables of {each.title}"
        body += _section(name, sheets_of(each, prices))
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Markup(STYLE)),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, tag('body', *body), lang='en')}\n"


def _headline(history: PolicyHistory, histories: Sequence[PolicyHistory]) -> str:
    return f"{history.title}: {headline(history)}" if len(histories) > 1 else headline(history)


def _compared(a: PolicyHistory, b: PolicyHistory) -> list[Sheet]:
    return compared_sheets(a, b, compare(a, b))


def _plots(histories: Sequence[PolicyHistory], specs: int) -> list[Markup]:
    """What there is to be drawn; nothing of histories without a window."""
    if not histories:
        return []
    marks = _marks(histories)
    axis = TimeAxis(min(h.start_ms for h in histories), max(h.end_ms for h in histories), marks)
    drawn = [tag("p", f"Vertical line: {moment(ms)} {told}.") for ms, told in marks]
    drawn += [tag("h2", "Episodes and triggers"), key(), timeline(axis, histories)]
    drawn += [tag("h2", "Level of the data"), level_key(), level_plot(axis, histories)]
    for history in histories:
        if not shown_features(history):
            continue
        side = f" ({history.title})" if specs > 1 else ""
        drawn.append(tag("h2", f"PSI of the features that alerts named{side}"))
        drawn.append(
            tag(
                "p",
                f"Corrected PSI in windows of {history.psi_window}, against the threshold of each "
                "(dashed). Squares are over it, triangles are beyond the scale; to count, it must "
                "be significant as well, and the data sound.",
            )
        )
        drawn.append(psi_plot(axis, history))
        rest = left_out(history)
        if rest:
            drawn.append(
                tag(
                    "p",
                    f"Without a plot (no PSI, or not among the first {SHOWN}): {', '.join(rest)}.",
                )
            )
    return drawn


def _marks(histories: Sequence[PolicyHistory]) -> tuple[tuple[int, str], ...]:
    """When which version took over, a mark a time."""
    told: dict[int, list[str]] = {}
    for term in sorted((t for h in histories for t in h.terms), key=lambda t: t.at_ms):
        told.setdefault(term.at_ms, []).append(f"{term.version} {term.what}")
    return tuple((ms, "; ".join(dict.fromkeys(each))) for ms, each in told.items())


def _section(title: str, sheets: Sequence[Sheet]) -> list[Markup]:
    return [tag("h2", title), *(_table(sheet) for sheet in sheets)]


def _table(sheet: Sheet) -> Markup:
    if sheet.rows:
        named = sheet.headings if any(sheet.headings) else ()
        head = tag("tr", *(tag("th", heading, scope="col") for heading in named))
        rows = [tag("tr", *_cells(row, sheet.right)) for row in sheet.rows]
        shown = tag("div", tag("table", tag("thead", head), tag("tbody", *rows)), class_="wide")
    else:
        shown = tag("p", sheet.nothing)
    notes = [tag("p", note, class_="note") for note in sheet.notes]
    return Markup("".join([tag("h3", sheet.title), shown, *notes]))


def _cells(row: Sequence[str], right: frozenset[int]) -> list[Markup]:
    return [
        tag("td", cell, class_="number" if column in right else "long" if len(cell) > LONG else "")
        for column, cell in enumerate(row)
    ]
