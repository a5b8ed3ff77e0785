"""The naive way: a Faust agent over a JSON topic, one event at a time, with River inside."""

from __future__ import annotations

import asyncio

import faust

from load_tests.contenders.full_work import FullWork
from load_tests.contenders.protocol import Assignment, Stopwatch, read_assignment
from load_tests.event import PARTITIONS


async def run(assignment: Assignment) -> None:
    """Run the application until its share of the events is processed."""
    work = FullWork(assignment.edges, PARTITIONS)
    updates = [partition.update for partition in work.partitions]
    app = faust.App(
        assignment.group,
        broker=f"kafka://{assignment.bootstrap}",
        store="memory://",
        topic_partitions=PARTITIONS,
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
    )
    topic = app.topic(assignment.topic, key_type=bytes, value_serializer="json")
    stopwatch = Stopwatch()
    done = asyncio.Event()

    async def monitor(stream: faust.Stream[dict[str, object]]) -> None:
        seen = 0
        async for event in stream.events():
            if not seen:
                stopwatch.start()
            seen += 1
            updates[event.message.partition](event.value["features"])
            if seen == assignment.events:
                stopwatch.report(seen, work.counted(), work.alarms())
                done.set()
                return

    app.agent(topic)(monitor)
    app.finalize()
    await app.start()
    await done.wait()
    await app.stop()


if __name__ == "__main__":
    asyncio.run(run(read_assignment()))
