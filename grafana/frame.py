"""The frame of every page: variables, annotations, links, and the places of the panels.

Rule.  Every page has the data source and the job as variables, and links to all other pages that
keep whatever variables both have, and the time.  A choice is made of what the data source has in
the time shown, so it is read again with every change of it.  Identities never depend on a title:
the uid is the page's own, and panels are numbered as they stand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from grafana_foundation_sdk.models import dashboard

from grafana.lowering import SOURCE, lowered
from grafana.panels import COLUMNS, Mark, Page, Panel, Variable

TAG: Final = "longshore"
LIVE_PAGE: Final = "http://localhost:9646"
JOB: Final = Variable("job", "Job", "longshore_ready", "The workers' job in Prometheus.")


def framed(page: Page) -> dashboard.Dashboard:
    """The whole dashboard."""
    page = with_single_choices(page)
    return dashboard.Dashboard(
        uid=page.uid,
        title=page.title,
        description=page.says,
        tags=[TAG],
        timezone="browser",
        editable=False,
        graph_tooltip=dashboard.DashboardCursorSync.CROSSHAIR,
        time=dashboard.DashboardDashboardTime(page.span, "now"),
        timepicker=dashboard.TimePickerConfig(),
        refresh="30s",
        panels=list(_placed(page)),
        templating=dashboard.DashboardDashboardTemplating(list(_variables(page))),
        annotations=dashboard.AnnotationContainer([_annotation(mark) for mark in page.marks]),
        links=_links(),
    )


def with_single_choices(page: Page) -> Page:
    """The page with its single choices matched as they are: Grafana escapes for a regular
    expression only what may have several values, so that ``a.b`` would be ``a-b`` too, and ``a+b``
    nothing."""
    single = [each.name for each in page.variables if not (each.is_multi or each.choices)]

    def exact(expr: str) -> str:
        for name in single:
            expr = expr.replace(f'{name}=~"${name}"', f'{name}="${name}"')
        return expr

    def panel(old: Panel) -> Panel:
        return replace(old, queries=tuple(replace(q, expr=exact(q.expr)) for q in old.queries))

    return replace(
        page,
        rows=tuple(replace(row, panels=tuple(map(panel, row.panels))) for row in page.rows),
        variables=tuple(replace(each, series=exact(each.series)) for each in page.variables),
        marks=tuple(replace(mark, expr=exact(mark.expr)) for mark in page.marks),
    )


def _links() -> list[dashboard.DashboardLink]:
    kinds = dashboard.DashboardLinkType
    return [
        dashboard.DashboardLink(
            title="Pages",
            type_val=kinds.DASHBOARDS,
            tags=[TAG],
            tooltip="The other pages, with the same choices and time",
            include_vars=True,
            keep_time=True,
        ),
        dashboard.DashboardLink(
            title="Live page",
            type_val=kinds.LINK,
            icon="external link",
            tooltip="The worker's own page: histograms, contributions, evidence",
            url="${live_page}",
            target_blank=True,
        ),
    ]


def _placed(page: Page) -> Iterator[dashboard.Panel | dashboard.RowPanel]:
    """Panels from left to right; a row ends when its columns are full.  ValueError where they do
    not fill it."""
    number, y = 0, 0
    for row in page.rows:
        number += 1
        place = dashboard.GridPos(1, COLUMNS, 0, y)
        yield dashboard.RowPanel(
            collapsed=False, title=row.title, id_val=number, grid_pos=place, panels=[]
        )
        x, y, height = 0, y + 1, 0
        for panel in row.panels:
            number += 1
            if x and panel.height != height:
                raise ValueError(f"{page.uid}: {panel.title} is not as high as those beside it")
            yield lowered(panel, number, x, y)
            x, height = x + panel.width, panel.height
            if x > COLUMNS:
                raise ValueError(f"{page.uid}: {panel.title} does not fit into its row")
            if x == COLUMNS:
                x, y = 0, y + height
        if x:
            raise ValueError(f"{page.uid}: the row {row.title} is not full")


def _variables(page: Page) -> Iterator[dashboard.VariableModel]:
    yield dashboard.VariableModel(
        type_val=dashboard.VariableType.DATASOURCE,
        name="datasource",
        label="Data source",
        description="The Prometheus that scrapes the workers.",
        query="prometheus",
        current=dashboard.VariableOption(
            selected=True, text="Prometheus", value="longshore-prometheus"
        ),
    )
    for variable in (JOB, *page.variables):
        yield _chosen(variable) if variable.choices else _asked(variable)
    yield dashboard.VariableModel(
        type_val=dashboard.VariableType.TEXTBOX,
        name="live_page",
        label="Live page",
        description="Where a worker serves its own page.",
        query=LIVE_PAGE,
        current=dashboard.VariableOption(selected=True, text=LIVE_PAGE, value=LIVE_PAGE),
    )


def _asked(variable: Variable) -> dashboard.VariableModel:
    every = dashboard.VariableOption(selected=True, text="All", value="$__all")
    return dashboard.VariableModel(
        type_val=dashboard.VariableType.QUERY,
        name=variable.name,
        label=variable.label,
        description=variable.says,
        datasource=SOURCE,
        query={
            "query": f"label_values({variable.series}, {variable.name})",
            "refId": "Labels",
        },
        refresh=dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED,
        sort=dashboard.VariableSort.NATURAL_ASC,
        multi=variable.is_multi,
        include_all=variable.is_multi,
        all_value=".+" if variable.is_multi else None,
        current=every if variable.is_multi else None,
    )


def _chosen(variable: Variable) -> dashboard.VariableModel:
    options = [
        dashboard.VariableOption(selected=at == 0, text=choice, value=choice)
        for at, choice in enumerate(variable.choices)
    ]
    return dashboard.VariableModel(
        type_val=dashboard.VariableType.CUSTOM,
        name=variable.name,
        label=variable.label,
        description=variable.says,
        query=",".join(variable.choices),
        options=options,
        current=options[0],
    )


def _annotation(mark: Mark) -> dashboard.AnnotationQuery:
    return dashboard.AnnotationQuery(
        name=mark.name, datasource=SOURCE, enable=True, icon_color=mark.colour, expr=mark.expr
    )
