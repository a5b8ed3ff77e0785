"""What is remembered of triggers that were sent, and of the results that came.

Rule.  Plain data inside the decisions' memory, with defaults for whatever an earlier version did
not know: a snapshot of before results were read says that nothing was asked.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from engine.panes import Forwarded
from engine.retraining_results import Result
from engine.snapshot import Whole
from engine.timestamps import NEWEST_MS

State = Literal["requested", "accepted", "rejected", "failed", "ready"]
STATES: Final[tuple[State, ...]] = ("requested", "accepted", "rejected", "failed", "ready")
EventTime = Annotated[int, msgspec.Meta(ge=0, le=NEWEST_MS)]
"""Of a window, in a snapshot that may be anybody's."""
MAX_REQUESTS: Final = 64
"""Triggers of the data, and as many of the labels, that a model's judge remembers; the oldest go,
those that have ended first."""


class Request(msgspec.Struct):
    """One trigger and what became of it."""

    trigger_id: str
    rule: str
    requested_ms: EventTime
    """End of the window at which it was sent, by the clock of its plane."""
    cooldown_until_ms: Whole
    of_labels: bool = False
    """Whether it was sent at a window of performance, so that its clock counts."""
    state: State = "requested"
    moved_ms: EventTime = 0
    """Close of the data at which it last moved; 0 before any answer."""
    version: str = ""
    """Of the model that is ready."""
    effective_from_ms: EventTime | None = None
    """From when, in event time, that version is to be used: as it was told, or else the close at
    which it became ready.  None unless ready."""
    reason: str = ""
    """In the job's words."""
    overdue: str = ""
    """``no_answer`` or ``not_ready`` from the close at which a deadline had passed."""
    followed: bool = False
    """Whether a later request was sent."""
    cooled: bool = False
    """Whether its cool-down is over."""


OPEN: Final[tuple[State, ...]] = ("requested", "accepted", "failed")
"""States of requests that somebody may still answer."""


class Waiting(msgspec.Struct):
    """A result that was received and has not acted yet."""

    result: Result
    role: str = ""
    partition: Whole = 0
    offset: Whole = -1
    scripted: bool = False
    """Whether it was given to a replay beforehand."""


class Taken(msgspec.Struct):
    """How far one partition of a control topic was taken up."""

    topic_id: str
    next_offset: Whole


class Requests(msgspec.Struct):
    """The requests of one model."""

    known: dict[str, Request] = msgspec.field(default_factory=dict)
    """By trigger id, in the order in which they were sent."""
    waiting: list[Waiting] = msgspec.field(default_factory=list)
    """In the order in which they were received."""
    taken: dict[str, Taken] = msgspec.field(default_factory=dict)
    """By ``role/partition``."""
    moved: dict[str, Whole] = msgspec.field(default_factory=dict)
    """Results that moved a request, by their status."""
    refused: dict[str, Whole] = msgspec.field(default_factory=dict)
    """Results that changed nothing, by the reason."""
    forgotten: Whole = 0
    """Requests without an end that went at MAX_REQUESTS."""

    def taken_up(self, record: Forwarded) -> bool:
        """Whether a forwarded record is a new one, from now on a known one.

        Every worker forwards the records of a partition in their order and each behind the one
        before, so what is below the highest is a repeat, a zombie's or a successor's.  A topic that
        was made anew counts from 0 again.
        """
        place = f"{record.role}/{record.partition}"
        held = self.taken.get(place)
        same = held is not None and held.topic_id == record.topic_id
        if held is not None and same and record.offset < held.next_offset:
            return False
        self.taken[place] = Taken(record.topic_id, record.offset + 1)
        return True

    def count(self, state: State) -> int:
        """Remembered requests in this state."""
        return sum(request.state == state for request in self.known.values())

    def ready(self) -> list[Request]:
        """Requests that were answered by a new version, in the order in which they were sent."""
        return [request for request in self.known.values() if request.state == "ready"]


def end_requests(requests: Requests, reason: str, at_ms: int, *, of_labels: bool) -> None:
    """End what nobody needs to answer any more, at this event time, of one side: its version serves
    no more."""
    for request in requests.known.values():
        if request.of_labels == of_labels and request.state in OPEN:
            request.state, request.reason, request.moved_ms = "rejected", reason, at_ms
            request.overdue = ""
