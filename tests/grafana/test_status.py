"""What six dimensions say of made-up models, and the order in which the overview shows them."""

from __future__ import annotations

from typing import Final

from grafana.status import DIMENSIONS, TROUBLE
from tests.grafana.asking import ANY
from tests.grafana.committed import dashboards, panels
from tests.grafana.test_expressions import await_any
from tests.grafana.told import address, serving
from tests.prometheus.server import RealPrometheus

GAUGES: Final = {
    "paged": {
        'drift_alert_active{%s,severity="CRITICAL",rule="psi_features",cause="a"}': 1,
        'drift_window_level{%s,window="1h"}': 1,
        'prediction_level{%s,window="1h"}': 1,
        'prediction_class_level{%s,window="1h"}': 3,
        'serving_events_per_second{%s,window="1h"}': 9,
    },
    "drifting": {
        'drift_window_level{%s,window="1h"}': 2,
        'drift_window_level{%s,window="1d"}': 3,
        'drift_quality_level{%s,window="1h"}': 2,
        'model_performance_level{%s,window="1d"}': 1,
        'drift_alert_active{%s,severity="INFO",rule="performance_chart",cause="a"}': 1,
    },
    "warned": {
        'drift_alert_active{%s,severity="WARNING",rule="volume",cause="volume_low"}': 1,
        'drift_alert_active{%s,severity="WARNING",rule="outcomes",cause="a"}': 1,
        'serving_events_per_second{%s,window="1h"}': 9,
    },
    "silent": {},
}
"""Model -> what its worker shows beside that it serves."""
STATUS: Final = {
    "paged": (0, 3, 3, 0, 1, 0),
    "drifting": (1, 3, 0, 2, 0, 0),
    "warned": (0, 0, 0, 0, 2, 2),
    "silent": (0, 0, 0, 0, 0, 0),
}
"""By model: performance, data, prediction, quality, operations, business."""
TROUBLES: Final = {"paged": 2201, "warned": 1022, "drifting": 111, "silent": 0}


def text() -> str:
    """What is scraped."""
    lines = []
    for model, gauges in GAUGES.items():
        labels = f'model="{model}",version="1"'
        lines.append(f"longshore_version_serves{{{labels}}} 1")
        lines += [f"{series % labels} {value}" for series, value in gauges.items()]
    return "\n".join(lines) + "\n"


def test_other_programs_are_no_workers(prometheus_program: str) -> None:
    """Of all jobs that Prometheus scrapes, those are counted that are workers."""
    (panel,) = [each for each in panels(dashboards()["monitor"]) if "answer" in each["title"]]
    (target,) = panel["targets"]
    expr = target["expr"].replace('"$job"', f'"{ANY}"').replace('"$instance"', f'"{ANY}"')
    with serving(["longshore_ready 1\n", "alertmanager_build_info 1\n"]) as others:
        targets = [address(each) for each in others]
        with RealPrometheus(prometheus_program, targets) as prometheus:
            await_any(prometheus, "sum(up) == 2 and on () longshore_ready")
            assert [value for _, value in prometheus.query(expr)] == [1]


def test_a_status_is_the_worse_of_level_and_alerts(prometheus_program: str) -> None:
    """Of every model and dimension; nothing measured is unknown; the order is by trouble.  Two
    workers show the models, as they do while these move."""
    with serving([text(), text()]) as workers:
        targets = [address(worker) for worker in workers]
        with RealPrometheus(prometheus_program, targets) as prometheus:
            await_any(prometheus, f"count(longshore_version_serves) == {2 * len(GAUGES)}")

            def told(expr: str) -> dict[str, float]:
                for name in ("job", "model", "version"):
                    expr = expr.replace(f'"${name}"', f'"{ANY}"')
                return {labels["model"]: value for labels, value in prometheus.query(expr)}

            found = [told(expr) for expr in DIMENSIONS.values()]
            assert {model: tuple(each[model] for each in found) for model in GAUGES} == STATUS
            assert told(TROUBLE) == TROUBLES
