"""A report as a document: one HTML file with its plots and tables.

Rule.  It needs nothing but itself: no script, no font, no picture from elsewhere, and the policy
in its head forbids the browser to fetch any.  It follows the reader's choice of light or dark, and
what is wider than a telephone is scrolled by itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from streams.report.markup import Markup, tag
from streams.report.sheets import Sheet

LONG: Final = 32
"""Characters from which a cell may have several lines."""
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d)?")
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def document(title: str, style: str, body: Sequence[Markup]) -> str:
    """The whole file."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Markup(style)),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, tag('body', *body), lang='en')}\n"


def section(title: str, sheets: Sequence[Sheet]) -> list[Markup]:
    """A heading and its tables."""
    return [tag("h2", title), *(table(sheet) for sheet in sheets)]


def table(sheet: Sheet, heading: str = "h3") -> Markup:
    """A sheet with its title above it, unless ``heading`` is empty, and its notes below."""
    if sheet.rows:
        named = sheet.headings if any(sheet.headings) else ()
        head = tag("tr", *(tag("th", heading, scope="col") for heading in named))
        rows = [tag("tr", *_cells(row, sheet.right)) for row in sheet.rows]
        shown = scrolled(tag("table", tag("thead", head), tag("tbody", *rows)), sheet.title)
    else:
        shown = tag("p", sheet.nothing)
    notes = [tag("p", note, class_="note") for note in sheet.notes]
    title = [tag(heading, sheet.title)] if heading else []
    return Markup("".join([*title, shown, *notes]))


def scrolled(inner: Markup, label: str) -> Markup:
    """What may be wider than the page: it is scrolled by itself, with the keyboard too."""
    return tag("div", inner, class_="wide", tabindex="0", role="region", aria_label=label)


def _cells(row: Sequence[str], right: frozenset[int]) -> list[Markup]:
    return [
        tag("td", cell, class_=_kind(cell, is_number=column in right))
        for column, cell in enumerate(row)
    ]


def _kind(cell: str, *, is_number: bool) -> str:
    """How a cell is set: a number at the right, a long one in several lines, a time in one."""
    if is_number:
        return "number"
    return "long" if len(cell) > LONG else "when" if _TIME.fullmatch(cell) else ""
