"""What every judge does with records of the topic ``panes``: take them, and say when time moved.

Rule.  A record of another layout, or of somebody else, is counted and passed by; a pane is held by
the plane that it is of; a mark may move the event time of any plane, and then :meth:`go_on` does
what fell due.  Of models (:mod:`engine.judge`) and of comparisons (:mod:`engine.champion.judge`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from engine.effects import Publish
from engine.late_counts import surplus_record
from engine.marks import Marks
from engine.panes import Forwarded, Mark, PaneError, PaneRecord, TermRecord, decode
from engine.plane_flow import PlaneFlow
from engine.planes import Plane
from engine.spec import Spec


class PaneJudge(ABC):
    """Panes, marks and clocks of whatever is judged over all source partitions."""

    takes_answers: ClassVar[bool] = False
    """Whether forwarded control records can be for it."""

    def __init__(
        self, key: str, layout: str, spec: Spec, planes: Iterable[Plane], partitions: int
    ) -> None:
        """Nothing is known of any source yet; ``layout`` is the hash of what cells mean."""
        self.fresh = False
        """Whether there was a snapshot whose counts did not fit."""
        self.policy_changed = False
        """Whether the snapshot was made under another policy."""
        self.judged_windows = 0
        self.foreign_records = 0
        """Records of another layout: another version of the spec is still running somewhere."""
        self.moved_by_ms = -1
        """Kafka time of the record that last moved the event time of what is judged; -1 unknown."""
        self.late_counts = 0
        """Events that came after their pane was rolled up and are in no window."""
        self._own = (key, layout)
        self._spec = spec
        self._marks = Marks(partitions)
        self.flows = {p.number: PlaneFlow(key, p, self._marks) for p in planes}
        """By plane number."""

    @property
    def behind(self) -> bool:
        """Whether something is due that was not done yet."""
        return any(flow.behind for flow in self.flows.values())

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of what is judged: its records are passed by."""
        return False

    @property
    def stale_records(self) -> int:
        """Records that said what was known, or that nobody is to say any more."""
        return self._marks.stale_records

    @property
    def open_pane_bytes(self) -> int:
        """Packed counts of the fullest plane that wait for lagging sources, at most
        MAX_OPEN_PANE_BYTES."""
        return max(flow.merge.open.bytes for flow in self.flows.values())

    def knows(self, value: bytes) -> bool:
        """Whether a forwarded control record is about something that this judge said."""
        del value
        return False

    def accept(self, value: bytes) -> list[Publish]:
        """Take one record of the panes topic and do all that follows; PaneError when it is none."""
        out = self.begin(value)
        while self.behind:
            out += self.go_on()
        return out

    def begin(self, value: bytes) -> list[Publish]:
        """Take one record and do the first part of what follows; while :attr:`behind`, the rest is
        done by :meth:`go_on`, so that a shell with other duties can see to them in between."""
        assert not self.behind, "what fell due before comes first"
        record = decode(value)
        if isinstance(record, Forwarded):
            return self._told(record)
        if isinstance(record, TermRecord):
            return self._serve(record)
        own = (record.target, record.layout) == self._own
        self.foreign_records += not own
        if not own or self.is_over:
            return []
        return self._hold(record) if isinstance(record, PaneRecord) else self._move(record)

    def _hold(self, record: PaneRecord) -> list[Publish]:
        flow = self.flows.get(record.plane)
        if flow is None:
            raise PaneError(f"a pane of plane {record.plane}")
        surplus = flow.hold(record)
        if not self._is_of_interest(record):
            return []
        self.late_counts += surplus
        return [surplus_record(self._spec, record, surplus)] if surplus else []

    def _is_of_interest(self, record: PaneRecord) -> bool:
        """Whether what came too late for a pane is to be told."""
        del record
        return True

    def _move(self, record: Mark) -> list[Publish]:
        if not self._marks.take(record):
            return []
        moved = {number for number, flow in self.flows.items() if flow.advance()}
        moved |= self._drawn_along()
        if not moved:
            return []
        if self._is_timed_by(moved):
            self.moved_by_ms = record.moved_by_ms
        return self.go_on()

    def _drawn_along(self) -> set[int]:
        """Planes that others move when these move."""
        return set()

    @abstractmethod
    def go_on(self) -> list[Publish]:
        """Do the next part of what fell due, in order."""

    def _told(self, record: Forwarded) -> list[Publish]:
        """Take a control record that was written into the panes."""
        del record
        self.foreign_records += 1
        return []

    def _serve(self, record: TermRecord) -> list[Publish]:
        """Take the term of a version."""
        del record
        self.foreign_records += 1
        return []

    def _is_timed_by(self, moved: set[int]) -> bool:
        """Whether what comes of these planes' moves tells how late judgements are."""
        return bool(moved)
