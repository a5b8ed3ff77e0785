"""TLS alike for every client: who is trusted, who we are, and what is wrong with the files.

Rule.  The broker's certificate must be signed by a trusted authority and name the host that was
dialled; TLS 1.2 is the oldest version; ciphers are those with forward secrecy and an authenticated
mode, which TLS 1.0 and 1.1 do not have.  Every file is tried before a worker starts, so that a
broken one is a fault with its name and not a client's stack trace.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

from streams.bounded_file import read_bounded
from streams.security_settings import SecuritySettings

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM"
"""OpenSSL's words for the cipher suites of TLS 1.2; those of 1.3 are always on."""
MAX_PEM_BYTES: Final = 1_048_576
_MISMATCH: Final = "KEY_VALUES_MISMATCH"


def tls_context(security: SecuritySettings) -> ssl.SSLContext | None:
    """The TLS context of aiokafka and kafka-python, None without encryption.

    ssl.SSLError or OSError when a file cannot be used (see :func:`tls_faults`).
    """
    if not security.encrypted:
        return None
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=security.ssl_ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    if security.ssl_cert is not None:
        secret = security.ssl_key_password
        # Without one OpenSSL would ask at the terminal.
        password = "" if secret is None else secret.reveal()
        context.load_cert_chain(security.ssl_cert, security.ssl_key, lambda: password)
    return context


def tls_faults(security: SecuritySettings) -> list[str]:
    """What is wrong with the files of these settings; a line names the setting and the file."""
    files = {name: getattr(security, name) for name in ("ssl_ca", "ssl_cert", "ssl_key")}
    given = {name: path for name, path in files.items() if path is not None}
    faults = []
    if not security.encrypted:
        faults = [
            f"security.{name}: given, but the protocol is {security.protocol}" for name in given
        ]
        if security.ssl_key_password is not None:
            faults.append(
                f"security.ssl_key_password: given, but the protocol is {security.protocol}"
            )
        return faults
    if (security.ssl_cert is None) != (security.ssl_key is None):
        faults.append("security: ssl_cert and ssl_key go together")
    if security.ssl_key_password is not None and security.ssl_key is None:
        faults.append("security.ssl_key_password: given without ssl_key")
    broken = {name: fault for name, path in given.items() if (fault := _file_fault(name, path))}
    faults += broken.values()
    if not faults and security.ssl_cert is not None and security.ssl_key is not None:
        faults += _key_fault(security, security.ssl_cert, security.ssl_key)
    return faults


def _file_fault(name: str, path: str) -> str | None:
    """Unreadable, or no PEM of its kind; the key's content is tried with its certificate."""
    try:
        content = read_bounded(Path(path), MAX_PEM_BYTES)
    except OSError as error:
        return f"security.{name}: {path} cannot be read: {error.strerror}"
    if name == "ssl_key":
        return None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(
            cadata=content.decode("ascii")
        )
    except (ssl.SSLError, ValueError):
        return f"security.{name}: {path} holds no certificate in PEM, or a damaged one"
    return None


def _key_fault(security: SecuritySettings, cert: str, key: str) -> list[str]:
    asked = []

    def password() -> str:
        asked.append(True)
        secret = security.ssl_key_password
        return "" if secret is None else secret.reveal()

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(cert, key, password)
    except (ssl.SSLError, OSError, ValueError) as error:
        if getattr(error, "reason", None) == _MISMATCH:
            return [f"security.ssl_key: {key} does not belong to the certificate in {cert}"]
        if asked and security.ssl_key_password is None:
            return [f"security.ssl_key: {key} is encrypted; give ssl_key_password_file"]
        if asked:
            return [f"security.ssl_key: {key} does not open with the ssl_key_password given"]
        return [f"security.ssl_key: {key} holds no private key in PEM, or a damaged one"]
    return []
