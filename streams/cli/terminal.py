"""The terminal: one console for standard error, and progress bars.

Rule.  Standard output carries a command's product; progress goes to standard error, and not at all
where that is no terminal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

LEVEL_STYLES: Final = {
    "UNKNOWN": "dim",
    "STABLE": "green",
    "WATCH": "yellow",
    "DRIFT": "bold red",
}


def out() -> Console:
    """Standard output."""
    from rich.console import Console

    return Console(highlight=False)


def err() -> Console:
    """Standard error."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def progress_bar() -> Progress:
    """A bar of steps or records, with rate and time left; gone when done."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = err()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("[dim]elapsed"),
        TimeElapsedColumn(),
        TextColumn("[dim]left"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
