"""What /state tells an operator: where this worker reads, what is saved, how far event time came.

Rule.  Names here are those of the settings and specs; nothing of a record's content is among them.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

from engine.timestamps import ms_to_rfc3339
from streams.bounds import measured
from streams.live import LiveState

STATE_SCHEMA: Final = 1


def state_view(live: LiveState) -> dict[str, Any]:
    """The state of one worker as JSON has it; times are RFC 3339, absent ones null."""
    saved_s = live.last_snapshot_s
    lags, positions = live.lags(), live.positions()
    sources = sorted({*positions, *live.committed})
    return {
        "schema": STATE_SCHEMA,
        "version": version("longshore"),
        "state": live.state,
        "generation": live.generation,
        "rebalances": live.rebalances,
        "partitions": live.partitions(),
        "models": sorted(live.judges),
        "sources": [
            {
                "topic": source[0],
                "partition": source[1],
                "position": positions.get(source),
                "committed": live.committed.get(source),
                "lag": lags.get(source),
            }
            for source in sources
        ],
        "watermarks": [
            {
                "model": key,
                "topic": topic,
                "partition": partition,
                "watermark": None if at is None else ms_to_rfc3339(at),
            }
            for partition, tally in sorted(live.tallies.items())
            for key, topics in sorted(tally.watermarks_ms().items())
            for topic, at in sorted(topics.items())
        ],
        "snapshots": {
            "made": live.snapshots,
            "bytes": live.snapshot_bytes,
            "last": None if saved_s is None else ms_to_rfc3339(int(saved_s * 1_000)),
        },
        "bounds": [
            {"bound": bound.name, "limit": limit, "used": used, "reached": bound.reached}
            for bound, limit, used in measured(live)
        ],
    }
