"""``python -m tests.stack up [LOAD ...] | down | urls``: the stack of compose without containers.

Rule.  ``up`` stays in the foreground and ends the stack with itself, at Ctrl-C, SIGTERM or ``down``
from another terminal.  LOAD is a profile of docker-compose.yml.  There is at most one stack in a
checkout; WORKERS, ALERT_SECRETS and SCENARIO are read from the environment as compose reads them.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.kafka.libraries import CACHE
from tests.stack.compose import ComposeError, read_compose
from tests.stack.native import LOOPBACK, Here
from tests.stack.running import LOOK_S, Stack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.stack.compose import Service

DIRECTORY: Final = CACHE / "stack"
RUNNING: Final = CACHE / "stack.running"
DOWN_LIMIT_S: Final = 90.0
USAGE: Final = "usage: python -m tests.stack up [LOAD ...] | down | urls"
PAGES: Final = {
    "worker": ("/", "/metrics", "/health"),
    "prometheus": ("/", "/api/v1/alerts"),
    "alertmanager": ("/",),
}
"""Service -> what is worth opening."""


def urls(services: Mapping[str, Service], here: Here) -> list[str]:
    """A line for each thing to open or to connect to."""
    lines = []
    for name, service in services.items():
        for published in service.ports:
            for port in here.ports[name, published.container][: service.replicas]:
                pages = [f"http://{LOOPBACK}:{port}{page}" for page in PAGES.get(name, ())]
                lines.append(f"{name:<13} {'  '.join(pages) or f'{LOOPBACK}:{port}'}")
    return lines


def up(profiles: list[str]) -> int:
    """Start, say where everything is, and stay until told to end."""
    services = read_compose(os.environ)
    known = {profile for each in services.values() for profile in each.profiles}
    strange = [name for name in profiles if name not in known]
    if strange:
        say(f"there is no load {strange[0]}; there are {', '.join(sorted(known))}")
        return 2
    if running() is not None:
        say("a stack of this checkout is running already (make stack-down)")
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    here = Here(services, DIRECTORY)
    RUNNING.parent.mkdir(parents=True, exist_ok=True)
    RUNNING.write_text(str(os.getpid()))
    try:
        with Stack(services, here, profiles, say) as stack:
            for name in stack.left_out:
                say(f"{name} is left out: Debian has no package of it; docker compose starts it")
            say("\n".join(urls(stack.services, here)))
            say(f"logs           {DIRECTORY / 'services'}")
            say("Ctrl-C or `make stack-down` ends it and removes its data")
            try:
                while True:
                    stack.watch()
                    time.sleep(LOOK_S)
            except KeyboardInterrupt:
                for number in (signal.SIGTERM, signal.SIGINT):
                    signal.signal(number, signal.SIG_IGN)
                say("ending")
    except KeyboardInterrupt:
        say("ended while starting")
    except RuntimeError as error:  # the stack's, the broker's, Maven's: each says what to do
        say(str(error))
        return 1
    finally:
        RUNNING.unlink(missing_ok=True)
    return 0


def running() -> int | None:
    """The process that holds the stack; None when there is none."""
    try:
        pid = int(RUNNING.read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if b"tests.stack" in command else None


def down() -> int:
    """End the stack and wait for its end."""
    pid = running()
    if pid is None:
        say("was not running")
        return 0
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_LIMIT_S
    while running() == pid:
        if time.monotonic() > deadline:
            say(f"process {pid} does not end")
            return 1
        time.sleep(LOOK_S)
    say("stopped")
    return 0


def main(arguments: list[str]) -> int:
    """Do what the first argument says; 0 done, 1 not possible, 2 wrong usage."""
    command, *rest = arguments or [""]
    try:
        if command == "up":
            return up(rest)
        if command == "down" and not rest:
            return down()
        if command == "urls" and not rest:
            services = read_compose(os.environ)
            say("\n".join(urls(services, Here(services, DIRECTORY))))
            return 0
    except ComposeError as error:
        say(f"docker-compose.yml: {error}")
        return 1
    say(USAGE)
    return 2


def say(line: str) -> None:
    """One line for the terminal."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
