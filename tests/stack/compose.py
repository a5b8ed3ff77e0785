"""docker-compose.yml as values: what a stack consists of, told once and read by whoever starts it.

Rule.  What is understood here is the part of the compose specification that the file uses; a key
of a service that is not known is an error, so that nothing is added to the file that a start
without containers would silently leave out.  Variables (``${NAME:-default}``) are replaced as
compose does.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROOT: Final = Path(__file__).resolve().parents[2]
COMPOSE: Final = ROOT / "docker-compose.yml"
DOCKERFILE: Final = ROOT / "Dockerfile"
VARIABLE: Final = re.compile(r"\$(?:\$|\{(\w+)(?::-([^}]*))?\})")
OF_CONTAINERS: Final = frozenset(
    ("build", "cap_drop", "init", "logging", "read_only", "security_opt", "tmpfs", "working_dir")
)
"""Keys that say how a container is closed off and built, and nothing of what runs in it."""
UNDERSTOOD: Final = frozenset(
    (
        *("command", "configs", "depends_on", "deploy", "entrypoint", "environment"),
        *("healthcheck", "image", "ports", "profiles", "restart", "stop_grace_period", "volumes"),
    )
)
GRACE_S: Final = 10.0
"""Compose's own, where the file names none."""


class ComposeError(ValueError):
    """The file says something that is not understood here."""


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a container and those of the host that stand for it, one a replica."""

    container: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Mount:
    """What stands at ``target``: a named volume, or a file or directory of the host."""

    source: str
    target: str

    @property
    def is_volume(self) -> bool:
        """Whether the source is a name and no path."""
        return not self.source.startswith((".", "/", "~"))


@dataclass(frozen=True, slots=True)
class Service:
    """One service with everything that decides what runs and when."""

    name: str
    image: str
    arguments: tuple[str, ...]
    """The whole command: entry point and command, those of the image where the file has none."""
    environment: Mapping[str, str]
    ports: tuple[Port, ...]
    mounts: tuple[Mount, ...]
    configs: Mapping[str, str]
    """Target -> content."""
    depends_on: Mapping[str, str]
    """Service -> ``service_healthy`` or ``service_completed_successfully``."""
    health_url: str | None
    replicas: int
    profiles: tuple[str, ...]
    restarts: bool
    grace_s: float

    @property
    def program(self) -> str:
        """The image without its tag."""
        return self.image.partition(":")[0]


def read_compose(
    environment: Mapping[str, str], path: Path = COMPOSE, dockerfile: Path = DOCKERFILE
) -> dict[str, Service]:
    """The services by name, ``environment`` being that of the shell.

    Raises ComposeError for what is not understood.
    """
    tree = interpolated(yaml.safe_load(path.read_text()), environment)
    built = image_command(dockerfile.read_text())
    for each in tree["services"].values():
        each["environment"] = passed_on(each.get("environment", {}), environment)
    return {name: _service(name, each, tree, built) for name, each in tree["services"].items()}


def passed_on(given: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, str]:
    """A service's environment: a name without a value has the shell's, or is left out."""
    named = {key: environment.get(key) if text is None else text for key, text in given.items()}
    return {key: str(text) for key, text in named.items() if text is not None}


def interpolated(tree: Any, environment: Mapping[str, str]) -> Any:  # noqa: ANN401 - as YAML is
    """The tree with every variable replaced."""
    if isinstance(tree, dict):
        return {key: interpolated(each, environment) for key, each in tree.items()}
    if isinstance(tree, list):
        return [interpolated(each, environment) for each in tree]
    if isinstance(tree, str):

        def value(found: re.Match[str]) -> str:
            if found[0] == "$$":
                return "$"
            return environment.get(found[1]) or found[2] or ""

        return VARIABLE.sub(value, tree)
    return tree


def image_command(dockerfile: str) -> tuple[list[str], list[str]]:
    """Entry point and command that the image built here has."""
    entry, command = (
        json.loads(re.findall(rf"^{name} (\[.*\])$", dockerfile, re.MULTILINE)[-1])
        for name in ("ENTRYPOINT", "CMD")
    )
    return entry, command


def active(services: Mapping[str, Service], profiles: Iterable[str]) -> dict[str, Service]:
    """Those without a profile or with one of ``profiles``, in an order in which all that a service
    depends on stands before it."""
    wanted = set(profiles)
    left = {k: s for k, s in services.items() if not s.profiles or wanted & set(s.profiles)}
    ordered: dict[str, Service] = {}
    while left:
        ready = [name for name, each in left.items() if set(each.depends_on) <= set(ordered)]
        if not ready:
            raise ComposeError(f"{', '.join(left)} depend on each other or on what is not started")
        ordered |= {name: left.pop(name) for name in ready}
    return ordered


def _service(
    name: str,
    fields: Mapping[str, Any],
    tree: Mapping[str, Any],
    built: tuple[list[str], list[str]],
) -> Service:
    strange = set(fields) - UNDERSTOOD - OF_CONTAINERS
    if strange:
        raise ComposeError(f"{name}: not understood: {', '.join(sorted(strange))}")
    entry, command = built if "build" in fields else ([], [])
    arguments = [*fields.get("entrypoint", entry), *fields.get("command", command)]
    return Service(
        name=name,
        image=fields["image"],
        arguments=tuple(map(str, arguments)),
        environment=fields["environment"],
        ports=tuple(map(_port, fields.get("ports", ()))),
        mounts=tuple(map(_mount, fields.get("volumes", ()))),
        configs={
            each["target"]: tree["configs"][each["source"]]["content"]
            for each in fields.get("configs", ())
        },
        depends_on={key: each["condition"] for key, each in fields.get("depends_on", {}).items()},
        health_url=_health_url(fields.get("healthcheck", {}).get("test", ())),
        replicas=_count(name, fields.get("deploy", {}).get("replicas", 1)),
        profiles=tuple(fields.get("profiles", ())),
        restarts=fields.get("restart") == "unless-stopped",
        grace_s=float(str(fields.get("stop_grace_period", GRACE_S)).removesuffix("s")),
    )


def _count(name: str, text: object) -> int:
    """How many of a service run."""
    if not re.fullmatch("[1-9][0-9]{0,3}", str(text)):
        raise ComposeError(f"{name}: {text!r} is no number of replicas (WORKERS)")
    return int(str(text))


def _port(text: str) -> Port:
    """``127.0.0.1:FIRST[-LAST]:CONTAINER``."""
    _, host, container = text.split(":")
    first, _, last = host.partition("-")
    return Port(int(container), int(first), int(last or first))


def _mount(text: str) -> Mount:
    source, target, *_ = text.split(":")
    return Mount(source, target)


def _health_url(test: str | list[str]) -> str | None:
    """The address that a health check asks; None where it asks no HTTP server."""
    found = re.search(r"http://[^\s'\"]+", " ".join([test] if isinstance(test, str) else test))
    return found and found[0]
