"""What a panel is, before Grafana's types: a question, its queries, and how the answer is shown.

Rule.  Every panel has a title, a description that says what the number means and when it lies, a
unit and steps of colour; every series has a legend.  Sizes are in Grafana's grid of 24 columns; a
row of height 1 is 38 pixels of a screen of 1080.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from grafana.palette import PLAIN, Step

Kind = Literal[
    "timeseries", "stat", "table", "status-history", "state-timeline", "bargauge", "text"
]
Role = Literal["value", "reference", "limit", "estimate"]
COLUMNS: Final = 24


@dataclass(frozen=True, slots=True)
class Query:
    """One expression; ``legend`` is a template over labels, in a table the name of the column."""

    expr: str
    legend: str
    role: Role = "value"
    is_right: bool = False
    """Whether it has the axis on the right, without dimension."""
    unit: str = ""
    """Of a column of a table that has not the panel's."""
    steps: tuple[Step, ...] = ()
    link: str = ""
    """Where a click on the column's cell leads."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel."""

    title: str
    says: str
    """The description."""
    queries: tuple[Query, ...] = ()
    kind: Kind = "timeseries"
    unit: str = "none"
    width: int = 8
    height: int = 8
    steps: tuple[Step, ...] = PLAIN
    are_limits: bool = False
    """Whether the steps are drawn as lines of a time series."""
    decimals: int | None = None
    lowest: float | None = None
    highest: float | None = None
    labels: tuple[str, ...] = ()
    """Of a table: the label columns, in order."""
    sort: str = ""
    """Of a table: the column that it is sorted by, largest first."""
    label_link: tuple[str, str] = ("", "")
    """Of a table: a label column and where a click on its cell leads."""
    content: str = ""
    """Of a text: Markdown."""
    empty: str = "no data"
    is_stacked: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A heading and the panels below it, laid out from left to right."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice at the head of a page: the values of ``label`` among ``series``."""

    name: str
    label: str
    series: str
    says: str
    is_multi: bool = True
    choices: tuple[str, ...] = ()
    """Fixed ones; ``series`` is then empty."""


@dataclass(frozen=True, slots=True)
class Mark:
    """An annotation: times at which ``expr`` is above nothing."""

    name: str
    expr: str
    colour: str


@dataclass(frozen=True, slots=True)
class Page:
    """A dashboard."""

    uid: str
    title: str
    says: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...]
    marks: tuple[Mark, ...] = ()
    span: str = "now-24h"
