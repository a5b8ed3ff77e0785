"""What a team writes first: a Faust agent that counts in a table, started as Faust's guide says.

Rule.  Faust's defaults, at-least-once, save what the workers under test are given as well (session
and rebalance time-outs) and the broker's replication of one.  The table lives in memory with its
changelog topic, from which it is recovered.
"""

from __future__ import annotations

import os
from typing import Any

import faust

from load_tests.chaos.peers.cell import cell_of

app = faust.App(
    os.environ["PEER_GROUP"],
    broker=f"kafka://{os.environ['PEER_BROKER']}",
    datadir=os.environ["PEER_STATE"],
    store="memory://",
    topic_partitions=4,
    topic_replication_factor=1,
    consumer_auto_offset_reset="earliest",
    broker_session_timeout=6.0,
    broker_heartbeat_interval=1.0,
    broker_rebalance_timeout=10.0,
)
topic = app.topic(os.environ["PEER_TOPIC"], key_type=bytes, value_serializer="json")
counts = app.Table("counts", default=int, partitions=4)


async def count(stream: faust.Stream[dict[str, Any]]) -> None:
    """One event, one more."""
    async for event in stream:
        counts[cell_of(event)] += 1


app.agent(topic)(count)

if __name__ == "__main__":
    app.main()
