"""Finding detectors: every module of this package with a ``KIND`` is one.

Rule.  One more detector is one more file and no edit elsewhere.  The file name is the key in a spec
and the name of the metric.  A module that starts the contract without completing it is refused
with a list of what is missing, because a detector that is silently left out watches nothing.
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING, Final

import detectors
from detectors.contract import ContractError, Watch

if TYPE_CHECKING:
    from types import ModuleType

VALUE_TYPES: Final = frozenset({"numeric", "categorical"})
WATCHED: Final = frozenset({"features", "losses"})
READABLE: Final = frozenset({"reals", "bits"})
FUNCTIONS: Final = {
    "statistic": ("measure",),
    "estimator": ("build", "snapshot_bytes_max"),
}


def statistics() -> dict[str, ModuleType]:
    """Every statistic by name, sorted; ContractError if a module is incomplete."""
    return {name: found for name, found in discovered().items() if found.KIND == "statistic"}


def estimators() -> dict[str, ModuleType]:
    """Every estimator by name, sorted; ContractError if a module is incomplete."""
    return {name: found for name, found in discovered().items() if found.KIND == "estimator"}


def watching(watched: Watch) -> dict[str, ModuleType]:
    """The estimators whose columns may be that, by name, sorted; ContractError as above."""
    return {name: found for name, found in estimators().items() if watched in found.WATCHES}


def discovered() -> dict[str, ModuleType]:
    """Every module of the package that says what KIND of detector it is, by name, sorted.

    Raises ContractError naming every module whose contract is incomplete and what it lacks.
    """
    modules = _modules(tuple(detectors.__path__))
    found = {name: module for name, module in modules.items() if hasattr(module, "KIND")}
    faults = [
        f"{name}: {', '.join(missing)}"
        for name, module in found.items()
        if (missing := missing_parts(module))
    ]
    if faults:
        raise ContractError("incomplete detectors: " + "; ".join(faults))
    return found


@cache
def _modules(places: tuple[str, ...]) -> dict[str, ModuleType]:
    """Looked for on disk once a process: judges and tallies ask whenever they are restored."""
    names = sorted(module.name for module in pkgutil.iter_modules(places))
    return {name: importlib.import_module(f"detectors.{name}") for name in names}


def missing_parts(module: ModuleType) -> list[str]:
    """What ``module`` lacks of the contract of its KIND; empty when it is complete."""
    kind = getattr(module, "KIND", None)
    if kind not in FUNCTIONS:
        return [f"KIND must be statistic or estimator, not {kind!r}"]
    missing = [
        f"{name}() is missing"
        for name in FUNCTIONS[kind]
        if not callable(getattr(module, name, None))
    ]
    if kind == "statistic":
        applies = tuple(getattr(module, "APPLIES_TO", ()))
        if not applies or not VALUE_TYPES.issuperset(applies):
            missing.append("APPLIES_TO must name numeric, categorical or both")
    else:
        watches = tuple(getattr(module, "WATCHES", ()))
        if not watches or not WATCHED.issuperset(watches):
            missing.append("WATCHES must name features, losses or both")
        if getattr(module, "TAKES", None) not in READABLE:
            missing.append("TAKES must be reals or bits")
    params = getattr(module, "Params", None)
    if not (isinstance(params, type) and dataclasses.is_dataclass(params)):
        return [*missing, "Params, a frozen dataclass, is missing"]
    # dataclasses keeps this record, and has no public way to ask for it.
    if not params.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        missing.append("Params must be frozen")
    missing += [
        f"Params.{field.name} must have a default"
        for field in dataclasses.fields(params)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    return missing
