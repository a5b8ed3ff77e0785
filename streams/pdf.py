"""A report as PDF, printed by the Chromium that is installed.

Rule.  Chromium is given one file and nothing else: its own empty profile, and no way out, for the
report's policy forbids it to fetch anything.  The time that stands in the PDF is one that is given,
so that the same report and the same Chromium give the same bytes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

PROGRAMS: Final = (
    *("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"),
)
INSTALL: Final = "apt-get install chromium"
WITHIN_S: Final = 120.0
MAGIC: Final = b"%PDF-"
_MADE: Final = re.compile(rb"/(CreationDate|ModDate) ?\(D:[0-9+\-Z']*\)")


class PdfError(RuntimeError):
    """No PDF was made; the message says why."""


class NoChromiumError(PdfError):
    """No Chromium is installed."""


def chromium() -> str:
    """The path of Chromium; NoChromiumError without one."""
    for name in PROGRAMS:
        found = shutil.which(name)
        if found is not None:
            return found
    raise NoChromiumError(f"no Chromium is installed (looked for {', '.join(PROGRAMS)})")


def pdf_of(html: bytes, made_ms: int) -> bytes:
    """The PDF of a report, which says that it was made at ``made_ms``.

    Raises NoChromiumError, PdfError where Chromium fails, OSError where there is no room.
    """
    program = chromium()
    with TemporaryDirectory(prefix="longshore-") as made:
        page, out = Path(made) / "report.html", Path(made) / "report.pdf"
        page.write_bytes(html)
        command = [
            program,
            "--headless",
            # As root there is no sandbox to be had; the page has no script and fetches nothing.
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            *("--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions"),
            *("--disable-background-networking", "--disable-sync", "--mute-audio"),
            f"--user-data-dir={Path(made) / 'profile'}",
            "--no-pdf-header-footer",
            f"--print-to-pdf={out}",
            page.as_uri(),
        ]
        try:
            told = subprocess.run(command, capture_output=True, check=False, timeout=WITHIN_S)
        except subprocess.TimeoutExpired as error:
            raise PdfError(f"{program} printed nothing within {WITHIN_S:g} s") from error
        data = out.read_bytes() if out.exists() else b""
    if told.returncode or not data.startswith(MAGIC):
        lines = told.stderr.decode(errors="replace").strip().splitlines() or ["no word of why"]
        raise PdfError(f"{program} made no PDF (exit code {told.returncode}): {lines[-1]}")
    return _made_at(data, made_ms)


def _made_at(data: bytes, made_ms: int) -> bytes:
    """The same PDF with another time; of the same length, so that its table of places holds."""
    stamp = f"{datetime.fromtimestamp(made_ms / 1000, UTC):%Y%m%d%H%M%S}+00'00'".encode()

    def stamped(match: re.Match[bytes]) -> bytes:
        new = b"/%s (D:%s)" % (match[1], stamp)
        return new if len(new) == len(match[0]) else match[0]

    return _MADE.sub(stamped, data)
