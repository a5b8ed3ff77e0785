"""Settings: one file, the environment over it, every fault at once, no secret shown."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from streams.settings import Settings, SettingsError, read_settings


def write(tmp_path: Path, text: str) -> Path:
    """A settings file."""
    path = tmp_path / "longshore.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(path: Path | None, environment: dict[str, str]) -> list[str]:
    """What is wrong with these settings."""
    with pytest.raises(SettingsError) as caught:
        read_settings(path, environment)
    return caught.value.faults


def test_nothing_given_is_the_default() -> None:
    """No file and no environment give the defaults, on the loopback address only."""
    settings = read_settings(None, {"PATH": "/bin"})
    assert settings == Settings()
    assert settings.http.host == "127.0.0.1"


def test_the_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    """Each field has one place in the file and one name in the environment."""
    path = write(
        tmp_path,
        "brokers: [a:1, b:2]\nprefix: x.\nhttp: {port: 1}\n"
        "models: [{spec: s.yaml, profile: p.json}]\n",
    )
    environment = {
        "LONGSHORE_HTTP_PORT": "0",
        "LONGSHORE_PARTITIONS": "8",
        "LONGSHORE_EMBEDDED": "true",
        "LONGSHORE_HTTP_PAGE": "false",
        "LONGSHORE_HTTP_NAMES": "monitor.example, drift.example",
        "LONGSHORE_CONFIG": "ignored here",
    }
    settings = read_settings(path, environment)
    assert settings.brokers == ("a:1", "b:2")
    assert (settings.prefix, settings.http.port, settings.partitions) == ("x.", 0, 8)
    assert settings.embedded
    assert settings.http.names == ("monitor.example", "drift.example")
    assert not settings.http.page
    assert settings.models[0].profile == "p.json"


def test_lists_in_the_environment() -> None:
    """Brokers are comma-separated, a model is SPEC:PROFILE."""
    environment = {"LONGSHORE_BROKERS": "a:1, b:2", "LONGSHORE_MODELS": "s.yaml:p.json"}
    settings = read_settings(None, environment)
    assert settings.brokers == ("a:1", "b:2")
    assert settings.models[0].spec == "s.yaml"


def test_every_fault_is_listed_with_its_place(tmp_path: Path) -> None:
    """Faults of the file and of the environment come together, each naming where it is."""
    path = write(tmp_path, "partitions: four\nbrokers: [nowhere]\nhttp: {prot: 1}\ncolour: red\n")
    found = faults(path, {"LONGSHORE_HTTP_PORT": "70000", "LONGSHORE_BROKER": "a:1"})
    assert len(found) == 6, found
    text = "\n".join(found)
    assert f"{path}: partitions: " in text
    assert "brokers: 'nowhere' is not host:port" in text
    assert "http.prot: there is no such setting" in text
    assert f"{path}: http.prot: there is" in text
    assert f"{path}: colour: there is no such setting" in text
    assert "http.port: 70000 is not a port" in text
    assert "environment: LONGSHORE_BROKER: there is no such setting" in text


@pytest.mark.parametrize(
    "text",
    [
        "- a list\n",
        "a: [\n",
        "d: 2001-99-99\n",
        "x: !!int ''\n",
        "x: !!float abc\n",
        "x: !!bool abc\n",
        "x: !!timestamp abc\n",
        f"x: {'9' * 5_000}\n",
        "x: " + "[" * 5_000,
    ],
)
def test_a_file_of_another_shape_is_a_fault(tmp_path: Path, text: str) -> None:
    """What is no YAML mapping is refused."""
    assert len(faults(write(tmp_path, text), {})) == 1


def test_a_missing_file_is_a_fault(tmp_path: Path) -> None:
    """A file that was named must be there."""
    assert "cannot be read" in faults(tmp_path / "no.yaml", {})[0]


def test_a_section_of_another_shape_is_a_fault(tmp_path: Path) -> None:
    """A section is a mapping."""
    assert faults(write(tmp_path, "http: 9646\n"), {})[0].endswith("http: a mapping is needed")


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    """Neither the settings' repr nor a fault shows a password, wherever it came from."""
    (tmp_path / "password").write_text("swordfish\n", encoding="utf-8")
    environment = {
        "LONGSHORE_SECURITY_PROTOCOL": "SASL_SSL",
        "LONGSHORE_SECURITY_SASL_MECHANISM": "SCRAM-SHA-512",
        "LONGSHORE_SECURITY_SASL_USER": "ann",
        "LONGSHORE_SECURITY_SASL_PASSWORD_FILE": str(tmp_path / "password"),
    }
    settings = read_settings(None, environment)
    password = settings.security.sasl_password
    assert password is not None
    assert password.reveal() == "swordfish"
    assert "swordfish" not in f"{settings!r} {password} {password!r}"
    both = environment | {"LONGSHORE_SECURITY_SASL_PASSWORD": "tunafish"}
    assert "tunafish" not in "\n".join(faults(None, both))


def test_what_is_not_utf_8_is_refused_and_not_shown(tmp_path: Path) -> None:
    """A variable holds any bytes, and an escape in YAML half a character; neither could be sent."""
    login = {
        "LONGSHORE_SECURITY_PROTOCOL": "SASL_SSL",
        "LONGSHORE_SECURITY_SASL_MECHANISM": "PLAIN",
        "LONGSHORE_SECURITY_SASL_USER": "ann",
        "LONGSHORE_SECURITY_SASL_PASSWORD": "sword\udcff",
    }
    name = "environment: LONGSHORE_SECURITY_SASL_PASSWORD: security.sasl_password"
    assert faults(None, login) == [f"{name}: is not UTF-8"]
    token = {"LONGSHORE_HTTP_TOKEN": "tok\udcff"}
    assert faults(None, token) == ["environment: LONGSHORE_HTTP_TOKEN: http.token: is not UTF-8"]
    path = write(tmp_path, 'http: {token: "tok\\ud800"}\nbrokers: ["a\\ud800:1"]\n')
    assert faults(path, {}) == [
        f"{path}: brokers: is not UTF-8",
        f"{path}: http.token: is not UTF-8",
    ]


@pytest.mark.parametrize(
    ("environment", "fault"),
    [
        ({"SECURITY_PROTOCOL": "SASL_SSL"}, "security.sasl_password: needed with SASL_SSL"),
        ({"SECURITY_SASL_USER": "ann"}, "but the protocol is PLAINTEXT"),
        ({"SECURITY_PROTOCOL": "TLS"}, "Invalid enum value 'TLS'"),
        ({"PREFIX": "drift/"}, "not legal in a topic name"),
        ({"GROUP": ""}, "group: may not be empty"),
        ({"HEARTBEAT_INTERVAL_S": "3"}, "at most a third of session_timeout_s"),
        ({"SNAPSHOT_INTERVAL_S": "0.1"}, "at least flush_interval_s"),
        ({"PARTITIONS": "0"}, "partitions: 0 is not in 1 to 10,000"),
        ({"FLUSH_INTERVAL_S": "nan"}, "flush_interval_s: nan is not a finite number"),
        ({"SNAPSHOT_INTERVAL_S": "nan"}, "snapshot_interval_s: nan is not a finite number"),
        ({"SNAPSHOT_INTERVAL_S": "inf"}, "snapshot_interval_s: inf is not a finite number"),
        ({"STUCK_AFTER_S": "inf"}, "stuck_after_s: inf is not a finite number"),
        ({"RECOVERY_LIMIT_S": "inf"}, "recovery_limit_s: inf is not a finite number"),
        ({"PANES_RETENTION_H": "Infinity"}, "panes_retention_h: inf is not a finite number"),
        ({"DEAD_LETTER_RATIO_LIMIT": "nan"}, "dead_letter_ratio_limit: nan is not a finite"),
        ({"STUCK_AFTER_S": "3"}, "stuck_after_s: 3 is too short to tell a stuck worker"),
        ({"RECOVERY_LIMIT_S": "3"}, "recovery_limit_s: 3 is too short to tell a stuck worker"),
        ({"HTTP_HOST": ""}, "http.host: may not be empty"),
        ({"GROUP": "x" * 256}, "group: at most 255 characters"),
        ({"GROUP": "a\nb"}, "group: at most 255 characters, all of them printable"),
        ({"MAX_RECORD_BYTES": "99999999999"}, "max_record_bytes: 99999999999 is not in 1 to"),
        ({"BATCH_SIZE": "99999999999"}, "batch_size: 99999999999 is not in 1 to 100,000"),
        ({"SESSION_TIMEOUT_S": "1e300"}, "session_timeout_s: 1e+300 is not in 0.01 to 3,600"),
        ({"REBALANCE_TIMEOUT_S": "1e12"}, "rebalance_timeout_s: 1000000000000 is not"),
        ({"PANES_RETENTION_H": "1e15"}, "panes_retention_h: 1e+15 is not in 0.1 to 87,600"),
        ({"PANES_RETENTION_H": "1e-300"}, "panes_retention_h: 1e-300 is not in 0.1"),
        ({"FLUSH_INTERVAL_S": "1e-300"}, "flush_interval_s: 1e-300 is not in 0.01 to"),
        ({"HEARTBEAT_INTERVAL_S": "1e-300"}, "heartbeat_interval_s: 1e-300 is not in 0.01"),
        ({"SNAPSHOT_RECORD_BYTES": "99999999999"}, "snapshot_record_bytes: at most max_record"),
        ({"STUCK_AFTER_S": "1e300"}, "stuck_after_s: 1e+300 is not in 0 to 86,400"),
        ({"RECOVERY_LIMIT_S": "86401"}, "recovery_limit_s: 86401 is not in 0 to 86,400"),
        ({"REFUSAL_SHOWN_S": "-1"}, "refusal_shown_s: -1 is not in 0 to 86,400"),
        ({"PARTITIONS": "99999999999"}, "partitions: 99999999999 is not in 1 to 10,000"),
        ({"REPLICATION": "99999"}, "replication: 99999 is not in 1 to 100"),
        ({"DEAD_LETTERS_PER_MINUTE": "9" * 400}, "dead_letters_per_minute: a number of so many"),
        ({"PENDING": "tape"}, "Invalid enum value 'tape'"),
        ({"PENDING": "disk"}, "data_dir: needed with pending: disk"),
        ({"DATA_DIR": "data"}, "data_dir: is used with pending: disk only"),
        ({"PENDING": "disk", "DATA_DIR": "a\0b"}, "data_dir: no path of a file system has"),
        ({"SNAPSHOT_INTERVAL_S": "101"}, "stuck_after_s: at least 3 times snapshot_interval_s"),
    ],
)
def test_contradictions_refuse_to_start(environment: dict[str, str], fault: str) -> None:
    """Settings that cannot work together are refused by name."""
    found = faults(None, {f"LONGSHORE_{name}": text for name, text in environment.items()})
    assert any(fault in line for line in found), found


def test_an_empty_instance_id_is_none(tmp_path: Path) -> None:
    """What ``${INSTANCE}`` of a compose file leaves when it is not set: dynamic membership, with
    its session time-out; one that is given brings that of static membership."""
    for settings in (
        read_settings(None, {"LONGSHORE_GROUP_INSTANCE_ID": ""}),
        read_settings(write(tmp_path, "group_instance_id: ''\n"), {}),
        read_settings(
            write(tmp_path, "group_instance_id: a\n"), {"LONGSHORE_GROUP_INSTANCE_ID": ""}
        ),
    ):
        assert settings == Settings()
    static = read_settings(None, {"LONGSHORE_GROUP_INSTANCE_ID": "a"})
    assert static.group_instance_id == "a"
    assert static.session_timeout_s > Settings().session_timeout_s


def test_every_number_must_be_finite(tmp_path: Path) -> None:
    """Also the numbers that settings will have one day."""
    kinds = msgspec.structs.fields(Settings)
    numbers = [field.name for field in kinds if field.type is float]
    assert "snapshot_interval_s" in numbers
    for name in numbers:
        found = faults(write(tmp_path, f"{name}: .inf\n"), {})
        assert any(f"{name}: inf is not a finite number" in line for line in found), found
