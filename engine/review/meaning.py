"""What each dimension's numbers mean, in a sentence or two.

Rule.  A sentence says the numbers of the records and what follows from them, and no more: a level
that is UNKNOWN is said to be unknown, and points are absolute (0.90 to 0.87 is three).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from engine.measures import HIGHER_IS_WORSE, SHARES
from engine.review.dimensions import Dimension
from engine.review.points import PerformancePoint, Series
from engine.timestamps import ms_to_rfc3339

NAMED: Final = 3
ABSENT: Final = {
    "performance": "The records have no labels of this period: nobody knows how well it does.",
    "data drift": "No window of the data was judged.",
    "prediction drift": "The events have neither scores nor decisions that could be compared.",
    "data quality": "The records have no checks of the data: the spec switches them off.",
    "operations": "The records say nothing of volume, errors or latency.",
    "business": "The spec has no section business, or the events carry nothing that it needs.",
}


def meaning(dimension: Dimension, series: Series) -> str:
    """What one dimension says of the period."""
    if not dimension.spots:
        return ABSENT[dimension.name]
    say = {
        "performance": _performance,
        "data drift": _data_drift,
        "prediction drift": _prediction,
        "data quality": _quality,
        "operations": _operations,
        "business": _business,
    }[dimension.name]
    return say(dimension, series)


def figure(value: float) -> str:
    """A number in four digits."""
    return f"{value:.4g}"


def day(ms: int) -> str:
    """``2013-06-06``, with the time where it is not midnight."""
    text = ms_to_rfc3339(ms)
    return text[:10] if text.endswith("T00:00:00Z") else text[:16].replace("T", " ")


def judged_measures(points: Sequence[PerformancePoint]) -> list[str]:
    """The measures that a report shows: those with levels, or else those with a reference or an
    interval, in the order of the records."""
    for part in ("levels", "baseline", "intervals"):
        found = [name for point in points for name in point.part(part)]
        there = {name for point in points for name in point.measures}
        names = [name for name in dict.fromkeys(found) if name in there]
        if names:
            return names
    return []


def _windows(dimension: Dimension) -> str:
    """``43 windows of 7d: 5 DRIFT, 2 WATCH, 36 STABLE``."""
    counts = dimension.counts
    parts = [f"{counts[lv]:,} {lv}" for lv in ("DRIFT", "WATCH", "STABLE", "UNKNOWN") if counts[lv]]
    return f"{len(dimension.spots):,} windows of {dimension.window}: {', '.join(parts)}."


def _performance(dimension: Dimension, series: Series) -> str:
    points = [p for p in series.decided[1] if p.labelled]
    names = judged_measures(points)
    if not names:
        return f"{_windows(dimension)} No label came, so nothing was measured."
    told = [_measure(name, points) for name in names[:1]]
    if len(names) > 1:
        told.append("The other measures are drawn below.")
    drifted = dimension.counts["DRIFT"]
    if drifted:
        told.append(
            "Where it is DRIFT a measure is worse than the spec allows, by more than chance "
            "explains."
        )
    elif dimension.counts["UNKNOWN"] == len(dimension.spots):
        told.append(
            "Nothing of it was decided: either the spec does not judge this view, or the windows "
            "are too small or too unlike each other to tell a loss from chance."
        )
    return " ".join([_windows(dimension), *told])


def _measure(name: str, points: Sequence[PerformancePoint]) -> str:
    there = [(p.measures[name], p) for p in points if name in p.measures]
    key = (lambda row: -row[0]) if name in HIGHER_IS_WORSE else (lambda row: row[0])
    (worst, at), (best, _) = min(there, key=key), max(there, key=key)
    text = f"{name} was between {figure(worst)} (window to {day(at.end_ms)}) and {figure(best)}"
    baseline = at.part("baseline").get(name)
    if baseline is None:
        return f"{text}; the training data say nothing to compare it with."
    text += f", against {figure(baseline)} in training"
    if name in SHARES:
        text += f": at its worst {100 * abs(worst - baseline):.1f} points"
        text += " below it" if worst < baseline else " above it"
    return f"{text}."


def _data_drift(dimension: Dimension, series: Series) -> str:
    worst = sorted(
        ((cell.ratio, name, point.end_ms, cell) for point in series.data
         for name, cell in point.cells.items() if cell.psi is not None and cell.ratio > 1),
        key=lambda row: (-row[0], row[1], row[2]),
    )  # fmt: skip
    first: dict[str, str] = {}
    for ratio, name, end_ms, cell in worst:
        if name not in first and len(first) < NAMED:
            first[name] = (
                f"{name} (PSI {cell.psi:.2f}, {ratio:.1f} times its threshold, {day(end_ms)})"
            )
    told = "No feature was over its threshold."
    if first:
        named = len({row[1] for row in worst})
        told = f"{_several(named, 'feature')} went over: furthest {', '.join(first.values())}."
    if dimension.counts["DRIFT"]:
        told += (
            " In windows of DRIFT what enters the model is not what it was trained on; whether it "
            "still answers well is a question for performance."
        )
    return f"{_windows(dimension)} {told}"


def _prediction(dimension: Dimension, series: Series) -> str:
    points = [p for p in series.data if p.prediction]
    told = []
    trees = [(p.prediction, p.end_ms) for p in points]
    psi = [(tree["psi_corrected"], end) for tree, end in trees if "psi_corrected" in tree]
    if psi:
        highest, end_ms = max(psi)
        told.append(f"PSI of the score was at most {max(0.0, highest):.2f} ({day(end_ms)}).")
    rates = [p.prediction["positive_rate"] for p in points if "positive_rate" in p.prediction]
    usual = [p.prediction.get("positive_rate_expected") for p in points]
    if rates:
        text = f"Positive decisions were {min(rates):.2%} to {max(rates):.2%}"
        known = [value for value in usual if value is not None]
        told.append(f"{text}, in training {known[-1]:.2%}." if known else f"{text}.")
    if dimension.counts["DRIFT"]:
        told.append("In windows of DRIFT the model says something else of the world than it did.")
    return " ".join([_windows(dimension), *told])


def faults_of(series: Series) -> Counter[tuple[str, str]]:
    """(feature or ``records``, kind of fault) -> windows that have it."""
    found: Counter[tuple[str, str]] = Counter()
    for point in series.data:
        for name, kinds in point.quality.get("features", {}).items():
            found.update((name, kind) for kind in kinds)
        found.update(("records", kind) for kind in point.quality.get("records", {}))
    return found


def _quality(dimension: Dimension, series: Series) -> str:
    faults = faults_of(series)
    if not faults:
        return f"{_windows(dimension)} No fault was found in the values or the records."
    most = sorted(faults.items(), key=lambda row: (-row[1], row[0]))[:NAMED]
    named = ", ".join(f"{name} {kind} ({_several(n, 'window')})" for (name, kind), n in most)
    more = f", and {len(faults) - NAMED} more" if len(faults) > NAMED else ""
    return (
        f"{_windows(dimension)} Bad data: {named}{more}. What is bad is held back from drift and "
        "asks for no retraining; it is to be mended at its source."
    )


def _operations(dimension: Dimension, series: Series) -> str:
    told = []
    rows = [(p.operations, p.end_ms) for p in series.data if p.events]
    ratios = [(tree["volume_ratio"], end) for tree, end in rows if "volume_ratio" in tree]
    if ratios:
        (low, low_ms), (high, high_ms) = min(ratios), max(ratios)
        told.append(
            f"Predictions came at {low:.2f} ({day(low_ms)}) to {high:.2f} ({day(high_ms)}) times "
            "the training data's same hours of the week."
        )
    errors = [(tree["error_rate"], end) for tree, end in rows if "error_rate" in tree]
    if errors:
        rate, end_ms = max(errors)
        said = f"Errors were at most {rate:.2%} ({day(end_ms)})." if rate else "No error was told."
        told.append(said)
    slow = [tree["latency_ms"]["0.95"] for tree, _ in rows if "latency_ms" in tree]
    if slow:
        span = f"{figure(min(slow))} to {figure(max(slow))} ms"
        told.append(f"95 of 100 answers took at most {span}.")
    told.append(_alerts(dimension))
    return " ".join(told)


def _business(dimension: Dimension, series: Series) -> str:
    figures: dict[str, list[float]] = {}
    broken: Counter[str] = Counter()
    for point in series.data:
        for name, value in point.business.items():
            if isinstance(value, float | int):
                figures.setdefault(name, []).append(float(value))
        broken.update(one["figure"] for one in point.business.get("broken_limits", ()))
    told = [f"{n} {figure(min(v))} to {figure(max(v))}" for n, v in figures.items()]
    text = f"{'; '.join(told[: 2 * NAMED])}." if told else ""
    for name, count in sorted(broken.items()):
        text += f" {name} was beyond its limit in {_several(count, 'window')}."
    return f"{text} {_alerts(dimension)}".strip()


def _alerts(dimension: Dimension) -> str:
    """What alerts say of a dimension that has no level."""
    count = sum(level in {"WATCH", "DRIFT"} for level in _levels(dimension))
    if not count:
        return "No alert was open."
    return f"An alert was open in {_several(count, 'window')} of {dimension.window}."


def _levels(dimension: Dimension) -> Iterable[str]:
    return (spot.level for spot in dimension.spots)


def _several(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
