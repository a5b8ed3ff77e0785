"""The live page in a real browser where something is odd: names, links, records, sessions."""

from __future__ import annotations

import pytest

from streams.security_settings import Secret
from streams.web import updates
from tests.web.browser import Browser, LoopThread
from tests.web.records import alert, judgement, performance, story
from tests.web.stage import Stage, entry
from tests.web.views import MODEL, VIEWS, opened, well

pytestmark = pytest.mark.timeout(120)


def test_bars_show_how_much_of_psi_a_bin_is(browser: Browser, told: Stage) -> None:
    """Each in its cell, the longest the largest, and the share as a number."""
    tab = opened(browser, told, VIEWS["feature"][0])
    tab.until(VIEWS["feature"][1])
    tab.js("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    bars = tab.js(
        "[...document.querySelectorAll('td.share')].map((cell) => { const m = cell.firstChild;"
        " const [b, c] = [m.getBoundingClientRect(), cell.getBoundingClientRect()];"
        " return [b.width > 30, b.height > 5, b.top >= c.top && b.bottom <= c.bottom,"
        " m.style.getPropertyValue('--share'), cell.innerText.trim()]; })"
    )
    assert bars == [
        [True, True, True, "100%", "67 %"],
        [True, True, True, "49%", "33 %"],
        [True, True, True, "0%", "0.0 %"],
    ]
    well(tab, told)


def test_a_level_that_is_not_known_says_why(browser: Browser, thread: LoopThread) -> None:
    """In the head, beside each measure with the numbers that say so, and in a sentence."""
    tree = performance(0, level="UNKNOWN")
    tree["performance"]["levels"]["auc"] = {
        "level": "UNKNOWN",
        "reason": "imprecise",
        "worse": {"value": -0.017, "low": -0.052, "high": 0.02},
        "worse_by": 0.03,
    }
    with Stage(thread) as stage:
        stage.take([entry("judgements", judgement(0)), entry("judgements", tree)])
        tab = opened(browser, stage, VIEWS["performance"][0])
        tab.until("document.getElementById('why-imprecise') !== null")
        assert "too uncertain to tell" in tab.text(".cards")
        assert "-0.017 (-0.052 to 0.02)" in tab.text("main table")
        assert tab.js("document.querySelectorAll('canvas').length") >= 2  # with one window
        well(tab, stage)


def test_features_may_be_called_as_anything_of_the_language_is(
    browser: Browser, thread: LoopThread
) -> None:
    """Every view of such a model works."""
    names = ("constructor", "__proto__", "toString", "hasOwnProperty")
    with Stage(thread) as stage:
        faulty = {"level": "WATCH", "features": {"__proto__": {"missing": {"observed": 1}}}}
        made = [judgement(n, features=names, level="DRIFT", quality=faulty) for n in range(3)]
        stage.take(entry("judgements", tree) for tree in made)
        tab = opened(browser, stage, VIEWS["features"][0])
        tab.until("document.querySelectorAll('canvas.strip').length === 4")
        assert tab.text("table.features").count("missing") == 1
        for name in names:
            tab.js(f"location.hash = '{MODEL}/feature/{name}'")
            tab.until(f"document.querySelector('main h2')?.innerText.startsWith('{name}')")
        tab.js(f"location.hash = '{MODEL}/constructor'")
        tab.until(VIEWS["overview"][1])
        well(tab, stage)


def test_a_link_to_nothing_leads_on(browser: Browser, thread: LoopThread) -> None:
    """What is not kept is told, the next address is shown, and what comes later shows by itself."""
    with Stage(thread) as stage:
        stage.take([entry("judgements", judgement(n)) for n in range(3)])
        tab = opened(browser, stage, f"{MODEL}/feature/nope")
        tab.until("document.querySelector('main').innerText.includes('Nothing is kept')")
        tab.js(f"location.hash = '{MODEL}/features'")
        tab.until(VIEWS["features"][1])
        tab.js("location.hash = '#/model/later/1/overview'")
        tab.until("document.querySelector('main').innerText.includes('Nothing is kept')")
        stage.take([entry("judgements", judgement(0, model="later", version="1"))])
        tab.until("document.querySelectorAll('.cards .card').length === 6")
        assert "later" in tab.text("h1")
        tab.js("location.hash = '#/model/later/1/overview?at=yesterday'")
        tab.until("document.querySelector('main').innerText.includes('what cannot be')")
        odd = [line for line in tab.complaints if " 404 " not in line and " 400 " not in line]
        assert odd == []
        tab.close()


def test_all_windows_that_are_kept_can_be_reached(browser: Browser, thread: LoopThread) -> None:
    """By the slider and by a link, in whatever zone its time is; one from before says so."""
    with Stage(thread) as stage:
        stage.take([entry("judgements", judgement(n)) for n in range(300)])
        tab = opened(browser, stage, f"{MODEL}/features?at=2026-03-01T05:00:00%2B02:00")
        tab.until("document.getElementById('time')?.max === '299'")
        tab.until("document.getElementById('time').value === '2'")
        tab.js(f"location.hash = '{MODEL}/features?at=2025-01-01T00:00:00Z'")
        tab.until("document.getElementById('shown-time').innerText.includes('is not kept')")
        well(tab, stage)


def test_a_record_that_is_odd_hides_no_other(browser: Browser, thread: LoopThread) -> None:
    """Of alerts, and of the promotions of all models."""
    odd = {"schema": 1, "model": "credit", "champion": "7", "challenger": "9", "until": {"x": 1}}
    with Stage(thread) as stage:
        stage.take(entry(role, tree) for role, tree in story())
        stage.take([entry("promotions", {**odd, "promotion_id": "p2", "reasons": 5})])
        stage.take([entry("alerts", {**alert(2, rule="odd"), "rule": None, "evidence": deep()})])
        tab = opened(browser, stage, "#/comparisons")
        tab.until("document.querySelector('main').innerText.includes('cannot be shown')")
        assert tab.js("document.querySelectorAll('.episode').length") == 1
        tab.js(f"location.hash = '{MODEL}/decisions'")
        tab.until("document.querySelectorAll('.episode').length === 3")
        well(tab, stage)


def deep() -> dict[str, object]:
    """Evidence that is a nest."""
    tree: dict[str, object] = {}
    for _ in range(100):
        tree = {"x": tree}
    return tree


def test_a_session_that_is_over_asks_for_the_token(browser: Browser, thread: LoopThread) -> None:
    """While the page is open, without a touch: a new token ended it."""
    with Stage(thread) as stage:
        stage.take([entry("judgements", judgement(0))])
        tab = opened(browser, stage)
        tab.until("document.getElementById('link').dataset.state === 'live'")
        stage.page._token = Secret("another")
        stage.take([entry("judgements", judgement(1))])
        tab.until("document.querySelector('.trouble')?.innerText === 'The session is over.'")
        assert tab.text("#link") == "not logged in"
        tab.close()


def test_a_page_that_nobody_looks_at_gives_its_place(
    browser: Browser, thread: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the next one, which says so as long as there is none; looked at again it is as of now."""
    monkeypatch.setattr(updates, "MAX_STREAMS", 1)
    with Stage(thread) as stage:
        stage.take([entry("judgements", judgement(0))])
        first = opened(browser, stage)
        first.until("document.getElementById('link').dataset.state === 'live'")
        second = opened(browser, stage)
        second.until("document.getElementById('link').innerText.includes('too many pages')")
        seen = (
            "Object.defineProperty(document, 'visibilityState', {value: '%s', configurable: true});"
            "document.dispatchEvent(new Event('visibilitychange'))"
        )
        first.js(seen % "hidden")
        second.until("document.getElementById('link').innerText === 'live'")
        second.close()
        stage.take([entry("judgements", judgement(1, level="DRIFT"))])
        assert "drift" not in first.text("table.models tbody")
        first.js(seen % "visible")
        first.until("document.querySelector('table.models tbody').innerText.includes('drift')")
        well(first, stage)
