"""Child processes that never outlive the benchmark.

Rule.  A child is a process group of its own.  It is ended when its ``with`` block ends, and a
watchdog that waits for the end of a pipe ends it when the benchmark itself is killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

ROOT: Final = Path(__file__).resolve().parent.parent
STOP_SECONDS: Final = 10.0
LOG_TAIL: Final = 1_200
_WATCHDOG: Final = 'cat >/dev/null; kill -s KILL -- "-$1" 2>/dev/null'


def child_environment(own: Mapping[str, str]) -> dict[str, str]:
    """The benchmark's environment without settings of Longshore, with ``own`` over it."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("LONGSHORE_")}
    return inherited | {"PYTHONPATH": str(ROOT)} | dict(own)


class Child:
    """A running program, its output in ``log``; use it as a context manager."""

    def __init__(
        self,
        command: Sequence[str],
        directory: Path,
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._log = log
        with log.open("wb") as stderr:
            self.process = subprocess.Popen(
                command,
                cwd=directory,
                env=child_environment(environment or {}),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,
            )
        self._watchdog = subprocess.Popen(
            ["sh", "-c", _WATCHDOG, "watchdog", str(self.process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def log_tail(self) -> str:
        """The last of what it wrote to standard error."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL:].strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
        # The group may outlive its leader.
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._watchdog.kill()
        self._watchdog.wait()
        for pipe in (self.process.stdin, self.process.stdout, self._watchdog.stdin):
            if pipe is not None:
                pipe.close()
