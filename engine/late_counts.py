"""Counts that came after their pane was rolled up: told on the late topic, in no window."""

from __future__ import annotations

import orjson

from engine.effects import Publish
from engine.panes import PaneRecord
from engine.spec import Spec


def surplus_record(spec: Spec, record: PaneRecord, surplus: int) -> Publish:
    """How many events of which partition and pane are in no window."""
    tree = {
        "model": spec.model,
        "version": spec.version,
        "partition": record.partition,
        "pane_start_ms": record.start_ms,
        "events": surplus,
    }
    return Publish("late", spec.model.encode(), orjson.dumps(tree))
