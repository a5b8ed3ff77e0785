"""The same as a quixstreams application, as its guide to stateful processing says; runs in
.venv-peers.

Rule.  Its defaults, save the session time-out that the workers under test have too.  State belongs
to a message key there, so events are grouped by what is counted first (a topic of its own).  Each
new count goes to a topic, where it is read from.
"""

from __future__ import annotations

import os
from typing import Any

from quixstreams import Application, State  # type: ignore[import-not-found]

from load_tests.chaos.peers.cell import cell_of


def count(event: dict[str, Any], state: State) -> dict[str, Any]:
    """One event, one more."""
    events = state.get("events", 0) + 1
    state.set("events", events)
    return {"cell": cell_of(event), "events": events}


def main() -> None:
    """Run until told to stop."""
    app = Application(
        broker_address=os.environ["PEER_BROKER"],
        consumer_group=os.environ["PEER_GROUP"],
        auto_offset_reset="earliest",
        state_dir=os.environ["PEER_STATE"],
        processing_guarantee=os.environ["PEER_GUARANTEE"],
        consumer_extra_config={"session.timeout.ms": 6_000, "heartbeat.interval.ms": 1_000},
    )
    events = app.topic(os.environ["PEER_TOPIC"], value_deserializer="json")
    counts = app.topic(os.environ["PEER_COUNTS"], value_serializer="json")
    stream = app.dataframe(events).group_by(cell_of, name="cell")
    stream.apply(count, stateful=True).to_topic(counts, key=lambda told: told["cell"])
    app.run()


if __name__ == "__main__":
    main()
