"""Charts of performance belong to their rules and measures."""

from __future__ import annotations

from dataclasses import replace

from detectors.intervals import Estimate
from engine.judge import Judge
from engine.performance_charts import advance
from engine.spec import ChartRules
from tests.engine.models import START, run
from tests.engine.test_performance_decisions import model, streams


def test_charts_begin_anew_with_other_rules_and_go_with_their_measures() -> None:
    """A chart of another parameter is another chart."""
    pipeline = run([model()], 1, streams("..."))[1]
    judge = next(iter(pipeline.judges.values()))
    assert judge.decisions.charts["1m/accuracy"].windows == 3
    without = "{window: 1m, accuracy: null, precision: null, recall: null, f1: null}"
    assert Judge(model(without), 1, resume=judge.snapshot()).decisions.charts == {}
    chart = judge.decisions.charts
    before = dict(chart)
    held = judge.latest_performance["performance", "1m"].verdict
    assert held is not None
    worse = Estimate(0.1, 0.05, 0.15)
    verdict = replace(held.measures[0], reason="", worse=worse, error=0.02)
    rules = ChartRules(sigmas=2.0)
    assert advance(chart, "1m", START, (verdict,), rules, "layout")["accuracy"].windows == 1
    assert advance(chart, "1m", START, (verdict,), rules, "layout") == {}
    assert chart["1m/accuracy"] != before["1m/accuracy"]
    errors = replace(verdict, name="mae", baseline=1.0)
    assert advance(chart, "1m", START, (errors,), rules, "layout")["mae"].limit == 1.04
