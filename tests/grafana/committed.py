"""The dashboards as they are committed, and every expression in them, with its place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
DASHBOARDS: Final = ROOT / "grafana" / "dashboards"
RULES: Final = ROOT / "prometheus" / "rules"
STARTS: Final = (
    "drift",
    "prediction",
    "feature",
    "serving",
    "model",
    "comparison",
    "business",
    "longshore",
)
"""What the names of metrics begin with, before an underscore."""
METRIC: Final = rf"(?:{'|'.join(STARTS)})_[a-z0-9_]+"
SELECTOR: Final = re.compile(
    rf"(?<![\w:$])((?:[a-z]\w*:[\w:]+|{METRIC}|up)\b)(\{{[^{{}}]*\}})?(?!\w)"
)
STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')


@dataclass(frozen=True, slots=True)
class Expression:
    """PromQL as it is committed, with the variables of its dashboard."""

    place: str
    """File, panel and query, or file and rule."""
    text: str
    choices: tuple[tuple[str, str], ...] = ()
    """Name of a variable and a value, of each that it has by itself."""


def dashboards() -> dict[str, dict[str, Any]]:
    """By file name without its ending."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(DASHBOARDS.glob("*.json"))}


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    """Those that show something."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def variables(board: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By name."""
    return {each["name"]: each for each in board["templating"]["list"]}


def of_dashboards() -> Iterator[Expression]:
    """Every query of a panel, an annotation and a variable, with the choices that are fixed."""
    for name, board in dashboards().items():
        for place, text in _texts(board):
            choices = tuple(
                (each["name"], option["value"])
                for each in variables(board).values()
                if each["type"] == "custom" and f"${each['name']}" in text
                for option in each["options"]
            )
            yield Expression(f"{name}: {place}", text, choices)


def _texts(board: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for panel in panels(board):
        for target in panel.get("targets", []):
            yield f"{panel['title']}: {target['refId']}", target["expr"]
    for mark in board["annotations"]["list"]:
        yield f"annotation {mark['name']}", mark["expr"]
    for variable in variables(board).values():
        if variable["type"] == "query":
            asked = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            assert asked, variable["query"]
            yield f"variable {variable['name']}", f"count by ({asked[2]}) ({asked[1]})"


def of_rules() -> Iterator[tuple[str, Expression]]:
    """``record`` or ``alert``, and the expression, of every rule."""
    for path in sorted(RULES.glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                kind = "record" if "record" in rule else "alert"
                yield kind, Expression(f"{path.stem}: {rule[kind]}", rule["expr"])


def selectors(expression: Expression) -> Iterator[Expression]:
    """What an expression reads, each metric with its matchers by itself."""
    for match in SELECTOR.finditer(expression.text):
        said = "".join(part or "" for part in match.groups())
        yield Expression(f"{expression.place}: {said}", said)


def names(text: str) -> set[str]:
    """The metrics that PromQL names by themselves, without those that a matcher describes."""
    return set(re.findall(rf"(?<![\w:]){METRIC}(?![\w:])", STRING.sub('""', text)))


def patterns(text: str) -> set[str]:
    """What its matchers say of names of metrics."""
    return set(re.findall(r'__name__=~"((?:[^"\\]|\\.)*)"', text))
