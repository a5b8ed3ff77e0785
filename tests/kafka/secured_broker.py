"""A real broker that lets in nobody unknown and allows nothing that was not granted.

Rule.  Two doors: SASL_SSL (SCRAM-SHA-512 or PLAIN, TLS to the broker only) and SSL with a client's
certificate required.  Kafka's own authoriser, ``allow.everyone.if.no.acl.found=false``; the one
super user is ``admin``, and the broker itself by its certificate.  Users, passwords and
certificates are made for each broker and end with it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from streams.acls import Right
from tests.certificates import Authority, Certificate
from tests.kafka.broker import LARGEST_RECORD_BYTES, PROPERTIES, RealBroker, answers
from tests.owned_process import free_ports

USERS: Final = ("admin", "worker", "producer", "trainer", "operator")
"""Each logs in by SCRAM with :meth:`SecuredBroker.password`, the worker by certificate as well."""
ITERATIONS: Final = 4096
"""Kafka's least; the wait that more would cost is the point of it, but not here."""
ANSWER_S: Final = 30.0
SECURED: Final = """
listeners=SASL_SSL://127.0.0.1:{port},SSL://127.0.0.1:{tls_port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=SASL_SSL://127.0.0.1:{port},SSL://127.0.0.1:{tls_port}
listener.security.protocol.map=SASL_SSL:SASL_SSL,SSL:SSL,CONTROLLER:SSL
inter.broker.listener.name=SSL
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={truststore}
ssl.client.auth=required
listener.name.sasl_ssl.ssl.client.auth=none
sasl.enabled.mechanisms=SCRAM-SHA-512,SCRAM-SHA-256,PLAIN
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={scram} required;
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config={scram} required;
listener.name.sasl_ssl.plain.sasl.jaas.config={plain} required user_worker="{worker_password}";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users=User:admin;User:CN=broker
"""
LOGIN_MODULE: Final = "org.apache.kafka.common.security"


class SecuredBroker(RealBroker):
    """As :class:`RealBroker`; ``bootstrap`` is the door with a login, ``tls_bootstrap`` the one
    with a certificate."""

    start_seconds = 120.0  # its own connections are encrypted too, which a busy machine feels

    def __init__(self) -> None:
        super().__init__()
        self._secrets = Path(tempfile.mkdtemp(prefix="longshore-secrets-"))
        self.authority = Authority(self._secrets)
        self.stranger = Authority(self._secrets, "stranger")
        """Nobody here trusts it."""
        self._broker = self.authority.issue("broker")
        self.worker_certificate = self.authority.issue("worker")
        self.tls_port = 0

    def close(self) -> None:
        super().close()
        shutil.rmtree(self._secrets, ignore_errors=True)

    @property
    def tls_bootstrap(self) -> str:
        """The address of the door with a certificate."""
        return f"127.0.0.1:{self.tls_port}"

    @staticmethod
    def password(user: str) -> str:
        """What this user logs in with."""
        return f"hush-{user}-swordfish"

    def login(self, user: str, **more: object) -> dict[str, str]:
        """The environment of a command that logs in as this user; ``more`` of ``security`` over
        it."""
        login = {
            "protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_user": user,
            "sasl_password": self.password(user),
            "ssl_ca": self.authority.cert,
        }
        return self._environment(self.bootstrap, **(login | more))

    def certificate(self, own: Certificate) -> dict[str, str]:
        """The environment of a command that shows this certificate."""
        return self._environment(
            self.tls_bootstrap,
            protocol="SSL",
            ssl_ca=self.authority.cert,
            ssl_cert=own.cert,
            ssl_key=own.key,
        )

    @staticmethod
    def _environment(bootstrap: str, **security: object) -> dict[str, str]:
        named = {f"LONGSHORE_SECURITY_{name.upper()}": str(at) for name, at in security.items()}
        return {"LONGSHORE_BROKERS": bootstrap, **named}

    def client(self, user: str = "admin") -> dict[str, str]:
        """Options of a librdkafka client that logs in as this user."""
        return {
            "bootstrap.servers": self.bootstrap,
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": self.password(user),
            "ssl.ca.location": str(self.authority.cert),
        }

    def grant(self, rights: Iterable[Right]) -> None:
        """Allow exactly this, beside what is allowed already."""
        admin = AdminClient(self.client())  # its end would end what is under way
        bindings = [_binding(right, AclBinding) for right in rights]
        for made in admin.create_acls(bindings).values():
            made.result(ANSWER_S)

    def withdraw(self, rights: Iterable[Right]) -> None:
        """Take these rights away again."""
        admin = AdminClient(self.client())
        filters = [_binding(right, AclBindingFilter) for right in rights]
        for gone in admin.delete_acls(filters).values():
            assert gone.result(ANSWER_S), "this right was not there"

    def _properties(self) -> str:
        self.port, self.tls_port, controller_port = free_ports(3)
        keystore = self._secrets / "keystore.pem"
        keystore.write_text(self._broker.key.read_text() + self._broker.cert.read_text())
        keystore.chmod(0o600)
        plain = PROPERTIES.format(
            port=self.port,
            controller_port=controller_port,
            directory=self.directory,
            largest=LARGEST_RECORD_BYTES,
        )
        secured = SECURED.format(
            port=self.port,
            tls_port=self.tls_port,
            controller_port=controller_port,
            keystore=keystore,
            truststore=self.authority.cert,
            scram=f"{LOGIN_MODULE}.scram.ScramLoginModule",
            plain=f"{LOGIN_MODULE}.plain.PlainLoginModule",
            worker_password=self.password("worker"),
        )
        # The last line of a name counts.
        return plain + secured

    def _format_options(self) -> list[str]:
        options = []
        for user in USERS:
            for mechanism in ("SCRAM-SHA-512", "SCRAM-SHA-256"):
                made = f"name={user},password={self.password(user)},iterations={ITERATIONS}"
                options += ["--add-scram", f"{mechanism}=[{made}]"]
        return options

    def _answers(self) -> bool:
        return answers(self.port, self.client())


def _binding(right: Right, kind: type[AclBinding | AclBindingFilter]) -> AclBinding:
    return kind(
        ResourceType[right.resource.upper()],
        right.name,
        ResourcePatternType.LITERAL,
        right.principal,
        "*",
        AclOperation[right.operation.upper()],
        AclPermissionType.ALLOW,
    )
