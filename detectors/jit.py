"""The one way a function becomes a numba kernel.

Rule.  A kernel is a leaf: arrays and scalars in, nothing else, no checks (they live in the caller).
No fast-math: NaN and infinity keep their meaning and results do not depend on the machine.
Division by zero follows IEEE 754, as in NumPy, instead of raising from the middle of a batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba

if TYPE_CHECKING:
    from collections.abc import Callable

Function = TypeVar("Function", bound="Callable[..., Any]")


def kernel(function: Function) -> Function:
    """Compile ``function`` with numba, cached on disk, at its first call.

    numba's decorators are untyped; this keeps the signature of the function that was written.
    """
    return cast("Function", numba.njit(cache=True, error_model="numpy", nogil=True)(function))
