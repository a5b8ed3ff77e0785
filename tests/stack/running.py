"""A stack on this machine: started in compose's order, watched as compose does, ended in reverse.

Rule.  A service starts when what it depends on is healthy or has done its work; what
``restart: unless-stopped`` says of is started again when it ends; a service without that runs once.
No process outlives the one that started the stack (:mod:`tests.owned_process`), and volumes live as
long as it does.
"""

from __future__ import annotations

import shutil
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from tests.kafka.broker import LOG
from tests.kafka.libraries import SystemPackageError, java
from tests.owned_process import OwnedProcess, answers_200, end_of_log
from tests.stack.compose import active
from tests.stack.native import BROKER, ENTRY_POINTS, LOOPBACK, PROGRAMS
from tests.stack.stack_broker import StackBroker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from tests.stack.compose import Service
    from tests.stack.native import Here

START_LIMIT_S: Final = 120.0
"""For one service to be healthy or done; a first start compiles the kernels."""
LOOK_S: Final = 0.1
RESTART_AFTER_S: Final = 1.0


class StackError(RuntimeError):
    """The stack did not come up; the message says what and why."""


@dataclass(slots=True)
class Running:
    """One process of a service."""

    service: Service
    replica: int
    process: OwnedProcess
    log: Path
    ended_at: float | None = None
    restarts: int = 0


class Stack:
    """The services of ``profiles`` where ``here`` says; use it as a context manager.

    Entering starts and waits until all are healthy; raises StackError, or SystemPackageError when a
    program is not installed.
    """

    def __init__(
        self,
        services: Mapping[str, Service],
        here: Here,
        profiles: Iterable[str] = (),
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        chosen = active(services, profiles)
        self.left_out = [name for name, each in chosen.items() if not can_run(each)]
        self.services = {k: each for k, each in chosen.items() if k not in self.left_out}
        self.here = here
        self.broker: StackBroker | None = None
        self.running: list[Running] = []
        self._say = say

    def __enter__(self) -> Self:
        for service in self.services.values():
            missing_program(service)
        taken = [text for service in self.services.values() for text in self._taken(service)]
        if taken:
            raise StackError("\n".join(taken))
        shutil.rmtree(self.here.directory, ignore_errors=True)
        try:
            # The broker last of what waits for nothing: its start is waited for at once.
            for service in sorted(self.services.values(), key=self._waits):
                for name, condition in service.depends_on.items():
                    self._wait(self.services[name], condition)
                self._start(service)
            for service in self.services.values():
                if service.restarts:
                    self._wait(service, "service_healthy")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def of(self, name: str) -> list[Running]:
        """The processes of a service."""
        return [each for each in self.running if each.service.name == name]

    def watch(self) -> None:
        """Start again what ended and is to be started again; say what ended otherwise."""
        for each in self.running:
            code = each.process.exit_code
            if code is None:
                continue
            if each.ended_at is None:
                each.ended_at = time.monotonic()
                self._say(f"{each.service.name} ended with exit code {code}: {each.log}")
            restarted = each.service.restarts
            if restarted and time.monotonic() - each.ended_at >= RESTART_AFTER_S:
                each.process.stop(hard=True)
                each.process, each.ended_at = self._launched(each.service, each.replica)[0], None
                each.restarts += 1
        if self.broker is not None and not self.broker.alive:
            self._start_broker_again(self.broker)

    def stop(self) -> None:
        """End all, the last one first, each with the time that compose gives it."""
        for each in reversed(self.running):
            each.process.stop(hard=False, within_s=each.service.grace_s)
        self.running.clear()
        if self.broker is not None:
            self.broker.close()
            self.broker = None
        shutil.rmtree(self.here.directory, ignore_errors=True)

    def _start_broker_again(self, broker: StackBroker) -> None:
        """With its data; the rest has to wait for it anyway.  BrokerFailedError when it cannot."""
        self._say(f"kafka ended: {broker.directory / LOG}")
        broker.stop(hard=True)
        time.sleep(RESTART_AFTER_S)
        broker.start()
        self._say("kafka is back")

    def _waits(self, service: Service) -> tuple[bool, bool]:
        return bool(service.depends_on), service.program == BROKER

    def _taken(self, service: Service) -> list[str]:
        """A line for each port that somebody else has."""
        wanted = [
            port
            for (name, _), ports in self.here.ports.items()
            if name == service.name
            for port in ports[: service.replicas]
        ]
        if service.replicas > min(
            (each.last - each.first + 1 for each in service.ports), default=service.replicas
        ):
            return [f"{service.name}: compose has no {service.replicas} ports for it"]
        return [f"port {port} of {service.name} is taken" for port in wanted if not free(port)]

    def _start(self, service: Service) -> None:
        self._say(f"starting {service.name}")
        if service.program == BROKER:
            (mount,) = service.mounts
            directory = self.here.paths(service)[mount.target].parent
            directory.parent.mkdir(parents=True, exist_ok=True)
            self.broker = StackBroker(service, self.here, directory)
            self.broker.start()
            return
        self.here.write(service)
        for replica in range(service.replicas):
            process, log = self._launched(service, replica)
            self.running.append(Running(service, replica, process, log))

    def _launched(self, service: Service, replica: int) -> tuple[OwnedProcess, Path]:
        home = self.here.home(service)
        log = home / f"{service.name}-{replica + 1}.log"
        command = self.here.command(service, replica)
        environment = self.here.environment(service, replica)
        return OwnedProcess(command, home, log, environment=environment), log

    def _wait(self, service: Service, condition: str) -> None:
        """Until it is healthy or done; StackError with the end of its log when it will not be."""
        done = condition == "service_completed_successfully"
        deadline = time.monotonic() + START_LIMIT_S
        for each in self.of(service.name):
            url = self.here.health_url(service, each.replica)
            while not (each.process.exit_code == 0 if done else url and answers_200(url)):
                if each.process.exit_code is not None or time.monotonic() > deadline:
                    raise StackError(
                        f"{service.name} is not {'done' if done else 'healthy'}:\n"
                        f"{end_of_log(each.log)}"
                    )
                time.sleep(LOOK_S)


def can_run(service: Service) -> bool:
    """Whether there is a way to run it without containers."""
    own = service.arguments[:1] and service.arguments[0] in ENTRY_POINTS
    return bool(own) or service.program in PROGRAMS or service.program == BROKER


def missing_program(service: Service) -> None:
    """Nothing when its program is installed; raises SystemPackageError otherwise."""
    if service.program == BROKER:
        java()
    program = PROGRAMS.get(service.program)
    if program is not None and shutil.which(program) is None:
        raise SystemPackageError(program, f"apt-get install {program}")


def free(port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
