"""Every metric that a dashboard, a rule or a page of the docs names is one that a worker exposes.

docs/metrics.md is what is exposed (tests/streams/test_everything_is_told.py), so that is compared.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from grafana.model_labels import MEASURES
from tests.grafana.committed import METRIC, ROOT, names, of_dashboards, of_rules, patterns

NO_METRICS: Final[dict[str, frozenset[str]]] = {
    "fields of the spec": frozenset({"drift_confidence", "drift_threshold"}),
    "rules": frozenset({"business_kpi"}),
    "bounds": frozenset({"model_name_chars"}),
    "records of the topic audit": frozenset(
        f"model_{kind}"
        for kind in (
            "bad_key",
            "malformed",
            "other_partition",
            "other_version",
            "too_many",
            "torn",
            "unusable",
            "version_differs",
        )
    ),
}
"""What names in the docs are that begin like metrics' -> these names."""
PAGES: Final = sorted(
    path
    for path in (*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "ARCHITECTURE.md")
    if path.name != "metrics.md"
)
HISTOGRAM: Final = re.compile("_(bucket|sum|count)$")


@cache
def exported() -> frozenset[str]:
    """As they are asked for."""
    text = (ROOT / "docs" / "metrics.md").read_text()
    found = frozenset(re.findall(rf"^\| `({METRIC})` \|", text, re.MULTILINE))
    assert len(found) > 250
    return found


def unknown(found: set[str]) -> set[str]:
    """Those that no worker has."""
    return {name for name in found if HISTOGRAM.sub("", name) not in exported()} - exported()


def test_dashboards_name_what_is_exported() -> None:
    """By itself, or described by a pattern, with every choice there is."""
    seen: set[str] = set()
    for expression in of_dashboards():
        found = names(expression.text)
        assert unknown(found) == set(), expression.place
        seen |= found
        for pattern in patterns(expression.text):
            for choice in MEASURES:
                fitting = re.compile(pattern.replace("$measure", choice))
                matched = {name for name in exported() if fitting.fullmatch(name)}
                seen |= matched
                # Some measures only are estimated without labels.
                if not pattern.endswith("_estimated"):
                    assert matched, f"{expression.place}: {pattern} with {choice}"
    assert len(seen) > 150


def test_rules_name_what_is_exported() -> None:
    """Also those that are recorded."""
    seen: set[str] = set()
    for _, expression in of_rules():
        found = names(expression.text)
        assert unknown(found) == set(), expression.place
        seen |= found
    assert len(seen) > 15


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_docs_name_what_is_exported(path: Path) -> None:
    """Every name in back quotes that begins like a metric's, with labels behind it or without."""
    text = path.read_text()
    said = set(re.findall(rf"`({METRIC})(?:\{{[^`]*)?`", text))
    assert unknown(said) - frozenset().union(*NO_METRICS.values()) == set()


def test_an_unknown_name_is_found() -> None:
    """The comparison can fail, and knows histograms."""
    assert unknown({"drift_psy", "drift_psi"}) == {"drift_psy"}
    assert unknown({"serving_latency_seconds_bucket"}) == set()
    assert names('max(drift_psi{feature="model_x"}) by (model)') == {"drift_psi"}


def test_the_measures_are_all_there_are() -> None:
    """The page of one model can show each measure that is exposed."""
    pattern = re.compile(r"model_([a-z0-9_]+?)(?:_ratio)?_baseline")
    found = {m[1] for name in exported() if (m := pattern.fullmatch(name))}
    assert {name for name in found if not name.startswith(("cohort_", "loss_mean"))} == set(
        MEASURES
    )
