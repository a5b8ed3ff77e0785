"""All targets as one, for a short run: the first byte of an input says which."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tests.fuzz.target import load, target_names

_TARGETS: Final = {name: load(name) for name in target_names()}
RUNS: Final = 0
MAX_BYTES: Final = 400
INSTRUMENTED: Final = tuple(sorted({p for t in _TARGETS.values() for p in t.INSTRUMENTED}))
WORDS: Final = tuple(sorted({word for t in _TARGETS.values() for word in t.WORDS}))


def prepare() -> Callable[[bytes], None]:
    """Every target's own execution."""
    executions = [target.prepare() for target in _TARGETS.values()]

    def execute(data: bytes) -> None:
        if data:
            executions[data[0] % len(executions)](data[1:])

    return execute


def seeds() -> Mapping[str, bytes]:
    """Every target's seeds behind its number."""
    return {
        f"{name} {what}": bytes([number]) + seed
        for number, (name, target) in enumerate(_TARGETS.items())
        for what, seed in target.seeds().items()
    }
