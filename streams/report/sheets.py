"""A table before it is shown: a title, headings, rows of text, and what is to be known of it.

Rule.  A cell is one line of text: characters that a terminal would obey are written out.  Columns
stand as wide as their widest cell, the last one as it is, so that a line is never broken and
``grep`` finds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

GAP: Final = "  "


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[int] = frozenset()
    """Columns of numbers, which stand at the right."""
    notes: tuple[str, ...] = ()
    """Lines below it."""
    nothing: str = "none"
    """What is said where there is no row."""


def printable(text: str) -> str:
    """The text in one line, without characters that do something else than being seen."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def text_lines(sheet: Sheet) -> Iterator[str]:
    """The sheet as lines of plain text."""
    yield printable(sheet.title)
    rows = [[printable(cell) for cell in row] for row in sheet.rows]
    if rows:
        told = [list(sheet.headings), *rows] if any(sheet.headings) else rows
        widths = [max(map(len, column)) for column in zip(*told, strict=True)]
        for row in told:
            yield GAP + _aligned(row, widths, sheet.right)
    else:
        yield GAP + sheet.nothing
    for note in sheet.notes:
        yield GAP + printable(note)


def _aligned(row: Sequence[str], widths: Sequence[int], right: frozenset[int]) -> str:
    cells = [
        cell.rjust(width) if column in right else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return GAP.join(cells).rstrip()
