"""How the brokers are spoken to, and secrets that cannot be shown by accident.

Rule.  A secret comes from a file of its own (``sasl_password_file``), from the environment or from
the settings file, never from the command line, where every user of the machine could read it.  No
``repr``, log line or error shows one.  A login without TLS is refused unless it is asked for.
"""

from __future__ import annotations

import stat
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from streams.bounded_file import read_bounded

__all__ = [
    "SECRETS",
    "HttpSettings",
    "SaslMechanism",
    "Secret",
    "SecurityProtocol",
    "SecuritySettings",
    "exposed_secrets",
    "read_secrets",
]

MAX_SECRET_BYTES: Final = 65_536
SECRETS: Final = {"http": ("token",), "security": ("sasl_password", "ssl_key_password")}
"""Section -> its secrets; each has a ``..._file`` beside it."""

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class Secret:
    """Text that is never shown by accident."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the client that needs it."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(Secret)

    def __reduce__(self) -> Any:  # noqa: ANN401 - never returns
        raise TypeError("a secret is not written anywhere")

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where /metrics, the health answers and /state are served; port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 9646
    token: Secret | None = None
    """What /state asks for (``Authorization: Bearer``); without one it is closed to everybody."""
    token_file: str | None = None
    page: bool = True
    """Whether the live page is served.  It shows data only where there is a token."""
    names: tuple[str, ...] = ()
    """Host names, beside addresses and ``localhost``, by which the page may be asked for."""

    @property
    def shows_data(self) -> bool:
        """Whether somebody may see data on the page, so that its topics have to be read."""
        return self.page and self.token is not None


class SecuritySettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to speak to the brokers; reaches every Kafka client alike."""

    protocol: SecurityProtocol = "PLAINTEXT"
    sasl_mechanism: SaslMechanism | None = None
    sasl_user: str | None = None
    sasl_password: Secret | None = None
    sasl_password_file: str | None = None
    allow_sasl_without_tls: bool = False
    """PLAIN sends the password itself, and nothing protects what follows a login."""
    ssl_ca: str | None = None
    """Certificates of the authorities trusted (PEM); the system's when absent."""
    ssl_cert: str | None = None
    """The client's own certificate (PEM), for mutual TLS."""
    ssl_key: str | None = None
    ssl_key_password: Secret | None = None
    ssl_key_password_file: str | None = None

    @property
    def encrypted(self) -> bool:
        """Whether the connection is TLS."""
        return self.protocol in ("SSL", "SASL_SSL")

    @property
    def authenticated(self) -> bool:
        """Whether the connection logs in by SASL."""
        return self.protocol in ("SASL_PLAINTEXT", "SASL_SSL")


def read_secrets(section: str, values: Mapping[str, Any], faults: list[str]) -> dict[str, Secret]:
    """The secrets of a section that its values name files of; faults name the file, never more."""
    found: dict[str, Secret] = {}
    for name in SECRETS[section]:
        path = values.get(f"{name}_file")
        if path is None:
            continue
        if values.get(name) is not None:
            faults.append(f"{section}.{name}: give it or its file, not both")
            continue
        try:
            text = read_bounded(Path(path), MAX_SECRET_BYTES).decode().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            faults.append(f"{section}.{name}_file: {path} cannot be read: {reason}")
            continue
        if text:
            found[name] = Secret(text)
        else:
            faults.append(f"{section}.{name}_file: {path} is empty")
    return found


def exposed_secrets(
    http: HttpSettings,
    security: SecuritySettings,
    config: Path | None,
    environment: Collection[str],
) -> list[str]:
    """A warning per file with a secret in it that every user of the machine may read.

    ``config`` is the settings file, ``environment`` the names of the variables that stand over it.
    """
    holders = {"security.ssl_key": security.ssl_key}
    sections: dict[str, HttpSettings | SecuritySettings] = {"http": http, "security": security}
    for section, values in sections.items():
        for name in SECRETS[section]:
            path = getattr(values, f"{name}_file")
            variable = f"LONGSHORE_{section}_{name}".upper()
            if path is None and getattr(values, name) is not None and variable not in environment:
                path = None if config is None else str(config)
            holders[f"{section}.{name}"] = path
    warnings = []
    for setting, path in holders.items():
        if path is not None and _open_to_others(path):
            warnings.append(f"{setting}: every user may read {path}; mend it: chmod o= {path}")
    return warnings


def _open_to_others(path: str) -> bool:
    try:
        return bool(Path(path).stat().st_mode & stat.S_IROTH)
    except OSError:
        return False
