"""The plots of a report: where bars and marks stand, and what is left out of them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from engine.decide.episodes import RANKS
from engine.policy.history import PolicyHistory, ToldWindow
from engine.reference_table import ReferenceTable
from streams.report.axis import LEFT, WIDTH, TimeAxis
from streams.report.page import page
from streams.report.policy_sheets import Prices
from streams.report.psi_plot import SHOWN, left_out, shown_features
from streams.report.thinning import DRAWN, parts
from tests.engine.models import HOUR, MINUTE, START, model_of, spec_text
from tests.engine.policy_histories import alert, history, of_each_severity
from tests.streams.test_policy_report import parsed


def rectangles(root: ET.Element, kind: str) -> list[ET.Element]:
    """The rectangles of a class, those of the keys left out."""
    wide = [d for d in root.iter("div") if d.get("class") == "wide"]
    return [r for d in wide for r in d.iter("rect") if kind in (r.get("class") or "").split()]


def test_a_bar_stands_where_its_episode_was() -> None:
    """From opening to escalation hatched, from there to the end solid and higher; a bar of its own
    for each; what is open at the end reaches the end."""
    one = of_each_severity()
    root = parsed(page(one, None, Prices()))
    axis = TimeAxis(one.start_ms, one.end_ms)
    (warning, muted) = rectangles(root, "warning")
    (critical,) = rectangles(root, "critical")
    (info,) = rectangles(root, "info")
    spans = {
        name: (float(r.get("x", "")), float(r.get("x", "")) + float(r.get("width", "")))
        for name, r in (("w", warning), ("c", critical), ("i", info), ("m", muted))
    }
    for name, (start, end) in {"w": (2, 12), "c": (12, 24), "i": (5, 48), "m": (30, 36)}.items():
        assert spans[name] == pytest.approx(
            (axis.x(START + start * HOUR), axis.x(START + end * HOUR)), abs=0.11
        )
    heights = [float(r.get("height", "")) for r in (info, warning, critical)]
    assert heights == sorted(heights)
    assert len(set(heights)) == len(RANKS)
    assert (muted.get("class") or "").split() == ["warning", "muted"]
    triggers = [p for p in root.iter("path") if p.get("class") == "trigger"]
    assert len(triggers) == 2 + 1  # and the key's


def test_two_specs_have_a_lane_each() -> None:
    """Of every rule and cause, and of triggers."""
    root = parsed(page(of_each_severity(), of_each_severity(title="B"), Prices()))
    names = [t.findtext("title") for t in root.iter("text") if t.get("class") == "name"]
    assert names[:8] == [
        "A: performance_chart",
        "B: performance_chart",
        "A: psi_features/data_drift",
        "B: psi_features/data_drift",
        "A: volume/volume_low",
        "B: volume/volume_low",
        "A: retraining triggers",
        "B: retraining triggers",
    ]


def test_times_stand_in_their_order_and_inside() -> None:
    """Whatever a history's length; what is outside stands at the edge."""
    for length_ms in (MINUTE, HOUR, 40 * HOUR, 900 * HOUR, 40_000 * HOUR):
        axis = TimeAxis(START, START + length_ms)
        ticks = axis.ticks()
        assert 2 <= len(ticks) <= 10, length_ms
        assert all(tick % MINUTE == 0 or length_ms == MINUTE for tick in ticks)
        assert ticks == sorted(set(ticks))
        assert axis.x(START - 1) == axis.x(START) == LEFT
        assert LEFT < axis.x(START + length_ms // 2) < axis.x(START + 2 * length_ms) < WIDTH


def test_many_features_have_a_plot_for_the_highest_and_a_name_for_the_rest() -> None:
    """The page stays readable, and says what it leaves out."""
    names = [f"f{n:02}" for n in range(SHOWN + 5)]
    features = "{" + ", ".join(f"{name}: {{type: numeric}}" for name in names) + "}"
    random = np.random.default_rng(3)
    table = ReferenceTable(
        rows=500,
        numeric={name: random.normal(size=500) for name in names},
        categorical={},
        score=random.random(500),
        ts_ms=None,
    )
    one = history(
        [alert("a", 2, "open", evidence=many(names))],
        one=model_of(spec_text(features=features), table),
    )
    windows = tuple(
        type(w)(
            w.name,
            w.start_ms,
            w.end_ms,
            w.events,
            w.data_level,
            "",
            {name: float(n) for n, name in enumerate(names)},
        )
        for w in one.windows
    )
    one = PolicyHistory("A", one.model, windows, one.episodes, ())
    assert shown_features(one) == names[5:]
    assert left_out(one) == names[:5]
    assert f"first {SHOWN}): f00, f01, f02, f03, f04." in page(one, None, Prices())


def windows(levels: Sequence[str]) -> list[ToldWindow]:
    """A window of a minute of each level."""
    return [
        ToldWindow("1m", START + n * MINUTE, START + (n + 1) * MINUTE, 5, level, "", {"x": 0.0})
        for n, level in enumerate(levels)
    ]


@pytest.mark.parametrize("count", [1, DRAWN, DRAWN + 1, 30 * DRAWN + 7])
def test_nothing_bad_disappears_from_a_lane_of_many_windows(count: int) -> None:
    """Each part is as bad as its worst window; the parts are in a row, without a gap, and few."""
    levels = ["DRIFT" if n % 977 == 976 else "STABLE" for n in range(count)]
    told = windows(levels)
    drawn = parts(told, lambda window: window.data_level == "DRIFT")
    assert len(drawn) <= DRAWN
    assert sum(part.windows for part in drawn) == count
    assert [p.start_ms for p in drawn[1:]] == [p.end_ms for p in drawn[:-1]]
    assert (drawn[0].start_ms, drawn[-1].end_ms) == (told[0].start_ms, told[-1].end_ms)
    bad = [w.end_ms for w in told if w.data_level == "DRIFT"]
    for part in drawn:
        holds = any(part.start_ms < end <= part.end_ms for end in bad)
        assert (part.worst.data_level == "DRIFT") == holds
        assert bool(part.note) == (part.windows > 1)


def test_a_year_of_minutes_is_no_page_of_megabytes() -> None:
    """The plots are thinned; the page stays small."""
    one = of_each_severity()
    told = tuple(windows(["STABLE", "DRIFT"] * 20_000))
    wide = PolicyHistory("A", one.model, told, one.episodes, one.triggers)
    assert len(page(wide, None, Prices())) < 1_000_000


def many(names: Sequence[str]) -> dict[str, Any]:
    """Evidence that names them all."""
    return {"observed": {}, "features": [{"feature": n, "psi_corrected": 1.0} for n in names]}
