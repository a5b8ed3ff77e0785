"""The join once more, slow and plain: nothing leaves, nothing is kept up to date.

Everything is worked out from the two whole logs of one partition: which records are late, which
prediction takes which label, and where each match counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Record = dict[str, Any]
"""``event_id``, ``ts``; labels have ``label``; ``late``, ``on_time``, ``watermark`` are added."""
Place = tuple[int, int, bool, str, float | None, int]
"""Plane, start of the pane, amended, event_id, label (None counts the prediction), delay."""


@dataclass
class Clocks:
    """Small clocks, in any unit."""

    lateness: int
    amend: int


@dataclass
class Setting:
    """What a spec would say."""

    predictions: Clocks
    labels: Clocks
    ttl: int
    repeat: int
    negative_after: int | None
    pane: int
    amend: int
    maturities: list[int]
    arrival: bool = True
    """Whether matches are counted by arrival as well, in plane 1."""


@dataclass
class Outcome:
    """What came of two logs."""

    places: Counter[Place] = field(default_factory=Counter)
    fates: Counter[str] = field(default_factory=Counter)
    repeats: int = 0


def judged(log: Sequence[Record], clocks: Clocks) -> tuple[list[Record], int | None]:
    """The records that are not late, each knowing whether it is on time and the watermark when it
    was read, and the last watermark."""
    newest: int | None = None
    kept = []
    for offset, record in enumerate(log):
        newest = record["ts"] if newest is None else max(newest, record["ts"])
        watermark = newest - clocks.lateness
        if record["ts"] < watermark - clocks.amend:
            continue
        on_time = record["ts"] >= watermark
        kept.append({**record, "offset": offset, "on_time": on_time, "watermark": watermark})
    return kept, None if newest is None else newest - clocks.lateness


def joined(setting: Setting, predictions: Sequence[Record], labels: Sequence[Record]) -> Outcome:
    """Everything that two whole logs give."""
    found = Outcome()
    place(setting, taken_labels(setting, predictions, labels, found), found)
    return found


def place(setting: Setting, taken: Sequence[Record], found: Outcome) -> None:
    """Count predictions with the labels that they took in every plane."""
    for one in taken:
        for number, maturity in enumerate([None, *setting.maturities], start=1):
            _count(setting, one, number, maturity, found.places)


def taken_labels(
    setting: Setting, predictions: Sequence[Record], labels: Sequence[Record], found: Outcome
) -> list[Record]:
    """The accepted predictions, each with the labels that it took (``taken``); the rest is counted
    in ``found``."""
    made, made_watermark = judged(predictions, setting.predictions)
    return taken_by(setting, made, made_watermark, labels, found)


def taken_by(
    setting: Setting,
    made: Sequence[Record],
    made_watermark: int | None,
    labels: Sequence[Record],
    found: Outcome,
) -> list[Record]:
    """The same of predictions that were judged already."""
    known, known_watermark = judged(labels, setting.labels)
    accepted: list[Record] = []
    for one in made:
        near = [p for p in accepted if p["event_id"] == one["event_id"]]
        if any(abs(p["ts"] - one["ts"]) <= setting.repeat for p in near):
            found.repeats += 1
        else:
            accepted.append({**one, "taken": []})
    for label in known:
        found.fates[_fate(setting, accepted, label, made_watermark)] += 1
    for one in accepted:
        after = setting.negative_after
        passed = known_watermark is not None and after is not None
        if passed and not one["taken"] and known_watermark > one["ts"] + after:
            one["taken"].append(_assumed(one, after))
    return accepted


def _assumed(prediction: Record, after: int) -> Record:
    ts = prediction["ts"] + after
    return {"ts": ts, "label": 0.0, "on_time": True, "watermark": ts, "offset": -1}


def _fate(
    setting: Setting, accepted: list[Record], label: Record, made_watermark: int | None
) -> str:
    """Who takes a label."""
    for one in accepted:
        if one["event_id"] != label["event_id"] or abs(one["ts"] - label["ts"]) > setting.ttl:
            continue
        after = setting.negative_after
        if not one["taken"] and after is not None and label["watermark"] > one["ts"] + after:
            one["taken"].append(_assumed(one, after))
        if not one["taken"]:
            one["taken"].append(label)
            return "matched"
        if label["watermark"] >= max(_reaches(setting, one)):
            continue
        if label["label"] == one["taken"][-1]["label"]:
            return "duplicate"
        one["taken"].append(label)
        return "corrected"
    gone = made_watermark is not None and (
        label["ts"] + setting.ttl < made_watermark - setting.predictions.amend
    )
    return "expired" if gone else "pending"


def pane_end(setting: Setting, ts: int) -> int:
    """End of the pane that a time falls in."""
    return ts // setting.pane * setting.pane + setting.pane


def _reaches(setting: Setting, one: Record) -> list[int]:
    """Labels' watermarks from which on no pane of the prediction can change."""
    arrivals = [max(one["ts"], label["ts"]) for label in one["taken"]]
    panes = [pane_end(setting, ts) + setting.amend for ts in arrivals if setting.arrival]
    return panes + [pane_end(setting, one["ts"]) + setting.amend + m for m in setting.maturities]


def _count(
    setting: Setting, one: Record, number: int, maturity: int | None, places: Counter[Place]
) -> None:
    """Count one prediction in one plane."""

    def add(at: int, label: Record | None, *, amended: bool, by: int = 1) -> None:
        value = None if label is None else float(label["label"])
        delay = 0 if label is None else label["ts"] - one["ts"]
        start = at // setting.pane * setting.pane
        places[number, start, amended, one["event_id"], value, delay] += by

    if maturity is not None:
        add(one["ts"], None, amended=not one["on_time"])
    current, moved = None, False
    for label in one["taken"]:
        if maturity is not None and label["ts"] - one["ts"] > maturity:
            continue
        at = one["ts"] if maturity is not None else max(one["ts"], label["ts"])
        amended = moved or not (one["on_time"] and label["on_time"])
        if current is not None:
            clock = label["watermark"] - (maturity or 0)
            end = pane_end(setting, current[0])
            if clock >= end + setting.amend:
                continue
            if clock >= end:
                add(current[0], current[1], amended=True, by=-1)
                amended = moved = True
            else:
                add(current[0], current[1], amended=current[2], by=-1)
        add(at, label, amended=amended)
        current = (at, label, amended)
