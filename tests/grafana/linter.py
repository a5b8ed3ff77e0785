"""The rules that Grafana's own dashboard linter checks, and ours, over the committed JSON.

Rule.  A rule is a function from a dashboard to complaints, each beginning with its place.  Names of
the rules are the linter's, where it has them; what is left out and why is in LEFT_OUT.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from grafana import palette
from tests.grafana.committed import METRIC, STRING, panels, variables

Board = dict[str, Any]
LEFT_OUT: Final = {
    "template-instance-rule": "models move between workers: chosen by instance, one would have "
    "gaps. The page about workers has the variable",
    "target-instance-rule": "as template-instance-rule",
    "target-logql-rule": "there is no Loki",
}
"""Rule of the linter -> why it is not kept everywhere."""
UNITS: Final = frozenset(
    ("none", "short", "percentunit", "sci", "s", "reqps", "cps", "Bps", "dateTimeAsIso")
)
"""Of Grafana's units those in use."""
COUNTED: Final = re.compile(rf"\b({METRIC}_total)\b")
GROWTH: Final = re.compile(r"\b(?:rate|irate|increase)\((\w+)(?:\{[^{}]*\})?\[([^\]]+)\]")
RANGES: Final = {"$__rate_interval", "$__range", "30d"}
"""30d: what the budget is of."""


def template_datasource_rule(board: Board) -> Iterator[str]:
    """The data source is a variable of the name and label that Grafana's pages have."""
    found = [v for v in variables(board).values() if v["type"] == "datasource"]
    if [(v["name"], v["label"], v["query"]) for v in found] != [
        ("datasource", "Data source", "prometheus")
    ]:
        yield "no variable datasource"


def panel_datasource_rule(board: Board) -> Iterator[str]:
    """Every panel, query, annotation and variable asks that variable."""
    wanted = {"type": "prometheus", "uid": "${datasource}"}
    for panel in panels(board):
        for asked in (panel, *panel.get("targets", [])):
            if asked.get("datasource") != wanted:
                yield f"{panel['title']}: a fixed data source"
    for each in [*board["annotations"]["list"], *board["templating"]["list"]]:
        if each.get("type") not in {"datasource", "custom", "textbox"} and (
            each.get("datasource") != wanted
        ):
            yield f"{each['name']}: a fixed data source"


def template_job_rule(board: Board) -> Iterator[str]:
    """Jobs can be chosen, several and all of them."""
    job = variables(board).get("job", {})
    said = tuple(job.get(key) for key in ("label", "type", "multi", "includeAll", "allValue"))
    if said != ("Job", "query", True, True, ".+"):
        yield f"the variable job is {said}"


def target_job_rule(board: Board) -> Iterator[str]:
    """Every metric is chosen by job."""
    for place, text in _exprs(board):
        for name, matchers in re.findall(rf"\b({METRIC}|up)\b(\{{[^{{}}]*\}})?", _bare(text)):
            if 'job=~""' not in matchers:
                yield f"{place}: {name} is not chosen by job"
        for described in re.findall(r"\{[^{}]*__name__[^{}]*\}", text):
            if 'job=~"$job"' not in described:
                yield f"{place}: {described} is not chosen by job"


def template_on_time_change_reload_rule(board: Board) -> Iterator[str]:
    """Choices are read again when the time changes."""
    for name, variable in variables(board).items():
        if variable["type"] == "query" and variable.get("refresh") != 2:
            yield f"{name}: not read again"


def template_label_promql_rule(board: Board) -> Iterator[str]:
    """Choices are the values of the label that the variable is named after."""
    for name, variable in variables(board).items():
        if variable["type"] == "query":
            asked = variable["query"]["query"]
            if not re.fullmatch(rf"label_values\(.+, {name}\)", asked):
                yield f"{name}: {asked}"


def panel_title_description_rule(board: Board) -> Iterator[str]:
    """Title, and a description of a sentence at least; the page's own too."""
    for each in (board, *panels(board)):
        if not each.get("title") or len(each.get("description", "")) < 30:
            yield f"{each.get('title')}: no title or description"


def panel_units_rule(board: Board) -> Iterator[str]:
    """A unit that Grafana knows, or words for the values; also where a query has its own."""
    for panel in panels(board):
        if panel["type"] == "text":
            continue
        own = [
            said["value"]
            for override in panel["fieldConfig"]["overrides"]
            for said in override["properties"]
            if said["id"] == "unit"
        ]
        for unit in (panel["fieldConfig"]["defaults"].get("unit"), *own):
            if unit not in UNITS:
                yield f"{panel['title']}: unit {unit}"


def panel_no_targets_rule(board: Board) -> Iterator[str]:
    """A panel asks something; a text does not."""
    for panel in panels(board):
        if (panel["type"] == "text") == bool(panel.get("targets")):
            yield f"{panel['title']}: {len(panel.get('targets', []))} queries"


def target_rate_interval_rule(board: Board) -> Iterator[str]:
    """Rates follow the interval of the scrapes; growth is that of the time shown."""
    for place, text in _exprs(board):
        for window in re.findall(r"\[([^\]]+)\]", _bare(text)):
            if window not in RANGES:
                yield f"{place}: over [{window}]"
        for window in re.findall(r"\brate\([^\[]+\[([^\]]+)\]", text):
            if window != "$__rate_interval":
                yield f"{place}: a rate over [{window}]"


def target_counter_agg_rule(board: Board) -> Iterator[str]:
    """A counter is read by its growth only: it begins anew with its worker."""
    for place, text in _exprs(board):
        grown = [name for name, _ in GROWTH.findall(text)]
        counted = COUNTED.findall(_bare(text))
        if sorted(counted) != sorted(name for name in grown if name.endswith("_total")):
            yield f"{place}: a counter by itself"


def legends(board: Board) -> Iterator[str]:
    """Every query has a legend, no two of a panel the same, and its labels are there."""
    for panel in panels(board):
        said = [target.get("legendFormat") for target in panel.get("targets", [])]
        if None in said or "" in said or len(set(said)) < len(said):
            yield f"{panel['title']}: legends {said}"
        for target in panel.get("targets", []):
            by = {
                label
                for group in re.findall(r"\bby \(([^)]*)\)", target["expr"])
                for label in re.split(r",\s*", group)
            }
            for label in re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", "")):
                if label not in by:
                    yield f"{panel['title']}: no label {label} in {target['refId']}"


def series_are_told_apart(board: Board) -> Iterator[str]:
    """The legend of a graph has every label that tells its series apart; a table has columns."""
    chosen = {name for name, each in variables(board).items() if not each.get("multi")}
    for panel in panels(board):
        if panel["type"] == "table":
            continue
        for target in panel.get("targets", []):
            by = re.search(r"\bby \(([^)]*)\)", target["expr"])
            labels = set(re.split(r",\s*", by[1])) if by else set()
            if panel["type"] == "stat" or re.match(r"(count|sum|max)\b ?\(", target["expr"]):
                continue  # one number
            for label in sorted(labels - chosen - {"le"}):
                if f"{{{{{label}}}}}" not in target["legendFormat"]:
                    yield f"{panel['title']}: {target['refId']} does not say its {label}"


def growth_is_of_its_time(board: Board) -> Iterator[str]:
    """What grew in the time shown is one number; as a line it would begin with what was before."""
    for panel in panels(board):
        for target in panel.get("targets", []):
            if target.get("range") and re.search(r"increase\([^\[]+\[\$__range\]", target["expr"]):
                yield f"{panel['title']}: a line of growth over the time shown"


def unique_ids(board: Board) -> Iterator[str]:
    """No two panels with one id, no two queries of a panel with one name."""
    ids = [panel["id"] for panel in board["panels"]]
    if len(set(ids)) < len(ids):
        yield f"ids {ids}"
    for panel in panels(board):
        refs = [target["refId"] for target in panel.get("targets", [])]
        if len(set(refs)) < len(refs):
            yield f"{panel['title']}: {refs}"


def uneditable(board: Board) -> Iterator[str]:
    """What is generated is not changed by hand."""
    if board.get("editable") is not False:
        yield "editable"


def known_variables(board: Board) -> Iterator[str]:
    """What is used is defined, and what is defined is used."""
    own = set(variables(board))
    built_in = {"__rate_interval", "__range", "__interval", "__url_time_range", "__data"}
    said = repr([board["panels"], board["annotations"], board["links"], board["templating"]])
    used = set(re.findall(r"\$\{?(\w+)", said)) - built_in - {"__all", "1"}
    for name in sorted(used ^ own):
        yield f"${name} is used or defined only"


def the_grid(board: Board) -> Iterator[str]:
    """Nothing overlaps or leaves the 24 columns, and nothing is too small to read at 1080p: a
    column is 78 pixels wide, a row 38 high."""
    taken: dict[tuple[int, int], str] = {}
    for panel in board["panels"]:
        at = panel["gridPos"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                if x >= 24 or (x, y) in taken:
                    yield f"{panel['title']}: over {taken.get((x, y), 'the edge')}"
                taken[x, y] = panel["title"]
        least = {"row": (24, 1), "stat": (3, 4)}.get(panel["type"], (6, 5))
        if at["w"] < least[0] or at["h"] < least[1] or at["h"] > 22:
            yield f"{panel['title']}: {at['w']} x {at['h']}"


def colours(board: Board) -> Iterator[str]:
    """Colours that the colour-blind tell apart, and no other."""
    for colour in re.findall(r"'(?:color|fixedColor|iconColor)': '([^']+)'", repr(board)):
        if colour not in palette.PALETTE:
            yield colour


def statuses_are_said(board: Board) -> Iterator[str]:
    """What is coloured by steps alone says its number or its word; a timeline has words."""
    for panel in panels(board):
        if panel["type"] == "state-timeline" and not panel["fieldConfig"]["defaults"].get(
            "mappings"
        ):
            yield f"{panel['title']}: colours without words"


def _exprs(board: Board) -> Iterator[tuple[str, str]]:
    for panel in panels(board):
        for target in panel.get("targets", []):
            yield f"{panel['title']}: {target['refId']}", target["expr"]
    for mark in board["annotations"]["list"]:
        yield mark["name"], mark["expr"]


def _bare(text: str) -> str:
    """Without what stands in quotes."""
    return STRING.sub('""', text)


RULES: Final[tuple[Callable[[Board], Iterator[str]], ...]] = (
    template_datasource_rule,
    panel_datasource_rule,
    template_job_rule,
    target_job_rule,
    template_on_time_change_reload_rule,
    template_label_promql_rule,
    panel_title_description_rule,
    panel_units_rule,
    panel_no_targets_rule,
    target_rate_interval_rule,
    target_counter_agg_rule,
    legends,
    series_are_told_apart,
    growth_is_of_its_time,
    unique_ids,
    uneditable,
    known_variables,
    the_grid,
    colours,
    statuses_are_said,
)
