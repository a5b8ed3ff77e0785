"""Which fields a spec has, with type, default and bounds: as the reader asks for them.

Rule.  The readers of a spec ask :class:`engine.spec_fields.Fields` for each field that they know,
with its default and bounds.  So whoever listens while specs are read that have everything hears all
of it, and what was heard cannot differ from the code.  A default is what stands in where the key is
not written; a field that is only asked for when it is written has none.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from typing import Any, Final
from unittest.mock import patch

from engine.business_figures import FIGURES, GROUPS, OUTCOME_FIGURES
from engine.champion.guards import METRICS
from engine.durations import MAX_DURATION_MS, format_duration
from engine.measures import MEASURES
from engine.spec_fields import Fields
from streams.model_files import read_spec_text

NAMES: Final = {
    "features": ("FEATURE", None),
    "estimators": ("ESTIMATOR", None),
    "estimators.ESTIMATOR": ("PARAMETER", None),
    "concept.estimators": ("ESTIMATOR", None),
    "concept.estimators.ESTIMATOR": ("PARAMETER", None),
    "columns": ("FIELD", None),
    "performance": ("MEASURE", {name for names in MEASURES.values() for name in names}),
    "business": ("FIGURE", {*FIGURES, *OUTCOME_FIGURES}),
    "business.costs": ("OUTCOME", set(GROUPS)),
    "comparison.guards": ("METRIC", set(METRICS)),
}
"""Mapping -> what its keys are called when they are names of many; None: all of its keys."""
DERIVED: Final = frozenset(
    {
        "retraining.rules.psi_features.features",
        "retraining.rules.psi_features.above",
        "retraining.budget.performance",
        "comparison.maturity",
        "comparison.settle",
    }
)
"""Fields whose default follows from other fields: words say how."""
HEARD: Final = (
    *("text", "whole", "number", "flag", "choice", "duration", "items", "texts", "scalar"),
    *("raw", "section"),
)
OF_THE_SPEC_READ: Final = {
    "performance.by": "`arrival`, or one of `label.maturities`",
    "performance.MEASURE.at_most": "not for shares, which are better when high",
    "comparison.guards.METRIC.at_most": "latencies are durations",
}
"""Bounds that depend on the rest of the spec, in words."""
NOT_WRITTEN: Final = "-"
REQUIRED: Final = "required"


@dataclass(frozen=True, slots=True)
class Asked:
    """One field."""

    path: str
    type: str
    default: str
    bounds: str


def fields_asked(specs: list[str]) -> dict[str, Asked]:
    """Path -> field, of everything that is asked while these specs are read, in that order.

    Raises SpecError when one of them is none.
    """
    found: dict[str, Asked] = {}
    inside: list[str] = []

    def listening(kind: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def asked(self: Fields, key: str, *args: Any, **options: Any) -> Any:  # noqa: ANN401
            if not inside:
                _note(found, self, kind, key, args, options)
            inside.append(kind)
            try:
                return original(self, key, *args, **options)
            finally:
                inside.pop()

        return asked

    wraps = [patch.object(Fields, kind, listening(kind, getattr(Fields, kind))) for kind in HEARD]
    for one in wraps:
        one.start()
    try:
        for text in specs:
            read_spec_text(text)
    finally:
        for one in wraps:
            one.stop()
    return found


def _note(
    found: dict[str, Asked],
    fields: Fields,
    kind: str,
    key: str,
    args: tuple[Any, ...],
    options: dict[str, Any],
) -> None:
    if kind == "section":
        return
    path = general(f"{fields.mapping.path}.{key}" if fields.mapping.path else key)
    field = _field(path, kind, args, options)
    field = replace(field, bounds=OF_THE_SPEC_READ.get(path, field.bounds))
    if path in DERIVED:
        field = replace(field, default=NOT_WRITTEN)
    written = fields.has(key)
    before = found.get(path)
    if before is None:
        is_shown = not written or field.default == REQUIRED
        found[path] = field if is_shown else replace(field, default=NOT_WRITTEN)
    elif before.default == NOT_WRITTEN and not written:
        found[path] = replace(before, default=field.default)


def general(path: str) -> str:
    """The path with names of many in place of the one that was written."""
    for parent, (name, known) in NAMES.items():
        match = re.match(rf"{re.escape(parent)}\.([^.]+)(.*)$", path)
        if match and (known is None or match[1] in known):
            path = f"{parent}.{name}{match[2]}"
    return re.sub(r"\[\d+\]", "[]", path)


def _field(path: str, kind: str, args: tuple[Any, ...], options: dict[str, Any]) -> Asked:
    def given(at: int, name: str, otherwise: object = None) -> Any:  # noqa: ANN401
        return args[at] if len(args) > at else options.get(name, otherwise)

    type_, default, bounds = kind, NOT_WRITTEN, ""
    if kind in {"whole", "number"}:
        type_ = "whole number" if kind == "whole" else "number"
        default = _number(given(0, "default"))
        bounds = _range(given(1, "low", -inf), given(2, "high", inf), _number)
    elif kind == "duration":
        default = _duration(given(0, "default_ms"))
        bounds = _range(given(1, "low_ms", 0), given(2, "high_ms", MAX_DURATION_MS), _duration)
    elif kind == "flag":
        type_, default = "true or false", str(options["default"]).lower()
    elif kind == "choice":
        type_, default = "one of", _quoted(given(0, "default"))
        bounds = ", ".join(f"`{choice}`" for choice in given(1, "choices"))
    elif kind == "text":
        default, bounds = _quoted(given(0, "default")), given(2, "meaning", "")
    elif kind == "scalar":
        type_ = given(0, "expected")
    elif kind == "raw":
        type_, bounds = "list of two", "numbers, `null` for an open end"
    else:
        type_, bounds = "list", f"at most {args[0]:,}"
        default = REQUIRED if options.get("required", False) else NOT_WRITTEN
    return Asked(path, type_, default, bounds)


def _quoted(default: str | None) -> str:
    return REQUIRED if default is None else f"`{default}`" if default else NOT_WRITTEN


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _duration(value: int) -> str:
    return format_duration(value) if value else "0s"


def _range(low: float, high: float, shown: Callable[[Any], str]) -> str:
    if low == -inf and high == inf:
        return ""
    if high == inf:
        return f"at least {shown(low)}"
    return f"at most {shown(high)}" if low == -inf else f"{shown(low)} to {shown(high)}"
