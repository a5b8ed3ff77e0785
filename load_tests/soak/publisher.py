"""``python -m load_tests.soak.publisher``: predictions at a steady rate, in real time.

Rule.  Event i has the time start + i / rate and is sent when that time has come, so event time and
the clock agree and the worker's delays are those of a live service.  The assignment is one JSON
line on standard input; every second, and at the end, a JSON line says how many were sent.  The end
is told in every partition by a heartbeat that closes every window.
"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass
from typing import Final

import orjson

from load_tests.event import MODEL, PARTITIONS
from load_tests.generator import event_id, stream
from load_tests.topics import Sender

LEAD_S: Final = 1.0
"""From now to the first event, so that its block is made by then."""
TICK_S: Final = 0.02
TELL_EVERY_S: Final = 1.0
BEYOND_MS: Final = 600_000
"""How far the closing heartbeat is ahead: more than lateness, amend and the longest window."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """What to send."""

    bootstrap: str
    topic: str
    rate: float
    events: int
    seed: int


@dataclass(frozen=True, slots=True)
class Told:
    """A line of the publisher."""

    sent: int
    heartbeats: int
    done: bool


def _tell(told: Told) -> None:
    sys.stdout.buffer.write(orjson.dumps(asdict(told)) + b"\n")
    sys.stdout.buffer.flush()


def publish(assignment: Assignment) -> None:
    """Send everything; LoadError when the broker refused a record."""
    sender = Sender(assignment.bootstrap, linger_ms=5)
    start_s = time.time() + LEAD_S
    start_ms = int(start_s * 1000)
    told_at, sent = start_s, 0
    blocks = stream(assignment.seed, assignment.events, assignment.rate, start_ms=start_ms)
    for first, events in blocks:
        for row, event in enumerate(events):
            while (early_s := start_s + sent / assignment.rate - time.time()) > 0:
                sender.poll(max(early_s, TICK_S))
            key = event_id(assignment.seed, first + row).encode()
            sender.send(assignment.topic, key, event)
            sent += 1
            if time.time() - told_at >= TELL_EVERY_S:
                told_at = time.time()
                _tell(Told(sent, 0, done=False))
    sender.flush()
    last_ms = start_ms + int(assignment.events * 1000 / assignment.rate)
    beat = {"heartbeat": True, "model": MODEL, "ts": last_ms + BEYOND_MS}
    for partition in range(PARTITIONS):
        sender.send(assignment.topic, b"end", orjson.dumps(beat), partition)
    sender.flush()
    _tell(Told(sent, PARTITIONS, done=True))


if __name__ == "__main__":
    publish(Assignment(**orjson.loads(sys.stdin.readline())))
