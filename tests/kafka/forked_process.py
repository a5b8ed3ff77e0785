"""Processes over the fake core that begin where their imports end.

Rule.  Most tests here start several workers, and each would import the same modules for a second
and a half.  So one server process a test process imports them once and forks the workers off; from
there on they are processes like any other: own environment, arguments and output, signals, kill -9,
exit code.  Only doubles of the worker start so; the real command always starts as users start it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
WORKER: Final = "tests.kafka.worker_process"
TROUBLED: Final = "tests.kafka.troubled_process"
_STDOUT, _STDERR = 1, 2

_CONTEXT: Final = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([WORKER, TROUBLED])


class ForkedProcess:
    """A process that runs ``main`` of a module: as much of `subprocess.Popen` as tests need.

    ``stdout`` and ``stderr`` are file descriptors, which stay the caller's.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        stdout: int,
        stderr: int = _STDERR,
    ) -> None:
        given = (module, list(arguments), dict(environment), _Handed(stdout), _Handed(stderr))
        self._process = _CONTEXT.Process(target=_run, args=given, daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """The exit code, or minus the signal that ended it; None while it runs."""
        return self._process.exitcode

    def wait(self, limit_s: float | None = None) -> int:
        """Wait for its end; the exit code.  subprocess.TimeoutExpired after ``limit_s``."""
        self._process.join(limit_s)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), limit_s or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        """A signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


class _Handed:
    """A file descriptor that arrives in the new process as one of its own."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __reduce__(self) -> tuple[Any, tuple[Any]]:
        return _received, (DupFd(self._number),)


def _received(handed: Any) -> int:  # noqa: ANN401 - multiprocessing's own, without a type
    return int(handed.detach())


def _run(
    module: str, arguments: list[str], environment: dict[str, str], stdout: int, stderr: int
) -> None:
    for given, own in ((stdout, _STDOUT), (stderr, _STDERR)):
        os.dup2(given, own)
        os.close(given)
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = [module, *arguments]
    import_module(module).main()
