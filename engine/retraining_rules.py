"""When to ask for retraining: the rules of the section ``retraining`` of a spec."""

from __future__ import annotations

from typing import Literal

import msgspec


class PsiFeaturesRule(msgspec.Struct, frozen=True, kw_only=True):
    """Data drift: PSI over ``above`` on at least ``features`` features of a window, in ``at_least``
    of the last ``of_last`` disjoint windows."""

    above: float = 0.20
    features: int = 3
    window: str = ""
    at_least: int = 2
    of_last: int = 3


class VolumeRule(msgspec.Struct, frozen=True, kw_only=True):
    """Event volume over ``factor`` times the profile's same hours of the week; under ``1/factor``
    is an operations alert and never a trigger."""

    factor: float = 2.0
    window: str = ""
    at_least: int = 1
    of_last: int = 1


class PerformanceDropRule(msgspec.Struct, frozen=True, kw_only=True):
    """Performance worse than the reference's, as ``performance`` of the spec judges it, in
    ``at_least`` of the last ``of_last`` disjoint windows."""

    window: str = ""
    at_least: int = 2
    of_last: int = 3


class BusinessKpiRule(msgspec.Struct, frozen=True, kw_only=True):
    """A business figure beyond its limit (``business.limits`` of the spec), in ``at_least`` of the
    last ``of_last`` disjoint windows."""

    window: str = ""
    at_least: int = 2
    of_last: int = 3


class EstimatedRule(msgspec.Struct, frozen=True, kw_only=True):
    """Support: where performance is estimated to have fallen, so many features over the bound of
    ``psi_features`` are enough."""

    features: int = 1


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """A point of the calendar at which retraining is asked for, whatever the data say."""

    every: Literal["day", "week", "month", "quarter", "year"]
    day: int = 1
    """Day of the month (1 to 28), or of the week from Monday (1) on."""
    at_minute: int = 0
    """Minutes after midnight, by the clock on the wall."""
    time_zone: str = "UTC"
    window: str = ""
    """The disjoint window that a point falls in is the one that asks."""
    within_ms: int = 7 * 86_400_000
    """How long after its point a request that was held may still be made."""


class RetrainingBudget(msgspec.Struct, frozen=True, kw_only=True):
    """Requests to retrain in a quarter of the calendar, at most."""

    per_quarter: int
    performance: int = 0
    """How many of them are those of performance; the others are those of the data and the
    schedule (what either has spent is nothing that the other can know)."""


class Retraining(msgspec.Struct, frozen=True, kw_only=True):
    """When to ask for retraining, and how long an answer and a model may take (None: any time)."""

    cooldown_ms: int = 7 * 86_400_000
    answer_within_ms: int | None = 86_400_000
    ready_within_ms: int | None = 14 * 86_400_000
    psi_features: PsiFeaturesRule | None = None
    volume: VolumeRule | None = None
    performance: PerformanceDropRule | None = None
    business_kpi: BusinessKpiRule | None = None
    estimated: EstimatedRule | None = None
    schedule: Schedule | None = None
    budget: RetrainingBudget | None = None
    improvement_veto: bool = False
    """Whether a request of the data waits for the labels of the same time, and is not made where
    they say that performance is better than the reference's."""
    time_zone: str = "UTC"
    """Of the quarters of the budget, and of the schedule."""
