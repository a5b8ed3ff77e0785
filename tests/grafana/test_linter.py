"""Grafana's linter's rules hold in every dashboard, and each of them can fail."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Final

import pytest

from tests.grafana import linter
from tests.grafana.committed import dashboards, panels, variables
from tests.grafana.linter import LEFT_OUT, RULES, Board

Change = Callable[[Board], Any]


def graph(board: Board) -> dict[str, Any]:
    """The first time series."""
    return next(panel for panel in panels(board) if panel["type"] == "timeseries")


def expr(text: str) -> Change:
    """A change of the first graph's first query."""
    return lambda board: graph(board)["targets"][0].update(expr=text)


BREACHES: Final[list[tuple[Callable[[Board], Any], Change]]] = [
    (linter.template_datasource_rule, lambda b: variables(b)["datasource"].update(name="source")),
    (linter.panel_datasource_rule, lambda b: graph(b)["datasource"].update(uid="longshore")),
    (linter.panel_datasource_rule, lambda b: graph(b)["targets"][0].pop("datasource")),
    (linter.panel_datasource_rule, lambda b: variables(b)["job"].pop("datasource")),
    (linter.template_job_rule, lambda b: variables(b)["job"].update(allValue=".*")),
    (linter.target_job_rule, expr('max by (model) (drift_psi{model=~"$model"})')),
    (linter.target_job_rule, expr('max by (model) ({__name__=~"drift_.+"})')),
    (linter.template_on_time_change_reload_rule, lambda b: variables(b)["job"].update(refresh=1)),
    (
        linter.template_label_promql_rule,
        lambda b: variables(b)["job"]["query"].update(query="label_values(job)"),
    ),
    (linter.panel_title_description_rule, lambda b: graph(b).update(description="")),
    (linter.panel_title_description_rule, lambda b: b.pop("description")),
    (linter.panel_units_rule, lambda b: graph(b)["fieldConfig"]["defaults"].pop("unit")),
    (linter.panel_no_targets_rule, lambda b: graph(b).pop("targets")),
    (linter.target_rate_interval_rule, expr('sum(rate(a_total{job=~"$job"}[5m]))')),
    (linter.target_rate_interval_rule, expr('sum(rate(a_total{job=~"$job"}[$__range]))')),
    (linter.target_counter_agg_rule, expr('max(drift_alert_pages_total{job=~"$job"})')),
    (linter.legends, lambda b: graph(b)["targets"][0].pop("legendFormat")),
    (linter.legends, lambda b: graph(b)["targets"][0].update(legendFormat="{{nobody}}")),
    (
        linter.series_are_told_apart,
        lambda b: graph(b)["targets"][0].update(legendFormat="{{model}}"),
    ),
    (
        linter.growth_is_of_its_time,
        expr('sum by (model, version) (increase(a_total{job=~"$job"}[$__range]))'),
    ),
    (linter.unique_ids, lambda b: graph(b).update(id=b["panels"][0]["id"])),
    (linter.unique_ids, lambda b: graph(b)["targets"].append(graph(b)["targets"][0])),
    (linter.uneditable, lambda b: b.update(editable=True)),
    (linter.known_variables, expr('max(drift_psi{job=~"$job", feature="$column"})')),
    (linter.known_variables, lambda b: variables(b)["job"].update(name="jobs")),
    (linter.the_grid, lambda b: graph(b)["gridPos"].update(x=20)),
    (linter.the_grid, lambda b: graph(b)["gridPos"].update(y=0)),
    (linter.the_grid, lambda b: graph(b)["gridPos"].update(w=3)),
    (linter.colours, lambda b: b["annotations"]["list"][0].update(iconColor="red")),
    (
        linter.statuses_are_said,
        lambda b: next(p for p in panels(b) if p["type"] == "state-timeline")["fieldConfig"][
            "defaults"
        ].pop("mappings"),
    ),
]


@pytest.mark.parametrize("name", dashboards())
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_dashboard_keeps(rule: Callable[[Board], Any], name: str) -> None:
    """No complaint of any rule."""
    assert list(rule(dashboards()[name])) == []


@pytest.mark.parametrize(("rule", "change"), BREACHES)
def test_a_breach_is_found(rule: Callable[[Board], Any], change: Change) -> None:
    """A dashboard that is changed for the worse is complained about."""
    board = copy.deepcopy(dashboards()["overview"])
    assert list(rule(board)) == []
    change(board)
    assert list(rule(board))


def test_every_rule_is_shown_to_fail() -> None:
    """And what is left out of the linter's list says why."""
    assert {rule for rule, _ in BREACHES} == set(RULES)
    assert all(len(reason) > 15 for reason in LEFT_OUT.values())


def test_the_page_about_workers_can_choose_them() -> None:
    """The rules about instances are kept where instances are the subject."""
    board = dashboards()["monitor"]
    assert variables(board)["instance"]["label"] == "Instance"
    asked = [
        target["expr"]
        for panel in panels(board)
        for target in panel.get("targets", [])
        if 'model=~"$model"' not in target["expr"]
    ]
    assert [text for text in asked if 'instance=~"$instance"' not in text] == []
