"""Steps of colour as Grafana has them: thresholds, and the words of a status."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard

from grafana.palette import Step


def thresholds(steps: tuple[Step, ...]) -> dashboard.ThresholdsConfig:
    """The steps as Grafana has them."""
    return dashboard.ThresholdsConfig(
        dashboard.ThresholdsMode.ABSOLUTE, [dashboard.Threshold(s.at, s.colour) for s in steps]
    )


def mappings(steps: tuple[Step, ...]) -> list[dashboard.ValueMapping]:
    """The words of a status; none where the steps have none."""
    words = {
        f"{step.at or 0:g}": dashboard.ValueMappingResult(step.word, step.colour, index=at)
        for at, step in enumerate(steps)
        if step.word
    }
    return [dashboard.ValueMap(words)] if words else []
