"""The live page in a real browser: what people see, by mouse, by keyboard and by a reader's rules.

A page that complains, asks another address or breaks its policy fails the test that made it do so.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

import pytest

from tests.web.browser import Browser
from tests.web.records import HOSTILE
from tests.web.stage import TOKEN, Stage
from tests.web.views import VIEWS, opened, well

pytestmark = pytest.mark.timeout(120)

BAD: Final = "(document.querySelector('.cards .badge.bad') !== null)"
"""Whether a dimension is in drift."""
AXE: Final = Path(__file__).parent / "vendor" / "axe.min.js"


def test_it_loads_and_shows_the_model_in_most_trouble_first(browser: Browser, told: Stage) -> None:
    """By the address with the token in it, which is used once and gone."""
    tab = opened(browser, told)
    tab.until(VIEWS["models"][1])
    rows = tab.js("[...document.querySelectorAll('table.models tbody tr')].map(r => r.innerText)")
    assert rows[0].startswith("credit 7")
    assert "drift" in rows[0]
    assert tab.js("document.cookie") == ""
    tab.until("document.getElementById('link').dataset.state === 'live'")
    well(tab, told)


def test_a_form_asks_for_the_token(browser: Browser, told: Stage) -> None:
    """A wrong one is told, the right one opens the page, and one can leave again."""
    tab = browser.tab()
    tab.go(told.address)
    tab.until("document.activeElement.id === 'token'")
    for text, then in (
        ("wrong", "document.querySelector('.trouble').innerText.includes('not the token')"),
        (TOKEN, VIEWS["models"][1]),
    ):
        tab.type(text)
        tab.key("Enter")
        tab.until(then)
    tab.click("#logout")
    tab.until("document.getElementById('token') !== null")
    refused = [line for line in tab.complaints if "401" not in line]
    assert refused == []
    tab.close()


@pytest.mark.parametrize("view", VIEWS)
def test_a_link_leads_deep_and_the_view_passes_the_rules_of_readers(
    browser: Browser, told: Stage, view: str
) -> None:
    """Every view by its own address, in light and dark: no finding of axe-core at all."""
    address, ready = VIEWS[view]
    tab = opened(browser, told, address)
    tab.until(ready)
    tab.js("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    tab.ask("Page.setBypassCSP", enabled=False)
    tab.ask("Runtime.evaluate", expression=AXE.read_text())
    for dark in (False, True):
        tab.dark(on=dark)
        threading.Event().wait(0.1)
        found = tab.js(
            "axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map("
            "v => `${v.impact} ${v.id}: ${v.nodes[0].html} ${v.nodes[0].failureSummary}`))"
        )
        assert found == [], "dark" if dark else "light"
    well(tab, told)


def test_people_get_about_by_mouse(browser: Browser, told: Stage) -> None:
    """From the list to the model, a feature, its bins, the trigger and back."""
    tab = opened(browser, told)
    tab.click("[id='m-credit@7']")
    tab.until(VIEWS["overview"][1])
    tab.click("#tab-features")
    tab.until(VIEWS["features"][1])
    tab.click("[id='f-amount']")
    tab.until(VIEWS["feature"][1])
    labels = tab.js("[...document.querySelectorAll('.histogram text')].map(t => t.textContent)")
    assert labels == ["0\u201310", "10\u201320", "\u2265 20"]
    tab.click("#tab-decisions")
    tab.until(VIEWS["decisions"][1])
    tab.click("[id^='t-']")
    tab.until(VIEWS["trigger"][1])
    assert "did features move?" in tab.text("main")
    assert "accepted" in tab.text("main")
    tab.js("history.back()")
    tab.until(VIEWS["decisions"][1])
    well(tab, told)


def test_people_get_about_by_keyboard(browser: Browser, told: Stage) -> None:
    """Tab reaches the content past the bar, Enter follows, arrows move the slider."""
    tab = opened(browser, told)
    tab.until(VIEWS["models"][1])
    tab.key("Tab")
    assert tab.js("document.activeElement.id") == "skip"
    tab.key("Enter")
    tab.until("document.activeElement.id === 'main'")
    for _ in range(4):
        tab.key("Tab")
        if tab.js("document.activeElement.id") == "m-credit@7":
            break
    assert tab.js("document.activeElement.id") == "m-credit@7"
    assert tab.js("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    tab.key("Enter")
    tab.until(VIEWS["overview"][1])
    tab.js("document.getElementById('time').focus()")
    for _ in range(5):
        tab.key("ArrowLeft")
    tab.until("document.getElementById('shown-time').innerText.includes('stable')")
    assert tab.js("document.activeElement.id") == "time"
    well(tab, told)


def test_the_slider_turns_time_back_and_the_address_says_so(browser: Browser, told: Stage) -> None:
    """Levels, alerts and the chosen window are those of then; the same address shows the same."""
    tab = opened(browser, told, VIEWS["features"][0])
    tab.until(VIEWS["features"][1])
    assert tab.js(BAD)
    tab.js("document.getElementById('time').focus()")
    tab.key("Home")
    for _ in range(4):
        tab.key("ArrowRight")
    tab.until(f"!{BAD} && document.querySelector('.facts').innerText.includes('1 open alert')")
    then = tab.js("location.hash")
    assert "at=2026-03-01T05%3A00%3A00Z" in then
    well(tab, told)
    again = opened(browser, told, then)
    again.until("document.querySelector('.facts')?.innerText.includes('1 open alert')")
    assert "05:00" in again.text("#shown-time")
    again.click("#newest")
    again.until(BAD)
    assert "at=" not in again.js("location.hash")
    well(again, told)


def test_names_that_mean_harm_are_shown_and_do_none(browser: Browser, told: Stage) -> None:
    """In the list, as a link, as a feature and as a title."""
    tab = opened(browser, told)
    tab.until(VIEWS["models"][1])
    assert HOSTILE in tab.text("main")
    tab.click(f"[id='m-{HOSTILE}@7']".replace('"', '\\"'))
    tab.until("document.querySelector('#tab-features') !== null")
    tab.click("#tab-features")
    tab.until("document.querySelectorAll('canvas.strip').length === 2")
    assert HOSTILE in tab.text("table.features")
    tab.click("table.features a")
    tab.until(VIEWS["feature"][1])
    assert tab.js("document.querySelectorAll('main script, main img').length") == 0
    well(tab, told)
