"""The virtual environment of the peer whose requirements conflict with Longshore's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from load_tests.processes import LOG_TAIL, ROOT

ENVIRONMENT: Final = ROOT / ".venv-peers"
CONSTRAINTS: Final = ROOT / "constraints-peers.txt"
STAMP: Final = ENVIRONMENT / ".peers-installed"
"""Written last, so that an installation cut short is done again."""
INSTALL_TIMEOUT_S: Final = 240.0


class PeersError(RuntimeError):
    """The peers' virtual environment could not be made."""


def peers_ready() -> bool:
    """Whether the environment is there and no older than the constraints."""
    return STAMP.exists() and STAMP.stat().st_mtime >= CONSTRAINTS.stat().st_mtime


def peers_python() -> Path:
    """Interpreter with the peers installed; makes the environment when it is absent.

    Raises PeersError when that fails.
    """
    python = ENVIRONMENT / "bin" / "python"
    if peers_ready():
        return python
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in (
        [sys.executable, "-m", "venv", str(ENVIRONMENT)],
        [*pip, "-r", str(CONSTRAINTS)],
    ):
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=INSTALL_TIMEOUT_S
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PeersError(f"{ENVIRONMENT.name} could not be made: {error}") from error
        if done.returncode != 0:
            raise PeersError(f"{ENVIRONMENT.name} could not be made: {done.stderr[-LOG_TAIL:]}")
    STAMP.touch()
    return python
