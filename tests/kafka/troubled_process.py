"""A worker over the fake core whose limits a test shortens, and which it can make hang.

Settings come from ``LONGSHORE_*``.  The argument is a JSON object: names of constants
(``streams.lifeline.TOPICS_LOOK_S``) with the value to take instead, ``padding`` of the fake's
snapshots, and ``hangs``: ``loop`` (a batch never comes to an end and the event loop stands still),
``save`` (no snapshot becomes durable once a batch was taken in) or ``restore`` (none does, so that
partitions are never taken up).
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from streams.settings import read_settings
from streams.worker import exit_hard, run_worker
from tests.kafka.fake_core import FakeCore, FakeTally

FOR_EVER_S = 3_600.0


def shorten(values: Mapping[str, Any]) -> None:
    """Put other values in the place of constants."""
    for dotted, value in values.items():
        module, _, name = dotted.rpartition(".")
        owner = import_module(module)
        assert hasattr(owner, name), f"there is no {dotted}"
        setattr(owner, name, value)


def hang(what: str) -> None:
    """Make the worker stand still at the first batch, or at the first snapshot."""
    if what == "loop":

        def accept(*_: object) -> list[Any]:
            time.sleep(FOR_EVER_S)
            return []

        FakeTally.accept = accept  # type: ignore[method-assign]
    elif what:
        table = import_module("streams.snapshot_table").SnapshotTable
        write_really = table.write

        async def write(self: Any, *given: Any, **named: Any) -> None:  # noqa: ANN401
            if what == "restore" or self._live.batches:
                await asyncio.sleep(FOR_EVER_S)
            await write_really(self, *given, **named)

        table.write = write


def main() -> None:
    """Run until a signal."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    given = json.loads(sys.argv[1])
    core = FakeCore(padding=given.pop("padding", 0))
    hang(given.pop("hangs", ""))
    shorten(given)

    def listening(host: str, port: int, _: object) -> None:
        logging.getLogger("longshore.test").info("listening http://%s:%d", host, port)

    exit_hard(run_worker(read_settings(None, os.environ), (), core=core, listening=listening))


if __name__ == "__main__":
    main()
