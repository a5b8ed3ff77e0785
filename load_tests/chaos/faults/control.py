"""Nothing happens: what the other rows are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from load_tests.chaos.contract import Fault

if TYPE_CHECKING:
    from load_tests.chaos.arena import Arena


def nothing(arena: Arena) -> None:
    """Only the marks, at moments of their own."""
    for _ in arena.moments(2):
        arena.mark()


FAULTS: Final = (
    Fault(
        name="control",
        kind="none",
        title="none (control)",
        injected="two workers, an undisturbed stream; from two seeded moments of it",
        inject=nothing,
        signs=(),
    ),
)
