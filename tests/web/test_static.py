"""The files of the page: what is served, under which policy, and what others wrote of it."""

from __future__ import annotations

import hashlib
import re

import pytest

from streams.http_connection import SAFE_HEADERS
from streams.web.page import PAGE_HEADERS, static_files
from tests.web.asking import ROOT, STATIC, Client, run, status


def test_files_are_served_with_a_strict_policy_and_nothing_beside_them() -> None:
    """Own files only, no inline code, no frame; the rest of the server keeps its own headers."""

    async def work(client: Client, base: str) -> None:
        for path, (body, kind) in static_files().items():
            async with client.get(base + path) as response:
                assert (response.content_type, await response.read()) == (kind, body)
                if path.startswith("/api/"):
                    continue
                for name, value in PAGE_HEADERS.items():
                    assert response.headers[name] == value
                assert response.headers["X-Content-Type-Options"] == "nosniff"
        for path in (
            "/../page.py",
            "/%2e%2e/page.py",
            "/vendor/",
            "/static/app.js",
            "/__init__.py",
        ):
            assert await status(client, base + path) == 404
        async with client.get(base + "/metrics") as response:
            policy = "Content-Security-Policy"
            assert response.headers[policy] == SAFE_HEADERS[policy]

    run(work)
    policy = PAGE_HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "http" not in policy


def test_no_file_of_the_page_has_inline_code_or_another_address() -> None:
    """What the policy forbids is not there in the first place."""
    html = (STATIC / "index.html").read_text()
    assert not re.search(r"\son\w+=|\sstyle=|<style|<script(?![^>]*\ssrc=)|https?://", html)
    for path in STATIC.glob("*.js"):
        text = path.read_text()
        assert len(text.splitlines()) <= 300, path.name
        forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function"
        assert not re.search(forbidden, text), path.name
        found = set(re.findall(r"https?://[^\s\"']+", text))
        assert found <= {"http://www.w3.org/2000/svg"}, path.name


@pytest.mark.parametrize(
    ("path", "sha256"),
    [
        (
            "streams/web/static/vendor/uPlot.iife.min.js",
            "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
        ),
        (
            "streams/web/static/vendor/uPlot.min.css",
            "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
        ),
        (
            "tests/web/vendor/axe.min.js",
            "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c",
        ),
    ],
)
def test_what_others_wrote_is_as_they_released_it(path: str, sha256: str) -> None:
    """Of uPlot 1.6.32 (MIT) and axe-core 4.14.1 (MPL-2.0), byte for byte, each with its licence."""
    file = ROOT / path
    assert hashlib.sha256(file.read_bytes()).hexdigest() == sha256
    licence = file.with_name(file.name.partition(".")[0] + ".LICENSE").read_text()
    assert "Leon Sorokin" in licence or "Mozilla Public License" in licence
