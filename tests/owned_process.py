"""A server under test that never outlives its owner.

Rule.  The process leads a process group of its own.  :meth:`OwnedProcess.stop` ends the group; when
the owner is killed, a watchdog that waits for the end of a pipe from the owner does it, and removes
the server's directory.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

STOP_SECONDS: Final = 10.0
LOG_CHARACTERS: Final = 4000
# Ends with the pipe on its standard input, that is with the owner, however that came about.
WATCHDOG: Final = 'cat >/dev/null; kill -s KILL -- "-$1"; rm -rf -- "$2"'


class OwnedProcess:
    """One process, started at once, its output appended to ``log`` inside ``directory``.

    ``detached`` leaves it running when this interpreter ends; somebody else must end it then.
    ``environment`` stands in place of this interpreter's own.
    """

    def __init__(
        self,
        command: list[str],
        directory: Path,
        log: Path,
        *,
        detached: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._watchdog: subprocess.Popen[bytes] | None = None
        if not detached:
            self._watchdog = subprocess.Popen(
                ["sh", "-c", WATCHDOG, "watchdog", str(self.pid), str(directory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process, which is also the process group."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """What it ended with; None while it runs."""
        return self._process.poll()

    def stop(self, *, hard: bool, within_s: float = STOP_SECONDS) -> None:
        """End it and wait for its end; ``hard`` gives it no time to say goodbye."""
        if not hard and self.alive():
            self._process.terminate()
            try:
                self._process.wait(within_s)
            except subprocess.TimeoutExpired:
                hard = True
        if hard and self.alive():
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
        if self._watchdog is not None:
            self._watchdog.kill()
            self._watchdog.wait()
            assert self._watchdog.stdin is not None
            self._watchdog.stdin.close()
            self._watchdog = None


def started(
    command: list[str], directory: Path, log: Path, answers: Callable[[], bool], within_s: float
) -> OwnedProcess:
    """A process that answers; RuntimeError with the end of its log when it does not come up, and it
    and its directory are gone then."""
    process = OwnedProcess(command, directory, log)
    deadline = time.monotonic() + within_s
    while not answers():
        if not process.alive() or time.monotonic() > deadline:
            said = end_of_log(log)
            process.stop(hard=True)
            shutil.rmtree(directory, ignore_errors=True)
            raise RuntimeError(f"{Path(command[0]).name} did not come up:\n{said}")
        time.sleep(0.05)
    return process


def answers_200(url: str) -> bool:
    """Whether a server answers so now."""
    try:
        with urllib.request.urlopen(url, timeout=1.0) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def end_of_log(log: Path) -> str:
    """The last that a server wrote, for a message; empty when there is no log."""
    return log.read_text(errors="replace")[-LOG_CHARACTERS:] if log.exists() else ""


def free_ports(count: int) -> list[int]:
    """``count`` different ports that nobody has bound on 127.0.0.1 at this moment."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
