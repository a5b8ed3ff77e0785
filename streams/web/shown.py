"""The live page of a worker: its routes and, where it may show data, the reader behind them."""

from __future__ import annotations

from streams.live import LiveState
from streams.settings import Settings
from streams.web.log import LogReader
from streams.web.page import Page


def page_of(settings: Settings, live: LiveState) -> Page | None:
    """What a worker with these settings serves at /; None where it is switched off."""
    http = settings.http
    if not http.page:
        return None
    page = Page(http.token, http.names)
    live.usage["page_bytes"] = lambda: page.history.size_bytes
    live.usage["page_streams"] = lambda: page.updates.open
    if http.shows_data:
        page.reader = LogReader(settings, page.take)
    return page
