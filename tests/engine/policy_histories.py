"""Histories of made-up alerts and triggers, for tests of what is made from them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from engine.model import MonitoredModel
from engine.policy.episodes import episodes_of
from engine.policy.history import PolicyHistory, ToldTrigger, ToldWindow
from engine.timestamps import ms_to_rfc3339
from tests.engine.models import HOUR, START, model_of

HOURS: Final = 48
"""Length of a made-up history."""


@cache
def model() -> MonitoredModel:
    """The usual model."""
    return model_of()


def alert(
    episode: str,
    hour: int,
    state: str,
    severity: str = "WARNING",
    rule: str = "psi_features",
    cause: str = "data_drift",
    **more: Any,  # noqa: ANN401 - fields of a record
) -> dict[str, Any]:
    """A record of the topic ``alerts``, told so many hours after START."""
    return {
        "episode": episode,
        "rule": rule,
        "cause": cause,
        "window": "1h",
        "since": ms_to_rfc3339(START + (hour - 1) * HOUR),
        "end": ms_to_rfc3339(START + hour * HOUR),
        "state": state,
        "severity": severity,
        "events": 100 + hour,
        "evidence": {"observed": {}, "features": []},
        **more,
    }


def drift(feature: str, psi: float = 0.5, **more: object) -> dict[str, Any]:
    """The evidence of a feature that drifted."""
    row = {"feature": feature, "psi_corrected": psi, "psi_threshold": 0.2, **more}
    return {"observed": {"features_over": 1}, "features": [row]}


def trigger(hour: int, rule: str = "psi_features", cause: str = "data_drift") -> ToldTrigger:
    """A request to retrain, so many hours after START."""
    at_ms = START + hour * HOUR
    return ToldTrigger(at_ms, rule, cause, "1h", 100 + hour, at_ms + HOUR, "x PSI 0.50 over 0.20")


def history(
    alerts: Sequence[dict[str, Any]],
    triggers: Sequence[ToldTrigger] = (),
    title: str = "A",
    one: MonitoredModel | None = None,
) -> PolicyHistory:
    """The history of HOURS windows with these alerts."""
    windows = tuple(
        ToldWindow(
            "1m", START + h * HOUR, START + (h + 1) * HOUR, 100, "STABLE", "", {"x": 0.01 * h}
        )
        for h in range(HOURS)
    )
    return PolicyHistory(
        title, one or model(), windows, tuple(episodes_of(alerts)), tuple(triggers)
    )


def of_each_severity(title: str = "A") -> PolicyHistory:
    """An episode of each severity, one of them muted, and two triggers."""
    muted = {"muted": {"until": "2013-02-01T00:00:00Z", "reason": "a campaign"}}
    alerts = [
        alert("a", 2, "open", evidence=drift("x")),
        alert("a", 12, "escalated", "CRITICAL", evidence=drift("x")),
        alert("a", 24, "resolved", "CRITICAL"),
        alert("b", 5, "open", "INFO", "performance_chart", "performance_chart"),
        alert("c", 30, "open", "WARNING", "volume", "volume_low", **muted),
        alert("c", 36, "resolved", "WARNING", "volume", "volume_low"),
    ]
    return history(alerts, [trigger(2), trigger(40)], title)
