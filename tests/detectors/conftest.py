"""Without compilation, kernels are plain NumPy, which warns where IEEE arithmetic just goes on."""

from __future__ import annotations

import os
import pathlib

import pytest

JIT_IS_OFF = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Overflow and NaN are no fault of a kernel that runs uncompiled."""
    folder = pathlib.Path(__file__).parent
    for item in items:
        if JIT_IS_OFF and item.path.is_relative_to(folder):
            item.add_marker(pytest.mark.filterwarnings("ignore::RuntimeWarning"))
