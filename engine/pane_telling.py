"""What a tally tells of one model: its panes and how far event time has come."""

from __future__ import annotations

from collections.abc import Mapping

from engine.model_tally import ModelTally
from engine.open_pane import OpenPane
from engine.panes import Mark, PaneRecord, Stamp
from engine.planes import Plane
from engine.spec import Topic


def pane_record(
    tally: ModelTally, partition: int, stamp: Stamp, plane: Plane, start_ms: int, pane: OpenPane
) -> PaneRecord:
    """A pane as it is now."""
    on_time, amended = pane.pack()
    return PaneRecord(
        tally.model.key,
        tally.model.layout.hash,
        partition,
        stamp,
        start_ms,
        on_time.content,
        None if amended is None else amended.content,
        plane.number,
        tally.alarms(plane, start_ms),
        b"" if pane.users is None else pane.users.pack(),
    )


def mark_of(tally: ModelTally, partition: int, stamp: Stamp, covered: Mapping[Topic, int]) -> Mark:
    """The mark that follows the panes of a flush."""
    return Mark(
        tally.model.key,
        tally.model.layout.hash,
        partition,
        stamp,
        {topic: tally.watermark_ms(topic) for topic in tally.clock_topics()},
        tuple(sorted(tally.state.idle)),
        dict(covered),
        tally.state.moved_by_ms,
    )
