"""``python -m tests.fuzz.one_target MODULE PACKAGES [libFuzzer's options]``: fuzzes one target.

Rule.  Only the named packages (with commas between) are instrumented; the target itself is not, so
that the fuzzer follows the product's branches and not its own.  Nothing of them may be imported
before that, so this file imports no target by name.
"""

from __future__ import annotations

import importlib
import operator
import sys
from typing import Any, Final, cast

import atheris
import numpy as np
from atheris.version_dependent import CMP_OP_SHIFT_AMOUNT

from tests.fuzz.target import Execution, Target

COMPILED: Final = (
    "detectors.adwin_kernel",
    "detectors.decade_kernel",
    "detectors.jit",
    "detectors.kernels",
    "detectors.key_table_kernel",
    "detectors.kswin_kernel",
    "detectors.loss_kernels",
    "detectors.packing_kernel",
    "detectors.rate_kernels",
    "detectors.stale_kernel",
)
"""What numba compiles: it knows no instrumented bytecode."""
_OPERATORS: Final = (
    operator.lt,
    operator.le,
    operator.eq,
    operator.ne,
    operator.gt,
    operator.ge,
)


def leakless(execute: Execution) -> Execution:
    """The same, with comparisons of arrays in instrumented code not followed: Atheris 3.0.0 never
    lets go of a comparison's result, and an array is memory.

    Atheris puts its own comparison in place when fuzzing starts, so ours follows in the first
    execution.
    """
    follow: Any = None

    def compare(left: Any, right: Any, code: int, *place: Any) -> Any:  # noqa: ANN401 - of any two
        if type(left) is np.ndarray or type(right) is np.ndarray:
            return _OPERATORS[code >> CMP_OP_SHIFT_AMOUNT](left, right)
        return follow(left, right, code, *place)

    def execute_leakless(data: bytes) -> None:
        nonlocal follow
        if follow is None:
            follow, atheris._trace_cmp = atheris._trace_cmp, compare
        execute(data)

    return execute_leakless


def main(module: str, packages: str, options: list[str]) -> None:
    """Fuzz until libFuzzer's options say that it is enough."""
    with atheris.instrument_imports(include=packages.split(","), exclude=[*COMPILED]):
        target = cast("Target", importlib.import_module(module))
        execute = target.prepare()
    atheris.Setup([module, *options], leakless(execute))
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
