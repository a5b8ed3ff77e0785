"""``python -m tests.kafka up|down|status [DIRECTORY]``: a real broker that stays until told to go.

Rule.  There is at most one in a directory (under ``.cache``), which holds its process id and
address.  A process id is believed only while that process runs with this directory's configuration,
because the number may be another program's by now.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Final

from tests.kafka.broker import RealBroker
from tests.kafka.libraries import CACHE, SystemPackageError
from tests.owned_process import STOP_SECONDS

DIRECTORY: Final = CACHE / "kafka-broker"
USAGE: Final = "usage: python -m tests.kafka up|down|status [DIRECTORY]"


def running(directory: Path) -> tuple[int, str] | None:
    """The (process id, bootstrap address) of the broker in ``directory``; None when it is down."""
    try:
        pid_text, bootstrap = (directory / "running").read_text().split()
        command = Path(f"/proc/{pid_text}/cmdline").read_bytes()
    except OSError:
        return None
    is_ours = os.fsencode(directory / "server.properties") in command
    return (int(pid_text), bootstrap) if is_ours else None


def up(directory: Path) -> str:
    """Start the broker unless it runs, and return its bootstrap address."""
    found = running(directory)
    if found is not None:
        return found[1]
    shutil.rmtree(directory, ignore_errors=True)
    broker = RealBroker(directory, detached=True)
    bootstrap = broker.start()
    (directory / "running").write_text(f"{broker.pid} {bootstrap}")
    return bootstrap


def down(directory: Path) -> bool:
    """End the broker and remove its data; False when there was none."""
    found = running(directory)
    if found is not None:
        pid = found[0]
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while running(directory) is not None:
            if time.monotonic() > deadline:
                os.killpg(pid, signal.SIGKILL)
            time.sleep(0.05)
    shutil.rmtree(directory, ignore_errors=True)
    return found is not None


def main(arguments: list[str]) -> int:
    """Do what the first argument says; 0 done, 1 not possible or not running, 2 wrong usage."""
    command, *rest = [*arguments, str(DIRECTORY)] if len(arguments) == 1 else arguments or [""]
    directory = Path(rest[0]).resolve() if len(rest) == 1 else None
    if command not in {"up", "down", "status"} or directory is None:
        say(USAGE)
        return 2
    if command == "up":
        try:
            say(up(directory))
        except SystemPackageError as error:
            say(f"a real broker {error}")
            return 1
    elif command == "down":
        say("stopped" if down(directory) else "was not running")
    else:
        found = running(directory)
        say("not running" if found is None else f"running at {found[1]}, process {found[0]}")
        return 1 if found is None else 0
    return 0


def say(line: str) -> None:
    """One line for the terminal."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
