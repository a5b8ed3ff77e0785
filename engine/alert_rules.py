"""What a spec says of alerts: how episodes end, and when they are quiet."""

from __future__ import annotations

from typing import Final

import msgspec

RETRAINING_ALERTS: Final = "retraining"
"""Rule of the alerts about requests to retrain (:mod:`engine.decide.requests`), which no file in
:mod:`engine.decide` is named after."""
SPLIT_ALERTS: Final = "sample_ratio"
"""Rule of the alerts about how a comparison splits its users."""
OTHER_ALERTS: Final = (RETRAINING_ALERTS, SPLIT_ALERTS)
"""Rules of alerts that no file in :mod:`engine.decide` is named after."""


class Maintenance(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which the data say nothing of the model: no rule examines a window that overlaps
    with it."""

    from_ms: int
    until_ms: int
    reason: str


class Mute(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which alerts of a rule and cause, of all where they are empty, are marked as muted
    and wake nobody; what they ask for, a retraining say, is asked for."""

    rule: str = ""
    cause: str = ""
    from_ms: int
    until_ms: int
    reason: str


class AlertRules(msgspec.Struct, frozen=True, kw_only=True):
    """How episodes of alerts end, and when they are quiet."""

    calm: int = 2
    """Windows of a rule in a row without the cause, or with less of it, that end an episode, or
    make it less severe."""
    no_data_ms: int = 7 * 86_400_000
    """Time in which nothing could be said of an open episode, data being too few or absent,
    that ends it; three windows of its rule at least."""
    runbook: str = ""
    """Where it says what to do; empty for the page of the rules, docs/alerts.md."""
    mutes: tuple[Mute, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
