"""Where every record ended: the sums that must always come out.

Rule.  Each record read ends as exactly one outcome, and the outcomes of a topic add up to its
records.  Names of unknown models are producers' text, so only the first few are kept.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final, Literal, get_args

import msgspec

from engine.snapshot import Whole
from engine.spec import Topic

Outcome = Literal["tallied", "duplicate", "shadow", "offline", "heartbeat", "late", "rejected"]

OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
REASONS: Final = (
    "bad_event_id",
    "bad_label",
    "bad_model",
    "bad_timestamp",
    "bad_version",
    "malformed_json",
    "missing_event_id",
    "missing_label",
    "missing_model",
    "missing_ts",
    "missing_version",
    "naive_timestamp",
    "no_prediction",
    "not_an_object",
    "null_value",
    "number_out_of_range",
    "registry_framed",
    "timestamp_in_future",
    "timestamp_too_old",
    "too_large",
    "wrong_type",
)
"""Why a record can be rejected: a closed set, so that every table by reason is bounded."""
MAX_SHADOW_NAMES: Final = 100
"""Unknown models counted by name; the rest are counted as ``(others)``."""
MAX_SHADOW_CHARS: Final = 128
"""A longer name is cut: it stands in snapshots and in a metric's label."""
OTHER_SHADOWS: Final = "(others)"


_UNFIT: Final = re.compile(r"[^\w.:@/+ -]")


def shadow_text(name: str) -> str:
    """An unknown model's name as it is kept and shown: cut, and only letters, digits and what
    names are joined with; anything else, line breaks above all, is a question mark."""
    return _UNFIT.sub("?", name[:MAX_SHADOW_CHARS])


class Outcomes(msgspec.Struct):
    """Counters of one source partition, over its whole life (they travel in the snapshot)."""

    records: dict[Topic, Whole] = msgspec.field(default_factory=dict)
    by_outcome: dict[str, Whole] = msgspec.field(default_factory=dict)
    """``topic/outcome`` -> records."""
    by_reason: dict[str, Whole] = msgspec.field(default_factory=dict)
    """Rejections by reason."""
    shadows: dict[str, Whole] = msgspec.field(default_factory=dict)
    """Records of unknown models by name."""
    late_by_model: dict[str, Whole] = msgspec.field(default_factory=dict)
    misrouted: Whole = 0
    """Records that lie in another partition than their event_id belongs to."""

    def read(self, topic: Topic, count: int) -> None:
        """Count records read, whatever becomes of them."""
        self.records[topic] = self.records.get(topic, 0) + count

    def end(self, topic: Topic, outcome: Outcome, count: int) -> None:
        """Count records that ended as ``outcome``."""
        if count:
            key = f"{topic}/{outcome}"
            self.by_outcome[key] = self.by_outcome.get(key, 0) + count

    def count_late(self, key: str, late: int) -> None:
        """Count records of ``model@version`` that came too late."""
        if late:
            self.late_by_model[key] = self.late_by_model.get(key, 0) + late

    def reject(self, topic: Topic, reasons: list[str]) -> None:
        """Count rejections."""
        self.end(topic, "rejected", len(reasons))
        for reason, count in Counter(reasons).items():
            self.by_reason[reason] = self.by_reason.get(reason, 0) + count

    def shadow(self, topic: Topic, names: list[str]) -> None:
        """Count records of models that nobody monitors."""
        self.end(topic, "shadow", len(names))
        for name, count in Counter(map(shadow_text, names)).items():
            known = name in self.shadows or len(self.shadows) < MAX_SHADOW_NAMES
            kept = name if known else OTHER_SHADOWS
            self.shadows[kept] = self.shadows.get(kept, 0) + count

    def ended(self, topic: Topic) -> int:
        """Records of a topic that ended somewhere: ``records[topic]``, after every batch."""
        prefix = f"{topic}/"
        return sum(n for key, n in self.by_outcome.items() if key.startswith(prefix))
