"""What the containers of compose are made of and may do: image, rights, limits, health, login."""

from __future__ import annotations

import re
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from streams.settings import HttpSettings
from tests.stack.compose import ROOT

RAW: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DOCKERFILE: Final = (ROOT / "Dockerfile").read_text()
LASTING: Final = [name for name, each in RAW["services"].items() if "restart" in each]
LOADS: Final = ("flights", "fraud")


def test_the_image_runs_what_runs_here() -> None:
    """The entry point is the script of the package, the packages are the package's, and what a
    container may write is the user's own."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["scripts"] == {"longshore": "streams.cli:main"}
    assert 'ENTRYPOINT ["longshore"]' in DOCKERFILE
    assert 'CMD ["worker"]' in DOCKERFILE
    assert f"EXPOSE {HttpSettings().port}" in DOCKERFILE
    assert "STOPSIGNAL SIGTERM" in DOCKERFILE
    packages = project["tool"]["setuptools"]["packages"]["find"]["include"]
    copied = re.findall(r"^COPY (\w+) \1$", DOCKERFILE, re.MULTILINE)
    assert copied == [each.rstrip("*") for each in packages]
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    assert {f"!{each}" for each in copied} <= set(allowed)
    last = DOCKERFILE.split("FROM ")[-1]
    assert re.search(r"^USER longshore$", last, re.MULTILINE)
    assert not re.search(r"^USER root", DOCKERFILE, re.MULTILINE)
    images = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(set(images)) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", images[0])
    own = set(re.findall(r"--home-dir (\S+)", last))
    own |= set(re.findall(r"(/\S+)", last.split("--group=longshore")[1].splitlines()[0]))
    mounted = {
        volume.split(":")[1]
        for fields in RAW["services"].values()
        if "build" in fields
        for volume in fields["volumes"]
        if not volume.startswith(".")
    }
    assert mounted == own
    assert "NUMBA_CACHE_DIR=/var/lib/longshore" in last


@pytest.mark.parametrize("name", sorted(RAW["services"]))
def test_a_container_can_do_little(name: str) -> None:
    """No capability, no new privilege, no root, nothing to write but volumes, and an end to what it
    may take."""
    fields = RAW["services"][name]
    assert fields["cap_drop"] == ["ALL"]
    assert fields["security_opt"] == ["no-new-privileges:true"]
    assert fields["init"] is True
    assert fields["read_only"] is (name != "kafka")
    assert "privileged" not in fields
    assert "user" not in fields
    limits = fields["deploy"]["resources"]["limits"]
    assert {"cpus", "memory", "pids"} == set(limits)
    for volume in fields["volumes"]:
        source = volume.split(":")[0]
        if source.startswith("./"):
            assert volume.endswith(":ro"), volume
        elif not source.startswith("$"):
            assert source in RAW["volumes"]
    if name in LASTING:
        assert fields["restart"] == "unless-stopped"
        assert fields["healthcheck"]["test"]
    else:
        assert name in set(
            chain.from_iterable(each.get("depends_on", {}) for each in RAW["services"].values())
        ) | set(LOADS)


def test_grafana_shows_without_a_login() -> None:
    """Anybody on 127.0.0.1 may look and nobody may change; what its provider reads is mounted."""
    fields = RAW["services"]["grafana"]
    environment = fields["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "true"
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert environment["GF_AUTH_BASIC_ENABLED"] == "false"
    assert environment["GF_SNAPSHOTS_ENABLED"] == "false"
    assert environment["GF_SNAPSHOTS_EXTERNAL_ENABLED"] == "false"
    assert fields["ports"] == ["127.0.0.1:3000:3000"]
    mounted = {volume.split(":")[1] for volume in fields["volumes"]}
    assert "/etc/grafana/provisioning" in mounted
    for path in (ROOT / "grafana/provisioning/dashboards").glob("*.y*ml"):
        for provider in yaml.safe_load(path.read_text())["providers"]:
            folder = Path(provider["options"]["path"])
            assert {str(each) for each in (folder, *folder.parents)} & (mounted - {"/"})
    (source,) = yaml.safe_load(
        (ROOT / "grafana/provisioning/datasources/prometheus.yml").read_text()
    )["datasources"]
    port = RAW["services"]["prometheus"]["ports"][0].split(":")[2]
    assert source["url"] == f"http://prometheus:{port}"
