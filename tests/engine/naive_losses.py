"""The feeding of losses once more, slow and plain: from two whole logs of one partition.

Everything is worked out at the end: which matches are on time, in which order estimators see them,
and what each of them says when it is given one match at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import Any, NamedTuple

import numpy as np

from detectors.contract import LossBank
from detectors.discovery import estimators
from detectors.rising import build_for_losses
from engine.model import MonitoredModel
from tests.engine.naive_join import Clocks, Outcome, Record, Setting, judged, pane_end, taken_labels

PERFORMANCE = 1


class Fed(NamedTuple):
    """One match in the order of feeding."""

    start: int
    at: int
    label_offset: int
    offset: int
    prediction: Record
    label: float


class Pane(NamedTuple):
    """What estimators said of one pane."""

    first: dict[tuple[str, str], tuple[int, int, float, float]]
    """(estimator, loss) -> position, time, means before and after of its first alarm."""
    alarms: dict[tuple[str, str], int]
    improvements: dict[tuple[str, str], int]


def fed(setting: Setting, predictions: Sequence[Record], labels: Sequence[Record]) -> list[Fed]:
    """The on-time matches by arrival, of the panes that both clocks have passed."""
    made_to, known_to = (
        judged(log, clocks)[1]
        for log, clocks in ((predictions, setting.predictions), (labels, setting.labels))
    )
    if made_to is None or known_to is None:
        return []
    found = [
        Fed(pane_end(setting, at) - setting.pane, at, label["offset"], one["offset"], one,
            float(label["label"]))
        for one in taken_labels(setting, predictions, labels, Outcome())
        for at, label in _on_time(setting, one)
    ]  # fmt: skip
    reached = min(made_to, known_to)
    return sorted(
        (match for match in found if match.start + setting.pane <= reached),
        key=lambda match: match[:4],
    )


def _on_time(setting: Setting, one: Record) -> list[tuple[int, Record]]:
    """The matches of one prediction that are on time in the plane by arrival."""
    found: list[tuple[int, Record]] = []
    current: tuple[int, bool] | None = None
    for label in one["taken"]:
        at = max(one["ts"], label["ts"])
        amended = not (one["on_time"] and label["on_time"])
        if current is not None:
            end = pane_end(setting, current[0])
            if label["watermark"] >= end + setting.amend:
                continue
            if label["watermark"] >= end:
                amended = True
            elif not current[1]:
                found.pop()
        if not amended:
            found.append((at, label))
        current = (at, amended)
    return found


def setting_of(model: MonitoredModel) -> Setting:
    """What a spec says of the join."""
    time, label = model.spec.time, model.spec.label
    plane = model.planes[PERFORMANCE]
    return Setting(
        predictions=Clocks(time.lateness_ms, time.amend_ms),
        labels=Clocks(label.lateness_ms, label.amend_ms),
        ttl=label.ttl_ms,
        repeat=time.lateness_ms + time.amend_ms,
        negative_after=label.negative_after_ms,
        pane=plane.pane_ms,
        amend=plane.amend_ms,
        maturities=list(label.maturities_ms),
    )


def losses(match: Fed) -> dict[str, float]:
    """Of a binary model that decides at one half."""
    score = match.prediction["score"]
    wrong = float((score >= 0.5) != (match.label > 0))
    return {
        "error": wrong,
        "missed": wrong if match.label > 0 else nan,
        "false_alarm": nan if match.label > 0 else wrong,
        "squared_error": (score - match.label) ** 2,
    }


def alarms(
    model: MonitoredModel, predictions: Sequence[Record], labels: Sequence[Record]
) -> dict[int, Pane]:
    """Start -> what was found in a pane, where anything was."""
    rules = model.spec.concept
    assert rules is not None
    found: dict[int, Pane] = {}
    matches = fed(setting_of(model), predictions, labels)
    for name, parameters in rules.estimators.items():
        module = estimators()[name]
        watched = [
            loss
            for loss in ("error", "missed", "false_alarm", "squared_error")
            if module.TAKES == "reals" or loss != "squared_error"
        ]
        bank = build_for_losses(module, module.Params(**parameters), len(watched))
        for match in matches:
            _advance(name, watched, bank, match, found)
    return found


def _advance(
    name: str, watched: list[str], bank: LossBank, match: Fed, found: dict[int, Pane]
) -> None:
    """Give one match to one estimator."""
    of = losses(match)
    better = bank.improvements
    told = bank.advance(np.array([[of[loss]] for loss in watched]))
    for stream, more in enumerate((bank.improvements - better).tolist()):
        if more:
            pane = found.setdefault(match.start, Pane({}, {}, {}))
            pane.improvements[name, watched[stream]] = (
                pane.improvements.get((name, watched[stream]), 0) + more
            )
    rows: Any = zip(
        told.streams.tolist(),
        told.positions.tolist(),
        told.before.tolist(),
        told.after.tolist(),
        strict=True,
    )
    for stream, position, before, after in rows:
        pane = found.setdefault(match.start, Pane({}, {}, {}))
        pair = (name, watched[stream])
        pane.first.setdefault(pair, (position, match.at, before, after))
        pane.alarms[pair] = pane.alarms.get(pair, 0) + 1
