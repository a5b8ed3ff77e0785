"""The report of a period in a browser: what matters is seen without scrolling sideways."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from streams.report.bins_table import bins_table
from streams.report.document import document
from streams.report.markup import tag
from streams.report.period_style import PERIOD_STYLE

if TYPE_CHECKING:
    from pathlib import Path

    from engine.review.points import WorstBins
    from tests.web.browser import Browser


def worst() -> WorstBins:
    """Ten bins with names as long as those of real numbers."""
    rows: list[dict[str, Any]] = [
        {
            "bin": f"[{1000.125 + n:.3f},{1001.125 + n:.3f})",
            "expected": 0.1,
            "actual": 0.01 * n,
            "contribution": 10.125,
        }
        for n in range(10)
    ]
    found = SimpleNamespace(
        end_ms=1_372_896_000_000,
        cell=SimpleNamespace(level="DRIFT", psi=18.7, threshold=3.1),
        verdict={"events": 6_657, "bins": rows},
    )
    return cast("WorstBins", found)


def test_what_a_bin_adds_is_seen_beside_its_bar(browser: Browser, tmp_path: Path) -> None:
    """Two features stand side by side on a usual screen, each with its last column."""
    tables = [bins_table(name, worst()) for name in ("temp", "dewp")]
    page = tmp_path / "report.html"
    page.write_text(document("bins", PERIOD_STYLE, [tag("div", *tables, class_="pairs")]))
    tab = browser.tab(width=1200)
    tab.go(page.as_uri())
    boxes = "[...document.querySelectorAll('.pairs .wide')]"
    tab.until(f"document.readyState === 'complete' && {boxes}.length === 2")
    assert tab.js(f"new Set({boxes}.map(box => box.getBoundingClientRect().top)).size") == 1
    assert tab.js(f"{boxes}.map(box => box.scrollWidth - box.clientWidth)") == [0, 0]
    tab.close()
