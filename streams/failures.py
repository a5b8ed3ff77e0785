"""Why a worker stops, in words for its log."""

from __future__ import annotations

import logging
from typing import Final

from streams.topics import TopicsError

log = logging.getLogger("longshore.worker")

OWN_PACKAGES: Final = ("streams", "engine")


def tell_failure(error: BaseException | None) -> None:
    """Why the worker stops, in one line a fault; what nobody foresaw is followed by its place."""
    for line in error.faults if isinstance(error, TopicsError) else [describe(error)]:
        log.error("stopped by a failure: %s", line)
    if error is not None and not _ours(error):
        log.info("where it failed:", exc_info=error)


def _ours(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in OWN_PACKAGES


def describe(error: BaseException | None) -> str:
    """One line for the log: the error's words, and its kind where it is not our own."""
    if error is None:
        return "unknown"
    words = " ".join(str(error).split())
    return words if _ours(error) and words else f"{type(error).__name__}: {words}"
