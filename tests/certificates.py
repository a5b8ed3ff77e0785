"""A certificate authority for throw-away brokers, by the ``openssl`` program.

Rule.  Keys never leave the directory, which its owner removes.  Whoever has Java from Debian has
``openssl`` too (through ca-certificates).
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DAYS: Final = "2"
NEW_KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
OPENSSL_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files in PEM."""

    cert: Path
    key: Path


class Authority:
    """Signs certificates into a directory; ``name`` tells two of them apart."""

    def __init__(self, directory: Path, name: str = "authority") -> None:
        self._directory = directory
        self._own = _made(directory, name, (f"/CN={name}", "basicConstraints=critical,CA:TRUE"))

    @property
    def cert(self) -> Path:
        """What a client that trusts this authority is given."""
        return self._own.cert

    def issue(
        self, name: str, hosts: str = "IP:127.0.0.1,DNS:localhost", password: str | None = None
    ) -> Certificate:
        """A certificate of ``CN=name`` for these hosts; its key is encrypted with the password."""
        extension = f"subjectAltName={hosts}"
        return _made(self._directory, name, (f"/CN={name}", extension), self._own, password)


def _made(
    directory: Path,
    name: str,
    subject: tuple[str, str],
    by: Certificate | None = None,
    password: str | None = None,
) -> Certificate:
    made = Certificate(directory / f"{name}.pem", directory / f"{name}.key")
    signed = () if by is None else ("-CA", str(by.cert), "-CAkey", str(by.key))
    locked = ("-nodes",) if password is None else ("-passout", f"pass:{password}")
    files = ("-keyout", str(made.key), "-out", str(made.cert), "-days", DAYS)
    named = ("-subj", subject[0], "-addext", subject[1])
    subprocess.run(
        ["openssl", "req", "-x509", *NEW_KEY, *locked, *signed, *files, *named],
        check=True,
        capture_output=True,
        timeout=OPENSSL_SECONDS,
    )
    return made
