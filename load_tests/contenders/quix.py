"""The same work as a quixstreams application; runs in .venv-peers."""

from __future__ import annotations

from typing import Any

from quixstreams import Application, message_context  # type: ignore[import-not-found]

from load_tests.contenders.full_work import FullWork
from load_tests.contenders.protocol import Stopwatch, read_assignment
from load_tests.event import PARTITIONS


def main() -> None:
    """Run once."""
    assignment = read_assignment()
    work = FullWork(assignment.edges, PARTITIONS)
    updates = [partition.update for partition in work.partitions]
    app = Application(
        broker_address=assignment.bootstrap,
        consumer_group=assignment.group,
        auto_offset_reset="earliest",
        auto_create_topics=False,
        consumer_extra_config={"fetch.queue.backoff.ms": 10},
        loglevel="WARNING",
    )
    stopwatch = Stopwatch()
    seen = 0

    def update(event: dict[str, Any]) -> None:
        nonlocal seen
        if not seen:
            stopwatch.start()
        seen += 1
        updates[message_context().partition](event["features"])
        if seen == assignment.events:
            stopwatch.report(seen, work.counted(), work.alarms())
            app.stop()

    stream = app.dataframe(app.topic(assignment.topic, value_deserializer="json"))
    stream.update(update)
    app.run()


if __name__ == "__main__":
    main()
