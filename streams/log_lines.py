"""Log lines that nobody outside can forge.

Rule.  One call of the logger is one line.  What stands in it may come from a record, a broker or a
peer, so control characters are escaped (a line break would start a line that the worker never
wrote, an escape sequence would rule the terminal that shows it), and a text beyond MAX_LINE_CHARS
is cut.  The lines of a stack trace start with a bar, which no real line does.
"""

from __future__ import annotations

import codecs
import logging
import re
from typing import Final

MAX_LINE_CHARS: Final = 2_000
FORMAT: Final = "%(asctime)s %(levelname)s %(name)s %(message)s"
OWN_LOGGERS: Final = "longshore"
TRACE_BAR: Final = "  | "
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Controls of C0 and C1, and what breaks lines or turns their direction in Unicode."""
_escaped: Final = codecs.getencoder("unicode_escape")
"""Looked up here and now: a codec is a file to import, and there may be no descriptor left for one
when there is something to say about that."""


def one_line(text: str) -> str:
    """The text with its control characters escaped, at most MAX_LINE_CHARS long."""
    if len(text) > MAX_LINE_CHARS:
        text = f"{text[:MAX_LINE_CHARS]}... ({len(text)} characters)"
    return _UNSAFE.sub(lambda found: _escaped(found[0])[0].decode("ascii"), text)


class LineFormatter(logging.Formatter):
    """Formats records by the rule above."""

    def __init__(self) -> None:
        super().__init__(FORMAT)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line itself."""
        record.message = one_line(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:  # noqa: N802 - logging's name
        """The stack trace, each line behind a bar."""
        lines = super().formatException(ei).split("\n")  # type: ignore[arg-type]  # as the parent's
        return "\n".join(TRACE_BAR + one_line(line) for line in lines)


def log_to_stderr(level: int) -> None:
    """Send the log of this process to standard error, by the rule above.

    Below INFO only our own lines come: compilers and clients would drown them.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=max(level, logging.INFO), handlers=[handler])
    logging.getLogger(OWN_LOGGERS).setLevel(level)
