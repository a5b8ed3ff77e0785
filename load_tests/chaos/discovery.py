"""Finds the faults: one more is one more file."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from load_tests.chaos import faults
from load_tests.chaos.contract import KINDS, Fault


def discovered() -> dict[str, Fault]:
    """Every fault by its name, in the order of the table; AssertionError when two share a name."""
    found: list[Fault] = []
    for module in sorted(pkgutil.iter_modules(faults.__path__), key=lambda each: each.name):
        found += import_module(f"{faults.__name__}.{module.name}").FAULTS
    names = [fault.name for fault in found]
    assert len(names) == len(set(names)), f"two faults of one name among {sorted(names)}"
    return {fault.name: fault for fault in sorted(found, key=lambda each: KINDS.index(each.kind))}
