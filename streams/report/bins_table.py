"""The bins of a feature, the reference against the current, and what each adds to PSI.

Rule.  Bins stand in the order of their values, categories by their share in training; of many the
largest contributions are shown.  Their names are those of the record, in which a sensitive
feature's categories are numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from engine.review.points import WorstBins
from streams.report.document import scrolled
from streams.report.markup import Markup, tag
from streams.report.wording import moment

SHOWN: Final = 12
WIDTH: Final = 150.0
BAR: Final = 8.0
INTERVALS: Final = ("[", "(")
_LONG: Final = re.compile(r"-?\d+\.\d{4,}(e[+-]\d+)?")


def bins_table(feature: str, found: WorstBins) -> Markup:
    """One feature: a heading, a sentence and the table."""
    bins = found.verdict["bins"]
    cell = found.cell
    most = sorted(bins, key=lambda row: (-row["contribution"], row["bin"]))[:SHOWN]
    numeric = all(row["bin"].startswith(INTERVALS) and "," in row["bin"] for row in bins)
    shown = sorted(most, key=_low if numeric else lambda row: (-row["expected"], row["bin"]))
    scale = max([*(row["expected"] for row in shown), *(row["actual"] for row in shown)]) or 1.0
    rows = [_row(row, scale) for row in shown]
    names = ("bin", "in training", "in the window", "", "adds to PSI")
    head = tag("tr", *(tag("th", name, scope="col") for name in names))
    psi = max(0.0, cell.psi or 0.0)
    said = (
        f"Window to {moment(found.end_ms)}, {cell.level}: PSI {psi:.3f} over a threshold of "
        f"{cell.threshold:.3f}, on {found.verdict['events']:,} values."
    )
    if len(bins) > len(shown):
        said += f" Of {len(bins)} bins those that add most are shown."
    table = tag("table", tag("thead", head), tag("tbody", *rows))
    return tag(
        "section",
        tag("h4", feature),
        tag("p", said, class_="note"),
        scrolled(table, f"bins of {feature}"),
        class_="together",
    )


def _row(row: dict[str, Any], scale: float) -> Markup:
    told = f"{row['bin']}: {row['expected']:.1%} in training, {row['actual']:.1%} in the window"
    bars = tag(
        "svg",
        tag("title", told),
        _bar(row["expected"] / scale, 1.0, "bar-reference"),
        _bar(row["actual"] / scale, 1.0 + BAR, "bar-current"),
        width=WIDTH,
        height=2 * BAR + 3.0,
        role="img",
        class_="bars",
    )
    return tag(
        "tr",
        tag("th", _shortened(row["bin"]), scope="row"),
        tag("td", f"{row['expected']:.1%}", class_="number"),
        tag("td", f"{row['actual']:.1%}", class_="number"),
        tag("td", bars),
        tag("td", f"{row['contribution']:.3f}", class_="number"),
    )


def _shortened(name: str) -> str:
    """A bin's name with the long numbers of an interval in six digits; its title has the whole."""
    if not name.startswith(INTERVALS):
        return name
    return _LONG.sub(lambda match: f"{float(match[0]):.6g}", name)


def _bar(share: float, y: float, kind: str) -> Markup:
    width = max(0.5, share * (WIDTH - 2.0))
    return tag("rect", x=1.0, y=y, width=width, height=BAR - 1.0, class_=kind)


def _low(row: dict[str, Any]) -> tuple[float, float, str]:
    """The ends of an interval, as its name tells them."""
    low, _, high = row["bin"].strip("[]()").partition(",")
    try:
        return float(low), float(high), row["bin"]
    except ValueError:
        return float("inf"), float("inf"), row["bin"]


def shown_bins(features: Sequence[str], worst: dict[str, WorstBins], most: int) -> list[str]:
    """The first so many features that have bins to be shown."""
    return [name for name in features if name in worst][:most]
