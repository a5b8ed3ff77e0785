"""Compose, Dockerfile and the start without containers are one stack: files, ports, commands and
environment are those of docker-compose.yml, which is read here without the code under test."""

from __future__ import annotations

import difflib
import re
from itertools import chain
from pathlib import Path
from typing import Final

import pytest
import yaml

from streams.settings import HttpSettings, read_settings
from tests.stack.__main__ import main, urls
from tests.stack.compose import ROOT, ComposeError, active, interpolated, read_compose
from tests.stack.native import ANY, Here, ports_of
from tests.stack.running import can_run
from tests.stack.test_containers import LASTING, LOADS, RAW

NO_CONTAINERS: Final = ("grafana",)
"""What only compose can start."""

TOKEN = "LONGSHORE_HTTP_TOKEN"


@pytest.fixture
def here(tmp_path: Path) -> Here:
    """Two workers, on compose's ports."""
    return Here(read_compose({"WORKERS": "2"}), tmp_path)


def test_everything_is_started_but_what_debian_does_not_have() -> None:
    """Each service of the file is one of the native stack, in an order that compose would take."""
    services = active(read_compose({}), LOADS)
    assert set(services) == set(RAW["services"])
    assert tuple(name for name, each in services.items() if not can_run(each)) == NO_CONTAINERS
    started = list(services)
    for name, fields in RAW["services"].items():
        for before in fields.get("depends_on", {}):
            assert started.index(before) < started.index(name)
    assert not {"flights", "fraud-data", "fraud-model", "fraud"} & set(active(read_compose({}), ()))


def test_commands_are_the_files_commands(here: Here, tmp_path: Path) -> None:
    """Argument by argument, with this machine's paths and addresses and nothing else changed."""
    replaced = {
        "/examples": f"{ROOT}/examples",
        "/profiles": f"{tmp_path}/volumes/profiles/data",
        "/fraud": f"{tmp_path}/volumes/fraud/data",
        "/etc/prometheus": f"{tmp_path}/services/prometheus/etc/prometheus",
        "/etc/alertmanager": f"{tmp_path}/services/alertmanager/etc/alertmanager",
        "=/prometheus": f"={tmp_path}/volumes/prometheus/data",
        "=/alertmanager": f"={tmp_path}/volumes/alertmanager/data",
        ANY: "127.0.0.1",
    }
    programs = {"prometheus": ["prometheus"], "alertmanager": ["prometheus-alertmanager"]}
    services = read_compose({"WORKERS": "2"})
    for name, fields in RAW["services"].items():
        if name in ("kafka", *NO_CONTAINERS):
            continue
        expected = []
        for argument in interpolated(fields["command"], {}):
            at = next((each for each in replaced if argument.startswith(each)), None)
            if at is None:
                at = next((each for each in replaced if f"={each.strip('=')}" in argument), None)
            expected.append(argument.replace(at, replaced[at]) if at else argument)
        program, *rest = here.command(services[name])
        if name in programs:
            assert [program] == programs[name]
        else:
            module = "examples.fraud.generate" if name == "fraud-data" else "streams.cli"
            assert rest[:2] == ["-m", module]
            rest = rest[2:]
        assert rest == expected, name


def test_the_environment_is_the_files_environment(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the worker all names that compose gives it, none of the shell; each has its own port."""
    monkeypatch.setenv("LONGSHORE_PREFIX", "of-the-shell.")
    given = read_compose({TOKEN: "x" * 32})
    assert given["worker"].environment[TOKEN] == "x" * 32
    assert [name for name, each in given.items() if TOKEN in each.environment] == ["worker"]
    worker = read_compose({"WORKERS": "2"})["worker"]
    here.write(worker)
    for replica in range(2):
        own = here.environment(worker, replica)
        names = {key for key in own if key.startswith("LONGSHORE_")}
        assert names == set(RAW["services"]["worker"]["environment"]) - {TOKEN}
        environment = {key: own[key] for key in names}
        settings = read_settings(Path(own["LONGSHORE_CONFIG"]), environment)
        assert settings.brokers == ("127.0.0.1:9092",)
        assert (settings.http.host, settings.http.port) == ("127.0.0.1", 9646 + replica)
        assert here.health_url(worker, replica) == f"http://127.0.0.1:{9646 + replica}/health"
        (model,) = settings.models
        assert Path(model.spec) == ROOT / "examples/flights/spec.yaml"
        assert Path(model.profile) == tmp_path / "volumes/profiles/data/flights.json"


def test_the_brokers_properties_are_the_files(here: Here, tmp_path: Path) -> None:
    """As the image makes them of its environment, at 127.0.0.1."""
    found = here.properties(read_compose({})["kafka"])
    given = RAW["services"]["kafka"]["environment"]
    assert len(found) == len(given) - 1  # the heap is an option of Java
    for key, value in given.items():
        name = key.removeprefix("KAFKA_").lower().replace("_", ".")
        if not {"kafka", ANY} & set(re.split(r"[/:@]", str(value))):
            assert name in {"heap.opts", "log.dirs"} or found[name] == str(value)
    assert found["listeners"] == (
        "INSIDE://127.0.0.1:9092,CONTROLLER://127.0.0.1:9095,HOST://127.0.0.1:9094"
    )
    assert found["advertised.listeners"] == "INSIDE://127.0.0.1:9092,HOST://127.0.0.1:9094"
    assert found["controller.quorum.voters"] == "1@127.0.0.1:9095"
    assert found["log.dirs"] == str(tmp_path / "volumes/kafka/data")
    version = re.findall(r"<version>([\d.]+)</version>", (ROOT / "tests/kafka/pom.xml").read_text())
    assert RAW["services"]["kafka"]["image"].split(":")[1] in version


def test_configuration_is_the_committed_one(here: Here) -> None:
    """Rules and templates to the byte; of the other files only addresses and paths differ."""
    services = read_compose({"WORKERS": "2"})
    for name in ("prometheus", "alertmanager"):
        here.write(services[name])
    copied = here.home(services["prometheus"]) / "etc/prometheus"
    for path in (ROOT / "prometheus").rglob("*"):
        if path.suffix in (".yml", ".tmpl") and path.parent.name in ("rules", "templates"):
            assert (
                copied / path.relative_to(ROOT / "prometheus")
            ).read_bytes() == path.read_bytes()
    used, committed = (
        yaml.safe_load((place / "prometheus.yml").read_text())
        for place in (copied, ROOT / "prometheus")
    )
    assert used["scrape_configs"][0] == {
        "job_name": "longshore",
        "static_configs": [{"targets": ["127.0.0.1:9646", "127.0.0.1:9647"]}],
    }
    here_text, there_text = (
        yaml.safe_dump(each | {"scrape_configs": each["scrape_configs"][1:]})
        for each in (used, committed)
    )
    assert here_text == there_text.replace("alertmanager:9093", "127.0.0.1:9093")
    etc = here.home(services["alertmanager"]) / "etc/alertmanager"
    lines = difflib.ndiff(
        (ROOT / "prometheus/alertmanager.yml").read_text().splitlines(),
        (etc / "alertmanager.yml").read_text().splitlines(),
    )
    changed = [line for line in lines if line.startswith("- ")]
    assert len(changed) == 3
    assert all("/etc/alertmanager/secrets/" in line for line in changed)
    assert (etc / "templates/longshore.tmpl").exists()


def test_secrets_are_read_where_they_are(tmp_path: Path) -> None:
    """A directory that ALERT_SECRETS names is mounted there and copied here nowhere."""
    secrets = tmp_path / "given"
    secrets.mkdir()
    (secrets / "slack_url").write_text("https://hooks.example/secret")
    services = read_compose({"ALERT_SECRETS": str(secrets)})
    here = Here(services, tmp_path / "stack")
    here.write(services["alertmanager"])
    written = [each for each in (tmp_path / "stack").rglob("*") if each.is_file()]
    assert not any("hooks.example" in each.read_text() for each in written)
    config = (here.home(services["alertmanager"]) / "etc/alertmanager/alertmanager.yml").read_text()
    assert f"api_url_file: {secrets}/slack_url" in config


def test_ports_are_published_on_the_loopback_and_none_twice() -> None:
    """What is published is what listens, and all containers fit on one machine."""
    ports = ports_of(read_compose({}))
    numbers = list(chain.from_iterable(ports.values()))
    assert len(numbers) == len(set(numbers))
    assert {name for name, _ in ports} == set(LASTING)
    assert ports["worker", HttpSettings().port][0] == HttpSettings().port
    for name in LASTING:
        for port in RAW["services"][name]["ports"]:
            address, _, container = port.split(":")
            assert address == "127.0.0.1"
            assert (name, int(container)) in ports


def test_what_is_not_understood_is_refused(tmp_path: Path) -> None:
    """A key that this start would leave out, and services that wait for each other."""
    text = (ROOT / "docker-compose.yml").read_text()
    strange = tmp_path / "strange.yml"
    strange.write_text(
        text.replace("    image: apache/", "    network_mode: host\n    image: apache/")
    )
    with pytest.raises(ComposeError, match="kafka: not understood: network_mode"):
        read_compose({}, strange)
    services = read_compose({})
    with pytest.raises(ComposeError, match="topics"):
        active({"topics": services["topics"]}, ())


def test_variables_are_composes() -> None:
    """Given, empty or absent with a default, and a dollar that is none."""
    given = {"A": "1", "B": ""}
    assert interpolated(["${A:-2}", "${B:-2}", "${C}", "$$A", "x${A}y"], given) == [
        *("1", "2", "", "$A", "x1y")
    ]


@pytest.mark.parametrize("count", ["none", "0", "-1", "1.5"])
def test_a_number_of_workers_that_is_none_is_told(
    count: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its name, and nothing starts."""
    monkeypatch.setenv("WORKERS", count)
    assert main(["up"]) == 1
    assert capsys.readouterr().out == (
        f"docker-compose.yml: worker: {count!r} is no number of replicas (WORKERS)\n"
    )


def test_urls_are_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """One line a port, each worker its own; wrong words are told."""
    services = read_compose({"WORKERS": "2"})
    lines = urls(services, Here(services, tmp_path))
    text = "\n".join(lines)
    assert len(lines) == len(LASTING) + 1
    assert "http://127.0.0.1:9647/metrics" in text
    assert "http://127.0.0.1:9090/api/v1/alerts" in text
    assert "127.0.0.1:9094" in text
    assert main(["sideways"]) == 2
    assert "usage:" in capsys.readouterr().out
    assert main(["up", "shopping"]) == 2
    assert "no load shopping; there are flights, fraud" in capsys.readouterr().out


def test_make_starts_it() -> None:
    """`make stack` and `make stack-down` are the commands, with the load by its name."""
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(
        r"^stack: .*\n\t@\$\(PY\) -m tests\.stack up \$\(LOAD\)$", makefile, re.MULTILINE
    )
    assert re.search(r"^stack-down: .*\n\t@\$\(PY\) -m tests\.stack down$", makefile, re.MULTILINE)
