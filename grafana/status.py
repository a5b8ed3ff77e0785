"""The six dimensions of a model as one status each: 0 unknown, 1 well, 2 to be watched, 3 trouble.

Rule.  A dimension is as bad as the worse of two things: the level of the newest window of each
length, and the severity of its open alerts; the worker's live page says the same.  Operations and
business have no level: where something is measured they are well, and their alerts say the rest.  A
model without any number of a dimension is unknown in it, never well.
"""

from __future__ import annotations

from typing import Final

from grafana.queries import BY_MODEL, MODEL

EVERY: Final = f"max by ({BY_MODEL}) (longshore_version_serves{{{MODEL}}})"
"""One series for each version that is judged."""


def or_unknown(expr: str) -> str:
    """0 for versions that have no number."""
    return f"{expr} or 0 * {EVERY}"


def _active(severity: str, rules: str = "") -> str:
    of = f', rule=~"{rules}"' if rules else ""
    return f'drift_alert_active{{{MODEL}{of}, severity="{severity}"}}'


def _dimension(found: str, rules: str = "") -> str:
    """The worst of what was found and of the open alerts of ``rules``."""
    if not rules:
        return or_unknown(f"max by ({BY_MODEL}) ({found})")
    alerts = (
        f"3 * {_active('CRITICAL', rules)} or 2 * {_active('WARNING', rules)} "
        f"or {_active('INFO', rules)}"
    )
    return or_unknown(f"max by ({BY_MODEL}) ({alerts} or {found})")


def _level(*metrics: str) -> str:
    return f'{{__name__=~"{"|".join(metrics)}", {MODEL}}}'


def _measured(metric: str) -> str:
    return f"0 * {metric}{{{MODEL}}} + 1"


DIMENSIONS: Final[dict[str, str]] = {
    "Performance": _dimension(
        _level("model_performance_level"), "performance|performance_chart|concept"
    ),
    "Data drift": _dimension(_level("drift_window_level"), "psi_features"),
    "Prediction": _dimension(_level("prediction_level", "prediction_class_level")),
    "Data quality": _dimension(_level("drift_quality_level"), "data_quality"),
    "Operations": _dimension(
        _measured("serving_events_per_second"), "operations|volume|service_level"
    ),
    "Business": _dimension(_measured("business_approval_ratio"), "business|business_kpi|outcomes"),
}
"""Heading -> expression by model and version."""


def _each(active: str) -> str:
    """An episode once, also while its model moves and two workers show it."""
    return f"max by ({BY_MODEL}, severity, rule, cause) ({active})"


def open_alerts(severity: str) -> str:
    """Open episodes of a severity."""
    return or_unknown(f"sum by ({BY_MODEL}) ({_each(_active(severity))})")


def _dimensions_at(status: int) -> str:
    return " + ".join(f"(({expr}) == bool {status})" for expr in DIMENSIONS.values())


_WORST: Final = or_unknown(
    f"max by ({BY_MODEL}) (2 * {_active('CRITICAL')} or {_active('WARNING')})"
)
_OPEN: Final = or_unknown(f"sum by ({BY_MODEL}) ({_each(f'drift_alert_active{{{MODEL}}}')})")
TROUBLE: Final = (
    f"1000 * ({_WORST}) + 100 * ({_dimensions_at(3)}) + 10 * ({_dimensions_at(2)}) + ({_OPEN})"
)
"""What the overview is sorted by: severity of the worst alert, then dimensions in trouble, then
those to be watched, then open alerts."""
