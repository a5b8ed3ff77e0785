"""The gauges of how comparisons split users: the newest look, read from its judgement as it was
told.

Rule.  Users are distinct ones since the stage began; of more than fit they are those of a sample,
whose part of all is told beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson
from prometheus_client.core import GaugeMetricFamily, Metric

if TYPE_CHECKING:
    from engine.champion.judge import ComparisonJudge

_LABELS: Final = ("model", "version", "champion")
_SEEN: Final = ("champion", "challenger", "both")


def split_metrics(judges: Sequence[ComparisonJudge]) -> Iterator[Metric]:
    """Every family of the splits among these; none without any."""
    told = [
        (_names(judge), orjson.loads(judge.state.split.newest))
        for judge in judges
        if judge.state.split.newest
    ]
    if not told:
        return
    yield _of_users(told)
    single: dict[str, tuple[str, Any]] = {
        "sampled": ("Part of all users that those counted are.", lambda t: t["users"]["sampled"]),
        "share": ("Share of users that the challenger is to get.", lambda t: t["share"]),
        "share_observed": ("Share of users that it got.", _observed),
        "share_p_value": (
            "P-value of the promised share, valid at every look.",
            lambda t: t["sample_ratio"]["p_value"],
        ),
        "share_held": (
            "Whether the share is not found to be another one.",
            lambda t: int(t["sample_ratio"]["held"]),
        ),
        "stage": ("Number of the stage in force, from 1.", lambda t: t["stage"]),
        "stages": ("Stages before the promotion.", lambda t: t["stages"]),
        "events_without_user": (
            "Events since the stage began that told no user.",
            lambda t: t["users"]["events_without"],
        ),
    }
    for name, (says, value) in single.items():
        family = GaugeMetricFamily(f"comparison_{name}", says, labels=_LABELS)
        for names, tree in told:
            found = value(tree)
            if found is not None:
                family.add_metric(names, found)
        yield family


def _names(judge: ComparisonJudge) -> tuple[str, str, str]:
    spec = judge.comparison.spec
    return (spec.model, spec.version, judge.comparison.rules.champion)


def _of_users(told: Sequence[tuple[tuple[str, str, str], dict[str, Any]]]) -> Metric:
    family = GaugeMetricFamily(
        "comparison_users",
        "Users counted by the version that answered them, both being those seen with either.",
        labels=(*_LABELS, "by"),
    )
    for names, tree in told:
        for by in _SEEN:
            family.add_metric((*names, by), tree["users"][by])
    return family


def _observed(tree: dict[str, Any]) -> float | None:
    users = tree["users"]
    total = users["champion"] + users["challenger"]
    return users["challenger"] / total if total else None
