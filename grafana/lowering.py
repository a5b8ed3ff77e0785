"""From our panels to Grafana's.

Rule.  Nothing is decided here that a page should decide; what all panels of a kind have in common
(legends, tooltips, how a role is drawn) is decided nowhere else.  Every data source is the variable
``datasource``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from grafana_foundation_sdk.models import (
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    statushistory,
    table,
    text,
    timeseries,
)

from grafana.columns import column_overrides, table_transformations
from grafana.palette import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION
from grafana.panels import Kind, Panel, Query, Role
from grafana.steps import mappings, thresholds

SOURCE: Final = dashboard.DataSourceRef("prometheus", "${datasource}")
MOST_CELLS: Final = 80
"""Of a row of a status history; Grafana refuses to draw what is narrower than a pixel."""
IN_TURN: Final = (BLUE, ORANGE, GREEN, SKY)
"""Colours of the queries with the role ``value`` of one panel."""
FIXED: Final[dict[Role, tuple[str, common.LineStyle]]] = {
    "reference": (GREY, common.LineStyle("dash", [10, 10])),
    "limit": (VERMILION, common.LineStyle("dash", [3, 6])),
    "estimate": (PURPLE, common.LineStyle("dot", [0, 8])),
}


def lowered(panel: Panel, number: int, x: int, y: int) -> dashboard.Panel:
    """The panel at a place of the grid."""
    instant = panel.kind in {"stat", "table", "bargauge"}
    targets = [_target(panel, query, at, instant=instant) for at, query in enumerate(panel.queries)]
    return dashboard.Panel(
        type_val=panel.kind,
        id_val=number,
        title=panel.title,
        description=panel.says,
        datasource=SOURCE,
        targets=list(targets) or None,
        grid_pos=dashboard.GridPos(panel.height, panel.width, x, y),
        max_data_points=MOST_CELLS if panel.kind == "status-history" else None,
        transformations=table_transformations(panel) if panel.kind == "table" else None,
        options=_OPTIONS[panel.kind](panel),
        field_config=dashboard.FieldConfigSource(_defaults(panel), _overrides(panel)),
    )


def ref(at: int) -> str:
    """The name of a panel's query by its place."""
    return chr(ord("A") + at)


def _target(panel: Panel, query: Query, at: int, *, instant: bool) -> prometheus.Dataquery:
    is_table = panel.kind == "table"
    form = prometheus.PromQueryFormat.TABLE if is_table else prometheus.PromQueryFormat.TIME_SERIES
    return prometheus.Dataquery(
        expr=query.expr,
        legend_format=query.legend,
        ref_id=ref(at),
        datasource=SOURCE,
        format_val=form,
        instant=instant,
        range_val=not instant,
        editor_mode=prometheus.QueryEditorMode.CODE,
    )


def _defaults(panel: Panel) -> dashboard.FieldConfig:
    is_drawn = panel.kind == "timeseries"
    by_steps = dashboard.FieldColor(dashboard.FieldColorModeId.THRESHOLDS)
    return dashboard.FieldConfig(
        unit=panel.unit,
        decimals=panel.decimals,
        min_val=panel.lowest,
        max_val=panel.highest,
        mappings=mappings(panel.steps) or None,
        thresholds=thresholds(panel.steps),
        color=_shades(BLUE) if is_drawn else by_steps,
        no_value=panel.empty,
        custom=_custom(panel),
    )


def _custom(panel: Panel) -> object:
    mode = common.GraphThresholdsStyleMode
    if panel.kind == "timeseries":
        stacking = common.StackingMode.NORMAL if panel.is_stacked else common.StackingMode.NONE
        return timeseries.FieldConfig(
            line_width=2,
            # A gauge holds until the next window is judged.
            line_interpolation=common.LineInterpolation.STEP_AFTER,
            fill_opacity=30 if panel.is_stacked else 0,
            show_points=common.VisibilityMode.NEVER,
            span_nulls=False,
            stacking=common.StackingConfig(stacking),
            thresholds_style=common.GraphThresholdsStyleConfig(
                mode.DASHED if panel.are_limits else mode.OFF
            ),
        )
    if panel.kind == "status-history":
        return statushistory.FieldConfig(fill_opacity=85)
    if panel.kind == "state-timeline":
        return statetimeline.FieldConfig(fill_opacity=85)
    return common.TableFieldOptions() if panel.kind == "table" else None


def _shades(colour: str) -> dashboard.FieldColor:
    return dashboard.FieldColor(dashboard.FieldColorModeId.SHADES, colour)


def _overrides(panel: Panel) -> list[dashboard.DashboardFieldConfigSourceOverrides]:
    if panel.kind == "table":
        return column_overrides(panel)
    found, turn = [], 0
    for at, query in enumerate(panel.queries):
        properties = []
        if panel.kind == "timeseries":
            if query.role == "value":
                colour, style = IN_TURN[turn % len(IN_TURN)], None
                turn += 1
            else:
                colour, style = FIXED[query.role]
            properties.append(dashboard.DynamicConfigValue("color", _shades(colour)))
            if style is not None:
                properties.append(dashboard.DynamicConfigValue("custom.lineStyle", style))
            if query.is_right:
                properties.append(dashboard.DynamicConfigValue("custom.axisPlacement", "right"))
        if query.unit:
            properties.append(dashboard.DynamicConfigValue("unit", query.unit))
        if query.steps:
            properties += [
                dashboard.DynamicConfigValue("thresholds", thresholds(query.steps)),
                dashboard.DynamicConfigValue("mappings", mappings(query.steps)),
            ]
        if properties:
            matcher = dashboard.MatcherConfig("byFrameRefID", ref(at))
            found.append(dashboard.DashboardFieldConfigSourceOverrides(matcher, properties))
    return found


def _tooltip() -> common.VizTooltipOptions:
    return common.VizTooltipOptions(common.TooltipDisplayMode.MULTI, common.SortOrder.DESCENDING)


def _legend(*calcs: str, is_shown: bool = True) -> common.VizLegendOptions:
    return common.VizLegendOptions(
        display_mode=common.LegendDisplayMode.LIST,
        placement=common.LegendPlacement.BOTTOM,
        show_legend=is_shown,
        calcs=list(calcs),
    )


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions(values=False, calcs=["lastNotNull"], fields="")


def _timeseries(_: Panel) -> object:
    return timeseries.Options(legend=_legend("lastNotNull"), tooltip=_tooltip())


def _stat(panel: Panel) -> object:
    several = len(panel.queries) > 1
    mode = common.BigValueTextMode
    return stat.Options(
        graph_mode=common.BigValueGraphMode.NONE,
        color_mode=common.BigValueColorMode.BACKGROUND_SOLID,
        text_mode=mode.VALUE_AND_NAME if several else mode.VALUE,
        justify_mode=common.BigValueJustifyMode.CENTER,
        orientation=common.VizOrientation.VERTICAL if several else common.VizOrientation.AUTO,
        reduce_options=_last(),
    )


def _table(panel: Panel) -> object:
    by = [common.TableSortByFieldState(panel.sort, desc=True)] if panel.sort else None
    return table.Options(sort_by=by, cell_height=common.TableCellHeight.SM)


def _status_history(_: Panel) -> object:
    return statushistory.Options(
        show_value=common.VisibilityMode.NEVER,
        legend=_legend(is_shown=False),
        tooltip=_tooltip(),
        per_page=20,
    )


def _state_timeline(_: Panel) -> object:
    return statetimeline.Options(
        show_value=common.VisibilityMode.AUTO,
        merge_values=True,
        legend=_legend(is_shown=False),
        tooltip=_tooltip(),
        per_page=20,
    )


def _bargauge(_: Panel) -> object:
    return bargauge.Options(
        display_mode=common.BarGaugeDisplayMode.BASIC,
        orientation=common.VizOrientation.HORIZONTAL,
        reduce_options=_last(),
    )


def _text(panel: Panel) -> object:
    return text.Options(mode=text.TextMode.MARKDOWN, content=panel.content)


_OPTIONS: Final[dict[Kind, Callable[[Panel], object]]] = {
    "timeseries": _timeseries,
    "stat": _stat,
    "table": _table,
    "status-history": _status_history,
    "state-timeline": _state_timeline,
    "bargauge": _bargauge,
    "text": _text,
}
