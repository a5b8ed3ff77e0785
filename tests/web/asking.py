"""A server with a page that knows something, and a client that asks it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp

from streams.security_settings import Secret
from streams.web.page import Page
from tests.streams.served import serving
from tests.web.records import HOSTILE, judgement, story
from tests.web.stage import TOKEN, entry

ROOT: Final = Path(__file__).resolve().parents[2]
STATIC: Final = ROOT / "streams" / "web" / "static"
DOCUMENT: Final = json.loads((STATIC / "api" / "openapi.json").read_text())
BEARER: Final = {"Authorization": f"Bearer {TOKEN}"}
QUERY: Final = "model=credit&version=7"

Client = aiohttp.ClientSession


def page_of(token: str | None = TOKEN, names: tuple[str, ...] = ()) -> Page:
    """A page that knows a story, and a model with a name that means harm."""
    page = Page(None if token is None else Secret(token), names)
    page.take([entry(role, tree) for role, tree in story()])
    page.take([entry("judgements", judgement(0, model=HOSTILE, features=(HOSTILE,)))])
    return page


@asynccontextmanager
async def asking(page: Page | None) -> AsyncIterator[tuple[Client, str]]:
    """A client, and where it asks."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with serving(page=page) as (host, port), Client(cookie_jar=jar) as client:
        yield client, f"http://{host}:{port}"


def run(work: Callable[[Client, str], Awaitable[Any]], page: Page | None = None) -> Any:  # noqa: ANN401 - whatever it gives
    """What a piece of work with a client gives."""

    async def main() -> Any:  # noqa: ANN401 - as above
        async with asking(page or page_of()) as (client, base):
            return await work(client, base)

    return asyncio.run(main())


async def status(client: Client, url: str, method: str = "GET", **more: Any) -> int:  # noqa: ANN401 - aiohttp's
    """The status of one answer."""
    async with client.request(method, url, **more) as response:
        await response.read()
        return response.status
