"""The views of the page by address, how one is opened, and that nothing went wrong in it."""

from __future__ import annotations

from typing import Final

from tests.web.browser import Browser, Tab
from tests.web.stage import TOKEN, Stage

MODEL: Final = "#/model/credit/7"
VIEWS: Final = {
    "models": ("#/", "document.querySelector('table.models') !== null"),
    "overview": (f"{MODEL}/overview", "document.querySelectorAll('canvas').length >= 5"),
    "features": (f"{MODEL}/features", "document.querySelectorAll('canvas.strip').length === 2"),
    "feature": (f"{MODEL}/feature/amount", "document.querySelector('svg.histogram') !== null"),
    "performance": (f"{MODEL}/performance", "document.querySelectorAll('canvas').length >= 2"),
    "decisions": (f"{MODEL}/decisions", "document.querySelectorAll('.episode').length === 2"),
    "trigger": (f"{MODEL}/trigger/sha256%3At9", "document.querySelector('.path li') !== null"),
    "versions": ("#/comparisons", "document.querySelector('.episode') !== null"),
}


def opened(browser: Browser, stage: Stage, address: str = "#/", width: int = 1280) -> Tab:
    """A page that was logged in by the address, and is where it was asked to be."""
    tab = browser.tab(width)
    tab.go(stage.url + "&" + address.removeprefix("#"))
    return tab


def well(tab: Tab, stage: Stage) -> None:
    """Nothing was complained of, nobody else was asked, nothing wicked ran; the page is let go."""
    assert tab.complaints == []
    assert [url for url in tab.requests if not url.startswith(stage.address)] == []
    assert tab.js("window.hurt === undefined")
    assert TOKEN not in tab.js("location.href")
    assert not any(TOKEN in url.partition("#")[0] for url in tab.requests)
    tab.close()
