"""What is installed, started and published is what the files of the project say."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from streams.settings import HttpSettings, read_settings

ROOT: Final = Path(__file__).resolve().parents[1]
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
PROMETHEUS: Final[dict[str, Any]] = yaml.safe_load((ROOT / "prometheus/prometheus.yml").read_text())


def pins(name: str) -> dict[str, str]:
    """Name -> exact version of a constraints file; fails on a line that is anything else."""
    found: dict[str, str] = {}
    for line in (ROOT / name).read_text().splitlines():
        if line and not line.startswith("#"):
            match = re.fullmatch(r"([A-Za-z0-9._-]+)==([^\s=*]+)", line)
            assert match, f"{name}: {line!r} is not an exact version"
            found[canonicalize_name(match[1])] = match[2]
    return found


def needed(distribution: str, extras: frozenset[str], seen: set[tuple[str, str]]) -> set[str]:
    """Names of all that ``distribution`` needs here, directly and further on."""
    names: set[str] = set()
    for text in metadata.requires(distribution) or ():
        requirement = Requirement(text)
        wanted = extras or frozenset({""})
        marker = requirement.marker
        if marker and not any(marker.evaluate({"extra": extra}) for extra in wanted):
            continue
        name = canonicalize_name(requirement.name)
        names.add(name)
        key = (name, ",".join(sorted(requirement.extras)))
        if key not in seen:
            seen.add(key)
            names |= needed(name, frozenset(requirement.extras), seen)
    return names


def test_everything_needed_is_pinned_and_installed_as_pinned() -> None:
    """Each distribution, direct or transitive, development included, has its exact version."""
    pinned = pins("constraints.txt")
    names = needed("longshore", frozenset({"", "dev"}), set())
    assert {"numpy", "faust-streaming", "llvmlite", "pytest"} <= names
    assert {name: pinned.get(name) for name in names} == {
        name: metadata.version(name) for name in names
    }


def test_the_peers_are_pinned() -> None:
    """The environment of the peers is exact as well, and within the range of the extra."""
    pinned = pins("constraints-peers.txt")
    texts = [Requirement(text) for text in metadata.requires("longshore") or ()]
    peers = [each for each in texts if each.marker and each.marker.evaluate({"extra": "peers"})]
    peers = [each for each in peers if not (each.marker and each.marker.evaluate({"extra": ""}))]
    assert peers
    for peer in peers:
        assert pinned[canonicalize_name(peer.name)] in peer.specifier


@pytest.mark.parametrize("service", sorted(COMPOSE["services"]))
def test_compose_publishes_on_the_loopback_only(service: str) -> None:
    """No port of any container is open to the network, and no image floats."""
    described = COMPOSE["services"][service]
    assert all(str(port).startswith("127.0.0.1:") for port in described.get("ports", ()))
    image, _, tag = described["image"].partition(":")
    assert image
    assert re.match(r"v?\d+\.\d+", tag), f"{described['image']} has no exact version"


def test_compose_settings_are_settings(tmp_path: Path) -> None:
    """The worker of compose is configured by names that the worker knows."""
    config = tmp_path / "worker.yaml"
    config.write_text(COMPOSE["configs"]["worker"]["content"])
    environment = COMPOSE["services"]["worker"]["environment"]
    settings = read_settings(config, environment)
    assert settings.brokers == ("kafka:9092",)
    assert settings.http.host == "0.0.0.0"  # noqa: S104 - inside the network of the containers
    assert settings.models


def test_prometheus_scrapes_the_workers_port() -> None:
    """Prometheus asks the service of compose at the port that a worker serves by default."""
    (scrape,) = [each for each in PROMETHEUS["scrape_configs"] if each["job_name"] == "longshore"]
    (discovery,) = scrape["dns_sd_configs"]
    assert discovery["port"] == HttpSettings().port
    assert set(discovery["names"]) <= set(COMPOSE["services"])


def test_a_wheel_has_every_file_of_the_live_page() -> None:
    """The patterns of the package's data, read as setuptools reads them, find all of it, licences
    of what others wrote included."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    home = ROOT / "streams" / "web"
    patterns = told["package-data"]["streams.web"]
    found = {str(p.relative_to(home)) for each in patterns for p in home.glob(each)}
    files = {str(p.relative_to(home)) for p in (home / "static").rglob("*") if p.is_file()}
    assert files <= found
    assert {"static/index.html", "static/vendor/uPlot.LICENSE"} <= files


def test_the_readme_opens_with_the_two_commands() -> None:
    """What it is, then `make demo` and `make test`, and every target that it names is there."""
    readme = (ROOT / "README.md").read_text()
    opening = readme.split("```")[1].removeprefix("sh")
    assert [line.split("#")[0].strip() for line in opening.strip().splitlines()] == [
        "make demo",
        "make test",
    ]
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", readme, re.MULTILINE))
    assert [name for name in sorted(named) if f"\n{name}:" not in makefile] == []
