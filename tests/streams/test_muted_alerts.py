"""/metrics: an open alert that is to wake nobody is muted and not active."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import cast

import pytest

from engine.judge import Judge
from tests.streams.test_metrics import exposed, live_of, model, pipeline_of

YEAR = "from: 2013-01-01T00:00:00Z, until: 2013-12-01T00:00:00Z, reason: a campaign"


def series(text: str, name: str) -> list[list[tuple[str, str]]]:
    """The labels of each series of a metric."""
    lines = [line for line in text.splitlines() if line.startswith(f"{name}{{")]
    return [re.findall(r'(\w+)="([^"]*)"', line) for line in lines]


@pytest.mark.parametrize("section", ["mutes", "maintenance"])
def test_an_alert_is_muted_by_event_time(section: str) -> None:
    """Opened before, it is quiet from when the spec says so, and has no severity then."""
    live = live_of(pipeline_of(model()))
    (active,) = series(exposed(live), "drift_alert_active")
    assert series(exposed(live), "drift_alert_muted") == []
    quiet = model(alerts=f"{{{section}: [{{{YEAR}}}]}}").spec
    for judge in live.judges.values():
        cast("Judge", judge).model = replace(cast("Judge", judge).model, spec=quiet)
    text = exposed(live)
    assert series(text, "drift_alert_active") == []
    assert series(text, "drift_alert_muted") == [[p for p in active if p[0] != "severity"]]
