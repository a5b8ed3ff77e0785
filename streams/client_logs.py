"""What the Kafka clients and Faust may log.

Rule.  A line that was said is not said again within a minute (:mod:`streams.repeats`): a client
that cannot reach its broker would say the same many times a second for as long as that lasts.
Lines are the same when their template is, whatever is filled in.
Stack traces of clients are left out too: the worker says in one line what it makes of the failure.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from typing import Final

from streams.log_lines import OWN_LOGGERS
from streams.repeats import Repeats

NOISY_LOGGERS: Final = ("faust", "mode", "aiokafka", "kafka", "streams", "asyncio")
TOLD_BY_US: Final = "Crashed reason"
"""Faust's word on a failure that the worker ends with; the worker has its own."""


class OncePerMinute(logging.Filter):
    """Lets one record per logger and template through per SAME_LINE_EVERY_S."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._repeats = Repeats()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this record may pass."""
        ending = self._repeats.ending((record.name, str(record.msg)), self._clock())
        if ending is None:
            return False
        if record.exc_info:
            record.exc_info = record.exc_text = None
        if ending:
            record.msg = f"{record.getMessage()}{ending}"
            record.args = ()
        return True


def quiet_clients(level: int | None = None) -> None:
    """Hold the clients' loggers to ``level`` and to the rule above; by default they warn, and where
    the log is asked to be verbose they also inform.

    The filter sits on the handlers of the root, because a logger's own filters do not see what its
    children say.
    """
    if level is None:
        verbose = logging.getLogger(OWN_LOGGERS).isEnabledFor(logging.DEBUG)
        level = logging.INFO if verbose else logging.WARNING
    for name in NOISY_LOGGERS:
        logging.getLogger(name).setLevel(level)
    # It warns of every topic that it was told not to create.
    logging.getLogger("faust.transport.drivers.aiokafka").setLevel(logging.ERROR)
    once = OncePerMinute()

    def may_pass(record: logging.LogRecord) -> bool:
        if record.name.startswith(OWN_LOGGERS):
            return True
        return TOLD_BY_US not in str(record.msg) and once.filter(record)

    for handler in logging.getLogger().handlers:
        handler.addFilter(may_pass)
