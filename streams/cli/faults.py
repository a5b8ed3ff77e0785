"""How a command says what went wrong.

Rule.  ``Refused`` is a bad configuration or file (exit code 2), ``Failed`` a run that did not get
where it should (exit code 1).  Both list every fault, one a line, and end with what to do next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Any

import click


class Failed(click.ClickException):
    """The command did its work and it failed."""

    exit_code = 1

    def __init__(self, message: str, faults: Sequence[object] = (), hint: str = "") -> None:
        super().__init__(message)
        self.faults = [str(fault) for fault in faults]
        self.hint = hint

    def show(self, file: IO[Any] | None = None) -> None:
        """The message, the faults and the hint, to standard error."""
        stream = file if file is not None else click.get_text_stream("stderr")
        click.echo(click.style("Error: ", fg="red", bold=True) + self.message, file=stream)
        for fault in self.faults:
            click.echo(f"  {fault}", file=stream)
        if self.hint:
            click.echo(click.style("Next: ", bold=True) + self.hint, file=stream)


class Refused(Failed):
    """The configuration or a file cannot be used; nothing was done."""

    exit_code = 2


def counted(count: int, noun: str) -> str:
    """``1 fault``, ``2 faults``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
