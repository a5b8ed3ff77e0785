"""The tables of a report of a period about one version: features, measures, cohorts, segments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from engine.measures import SHARES
from engine.review.meaning import judged_measures
from engine.review.points import Cell, DataPoint, PerformancePoint
from engine.review.review import Review
from engine.timestamps import rfc3339_to_ms
from streams.report.sheets import Sheet
from streams.report.wording import moment, several

FEATURES: Final = 40
"""Rows of the table of features."""
SEGMENTS: Final = 30
P_FLOOR: Final = 1e-6
OF_PSI: Final = (
    "PSI is corrected for its bias. The threshold is the spec's, or what the training period "
    "reached by itself where that is more; a feature counts only where it is significant too."
)


def features_sheet(points: Sequence[DataPoint], features: Sequence[str]) -> Sheet:
    """Each feature over the period, in the order that is given."""
    rows = [_feature(name, points) for name in features[:FEATURES]]
    headings = (
        *("feature", "DRIFT", "WATCH", "STABLE", "UNKNOWN", "highest PSI", "threshold", "p"),
        *("in the window to", "missing at most", "bad data"),
    )
    notes = [OF_PSI]
    if len(features) > FEATURES:
        notes.append(f"{len(features) - FEATURES:,} more features were further below theirs")
    right = frozenset({1, 2, 3, 4, 5, 6, 7, 9})
    return Sheet("features", headings, tuple(rows), right, tuple(notes))


def _feature(name: str, points: Sequence[DataPoint]) -> tuple[str, ...]:
    there = [(p.cells[name], p.end_ms) for p in points if name in p.cells]
    levels = Counter(cell.level for cell, _ in there)
    counts = [f"{levels[lv]:,}" if levels[lv] else "·" for lv in ("DRIFT", "WATCH", "STABLE")]
    unknown = f"{levels['UNKNOWN']:,}" if levels["UNKNOWN"] else "·"
    worst: tuple[Cell, int] = max(there, key=lambda row: (row[0].ratio, -row[1]))
    cell, end_ms = worst
    bad = sum(bool(one.faults) for one, _ in there)
    kinds = dict.fromkeys(kind for one, _ in there for kind in one.faults)
    psi = ("-", "-", "-")
    if cell.psi is not None:
        p_value = "-" if cell.p_value is None else p_text(cell.p_value)
        psi = (f"{max(0.0, cell.psi):.3f}", f"{cell.threshold:.3f}", p_value)
    missing = max(one.missing for one, _ in there)
    faults = f"{', '.join(kinds)} in {several(bad, 'window')}" if bad else ""
    return name, *counts, unknown, *psi, moment(end_ms), f"{missing:.1%}", faults


def p_text(value: float) -> str:
    """A p-value, which the records do not tell below P_FLOOR."""
    return f"≤ {P_FLOOR:g}" if value <= P_FLOOR else f"{value:.2g}"


def measures_sheet(title: str, points: Sequence[PerformancePoint]) -> Sheet:
    """Each measure over the period against the reference, newest window last."""
    there = [point for point in points if point.labelled]
    rows = []
    for name in judged_measures(there):
        values = [(p.measures[name], p) for p in there if name in p.measures]
        newest = values[-1][1]
        levels = Counter(p.part("levels").get(name, {}).get("level", "") for _, p in values)
        told = ", ".join(f"{levels[lv]} {lv}" for lv in ("DRIFT", "WATCH", "STABLE") if levels[lv])
        low, high = min(value for value, _ in values), max(value for value, _ in values)
        rows.append(
            (
                name,
                _written(name, newest.part("baseline").get(name)),
                f"{_written(name, low)} to {_written(name, high)}",
                _written(name, newest.measures[name]),
                _interval(name, newest.part("intervals").get(name)),
                _difference(name, newest.part("difference").get(name)),
                _written(name, newest.part("estimated").get(name)),
                told or "not decided",
            )
        )
    headings = (
        *("measure", "in training", "in the period", "newest", "its interval"),
        *("difference to training", "estimated without labels", "windows by level"),
    )
    notes: list[str] = []
    if there:
        newest = there[-1]
        told = f"newest: window to {moment(newest.end_ms)}, {several(newest.labelled, 'label')}"
        ratio = newest.section.get("labelled_ratio")
        notes.append(told if ratio is None else f"{told}, {ratio:.1%} of the predictions")
        if newest.section.get("selected"):
            notes.append(
                "selected: some decision hardly ever gets labels, so this is not of all predictions"
            )
    nothing = "no label came in these windows"
    return Sheet(title, headings, tuple(rows), frozenset({1, 3, 6}), tuple(notes), nothing)


def _written(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1%}" if name in SHARES else f"{value:.4g}"


def _difference(name: str, told: dict[str, float] | None) -> str:
    """The interval of a difference; of shares in points."""
    if not told or "low" not in told or "high" not in told:
        return "-"
    if name in SHARES:
        return f"{100 * told['low']:+.1f} to {100 * told['high']:+.1f} points"
    return f"{told['low']:+.4g} to {told['high']:+.4g}"


def _interval(name: str, ends: Sequence[float] | None) -> str:
    return f"{_written(name, ends[0])} to {_written(name, ends[1])}" if ends else "-"


def segments_sheet(points: Sequence[PerformancePoint]) -> Sheet | None:
    """The newest window's measures by segment; None where nothing is segmented."""
    there = [point for point in points if point.part("segments")]
    if not there:
        return None
    newest = there[-1]
    rows = []
    for segment, values in newest.part("segments").items():
        for value, numbers in values.items():
            told = [f"{n} {_written(n, v)}" for n, v in numbers.items() if n != "labelled"]
            rows.append((segment, value, f"{numbers['labelled']:,.0f}", ", ".join(told)))
    notes = [f"window to {moment(newest.end_ms)}; segments are measured and have no levels"]
    if len(rows) > SEGMENTS:
        notes.append(f"{len(rows) - SEGMENTS:,} more")
    headings = ("segment", "value", "labels", "measures")
    return Sheet("by segment", headings, tuple(rows[:SEGMENTS]), frozenset({2}), tuple(notes))


def terms_sheet(review: Review) -> Sheet:
    """Which version served from when until when, as far as the records tell."""
    rows = []
    for part in review.parts:
        lines = [line for line in review.told.terms if line["version"] == part.version]
        newest: dict[str, Any] = dict(max(lines, key=lambda line: line["stamp"], default={}))
        ends = [end for _, end in part.series.identities.values()]
        firsts = [first for first, _ in part.series.identities.values()]
        rows.append(
            (
                part.version,
                _time(newest.get("effective_from"), "-"),
                _time(newest.get("until"), "-"),
                newest.get("reason", ""),
                f"{moment(min(firsts))} to {moment(max(ends))}" if ends else "-",
            )
        )
    headings = ("version", "serves from", "until", "why it ended", "windows that ended")
    notes = (
        ()
        if review.told.terms
        else ("no version was registered: that one served is known from its windows alone",)
    )
    return Sheet("versions", headings, tuple(rows), notes=notes)


def _time(text: str | None, nothing: str) -> str:
    return nothing if text is None else moment(rfc3339_to_ms(text))


def identity_sheet(review: Review) -> Sheet:
    """Specs and profiles by hash, and what was judged by them."""
    rows = []
    for part in review.parts:
        found = sorted(part.series.identities.items(), key=lambda row: (row[1], row[0]))
        for (spec, profile), (first, last) in found:
            given = " (the one given)" if spec == review.spec_hash else ""
            rows.append(
                (part.version, f"{moment(first)} to {moment(last)}", f"{spec}{given}", profile)
            )
    headings = ("version", "windows that ended", "spec", "profile")
    return Sheet("specs and profiles", headings, tuple(rows))
