"""Discovery of the decision rules: every module of this package that has NAME and examine."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType
from typing import Any

import engine.decide
from engine.spec import Spec


@cache
def rules() -> dict[str, ModuleType]:
    """Rules by name, sorted."""
    found = {}
    for info in pkgutil.iter_modules(engine.decide.__path__):
        module = importlib.import_module(f"engine.decide.{info.name}")
        if hasattr(module, "NAME") and hasattr(module, "examine"):
            found[module.NAME] = module
    return dict(sorted(found.items()))


def chosen(module: ModuleType, spec: Spec) -> Any:  # noqa: ANN401 - each rule has its own type
    """What the spec says of a rule; None where it is off."""
    if asks_for_retraining(module):
        return getattr(spec.retraining, module.NAME)
    return getattr(spec, module.SECTION)


def asks_for_retraining(module: ModuleType) -> bool:
    """Whether a rule is one of those that may."""
    return bool(module.SECTION == "retraining")


def reads_performance(module: ModuleType) -> bool:
    """Whether a rule examines windows of performance; the others examine those of the data."""
    return bool(getattr(module, "READS", "data") == "performance")
