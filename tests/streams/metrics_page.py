"""docs/metrics.md, made from what a worker really exposes; run as a module to write it.

python -m tests.streams.metrics_page
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from engine.pipeline import Pipeline
from tests.engine.champion.test_comparison import BETTER, LABEL, whole
from tests.engine.champion.test_split import SPLIT, streams
from tests.engine.champion.worlds import versions
from tests.engine.models import MINUTE, logs_of
from tests.engine.test_take_over import AT, FIRST, MODELS, TERMS, log
from tests.streams.test_metrics import exposed, live_of
from tests.streams.test_performance_gauges import pipeline as promising
from tests.streams.whole_story import small, story

PAGE: Final = Path(__file__).parents[2] / "docs" / "metrics.md"
GROUPS: Final = {
    "Data drift": ("drift_",),
    "Prediction": ("prediction_",),
    "Data quality": ("feature_", "drift_quality_", "serving_quality_"),
    "Performance, cohorts and estimates": ("model_",),
    "Champion and challenger": ("comparison_",),
    "Operations": ("serving_",),
    "Business": ("business_",),
    "The monitor itself": ("longshore_",),
}
"""Heading -> what the names of its metrics begin with; the longest beginning decides."""
HEAD: Final = """\
# Metrics

Every metric that a worker exposes on `/metrics`, by group. Made by
`python -m tests.streams.metrics_page` from streams in which everything happens; a test compares, so
this page is what is exposed.

`model` and `version` are the model's; a gauge is of the newest judged window. A number that the
spec or the data do not support has no series, and a fault has one only as long as it lasts.
Statistics and estimators are found by discovery: a further one has its metrics under its own name.
How the numbers are tested, and when they lie: [quality-of-data.md](quality-of-data.md).
"""


@dataclass(frozen=True)
class Told:
    """One family as it is exposed."""

    name: str
    kind: str
    says: str
    labels: tuple[str, ...]


def families() -> dict[str, Told]:
    """Everything that the streams expose, by the name that is queried."""
    found: dict[str, Told] = {}
    for pipeline in pipelines():
        for family in text_string_to_metric_families(exposed(live_of(pipeline))):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            before = found.get(name)
            named = labels | set(() if before is None else before.labels)
            says = family.documentation.replace("|", "\\|")
            found[name] = Told(name, family.type, says, tuple(sorted(named)))
    return found


def pipelines() -> tuple[Pipeline, ...]:
    """Those in which everything happens, between them."""
    others = (small("multiclass"), small("regression"), compared(), split())
    return (story().pipeline, *others, promising(), taken_over())


def compared() -> Pipeline:
    """Two versions of one model, of which the second is promoted."""
    pipeline = Pipeline(versions(BETTER, LABEL), 1)
    for each in whole(0.15, 1):
        pipeline.accept(each)
    pipeline.flush()
    return pipeline


def split() -> Pipeline:
    """Two versions that divide users, and not by the promised share."""
    pipeline = Pipeline(versions(SPLIT, LABEL), 1)
    made, known = streams(0.25, 0.5)
    for each in [*logs_of(made, 1), *logs_of(known, 1, "labels")]:
        pipeline.accept(each)
    pipeline.flush()
    return pipeline


def taken_over() -> Pipeline:
    """A version that served until another took over."""
    pipeline = Pipeline([FIRST], 1)
    pipeline.learn(MODELS, TERMS)
    pipeline.accept(log(AT + 3 * MINUTE))
    pipeline.flush()
    return pipeline


def group_of(name: str) -> str:
    """The heading that a metric belongs under."""
    fitting = {
        start: group
        for group, starts in GROUPS.items()
        for start in starts
        if name.startswith(start)
    }
    return fitting[max(fitting, key=len)]


def page() -> str:
    """The text of the page."""
    return "\n".join(_lines(families()))


def _lines(found: dict[str, Told]) -> Iterator[str]:
    yield HEAD
    for group in GROUPS:
        yield f"## {group}\n"
        yield "| metric | kind | labels | what it says |"
        yield "|---|---|---|---|"
        for name in sorted(found):
            if group_of(name) == group:
                told = found[name]
                labels = ", ".join(f"`{label}`" for label in told.labels)
                yield f"| `{name}` | {told.kind} | {labels} | {told.says} |"
        yield ""


if __name__ == "__main__":
    PAGE.write_text(page())
