"""The whole pipeline once more, slow and plain, to be read by eye.

A log is a list of event dictionaries in offset order.  Nothing is cumulative: every window collects
the values of its events anew, and every number is worked out from these by its formula.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite, log
from typing import Any

from engine.model import MonitoredModel
from engine.profile import NumericProfile
from engine.spec import WindowRule

Event = dict[str, Any]
Key = tuple[str, int, int]
"""Window, end in ms, revision."""
CLIPPED_ABOVE = 2.0**20
"""Sums of reals are clipped two million standard deviations out; no mean is compared beyond."""


@dataclass
class Counted:
    """The events of all partitions that count: those on time, and those that amend."""

    on_time: list[Event]
    amended: list[Event]
    late: int
    duplicates: int
    clock_ms: int
    """Event time at the end: the smallest watermark."""


def sort_out(model: MonitoredModel, logs: Sequence[Sequence[Event]]) -> Counted:
    """Decide of every event whether it is a duplicate, on time, amending or late."""
    time, last = model.spec.time, model.spec.duplicates_last
    found = Counted([], [], 0, 0, 0)
    watermarks = []
    for events in logs:
        newest = 0
        offsets: dict[str, int] = {}
        for offset, event in enumerate(events):
            newest = max(newest, event["ts"])
            if event.get("heartbeat"):
                continue
            before = offsets.get(event["event_id"])
            offsets[event["event_id"]] = offset
            watermark = newest - time.lateness_ms
            if last and before is not None and offset - before <= last:
                found.duplicates += 1
            elif event["ts"] >= watermark:
                found.on_time.append(event)
            elif event["ts"] >= watermark - time.amend_ms:
                found.amended.append(event)
            else:
                found.late += 1
        watermarks.append(newest - time.lateness_ms)
    found.clock_ms = min(watermarks)
    return found


def inside(events: Sequence[Event], window: WindowRule, end_ms: int) -> list[Event]:
    """The events of [end - length, end)."""
    return [e for e in events if end_ms - window.length_ms <= e["ts"] < end_ms]


def judged_windows(model: MonitoredModel, found: Counted) -> Iterator[tuple[Key, list[Event]]]:
    """Every judgement that is due, with its events."""
    if not found.on_time:
        return
    first_ms = min(e["ts"] for e in found.on_time)
    for window in model.spec.windows:
        step, silent = window.judge_every_ms, True
        for end_ms in range(first_ms // step * step + step, found.clock_ms + 1, step):
            events = inside(found.on_time, window, end_ms)
            if silent and not events:
                continue
            silent = not events and end_ms % window.length_ms == 0
            yield (window.name, end_ms, 0), events
            amendments = inside(found.amended, window, end_ms)
            if amendments and end_ms + model.spec.time.amend_ms <= found.clock_ms:
                yield (window.name, end_ms, 1), events + amendments


def numeric_cells(profile: NumericProfile, values: Sequence[Any]) -> tuple[list[int], int, int]:
    """Counts per coarse bin, missing and invalid of JSON values."""
    bins = [0] * (max(profile.coarse) + 1)
    missing = invalid = 0
    for value in values:
        if value is None:
            missing += 1
        elif type(value) not in (int, float) or not isfinite(value):
            invalid += 1
        else:
            bins[profile.coarse[bisect_right(profile.edges, value)]] += 1
    return bins, missing, invalid


def psi(expected: Sequence[float], actual: Sequence[float], pseudo_count: float) -> float:
    """Sum of (a - e) ln(a / e) over the bins that are not empty on both sides."""
    kept = [(e, a) for e, a in zip(expected, actual, strict=True) if e or a]
    e_total = sum(e for e, _ in kept) + pseudo_count * len(kept)
    a_total = sum(a for _, a in kept) + pseudo_count * len(kept)
    total = 0.0
    for e, a in kept:
        e_share, a_share = (e + pseudo_count) / e_total, (a + pseudo_count) / a_total
        total += (a_share - e_share) * log(a_share / e_share)
    return total


def feature_numbers(model: MonitoredModel, name: str, events: Sequence[Event]) -> dict[str, Any]:
    """Events, missing, invalid, PSI and mean of one feature over some events."""
    profile = model.profile.features[name]
    values: list[Any] = [(e.get("features") or {}).get(name) for e in events]
    numbers: dict[str, Any] = {}
    if isinstance(profile, NumericProfile):
        expected = [0] * (max(profile.coarse) + 1)
        for cell, count in enumerate(profile.counts):
            expected[profile.coarse[cell]] += count
        bins, missing, invalid = numeric_cells(profile, values)
        valid = [v for v in values if type(v) in (int, float) and isfinite(v)]
        if valid and max(map(abs, valid)) < CLIPPED_ABOVE:
            numbers["mean"] = sum(valid) / len(valid)
    else:
        expected = list(profile.counts)
        bins, missing, invalid = [0] * len(expected), 0, 0
        for value in values:
            if value is None:
                missing += 1
            elif isinstance(value, (list, dict)):
                invalid += 1
            else:
                bins[category_cell(profile.categories, profile.others, plain_text(value))] += 1
    numbers.update(events=sum(bins), missing=missing, invalid=invalid)
    if sum(bins):
        numbers["psi"] = psi(expected, bins, model.spec.pseudo_count)
    return numbers


def plain_text(value: object) -> str:
    """5411, 5411.0 and "5411" are one category; true is "true"."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return str(value)


def category_cell(categories: Sequence[str], others: Sequence[str], text: str) -> int:
    """The cell of a category: its own, other, or unseen."""
    if text in categories:
        return categories.index(text)
    return len(categories) + (text not in others)


def judge_all(
    model: MonitoredModel, logs: Sequence[Sequence[Event]]
) -> tuple[Counted, dict[Key, dict[str, Any]]]:
    """Every judgement of the logs by (window, end, revision)."""
    found = sort_out(model, logs)
    told = {}
    for key, events in judged_windows(model, found):
        decided = [e["score"] >= model.spec.prediction.threshold for e in events if "score" in e]
        told[key] = {
            "events": len(events),
            "features": {
                f.name: feature_numbers(model, f.name, events) for f in model.spec.features
            },
            "positive_rate": sum(decided) / len(decided) if decided else None,
        }
    return found, told
