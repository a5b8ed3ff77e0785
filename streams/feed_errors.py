"""What ends the reading of a source, and in which words."""

from __future__ import annotations

from typing import Final

LOST: Final = (
    "offset {} is to be read next and is not in the log any more: retention deleted it unread, or "
    "the topic was created anew"
)
ENDS: Final = {
    "_AUTO_OFFSET_RESET": LOST,
    "OFFSET_OUT_OF_RANGE": LOST,
    "TOPIC_AUTHORIZATION_FAILED": "this user may not read it: grant Read and Describe",
    "UNKNOWN_TOPIC_OR_PART": (
        "is missing: it was deleted, or another cluster answers.  longshore topics create makes it"
    ),
}
"""Errors that end the worker, with the words for them ({} is the offset)."""


class FeedError(RuntimeError):
    """The input can no longer be read exactly: the log no longer has what must come next."""


def stall_line(where: str, position: int | None, error: str | None) -> str:
    """What is known of a source that gives nothing from this offset on."""
    if error is None:
        return f"{where} gives nothing from offset {position} on, though more is there"
    return (
        f"{where} cannot be read at offset {position}: {error}.  What lies behind it waits.  "
        f"If this lasts, the record is at fault: delete the records up to it "
        f"(kafka-delete-records) and start again"
    )
