"""Small parts that both reports of a period are made of: headings, levels, facts, lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.review.review import Review, VersionPart
from streams.report.document import scrolled
from streams.report.markup import Markup, tag
from streams.report.wording import moment, spell


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of a report with its heading, and its place in the list of contents."""

    name: str
    """Of its anchor."""
    title: str
    body: tuple[Markup, ...]

    def shown(self) -> Markup:
        """The chapter."""
        heading = tag("h2", self.title, id=self.name)
        return tag("section", heading, *self.body, aria_labelledby=self.name)


def contents(chapters: Sequence[Chapter]) -> Markup:
    """The list of chapters."""
    items = [tag("li", tag("a", c.title, href=f"#{c.name}")) for c in chapters]
    return tag("nav", tag("ul", *items), aria_label="contents")


def level(name: str) -> Markup:
    """A level, told by its word and a colour."""
    return tag("span", name or "absent", class_=f"level {name.lower() or 'unknown'}")


def facts(told: Sequence[tuple[str, str]]) -> Markup:
    """The figures at the head of a report, each with what it is."""
    rows = [tag("li", tag("strong", figure), tag("span", name)) for figure, name in told]
    return tag("ul", *rows, class_="facts")


def definitions(rows: Sequence[tuple[str, str]]) -> Markup:
    """Names and what they are."""
    told = [part for name, said in rows for part in (tag("dt", name), tag("dd", said))]
    return tag("dl", *told)


def rich_table(headings: Sequence[str], rows: Sequence[Sequence[Markup]], label: str) -> Markup:
    """A table whose cells are markup already."""
    head = tag("tr", *(tag("th", heading, scope="col") for heading in headings))
    body = [tag("tr", *row) for row in rows]
    return scrolled(tag("table", tag("thead", head), tag("tbody", *body)), label)


def period_words(review: Review) -> str:
    """The period in words."""
    scope = review.scope
    return f"{moment(scope.from_ms)} to {moment(scope.to_ms)} UTC ({spell(scope.length_ms)})"


def versions_words(review: Review) -> str:
    """The versions in words."""
    names = [part.version for part in review.parts]
    return f"version {names[0]}" if len(names) == 1 else f"versions {', '.join(names)}"


def absent(text: str) -> Markup:
    """That there is nothing, and why."""
    return tag("p", text, class_="absent")


def note(text: str) -> Markup:
    """What is to be known of a plot or a table."""
    return tag("p", text, class_="note")


def of_version(review: Review, part: VersionPart, title: str) -> str:
    """A heading that names the version where there are several."""
    return title if len(review.parts) == 1 else f"{title}: version {part.version}"
