"""What compose says, said for programs of this machine: the same words, other addresses and paths.

Rule.  Three things are replaced and nothing else.  An address ``service:port``, and a port that the
service itself listens at, becomes ``127.0.0.1:port``; a path below a mount becomes the path of what
is mounted; names that only the network of containers can look up (``dns_sd_configs``) become the
addresses of the replicas.  What is mounted below ``/etc`` is configuration and is copied with these
replacements; everything else is used where it is.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from tests.stack.compose import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.stack.compose import Service

CONFIGURATION: Final = "/etc/"
LOOPBACK: Final = "127.0.0.1"
ANY: Final = "0.0.0.0"  # noqa: S104 - read in the file, never bound
SECRETS: Final = "/secrets"
"""What is mounted at a place that ends so is read where it is and never copied."""
ENTRY_POINTS: Final[Mapping[str, tuple[str, ...]]] = {
    "longshore": (sys.executable, "-m", "streams.cli"),
    "python": (sys.executable,),
}
"""Entry point of the image built here -> what runs here instead."""
PROGRAMS: Final[Mapping[str, str]] = {
    "prom/prometheus": "prometheus",
    "prom/alertmanager": "prometheus-alertmanager",
}
"""Image -> the program, and Debian's package of the same name."""
BROKER: Final = "apache/kafka"
NOT_PROPERTIES: Final = re.compile(r"KAFKA_\w*_OPTS")


def as_it_is(_: str, text: str) -> str:
    """No change at all."""
    return text


class Here:
    """Where everything of a stack is on this machine.

    ``directory`` takes volumes and configuration.  ``ports`` are those to use instead, by (service,
    port of the container); without them the ports of compose are used.  ``edit`` may change
    configuration further, for tests.
    """

    def __init__(
        self,
        services: Mapping[str, Service],
        directory: Path,
        *,
        ports: Mapping[tuple[str, int], list[int]] | None = None,
        edit: Callable[[str, str], str] = as_it_is,
    ) -> None:
        self.directory = directory
        self._services = services
        self._edit = edit
        self.ports = ports_of(services) | dict(ports or {})
        names = "|".join(map(re.escape, services))
        self._address = re.compile(rf"\b({names}|0\.0\.0\.0|127\.0\.0\.1|localhost):(\d+)\b")

    def home(self, service: Service) -> Path:
        """A directory of the service's own."""
        return self.directory / "services" / service.name

    def paths(self, service: Service) -> dict[str, Path]:
        """Target of each mount -> what stands there."""
        found = {target: self._copied(service, target) for target in service.configs}
        for mount in service.mounts:
            if mount.is_volume:
                found[mount.target] = self.directory / "volumes" / mount.source / "data"
            elif mount.target.startswith(CONFIGURATION) and not mount.target.endswith(SECRETS):
                found[mount.target] = self._copied(service, mount.target)
            else:
                found[mount.target] = (ROOT / mount.source).expanduser().resolve()
        return found

    def text(self, service: Service, text: str, replica: int = 0) -> str:
        """Any text of a service with the addresses and paths of this machine."""

        def address(found: re.Match[str]) -> str:
            name, port = found[1], int(found[2])
            owner = name if name in self._services else service.name
            here = self.ports.get((owner, port), [port])
            return f"{LOOPBACK}:{here[replica if owner == service.name else 0]}"

        replaced = self._address.sub(address, text).replace(ANY, LOOPBACK)
        paths = self.paths(service)
        if not paths:
            return replaced
        targets = "|".join(re.escape(each) for each in sorted(paths, key=len, reverse=True))
        below = re.compile(rf"(?<![\w./-])({targets})(?![\w.-])")
        return below.sub(lambda found: str(paths[found[1]]), replaced)

    def command(self, service: Service, replica: int = 0) -> list[str]:
        """What to run."""
        if service.program in PROGRAMS:
            program: tuple[str, ...] = (PROGRAMS[service.program],)
            rest = service.arguments
        else:
            program, rest = ENTRY_POINTS[service.arguments[0]], service.arguments[1:]
        return [*program, *(self.text(service, each, replica) for each in rest)]

    def environment(self, service: Service, replica: int = 0) -> dict[str, str]:
        """The shell's environment without settings of Longshore, and that of compose."""
        own = {k: v for k, v in os.environ.items() if not k.startswith("LONGSHORE_")}
        own["PYTHONPATH"] = str(ROOT)
        for key, text in service.environment.items():
            own[key] = self.text(service, text, replica)
            if key.endswith("_PORT"):
                here = self.ports.get((service.name, int(text)), [int(text)])
                own[key] = str(here[replica])
        return own

    def health_url(self, service: Service, replica: int = 0) -> str | None:
        """What its health check asks."""
        url = service.health_url
        return None if url is None else self.text(service, url, replica)

    def properties(self, service: Service) -> dict[str, str]:
        """The broker's, as its image makes them of the environment: one underscore is a point, two
        are one, three a hyphen."""
        found = {}
        for key, text in service.environment.items():
            if key.startswith("KAFKA_") and not NOT_PROPERTIES.fullmatch(key):
                name = key.removeprefix("KAFKA_").lower()
                for written, meant in (("___", "-"), ("__", "\0"), ("_", "."), ("\0", "_")):
                    name = name.replace(written, meant)
                found[name] = self.text(service, text)
        return found

    def write(self, service: Service) -> None:
        """Make its directory, its volumes and its configuration."""
        self.home(service).mkdir(parents=True, exist_ok=True)
        paths = self.paths(service)
        for target, content in service.configs.items():
            self._put(service, paths[target], content)
        for mount in service.mounts:
            path = paths[mount.target]
            if mount.is_volume:
                path.mkdir(parents=True, exist_ok=True)
            elif path.is_relative_to(self.home(service)):
                source = ROOT / mount.source
                files = [source] if source.is_file() else sorted(source.rglob("*"))
                for each in files:
                    if each.is_file():
                        self._put(service, path / each.relative_to(source), each.read_text())

    def _put(self, service: Service, path: Path, content: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = self.text(service, content)
        if "dns_sd_configs" in text and path.suffix == ".yml":
            text = yaml.safe_dump(self._looked_up(yaml.safe_load(text)), sort_keys=False)
        path.write_text(self._edit(path.name, text))

    def _looked_up(self, tree: Any) -> Any:  # noqa: ANN401 - as YAML is
        """The tree with the answers in place of the questions to the containers' DNS."""
        if isinstance(tree, list):
            return [self._looked_up(each) for each in tree]
        if not isinstance(tree, dict):
            return tree
        found = {}
        for key, each in tree.items():
            if key == "dns_sd_configs":
                targets = [
                    f"{LOOPBACK}:{self.ports[name, asked['port']][replica]}"
                    for asked in each
                    for name in asked["names"]
                    for replica in range(self._services[name].replicas)
                ]
                found["static_configs"] = [{"targets": targets}]
            else:
                found[key] = self._looked_up(each)
        return found

    def _copied(self, service: Service, target: str) -> Path:
        return self.home(service) / target.lstrip("/")


def ports_of(services: Mapping[str, Service]) -> dict[tuple[str, int], list[int]]:
    """(service, port of the container) -> the ports here, one a replica: those that are published,
    and the same number for what only other containers reach."""
    found: dict[tuple[str, int], list[int]] = {}
    for service in services.values():
        texts = " ".join([*service.arguments, *service.environment.values()])
        for port in re.findall(r"0\.0\.0\.0:(\d+)", texts):
            found[service.name, int(port)] = [int(port)]
        for published in service.ports:
            here = list(range(published.first, published.last + 1))
            found[service.name, published.container] = here
    return found
