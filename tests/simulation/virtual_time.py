"""An event loop whose clock is a number, and processes that can be killed or frozen inside it.

Rule.  Nothing here reads a clock.  When nothing is ready, time jumps to the next timer, so that an
hour of waiting costs nothing, and the same seed always gives the same order of events.  Every
callback belongs to a process (found in its context) or to the world.  A killed process's callbacks
never run again: that is what ``kill -9`` looks like from within, at whichever ``await`` it stood.
Those of a frozen process wait and run in order when it is thawed: SIGSTOP and SIGCONT.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from heapq import heappop
from typing import Any, Final, Literal

MAX_STEPS: Final = 2_000_000
"""Callbacks that one run may take: a livelock in virtual time would never end by itself."""


class StuckError(RuntimeError):
    """Nothing will ever happen again, or too much of it without an end."""


class Process:
    """The unit that dies or freezes as a whole."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state: Literal["running", "frozen", "dead"] = "running"
        self.parked: list[asyncio.Handle] = []
        self.context: Context = copy_context()
        self.context.run(OWNER.set, self)

    def __repr__(self) -> str:
        return f"{self.name} ({self.state})"


OWNER: Final[ContextVar[Process | None]] = ContextVar("owner", default=None)


class VirtualLoop(asyncio.BaseEventLoop):
    """The loop described in the head of this file."""

    def __init__(self, start_s: float = 1_000.0) -> None:
        super().__init__()
        self._now_s = start_s
        self._world = Context()
        self.steps = 0
        self._tasks: list[asyncio.Task[Any]] = []
        """All there ever were: nothing else holds the tasks of the killed."""
        self.set_task_factory(self._make_task)  # type: ignore[arg-type]

    def _make_task(
        self, _loop: object, body: Coroutine[Any, Any, Any], context: Context | None = None
    ) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(body, loop=self, context=context)
        self._tasks.append(task)
        return task

    def time(self) -> float:
        """Virtual seconds."""
        return self._now_s

    def later(
        self,
        delay_s: float,
        what: Callable[..., object],
        *arguments: object,
        of: Process | None = None,
    ) -> asyncio.TimerHandle:
        """Call something of a process, or of the world, after a while."""
        context = self._world if of is None else of.context
        return self.call_at(self._now_s + delay_s, what, *arguments, context=context)

    def spawn(self, process: Process, body: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine as a part of a process."""
        return process.context.copy().run(self.create_task, body)

    def kill(self, process: Process) -> None:
        """Nothing of it ever runs again."""
        process.state = "dead"
        process.parked.clear()

    def freeze(self, process: Process) -> None:
        """Nothing of it runs until it is thawed."""
        if process.state == "running":
            process.state = "frozen"

    def thaw(self, process: Process) -> None:
        """What it missed runs now, in order."""
        if process.state == "frozen":
            process.state = "running"
            self._ready.extend(process.parked)  # type: ignore[attr-defined]
            process.parked.clear()

    def _run_once(self) -> None:
        ready, scheduled = self._ready, self._scheduled  # type: ignore[attr-defined]
        while scheduled and scheduled[0]._cancelled:
            heappop(scheduled)._scheduled = False
        if not ready and not self._stopping:  # type: ignore[attr-defined]
            if not scheduled:
                raise StuckError("nothing is left to happen")
            self._now_s = max(self._now_s, scheduled[0]._when)
        while scheduled and scheduled[0]._when <= self._now_s:
            timer = heappop(scheduled)
            timer._scheduled = False
            ready.append(timer)
        self.steps += len(ready)
        if self.steps > MAX_STEPS:
            raise StuckError(f"more than {MAX_STEPS} steps: a livelock")
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            owner = handle._context.get(OWNER)
            if owner is None or owner.state == "running":
                handle._run()
            elif owner.state == "frozen":
                owner.parked.append(handle)

    def _process_events(self, event_list: Any) -> None:  # noqa: ANN401 - the signature of asyncio
        """There are no files."""

    def _write_to_self(self) -> None:
        """There is no other thread."""

    def _check_closed(self) -> None:
        """What is taken apart at the end may still ask for a turn, and never gets it."""

    def end(self) -> None:
        """Take apart what is left, the tasks of the killed included, without running any of it."""
        for task in self._tasks:
            if not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                coroutine = task.get_coro()
                assert isinstance(coroutine, Coroutine), "tasks here run coroutines"
                coroutine.close()
        self.close()


def run_virtually(body: Callable[[VirtualLoop], Coroutine[Any, Any, Any]]) -> Any:  # noqa: ANN401
    """Run the coroutine that ``body`` makes on a loop of its own; gives its result."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(body(loop))
    finally:
        loop.end()
