"""Discovery of the decision rules: every module of this package that has NAME and examine."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType

import engine.decide


@cache
def rules() -> dict[str, ModuleType]:
    """Rules by name, sorted."""
    found = {}
    for info in pkgutil.iter_modules(engine.decide.__path__):
        module = importlib.import_module(f"engine.decide.{info.name}")
        if hasattr(module, "NAME") and hasattr(module, "examine"):
            found[module.NAME] = module
    return dict(sorted(found.items()))
