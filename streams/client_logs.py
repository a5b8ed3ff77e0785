"""What the Kafka clients and Faust may log.

Rule.  A line that was said is not said again within SAME_LINE_EVERY_S: a client that cannot reach
its broker would say the same thing many times a second for as long as that lasts.  How many were
left out is said with the next.  Lines are the same when their template is, whatever is filled in.
Stack traces of clients are left out too: the worker says in one line what it makes of the failure.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Final

NOISY_LOGGERS: Final = ("faust", "mode", "aiokafka", "kafka", "streams", "asyncio")
OWN_LOGGERS: Final = "longshore"
TOLD_BY_US: Final = "Crashed reason"
"""Faust's word on a failure that the worker ends with; the worker has its own."""
SAME_LINE_EVERY_S: Final = 60.0
MAX_LINES_KNOWN: Final = 256
"""Templates remembered; the one heard longest ago is forgotten."""


class OncePerMinute(logging.Filter):
    """Lets one record per logger and template through per SAME_LINE_EVERY_S."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()
        """When each was let through last, and how many were not since."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this record may pass."""
        line = (record.name, str(record.msg))
        now = self._clock()
        said = self._said.pop(line, None)
        if said is not None and now - said[0] < SAME_LINE_EVERY_S:
            self._said[line] = (said[0], said[1] + 1)
            return False
        self._said[line] = (now, 0)
        while len(self._said) > MAX_LINES_KNOWN:
            self._said.popitem(last=False)
        if record.exc_info:
            record.exc_info = record.exc_text = None
        if said is not None and said[1]:
            record.msg = f"{record.getMessage()} ({said[1]} more like this since)"
            record.args = ()
        return True


def quiet_clients(level: int = logging.WARNING) -> None:
    """Hold the clients' loggers to ``level`` and to the rule above.

    The filter sits on the handlers of the root, because a logger's own filters do not see what its
    children say.
    """
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
