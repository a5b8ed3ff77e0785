"""What the judge as a whole has to do: stay within its budget, and find medium changes.

Rule.  The spec's budget is BUDGET_PAGES false pages in 30 days.  Over all still months of a table
there may be no more pages than that allows.  Every change of medium strength must be found, with
every named feature at DRIFT and without a page before it.
"""

from __future__ import annotations

from typing import Final

import msgspec

from load_tests.quality.results import Results
from load_tests.quality.whole_judge import HOURS_PER_MONTH, MediumChange, StillDays

BUDGET_PAGES: Final = 1.0


def faults(results: Results) -> list[str]:
    """A line for everything that the judge did wrong; empty when nothing was."""
    lines: list[str] = []
    windows: dict[str, int] = {}
    pages: dict[str, int] = {}
    for cell, tree in results.of("still").items():
        days = msgspec.convert(tree, StillDays)
        windows[cell[1]] = windows.get(cell[1], 0) + days.windows
        pages[cell[1]] = pages.get(cell[1], 0) + days.pages
    for table, count in pages.items():
        allowed = BUDGET_PAGES * windows[table] / HOURS_PER_MONTH
        if count > allowed:
            lines.append(f"{table}: {count} false pages, {allowed:g} allowed")
    for cell, tree in results.of("medium").items():
        change, name = msgspec.convert(tree, MediumChange), "/".join(cell)
        if change.delay_events is None:
            lines.append(f"{name}: not found")
        if missing := sorted(set(change.psi) - set(change.drifted)):
            lines.append(f"{name}: {', '.join(missing)} never at DRIFT")
        if change.false_pages:
            lines.append(f"{name}: {change.false_pages} pages before the change")
    return lines
