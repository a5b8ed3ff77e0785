"""How a worker's life ends: asked to, crashed, or never begun; also when two come at once."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from streams.live import LiveState
from streams.settings import Settings
from streams.worker import EXIT_FAILED, EXIT_OK, Worker


def ended(story: str) -> int:
    """The exit code of a worker whose start goes by this story."""

    async def main() -> int:
        asked, crashed = asyncio.Event(), asyncio.Event()

        async def start() -> None:
            if "fails" in story:
                raise RuntimeError("no such luck")
            if "asked" in story:
                asked.set()
            if "crashed" in story:
                crashed.set()
            if "later" in story:
                asyncio.get_running_loop().call_later(0.01, asked.set)

        app = SimpleNamespace(maybe_start=start, _crashed=crashed, crash_reason=ValueError("why"))
        failed = asyncio.get_running_loop().create_future()
        wired = SimpleNamespace(app=app, agents=SimpleNamespace(failed=failed))
        settings = Settings(models=(), prefix="t.")
        live = LiveState()
        worker = Worker(settings, cast("Any", None), 1, cast("Any", {}), None, live, None)
        return await worker._until_end(wired, asked)

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("story", "code"),
    [
        ("starts, is asked to stop later", EXIT_OK),
        ("asked to stop in the moment in which it has started", EXIT_OK),
        ("crashed in the moment in which it has started", EXIT_FAILED),
        ("fails to start", EXIT_FAILED),
    ],
)
def test_the_exit_code_says_how(story: str, code: int) -> None:
    """A signal that comes together with the end of the start is a stop and no failed start."""
    assert ended(story) == code
