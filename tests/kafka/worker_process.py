"""A worker over the fake core as a process of its own, so that it can be killed.

``python -m tests.kafka.worker_process BROKER EMBEDDED [PADDING]``
"""

from __future__ import annotations

import logging
import sys

from streams.settings import HttpSettings, Settings
from streams.worker import exit_hard, run_worker
from tests.kafka.fake_core import FakeCore


def main() -> None:
    """Run until a signal."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    broker, embedded, padding = sys.argv[1], sys.argv[2] == "1", int(sys.argv[3])
    settings = Settings(
        brokers=(broker,),
        embedded=embedded,
        http=HttpSettings(port=0),
        session_timeout_s=6.0,
        snapshot_interval_s=1.0,
    )
    core = FakeCore(padding=padding)

    def listening(host: str, port: int, _: object) -> None:
        sys.stdout.write(f"listening {host}:{port}\n")
        sys.stdout.flush()

    exit_hard(run_worker(settings, (), core=core, listening=listening))


if __name__ == "__main__":
    main()
