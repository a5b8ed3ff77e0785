"""The judge as a whole in the detection-quality harness, and the page made of the results."""

from __future__ import annotations

from pathlib import Path

import pytest

from load_tests.quality.cells import Plan, measure
from load_tests.quality.report import FOUND_PLOT, TRADE_PLOT, draw, page
from load_tests.quality.results import Results
from load_tests.quality.verdict import faults


@pytest.fixture(scope="module")
def short() -> Results:
    """A short run: one seed of the judge and some streams of each sort."""
    plan = Plan(seeds=1, months=1, rows=6_000, warm_rows=1_000, hours_per_month=24)
    results = Results(plan, ["adwin", "psi"])
    for cell in (
        ("river", "Sine", "stationary", "0"),
        ("river", "Sine", "sudden", "0"),
        ("river", "RandomRBF", "recurring", "0"),
        ("injected", "acs", "none", "0", "0"),
        ("injected", "flights", "shift", "0.8", "0"),
        ("injected", "acs", "flip", "0.4", "0"),
        ("medium", "flights", "shift", "0"),
        ("medium", "acs", "swap", "0"),
        ("judged", "acs", "flip", "0.4", "0"),
        ("judged", "flights", "missing", "0.8", "0"),
        ("judged", "acs", "flip", "0.02", "0"),
        ("still", "flights", "0"),
        ("still", "acs", "0"),
    ):
        results.cells["/".join(cell)] = measure(cell, plan)
    return results


def test_the_judge_is_silent_where_it_should_be_and_finds_what_is_medium(short: Results) -> None:
    """A day of still rows without a page; changes of PSI 0.25 found, with their features."""
    assert faults(short) == []
    assert short.cells["still/flights/0"] == {"windows": 24, "pages": 0, "drift_windows": 0}
    medium = short.cells["medium/acs/swap/0"]
    assert medium["drifted"] == ["MAR", "RELP", "SCHL"]
    assert 1_000 <= medium["delay_events"] <= 4_000


def test_what_the_judge_does_wrong_is_said() -> None:
    """Each of the four by itself."""
    wrong = Results(Plan(), [])
    wrong.cells["still/acs/0"] = {"windows": 720, "pages": 2, "drift_windows": 5}
    change = {"psi": {"x": 0.25, "y": 0.25}, "shares": {"x": 0.5, "y": 0.5}}
    wrong.cells["medium/acs/swap/0"] = change | {
        "drifted": ["x"],
        "false_pages": 1,
        "delay_events": None,
    }
    assert faults(wrong) == [
        "acs: 2 false pages, 1 allowed",
        "medium/acs/swap/0: not found",
        "medium/acs/swap/0: y never at DRIFT",
        "medium/acs/swap/0: 1 pages before the change",
    ]


def test_every_change_pages_by_the_rule_that_is_about_it(short: Results) -> None:
    """Wrong labels by performance, missing values as bad data, and what is hardly there by none."""
    for name, rules in (
        ("acs/flip/0.4", ["performance"]),
        ("flights/missing/0.8", ["data_quality"]),
        ("acs/flip/0.02", []),
    ):
        change = short.cells[f"judged/{name}/0"]
        assert (change["rules"], change["false_pages"]) == (rules, 0), name


def test_losses_that_rise_are_found(short: Results) -> None:
    """ADWIN on the losses of a model whose concept changed at once, and of flipped labels."""
    for name in ("river/Sine/sudden/0", "injected/acs/flip/0.4/0"):
        found = short.cells[name]["estimators/losses"]
        assert found["adwin"]["changes"] == len(found["adwin"]["delays"]) == 1
        assert found["never"]["delays"] == []


def test_the_page_has_the_figures_and_the_plots_are_drawn(short: Results, tmp_path: Path) -> None:
    """Figures are those of the results; what is not measured yet is said; the same bytes again."""
    text = page(short, "quality.json")
    assert f"**{len(short.lacking())} pieces of the plan are not measured yet.**" in text
    assert "6 streams of 6,000 events" in text
    assert "60,000 in all, of 1 seeds" in text
    delay = short.cells["injected/flights/shift/0.8/0"]["statistics"]["psi"]["delays"][0]
    assert f"| `psi` | 1/1, {delay:,} |" in text
    assert "| flights, still | 24 windows of 1,000 | 0 pages" in text
    assert "{" not in text
    written = []
    for _ in range(2):
        draw(short, tmp_path)
        written.append([(tmp_path / name).read_bytes() for name in (TRADE_PLOT, FOUND_PLOT)])
    assert written[0] == written[1]
    assert all(b"adwin" in plot or b"<svg" in plot for plot in written[0])
