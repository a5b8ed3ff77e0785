"""Tables: one row for each thing that the labels name, one column for each query.

Rule.  Grafana calls the values of a query ``Value #A``, and ``Value`` where it is the only one;
what people read is the query's legend.  Statuses have their colour as background and their word.
"""

from __future__ import annotations

from grafana_foundation_sdk.models import common, dashboard

from grafana.panels import Panel, Query
from grafana.steps import mappings, thresholds


def column_of(panel: Panel, at: int) -> str:
    """The name under which Grafana has a query's values."""
    return f"Value #{chr(ord('A') + at)}" if len(panel.queries) > 1 else "Value"


def table_transformations(panel: Panel) -> list[dashboard.DataTransformerConfig]:
    """Rows with equal labels become one; time goes, and labels stand first."""
    order = [*panel.labels, *(column_of(panel, at) for at in range(len(panel.queries)))]
    kept = {
        "excludeByName": {"Time": True},
        "indexByName": {name: i for i, name in enumerate(order)},
    }
    return [
        dashboard.DataTransformerConfig("merge", options={}),
        dashboard.DataTransformerConfig("organize", options={**kept, "renameByName": {}}),
    ]


def column_overrides(panel: Panel) -> list[dashboard.DashboardFieldConfigSourceOverrides]:
    """How each column is shown."""
    found = [
        _named(column_of(panel, at), _of_query(query)) for at, query in enumerate(panel.queries)
    ]
    label, link = panel.label_link
    if label:
        found.append(_named(label, [_link(link)]))
    return found


def _of_query(query: Query) -> list[dashboard.DynamicConfigValue]:
    said = [dashboard.DynamicConfigValue("displayName", query.legend)]
    if query.unit:
        said.append(dashboard.DynamicConfigValue("unit", query.unit))
    if query.steps:
        background = common.TableColoredBackgroundCellOptions(
            mode=common.TableCellBackgroundDisplayMode.BASIC
        )
        said += [
            dashboard.DynamicConfigValue("thresholds", thresholds(query.steps)),
            dashboard.DynamicConfigValue("custom.cellOptions", background),
        ]
        if words := mappings(query.steps):
            said.append(dashboard.DynamicConfigValue("mappings", words))
    if query.link:
        said.append(_link(query.link))
    return said


def _link(url: str) -> dashboard.DynamicConfigValue:
    link = {"title": "Show", "url": url}
    return dashboard.DynamicConfigValue("links", [link])


def _named(
    name: str, properties: list[dashboard.DynamicConfigValue]
) -> dashboard.DashboardFieldConfigSourceOverrides:
    matcher = dashboard.MatcherConfig("byName", name)
    return dashboard.DashboardFieldConfigSourceOverrides(matcher, properties)
