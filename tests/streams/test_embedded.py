"""The embedded broker: real wire protocol, and gone with its owner."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

from confluent_kafka import Producer

from streams.embedded import EmbeddedBroker


def answers(address: str) -> bool:
    """Whether something listens there."""
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((host, int(port))) == 0


def gone_within(address: str, seconds: float) -> bool:
    """Whether nothing listens there any more, soon."""
    deadline = time.monotonic() + seconds
    while answers(address):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_it_takes_records_and_is_gone_after_the_block() -> None:
    """A record is acknowledged; after the `with` block nothing listens."""
    with EmbeddedBroker() as broker:
        assert broker.running
        told: list[object] = []
        producer = Producer({"bootstrap.servers": broker.address})
        producer.produce("t", b"v", on_delivery=lambda error, _: told.append(error))
        assert producer.flush(10) == 0
        assert told == [None]
    assert not broker.running
    assert gone_within(broker.address, 1.0)


def test_it_ends_with_an_owner_that_was_killed() -> None:
    """Kill -9 of the owner closes the pipe that the broker waits for."""
    code = (
        "import time\n"
        "from streams.embedded import EmbeddedBroker\n"
        "with EmbeddedBroker() as broker:\n"
        "    print(broker.address, flush=True)\n"
        "    time.sleep(60)\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    address = owner.stdout.readline().strip()
    assert answers(address)
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    assert gone_within(address, 5.0)
