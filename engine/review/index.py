"""What judgements there are: which windows of which versions, before anything is read of them.

Rule.  Only windows that tile time are listed, and only as judged first (revision 0), because that
is what rules examine; those that were judged again are counted.  Of each length in a period one is
shown: the longest with at least FEWEST windows in it, or else the shortest.  A record that is told
twice, as a topic may after a crash, is listed once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from engine.review.scope import Scope
from engine.timestamps import rfc3339_to_ms

Tree = Mapping[str, Any]
DATA: Final = "data"
PERFORMANCE: Final = "performance"
COHORTS: Final = "cohorts"
FEWEST: Final = 7
"""Windows of one length that show a course."""
MAX_REPORT_WINDOWS: Final = 2_000_000
"""Windows that are listed; of more a report has to be asked of one model, or of less time."""

MAX_SHOWN_WINDOWS: Final = 20_000
"""Windows of one length of one version that a report shows."""


class TooMuchToShowError(ValueError):
    """More windows than a report is made of; the message says what to narrow."""


@dataclass(slots=True)
class Windows:
    """The windows of one length of one section of one version."""

    length_ms: int
    events: dict[int, int] = field(default_factory=dict)
    """End -> events, as judged first."""
    amended: int = 0
    """Windows that were judged once more."""

    def within(self, scope: Scope) -> list[int]:
        """Ends of those that belong to a period, in order."""
        return sorted(end for end in self.events if scope.has(end))


@dataclass(slots=True)
class Index:
    """All that judgements say of what there is."""

    found: dict[str, dict[str, dict[str, dict[str, Windows]]]] = field(default_factory=dict)
    """Model -> version -> section -> name of the window."""
    models: set[str] = field(default_factory=set)
    """Of all records, also where those of one model are listed only."""
    listed: int = 0

    def add(self, record: Tree) -> None:
        """One judgement; TooMuchToShowError above MAX_REPORT_WINDOWS of them."""
        section = record.get("section", DATA)
        if section not in {DATA, PERFORMANCE, COHORTS}:
            return
        start_ms, end_ms = rfc3339_to_ms(record["start"]), rfc3339_to_ms(record["end"])
        if end_ms % (end_ms - start_ms):
            return
        version = self.found.setdefault(record["model"], {}).setdefault(record["version"], {})
        if section == COHORTS:
            section = "/".join((COHORTS, *record["cohorts"]))
        named = version.setdefault(section, {})
        windows = named.setdefault(record["window"], Windows(end_ms - start_ms))
        if record["revision"]:
            windows.amended += 1
            return
        if end_ms not in windows.events:
            self.listed += 1
            if self.listed > MAX_REPORT_WINDOWS:
                most = f"more than {MAX_REPORT_WINDOWS:,} windows"
                raise TooMuchToShowError(f"{most}: name the model, or ask for less time")
        windows.events[end_ms] = record["events"]

    def versions(self, model: str, from_ms: int, to_ms: int) -> list[str]:
        """Versions with a window in the period, by their newest, the oldest first."""
        newest = {}
        for version, sections in self.found.get(model, {}).items():
            ends = [
                end
                for named in sections.values()
                for windows in named.values()
                for end in windows.events
                if from_ms < end <= to_ms
            ]
            if ends:
                newest[version] = max(ends)
        return sorted(newest, key=lambda version: (newest[version], version))

    def span(self, model: str) -> tuple[int, int] | None:
        """From where to where there is anything of a model: the first start of the shortest windows
        that hold events, and the last end; None of an unknown model."""
        starts, ends = [], []
        for sections in self.found.get(model, {}).values():
            for named in sections.values():
                for windows in named.values():
                    full = [end for end, events in windows.events.items() if events]
                    if full:
                        starts.append((windows.length_ms, min(full) - windows.length_ms))
                        ends.append(max(full))
        if not ends:
            return None
        shortest = min(length for length, _ in starts)
        return min(start for length, start in starts if length == shortest), max(ends)

    def chosen(self, scope: Scope, version: str, section: str) -> str | None:
        """The length of window that is shown of a section; None where the period has none.

        Raises TooMuchToShowError where it has more than MAX_SHOWN_WINDOWS of them.
        """
        named = self.found.get(scope.model, {}).get(version, {}).get(section, {})
        there = sorted(
            (windows.length_ms, name, len(windows.within(scope))) for name, windows in named.items()
        )
        there = [row for row in there if row[2]]
        if not there:
            return None
        enough = [row for row in there if row[2] >= FEWEST]
        _, name, count = enough[-1] if enough else there[0]
        if count > MAX_SHOWN_WINDOWS:
            most = f"at most {MAX_SHOWN_WINDOWS:,}"
            raise TooMuchToShowError(f"{count:,} windows of {name}, {most}: ask for less time")
        return name

    def cohorts(self, model: str, version: str) -> list[str]:
        """Maturities of a version's cohorts, as their sections are called."""
        sections = self.found.get(model, {}).get(version, {})
        return [name for name in sections if name.startswith(f"{COHORTS}/")]


def index_of(judgements: Iterable[Tree], model: str | None = None) -> Index:
    """The index of all judgements, or of those of one model."""
    index = Index()
    for record in judgements:
        index.models.add(record["model"])
        if model is None or record["model"] == model:
            index.add(record)
    return index
