"""What /health and /ready answer: whether this worker does its work, and what keeps it from that.

Rule.  One state at a time, the one to look at first: brokers that are away explain sources that
stand still.
"""

from __future__ import annotations

from time import time
from typing import Any

from streams.lifeline import Lifeline
from streams.live import LiveState


def health_view(live: LiveState, lifeline: Lifeline | None) -> dict[str, Any]:
    """The state of a worker, as JSON takes it; without a ``lifeline`` it has only just begun.

    ``watermark_age_seconds`` is how far the source that lags most is behind the clock; None before
    any event was read.
    """
    watermarks = [
        at
        for tally in live.tallies.values()
        for topics in tally.watermarks_ms().values()
        for at in topics.values()
        if at is not None
    ]
    oldest = min(watermarks, default=None)
    feed, state = live.feed, str(live.state)
    stalled = [] if feed is None else feed.stalled()
    if state == "ready" and feed is not None:
        if lifeline is not None and lifeline.observer.unreachable is not None:
            state = "unreachable"
        elif stalled:
            state = "stalled"
    restored = live.restored_of
    return {
        "state": state,
        "stuck": None if lifeline is None else lifeline.stuck,
        "standby": state == "ready" and not live.partitions(),
        "restored": None if restored is None else f"{restored[0]} of {restored[1]}",
        "stalled": [f"{topic}/{partition}" for topic, partition in stalled],
        "partitions": live.partitions(),
        "models": sorted(live.judges),
        "watermark_age_seconds": None if oldest is None else round(time() - oldest / 1_000, 3),
    }
