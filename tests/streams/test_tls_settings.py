"""TLS and logins from the settings: what reaches the clients, and what is refused by name."""

from __future__ import annotations

import socket
import ssl
import threading
import time
import warnings
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka import KafkaError, Producer

from streams.app import _credentials
from streams.cli.inputs import settings_from
from streams.clients import kafka_python_options, librdkafka_options, librdkafka_reader_options
from streams.settings import Settings, SettingsError, read_settings
from tests.certificates import Authority, Certificate

WAIT_S: Final = 30.0
LOGIN: Final = {"SASL_MECHANISM": "SCRAM-SHA-512", "SASL_USER": "ann", "SASL_PASSWORD": "swordfish"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs the certificates here."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def own(authority: Authority) -> Certificate:
    """The client's certificate."""
    return authority.issue("worker")


def security(**named: object) -> Settings:
    """Settings with these of the section ``security``."""
    environment = {f"LONGSHORE_SECURITY_{name}": str(text) for name, text in named.items()}
    return read_settings(None, environment)


def faults(**named: object) -> list[str]:
    """What is wrong with these settings of the section ``security``."""
    with pytest.raises(SettingsError) as caught:
        security(**named)
    return caught.value.faults


def test_login_and_certificates_reach_every_client(authority: Authority, own: Certificate) -> None:
    """The same user, password, authority and certificate reach aiokafka, librdkafka and
    kafka-python, and each of them checks the broker's name and refuses what is older than TLS 1.2.
    """
    files = {"SSL_CA": authority.cert, "SSL_CERT": own.cert, "SSL_KEY": own.key}
    settings = security(PROTOCOL="SASL_SSL", **LOGIN, **files)
    for options in (librdkafka_options(settings), librdkafka_reader_options(settings)):
        assert options["security.protocol"] == "SASL_SSL"
        assert options["sasl.mechanism"] == "SCRAM-SHA-512"
        assert options["sasl.username"] == "ann"
        assert options["sasl.password"] == "swordfish"
        assert options["ssl.ca.location"] == str(authority.cert)
        assert options["ssl.certificate.location"] == str(own.cert)
        assert options["ssl.endpoint.identification.algorithm"] == "https"
    python = kafka_python_options(settings)
    assert (python["sasl_plain_username"], python["sasl_plain_password"]) == ("ann", "swordfish")
    faust = _credentials(settings.security)
    assert (faust.username, faust.password) == ("ann", "swordfish")
    assert faust.protocol.value == "SASL_SSL"
    for context in (python["ssl_context"], faust.ssl_context):
        assert context.check_hostname
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_without_an_authority_the_systems_are_trusted() -> None:
    """No client is left without a check when no authority is named."""
    settings = security(PROTOCOL="SSL")
    assert librdkafka_options(settings)["ssl.ca.location"] == "probe"
    assert kafka_python_options(settings)["ssl_context"].verify_mode is ssl.CERT_REQUIRED


def test_a_login_without_tls_must_be_asked_for() -> None:
    """SASL_PLAINTEXT shows the login to the network, so it needs a word of its own."""
    found = faults(PROTOCOL="SASL_PLAINTEXT", **LOGIN)
    assert len(found) == 1
    assert "take SASL_SSL, or say security.allow_sasl_without_tls: true" in found[0]
    asked = security(PROTOCOL="SASL_PLAINTEXT", ALLOW_SASL_WITHOUT_TLS="true", **LOGIN)
    assert kafka_python_options(asked)["security_protocol"] == "SASL_PLAINTEXT"
    assert _credentials(asked.security).protocol.value == "SASL_PLAINTEXT"


def test_broken_files_are_faults_with_their_names(
    authority: Authority, own: Certificate, tmp_path: Path
) -> None:
    """Each file is tried before anything starts, and the line names setting and file."""
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    binary = tmp_path / "binary.pem"
    binary.write_bytes(b"\xff\xfe\x00")
    other = authority.issue("other")
    locked = authority.issue("locked", password="swordfish")
    both = {"PROTOCOL": "SSL", "SSL_CERT": own.cert}
    for named, fault in (
        ({"SSL_CA": tmp_path / "no.pem"}, "security.ssl_ca: {} cannot be read: No such file"),
        ({"SSL_CA": tmp_path}, "security.ssl_ca: {} cannot be read: is no regular file"),
        ({"SSL_CA": rubbish}, "security.ssl_ca: {} holds no certificate"),
        ({"SSL_CA": binary}, "security.ssl_ca: {} holds no certificate"),
        ({"SSL_KEY": rubbish}, "security.ssl_key: {} holds no private key"),
        ({"SSL_KEY": other.key}, "security.ssl_key: {} does not belong to the certificate in"),
    ):
        given = both | ({"SSL_KEY": own.key} | named)
        path = next(iter(named.values()))
        found = faults(**given)
        assert len(found) == 1, found
        assert found[0].startswith(fault.format(path)), found
    assert "go together" in faults(PROTOCOL="SSL", SSL_KEY=own.key)[0]
    assert "but the protocol is PLAINTEXT" in faults(SSL_CA=authority.cert)[0]
    encrypted = {"PROTOCOL": "SSL", "SSL_CERT": locked.cert, "SSL_KEY": locked.key}
    assert "is encrypted; give ssl_key_password_file" in faults(**encrypted)[0]
    assert "does not open with" in faults(**encrypted, SSL_KEY_PASSWORD="tunafish")[0]
    opened = security(**encrypted, SSL_KEY_PASSWORD="swordfish")
    assert librdkafka_options(opened)["ssl.key.password"] == "swordfish"
    Producer(librdkafka_options(opened))


def test_tls_1_1_is_refused_by_librdkafka_too(authority: Authority) -> None:
    """The oldest version is no setting of librdkafka: its ciphers keep older ones out, and let
    TLS 1.2 in."""
    assert handshake(authority, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    assert handshake(authority, ssl.TLSVersion.TLSv1_1) is None


def handshake(authority: Authority, newest: ssl.TLSVersion) -> str | None:
    """What a librdkafka client agrees on with a server that speaks no newer version; None: nothing
    (``_SSL`` or a closed connection)."""
    server = authority.issue(f"server-{newest.name}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.cert, server.key)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the old version is the subject
        context.minimum_version = newest
        context.maximum_version = newest
    agreed: list[str | None] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(WAIT_S)

        def serve() -> None:
            connection, _ = listener.accept()
            connection.settimeout(WAIT_S)
            try:
                with context.wrap_socket(connection, server_side=True) as wrapped:
                    agreed.append(wrapped.version())
            except (ssl.SSLError, OSError):
                agreed.append(None)
                connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        settings = read_settings(
            None,
            {
                "LONGSHORE_BROKERS": f"127.0.0.1:{listener.getsockname()[1]}",
                "LONGSHORE_SECURITY_PROTOCOL": "SSL",
                "LONGSHORE_SECURITY_SSL_CA": str(authority.cert),
            },
        )
        met: list[KafkaError] = []
        client = Producer(librdkafka_options(settings) | {"error_cb": met.append, "log_level": 0})
        end = time.monotonic() + WAIT_S
        while not agreed and time.monotonic() < end:
            client.poll(0.05)
        thread.join(WAIT_S)
    assert agreed, "nobody connected"
    return agreed[0]


def test_a_secret_file_that_everybody_may_read_is_told(
    tmp_path: Path, own: Certificate, capsys: pytest.CaptureFixture[str]
) -> None:
    """One warning per file with its name, the settings file included when the secret is in it."""
    password = tmp_path / "password"
    password.write_text("swordfish\n")
    config = tmp_path / "longshore.yaml"
    config.write_text("http: {token: starfish}\n")
    environment = {
        "LONGSHORE_SECURITY_PROTOCOL": "SASL_SSL",
        "LONGSHORE_SECURITY_SASL_MECHANISM": "PLAIN",
        "LONGSHORE_SECURITY_SASL_USER": "ann",
        "LONGSHORE_SECURITY_SASL_PASSWORD_FILE": str(password),
        "LONGSHORE_SECURITY_SSL_CERT": str(own.cert),
        "LONGSHORE_SECURITY_SSL_KEY": str(own.key),
    }
    for mode, warned in ((0o644, 3), (0o640, 0)):
        for file in (password, config, own.key):
            file.chmod(mode)
        settings_from(config, None, None, environment=environment)
        told = capsys.readouterr().err
        assert told.count("every user may read") == warned
        assert all(str(file) in told for file in (password, config, own.key)) == bool(warned)
        assert "fish" not in told
    settings_from(config, None, None, environment={"LONGSHORE_HTTP_TOKEN": "x"})
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("security: {sasl_password: 12345}", "security.sasl_password: text in quotes is needed"),
        ("security: {sasl_password: [hidden]}", "security.sasl_password: text in quotes is needed"),
        ("http: {token: ''}", "http.token: text in quotes is needed, and not empty"),
        ("http: {token_file: no}", "http.token_file: "),
        ("http: {token_file: /dev/null}", "cannot be read: is no regular file"),
    ],
)
def test_secrets_of_another_shape_are_refused_unseen(tmp_path: Path, text: str, fault: str) -> None:
    """A password that YAML read as a number or a list is a fault which does not show it."""
    path = tmp_path / "longshore.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        read_settings(path, {})
    lines = "\n".join(caught.value.faults)
    assert fault in lines
    assert "12345" not in lines
    assert "hidden" not in lines
