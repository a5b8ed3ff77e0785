"""The live page in a real browser while things happen: nothing yet, news, and very much."""

from __future__ import annotations

from time import monotonic
from typing import Any, Final

import orjson
import pytest

from streams.web.entries import Entry
from tests.web.browser import Browser, LoopThread
from tests.web.records import judgement, performance, story
from tests.web.stage import Stage, entry
from tests.web.views import VIEWS, opened, well

pytestmark = pytest.mark.timeout(120)

MANY_MODELS: Final = 500
MANY_FEATURES: Final = 100


def test_nothing_yet_says_what_to_do(browser: Browser, thread: LoopThread) -> None:
    """An empty page, one without a token, and what is not kept."""
    with Stage(thread) as stage:
        tab = opened(browser, stage)
        tab.until("document.body.innerText.includes('No window has been judged yet')")
        assert "make demo" in tab.text("main")
        stage.take([entry("judgements", judgement(0))])
        tab.until(VIEWS["models"][1])
        tab.js("location.hash = '#/model/credit/7/performance'")
        tab.until("document.querySelector('main').innerText.includes('before labels come')")
        for view, words in (("decisions", "No alert was sent"), ("trigger/none", "not kept")):
            tab.js(f"location.hash = '#/model/credit/7/{view}'")
            tab.until(f"document.querySelector('main').innerText.includes('{words}')")
        tab.js("location.hash = '#/comparisons'")
        tab.until("document.querySelector('main').innerText.includes('Nothing is compared')")
        well(tab, stage)
    with Stage(thread, token=None) as closed:
        tab = browser.tab()
        tab.go(closed.address)
        tab.until("document.body.innerText.includes('This worker shows no data')")
        assert "token_file" in tab.text("main")
        well(tab, closed)


def test_news_arrive_and_a_lost_worker_is_told(browser: Browser, thread: LoopThread) -> None:
    """A new window shows in the list and in the model without a touch; when the worker ends, the
    page says that it has no connection."""
    with Stage(thread) as stage:
        stage.take([entry("judgements", judgement(n)) for n in range(3)])
        tab = opened(browser, stage)
        tab.until("document.getElementById('link').dataset.state === 'live'")
        tab.until(VIEWS["models"][1])
        stage.take([entry("judgements", judgement(3, level="DRIFT"))])
        took = tab.until("document.querySelector('table.models').innerText.includes('drift')")
        assert took < 3.0
        tab.click("[id='m-credit@7']")
        tab.until("document.getElementById('time')?.max === '3'")
        stage.take([entry("judgements", judgement(4, level="DRIFT"))])
        tab.until("document.getElementById('time').max === '4'")
        well_so_far = list(tab.complaints)
    tab.until("document.getElementById('link').dataset.state === 'lost'")
    assert well_so_far == []
    tab.close()


def test_it_fits_a_narrow_screen(browser: Browser, told: Stage) -> None:
    """At 400 pixels nothing makes the page scroll sideways."""
    for view, (address, ready) in VIEWS.items():
        tab = opened(browser, told, address, width=400)
        tab.until(ready)
        wide = tab.js("document.documentElement.scrollWidth")
        assert wide <= 400, view
        well(tab, told)


def many(number: int, level: str = "STABLE") -> list[Entry]:
    """The ``number``-th window of MANY_MODELS models with MANY_FEATURES features."""
    names = tuple(f"feature-{n:03}" for n in range(MANY_FEATURES))
    return [
        entry("judgements", judgement(number, model=f"model-{n:03}", features=names, level=level))
        for n in range(MANY_MODELS)
    ]


def test_many_models_stay_responsive(
    browser: Browser,
    thread: LoopThread,
    record_property: Any,  # noqa: ANN401 - pytest's
) -> None:
    """500 models of 100 features: first view, an update of every model, the feature view of one,
    and memory, each with a limit; the figures are in docs/live-page.md."""
    with Stage(thread) as stage:
        for number in range(3):
            stage.take(many(number))
        tab = browser.tab()
        began = monotonic()
        tab.go(stage.url)
        tab.until(f"document.querySelectorAll('table.models tbody tr').length === {MANY_MODELS}")
        first_s = monotonic() - began
        tab.until("document.getElementById('link').dataset.state === 'live'")
        fresh = many(3, "WATCH")
        tab.js(
            "window.longest = 0; new PerformanceObserver((l) => l.getEntries().forEach((e) => {"
            " window.longest = Math.max(window.longest, e.duration); }))"
            ".observe({type: 'longtask'})"
        )
        began = monotonic()
        stage.take(fresh)
        tab.until(f"document.querySelectorAll('tr.t-watch').length === {MANY_MODELS}")
        update_s = monotonic() - began
        blocked_ms = tab.js("window.longest")
        list_bytes = tab.heap_bytes()
        began = monotonic()
        tab.js("location.hash = '#/model/model-007/7/features'")
        tab.until(f"document.querySelectorAll('canvas.strip').length === {MANY_FEATURES}")
        features_s = monotonic() - began
        figures = {
            "first_view_s": first_s,
            "update_of_all_s": update_s,
            "longest_task_ms": blocked_ms,
            "features_view_s": features_s,
            "heap_mb": list_bytes / 1e6,
            "history_mb": stage.page.history.size_bytes / 1e6,
        }
        record_property("figures", figures)
        print(orjson.dumps(figures).decode())  # noqa: T201 - shown with -s
        assert first_s < 6.0
        assert update_s < 5.0
        assert blocked_ms < 1_500
        assert features_s < 3.0
        assert list_bytes < 60e6
        well(tab, stage)


def test_performance_has_its_baseline_and_its_estimate(
    browser: Browser, thread: LoopThread
) -> None:
    """By name and number, for those who do not see the lines."""
    with Stage(thread) as stage:
        stage.take(entry(role, tree) for role, tree in story())
        shown(browser, stage)


def shown(browser: Browser, told: Stage) -> None:
    """Before and after a fall of performance."""
    tab = opened(browser, told, VIEWS["performance"][0])
    tab.until(VIEWS["performance"][1])
    legend = tab.text(".legend")
    for words in ("auc 0.86", "baseline 0.87", "control limit 0.8", "estimate 0.84"):
        assert words in legend
    told.take([entry("judgements", performance(12, auc=0.7, level="DRIFT"))])
    tab.until("document.querySelector('.legend').innerText.includes('auc 0.7')")
    well(tab, told)
