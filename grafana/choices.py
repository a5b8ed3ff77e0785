"""The variables that pages share, and where their links lead.

Rule.  No metric has a label for a segment, a bin, an event or a category of a feature, so none of
them can be chosen here (docs/dashboards.md says where they are told).
"""

from __future__ import annotations

from typing import Final

from grafana.palette import GREEN, PURPLE
from grafana.panels import Mark, Variable
from grafana.queries import JOB, MODEL, grown

_SERVES: Final = "longshore_version_serves"
MODELS: Final = Variable("model", "Model", f"{_SERVES}{{{JOB}}}", "Models that are judged.")
ONE_MODEL: Final = Variable(
    "model", "Model", f"{_SERVES}{{{JOB}}}", "The model shown.", is_multi=False
)
VERSIONS: Final = Variable(
    "version",
    "Version",
    f'{_SERVES}{{{JOB}, model=~"$model"}}',
    "Versions of the model; those that served in the time shown.",
)
WINDOWS: Final = Variable(
    "window",
    "Window",
    f'{{__name__=~"drift_window_events|model_labelled_predictions", {MODEL}}}',
    "Lengths of windows, those of the data and those of the labels.",
)
FEATURE: Final = Variable(
    "feature", "Feature", f"drift_level{{{MODEL}}}", "The feature shown.", is_multi=False
)
INSTANCES: Final = Variable(
    "instance", "Instance", f"longshore_ready{{{JOB}}}", "Workers by their address."
)

_KEPT: Final = "${datasource:queryparam}&${job:queryparam}&${__url_time_range}"
# In full, because a version may hold a plus sign and a feature anything.
_MODEL_OF_ROW: Final = "${__data.fields.model:percentencode}"
_FEATURE_OF_ROW: Final = "${__data.fields.feature:percentencode}"
_VERSION_OF_ROW: Final = "${__data.fields.version:percentencode}"
_WINDOW_OF_ROW: Final = "${__data.fields.window:percentencode}"
TO_MODEL: Final = f"/d/longshore-model?{_KEPT}&var-model={_MODEL_OF_ROW}"
TO_FEATURE: Final = (
    f"/d/longshore-feature?{_KEPT}&${{model:queryparam}}&${{version:queryparam}}"
    f"&${{window:queryparam}}&var-feature={_FEATURE_OF_ROW}"
)
_LIVE: Final = f"${{live_page}}/#/model/${{model:percentencode}}/{_VERSION_OF_ROW}"
LIVE_MODEL: Final = f"{_LIVE}/overview?window={_WINDOW_OF_ROW}"
LIVE_FEATURE: Final = f"{_LIVE}/feature/${{feature:percentencode}}?window={_WINDOW_OF_ROW}"
"""Views of the worker's own page."""

TRIGGERS: Final = Mark(
    "Retraining triggers",
    grown("drift_retraining_triggers_total", by="model, version, rule", over="$__rate_interval")
    + " > 0",
    PURPLE,
)
PROMOTIONS: Final = Mark(
    "Promotions",
    grown("comparison_promotions_total", by="model, version, champion", over="$__rate_interval")
    + " > 0",
    GREEN,
)
MARKS: Final = (TRIGGERS, PROMOTIONS)
