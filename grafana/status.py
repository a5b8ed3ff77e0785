"""The six dimensions of a model as one status each: 0 unknown, 1 well, 2 look, 3 act.

Rule.  Where the worker tells a level it is shown as it is, the worst of all windows.  Operations
and business have no level; of them the worst open alert is told, and that there is none only where
something was measured.  A model without any number of a dimension is unknown in it, never well.
"""

from __future__ import annotations

from typing import Final

from grafana.palette import LEVELS, TROUBLES, Step
from grafana.queries import BY_MODEL, MODEL

OPERATIONS: Final = "operations|volume|service_level"
BUSINESS: Final = "business|outcomes"
EVERY: Final = f"max by ({BY_MODEL}) (longshore_version_serves{{{MODEL}}})"
"""One series for each version that is judged."""


def or_unknown(expr: str) -> str:
    """0 for versions that have no number."""
    return f"{expr} or 0 * {EVERY}"


def _level(*metrics: str) -> str:
    found = " or ".join(f"{metric}{{{MODEL}}}" for metric in metrics)
    return or_unknown(f"max by ({BY_MODEL}) ({found})")


def _alerts(rules: str, measured: str) -> str:
    """The worst open alert of ``rules``; 1 without any, where ``measured`` has a number."""
    alert = f'drift_alert_active{{{MODEL}, rule=~"{rules}", severity'
    return or_unknown(
        f'max by ({BY_MODEL}) (3 * {alert}="CRITICAL"}} or 2 * {alert}=~"WARNING|INFO"}}'
        f" or 0 * {measured}{{{MODEL}}} + 1)"
    )


DIMENSIONS: Final[dict[str, tuple[str, tuple[Step, ...]]]] = {
    "Data drift": (_level("drift_window_level"), LEVELS),
    "Prediction": (_level("prediction_level", "prediction_class_level"), LEVELS),
    "Performance": (_level("model_performance_level"), LEVELS),
    "Data quality": (_level("drift_quality_level"), LEVELS),
    "Operations": (_alerts(OPERATIONS, "serving_events_per_second"), TROUBLES),
    "Business": (_alerts(BUSINESS, "business_approval_ratio"), TROUBLES),
}
"""Heading -> expression by model and version, and its steps."""


def open_alerts(severity: str) -> str:
    """Open episodes of a severity."""
    found = f'sum by ({BY_MODEL}) (drift_alert_active{{{MODEL}, severity="{severity}"}})'
    return or_unknown(found)


TROUBLE: Final = or_unknown(
    f"sum by ({BY_MODEL}) ("
    f'100 * drift_alert_active{{{MODEL}, severity="CRITICAL"}}'
    f' or 10 * drift_alert_active{{{MODEL}, severity="WARNING"}}'
    f' or drift_alert_active{{{MODEL}, severity="INFO"}}'
    f" or max by ({BY_MODEL}) (drift_window_level{{{MODEL}}}))"
)
"""What the overview is sorted by: 100 a page, 10 a warning, 1 a notice, and the data's level."""
