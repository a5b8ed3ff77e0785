"""Estimators in a spec: their names, and parameters that the estimator itself judges later."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from engine.spec import Parameters
from engine.spec_faults import did_you_mean
from engine.spec_fields import Fields, finite_number, text_fault
from engine.spec_yaml import Scalar

MAX_ESTIMATORS: Final = 20
MAX_ESTIMATOR_PARAMETERS: Final = 20


def read_estimators(
    spec: Fields, known: Collection[str], of_losses: Collection[str]
) -> dict[str, Parameters]:
    """``estimators``, which watch features; ``of_losses`` are those that cannot."""
    if not spec.has("estimators"):
        spec.know("estimators")
        return {"adwin": {}}
    section = spec.section("estimators")
    estimators: dict[str, Parameters] = {}
    if len(section.mapping.entries) > MAX_ESTIMATORS:
        spec.fault("estimators", f"at most {MAX_ESTIMATORS} are allowed")
        return {}
    listed = ", ".join(sorted(known))
    for name in section.mapping.entries:
        if name in of_losses and name not in known:
            section.fault(name, f"watches losses, not features; for features there are: {listed}")
        elif name not in known:
            section.fault(name, f"is no estimator{did_you_mean(name, known)}; there are: {listed}")
        elif section.nothing(name):
            estimators[name] = {}
        else:
            estimators[name] = read_parameters(section.section(name))
    return estimators


def read_parameters(fields: Fields) -> Parameters:
    """Name -> value of whatever is written."""
    parameters: Parameters = {}
    if len(fields.mapping.entries) > MAX_ESTIMATOR_PARAMETERS:
        for key in list(fields.mapping.entries)[MAX_ESTIMATOR_PARAMETERS:]:
            fields.fault(key, f"at most {MAX_ESTIMATOR_PARAMETERS} parameters are allowed")
        return {}
    for key in fields.mapping.entries:
        found = fields.scalar(key, "a number, a text, true or false")
        if found is None:
            continue
        parameter = _parameter(found)
        if parameter is None:
            fields.fault(key, f"must be a finite number, a text, true or false, not {found.text!r}")
        else:
            parameters[key] = parameter
    return parameters


def _parameter(found: Scalar) -> float | int | str | bool | None:
    if found.kind == "bool":
        return found.text.lower() in {"true", "yes", "on"}
    number = finite_number(found)
    if number is not None:
        return int(found.text) if found.text.lstrip("+-").isdigit() else number
    return found.text if not text_fault(found) else None
