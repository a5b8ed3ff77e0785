"""The demo's worker: ``longshore worker`` as a process of its own, told apart by its log.

Rule.  It never outlives the demo: its process group is ended at the end of the ``with`` block, and
by a watchdog that waits for the end of a pipe when the demo itself is killed.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import orjson

from streams.settings import Settings

STOP_LIMIT_S: Final = 8.0
ASK_LIMIT_S: Final = 2.0
LOG_LINES: Final = 15
TOKEN_BYTES: Final = 18
FLUSH_INTERVAL_S: Final = 0.2
SNAPSHOT_INTERVAL_S: Final = 0.5
"""Shorter than a worker's defaults: what was taken in shows by the commits."""
WATCHDOG: Final = 'cat >/dev/null; kill -s KILL -- "-$1"'


class DemoWorker:
    """One worker over the given model files."""

    def __init__(self, settings: Settings, spec: Path, profile: Path, directory: Path) -> None:
        self._settings = settings
        self._files = f"{spec}:{profile}"
        self._log = directory / "worker.log"
        self._token = secrets.token_urlsafe(TOKEN_BYTES)
        """Of the live page, for this run only; the worker has it from its environment."""
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        settings = self._settings
        command = [
            *(sys.executable, "-m", "streams.cli", "worker"),
            *("--broker", ",".join(settings.brokers), "--prefix", settings.prefix),
            *("--group", settings.group, "--http", "127.0.0.1:0", "--model", self._files),
            *(("--embedded",) if settings.embedded else ()),
        ]
        ours = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith("LONGSHORE_") or name.startswith("LONGSHORE_SECURITY_")
        }
        ours |= {
            "LONGSHORE_HTTP_TOKEN": self._token,
            "LONGSHORE_FLUSH_INTERVAL_S": str(FLUSH_INTERVAL_S),
            "LONGSHORE_SNAPSHOT_INTERVAL_S": str(SNAPSHOT_INTERVAL_S),
            # Also where the package is not installed but merely lies in the checkout.
            "PYTHONPATH": os.pathsep.join(
                filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")])
            ),
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env=ours,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._watchdog = subprocess.Popen(
            ["/bin/sh", "-c", WATCHDOG, "watchdog", str(self._process.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if self._watchdog is not None:
            self._watchdog.kill()
            self._watchdog.wait()
            assert self._watchdog.stdin is not None
            self._watchdog.stdin.close()

    @property
    def ended(self) -> int | None:
        """Its exit code; None while it runs."""
        return None if self._process is None else self._process.poll()

    @property
    def url(self) -> str:
        """Where /metrics is; empty until it listens."""
        for line in self._lines():
            if line.startswith("listening "):
                return line.removeprefix("listening ")
        return ""

    @property
    def page(self) -> str:
        """The live page, with the token in the fragment, which no browser sends anywhere; empty
        until it is served."""
        url = self.url
        return f"{url.removesuffix('/metrics')}/#token={self._token}" if url else ""

    def health(self) -> str:
        """Its state: ``starting``, ``recovering``, ``ready``, ``stopping``; empty without an
        answer."""
        url = self.url
        answer = _get(url.removesuffix("/metrics") + "/health") if url else b""
        try:
            return str(orjson.loads(answer)["state"])
        except (orjson.JSONDecodeError, KeyError):
            return ""

    def series(self, metric: str, model: str) -> int:
        """How many series of a metric /metrics has of a model now."""
        lines = _get(self.url).decode().splitlines()
        return sum(line.startswith(metric + "{") and f'model="{model}"' in line for line in lines)

    def last_lines(self) -> list[str]:
        """The end of its log."""
        return self._lines()[-LOG_LINES:]

    def _lines(self) -> list[str]:
        try:
            return self._log.read_text(errors="replace").splitlines()
        except OSError:
            return []


def _get(url: str) -> bytes:
    """What an address of the worker's own server answers; empty when it does not."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=ASK_LIMIT_S) as answer:
            body: bytes = answer.read()
            return body
    except urllib.error.HTTPError as error:
        with error:
            return error.read()
    except (OSError, ValueError):
        return b""
