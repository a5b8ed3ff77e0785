"""The judge as a whole: windows, levels, rules and decisions, in pages and in changes found.

Rule.  A page is an alert that opens, of the data, their quality or performance; control charts open
notices (INFO), which are none and are left out.  On a stream without change every page is false,
and the model's budget says how many there may be in 30 days; the windows are hours of ROWS_PER_HOUR
rows.
A change of medium strength (:mod:`load_tests.quality.injections`) is found when the rule asks for
retraining within AFTER_HOURS; its delay ends with the window that did.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import msgspec
import orjson

from engine.decide.decisions import DecisionState, decide
from load_tests.quality.columns import Columns
from load_tests.quality.injections import KINDS, MEDIUM_STRENGTH, inject, medium_shares
from load_tests.quality.measured import measured_performance, measured_windows
from load_tests.quality.real_data import RealData

ROWS_PER_HOUR: Final = 1_000
HOURS_PER_MONTH: Final = 720
BEFORE_HOURS: Final = 12
AFTER_HOURS: Final = 12
STILL, MEDIUM, JUDGED = 1, 2, 4
"""Sequences of random numbers: no change uses the rows of a still month."""


class StillDays(msgspec.Struct):
    """Days without change."""

    windows: int
    pages: int
    drift_windows: int
    """Windows in which the whole was DRIFT; a page takes two of three."""


class MediumChange(msgspec.Struct):
    """One change of medium strength."""

    psi: dict[str, float]
    """Feature -> its PSI on the reference."""
    shares: dict[str, float]
    """Feature -> share of the rows that have the change."""
    drifted: list[str]
    """The named features that were DRIFT in a window after the change."""
    false_pages: int
    """Pages before the change."""
    delay_events: int | None
    """To the end of the window that asked for retraining; None when none did."""


class JudgedChange(msgspec.Struct):
    """One change of any strength."""

    false_pages: int
    """Pages before the change."""
    rules: list[str]
    """Those whose alerts opened with the first page after the change."""
    delay_events: int | None
    """To the end of that window; None when no page came."""


@dataclass(slots=True)
class _Said:
    """Numbers of the windows (from 1) in which something was said."""

    pages: list[int] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    """The rule of each page."""
    triggers: list[int] = field(default_factory=list)
    drifted: list[int] = field(default_factory=list)
    features: list[set[str]] = field(default_factory=list)
    """Features at DRIFT, window by window."""


def still_days(data: RealData, seed: int, hours: int = HOURS_PER_MONTH) -> StillDays:
    """``hours`` of rows drawn at random."""
    said = _said(data, data.drawn(hours * ROWS_PER_HOUR, STILL, seed))
    return StillDays(hours, len(said.pages), len(said.drifted))


def medium_change(data: RealData, kind: str, seed: int) -> MediumChange:
    """Half a day without and half a day with a change of medium strength."""
    found = medium_shares(data, kind)
    shares = {feature: share for feature, (share, _) in found.items()}
    change = BEFORE_HOURS * ROWS_PER_HOUR
    rows = change + AFTER_HOURS * ROWS_PER_HOUR
    still = data.drawn(rows, MEDIUM, list(KINDS).index(kind), seed)
    said = _said(data, inject(data, still, kind, MEDIUM_STRENGTH, change, seed, shares))
    asked = [window for window in said.triggers if window > BEFORE_HOURS]
    drifted = set[str]().union(*said.features[BEFORE_HOURS:]) & shares.keys()
    return MediumChange(
        {feature: round(psi, 4) for feature, (_, psi) in found.items()},
        {feature: round(share, 6) for feature, share in shares.items()},
        sorted(drifted),
        sum(window <= BEFORE_HOURS for window in said.pages),
        asked[0] * ROWS_PER_HOUR - change if asked else None,
    )


def judged_change(data: RealData, kind: str, strength: float, seed: int) -> JudgedChange:
    """Half a day without and half a day with a change of this strength."""
    change = BEFORE_HOURS * ROWS_PER_HOUR
    place = (1 + list(KINDS).index(kind), round(strength * 1_000))
    still = data.drawn(change + AFTER_HOURS * ROWS_PER_HOUR, JUDGED, seed, *place)
    said = _said(data, inject(data, still, kind, strength, change, seed))
    first = min((window for window in said.pages if window > BEFORE_HOURS), default=None)
    told = zip(said.pages, said.rules, strict=True)
    return JudgedChange(
        sum(window <= BEFORE_HOURS for window in said.pages),
        sorted({rule for window, rule in told if window == first}),
        None if first is None else first * ROWS_PER_HOUR - change,
    )


def _said(data: RealData, columns: Columns) -> _Said:
    state, said = DecisionState(), _Said()
    windows = zip(
        measured_windows(data.model, columns, ROWS_PER_HOUR),
        measured_performance(data.model, columns, ROWS_PER_HOUR),
        strict=True,
    )
    for number, (judged, performance) in enumerate(windows, start=1):
        said.features.append({v.name for v in judged.verdicts if v.level == "DRIFT"})
        if judged.level() == "DRIFT":
            said.drifted.append(number)
        for effect in (*decide(judged, state), *decide(performance, state)):
            tree = orjson.loads(effect.value or b"{}")
            if effect.topic == "retraining-triggers":
                said.triggers.append(number)
            elif effect.topic == "alerts" and tree["state"] == "open":
                said.pages.append(number)
                said.rules.append(tree["rule"])
    return said
