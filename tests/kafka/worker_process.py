"""A worker over the fake core as a process of its own, so that it can be killed.

Settings come from ``LONGSHORE_*``; the arguments are the padding of the fake's snapshots in bytes
and the value of the record at which its tally breaks (empty for none).
"""

from __future__ import annotations

import logging
import os
import sys

from streams.settings import read_settings
from streams.worker import exit_hard, run_worker
from tests.kafka.fake_core import FakeCore


def main() -> None:
    """Run until a signal."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    core = FakeCore(padding=int(sys.argv[1]), breaks_at=sys.argv[2].encode() or None)

    def listening(host: str, port: int, _: object) -> None:
        sys.stdout.write(f"http://{host}:{port}\n")
        sys.stdout.flush()

    exit_hard(run_worker(read_settings(None, os.environ), (), core=core, listening=listening))


if __name__ == "__main__":
    main()
