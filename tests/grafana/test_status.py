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
    lines = ["longshore_ready 1"]
    for model, gauges in GAUGES.items():
        labels = f'model="{model}",version="1"'
        lines.append(f"longshore_version_serves{{{labels}}} 1")
        lines += [f"{series % labels} {value}" for series, value in gauges.items()]
    return "\n".join(lines) + "\n"


def test_a_status_is_the_worse_of_level_and_alerts(prometheus_program: str) -> None:
    """Of every model and dimension; nothing measured is unknown; the order is by trouble.  Two
    workers show the models, as they do while these move; another program is no worker."""
    with serving([text(), text(), "alertmanager_build_info 1\n"]) as workers:
        targets = [address(worker) for worker in workers]
        with RealPrometheus(prometheus_program, targets) as prometheus:
            both = f"count(longshore_version_serves) == {2 * len(GAUGES)}"
            await_any(prometheus, f"{both} and on () sum(up) == 3")

            def told(expr: str) -> dict[str, float]:
                for name in ("job", "instance", "model", "version"):
                    expr = expr.replace(f'"${name}"', f'"{ANY}"')
                return {labels.get("model", ""): n for labels, n in prometheus.query(expr)}

            found = [told(expr) for expr in DIMENSIONS.values()]
            assert {model: tuple(each[model] for each in found) for model in GAUGES} == STATUS
            assert told(TROUBLE) == TROUBLES
            (answering,) = [
                target["expr"]
                for panel in panels(dashboards()["monitor"])
                for target in panel.get("targets", [])
                if "up{" in target["expr"]
            ]
            assert told(answering) == {"": 2}
